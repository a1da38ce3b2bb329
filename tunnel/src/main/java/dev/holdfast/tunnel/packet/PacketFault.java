package dev.holdfast.tunnel.packet;

/** What {@link PacketView#check} found wrong with bytes that should be an IP packet. */
public enum PacketFault {
  NONE,
  TRUNCATED,
  BAD_VERSION,
  BAD_HEADER_LENGTH,
  BAD_TOTAL_LENGTH,
  BAD_EXTENSION_HEADER,
  BAD_TRANSPORT_HEADER,
  BAD_SOURCE,
  BAD_DESTINATION,
  BAD_VNET_HEADER
}
