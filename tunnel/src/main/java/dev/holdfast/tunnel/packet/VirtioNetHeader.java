package dev.holdfast.tunnel.packet;

/**
 * The {@code virtio_net_hdr} of 10 bytes that stands before each packet on a TUN with IFF_VNET_HDR
 * and in each TLS packet frame (Virtual I/O Device 1.2, section 5.1.6). Little-endian, as every
 * host that we run on is.
 */
public final class VirtioNetHeader {
  public static final int LENGTH = 10;

  public static final int FLAGS = 0;
  public static final int GSO_TYPE = 1;
  public static final int HEADER_LENGTH = 2;
  public static final int GSO_SIZE = 4;
  public static final int CHECKSUM_START = 6;
  public static final int CHECKSUM_OFFSET = 8;

  public static final int FLAG_NEEDS_CHECKSUM = 1;
  public static final int FLAG_DATA_VALID = 2;

  public static final int GSO_NONE = 0;
  public static final int GSO_TCPV4 = 1;
  public static final int GSO_UDP = 3;
  public static final int GSO_TCPV6 = 4;
  public static final int GSO_UDP_L4 = 5;
  public static final int GSO_ECN = 0x80;

  private VirtioNetHeader() {}
}
