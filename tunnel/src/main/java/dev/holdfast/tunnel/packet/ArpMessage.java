package dev.holdfast.tunnel.packet;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;

/**
 * A view of an Ethernet frame with an ARP message for IPv4 (RFC 826), and the frames that are sent.
 *
 * <p>{@link #check} is called once; after it has answered true no accessor can fail.
 */
public final class ArpMessage {
  public static final int REQUEST = 1;
  public static final int REPLY = 2;

  /** Bytes of frame: Ethernet header and message, without padding. */
  public static final int FRAME = Ethernet.HEADER + 28;

  private static final int OPERATION = Ethernet.HEADER + 6;
  private static final int SENDER_MAC = Ethernet.HEADER + 8;
  private static final int SENDER_ADDRESS = Ethernet.HEADER + 14;
  private static final int TARGET_MAC = Ethernet.HEADER + 18;
  private static final int TARGET_ADDRESS = Ethernet.HEADER + 24;

  /** Hardware type 1 (Ethernet), protocol type IPv4, address lengths 6 and 4. */
  private static final long KIND = 0x0001_0800_0604L;

  private static final MacAddress UNKNOWN = new MacAddress(0);

  private ByteBuf buf = Unpooled.EMPTY_BUFFER;
  private int start;

  /**
   * Lays the view over the frame of {@code length} bytes at {@code index}.
   *
   * @return false where it is no ARP request or reply for IPv4 over Ethernet, or is cut short, or a
   *     group address says it sent it
   */
  public boolean check(ByteBuf bytes, int index, int length) {
    if (index < 0 || length < FRAME || length > bytes.writerIndex() - index) {
      return false;
    }
    buf = bytes;
    start = index;
    long kind =
        bytes.getUnsignedInt(index + Ethernet.HEADER) << 16
            | bytes.getUnsignedShort(index + Ethernet.HEADER + 4);
    return Ethernet.type(bytes, index) == Ethernet.TYPE_ARP
        && kind == KIND
        && (operation() == REQUEST || operation() == REPLY)
        && !senderMac().isGroup();
  }

  /** {@link #REQUEST} or {@link #REPLY}. */
  public int operation() {
    return buf.getUnsignedShort(start + OPERATION);
  }

  public boolean isRequest() {
    return operation() == REQUEST;
  }

  /** Who sent the frame, by its Ethernet header. */
  public MacAddress frameSource() {
    return Ethernet.mac(buf, start + Ethernet.SOURCE);
  }

  public MacAddress frameDestination() {
    return Ethernet.mac(buf, start + Ethernet.DESTINATION);
  }

  /** SHA: where {@link #senderAddress} is said to be. */
  public MacAddress senderMac() {
    return Ethernet.mac(buf, start + SENDER_MAC);
  }

  /** SPA. */
  public IpAddress senderAddress() {
    return IpAddress.v4(buf.getInt(start + SENDER_ADDRESS));
  }

  /** THA: of no meaning in a request. */
  public MacAddress targetMac() {
    return Ethernet.mac(buf, start + TARGET_MAC);
  }

  /** TPA: the address that a request asks for. */
  public IpAddress targetAddress() {
    return IpAddress.v4(buf.getInt(start + TARGET_ADDRESS));
  }

  /** An announcement, by request or reply (RFC 5227 section 3): sender and target are the same. */
  public boolean isGratuitous() {
    return buf.getInt(start + SENDER_ADDRESS) == buf.getInt(start + TARGET_ADDRESS);
  }

  /** A request from nobody, to learn whether the address is free (RFC 5227 section 2.1). */
  public boolean isProbe() {
    return isRequest() && buf.getInt(start + SENDER_ADDRESS) == 0;
  }

  /** Appends a broadcast that asks who has {@code target}. */
  public static void writeRequest(
      ByteBuf out, MacAddress senderMac, IpAddress sender, IpAddress target) {
    write(out, REQUEST, MacAddress.BROADCAST, senderMac, sender, UNKNOWN, target);
  }

  /** Appends a request to one host alone, to learn whether it still has {@code target}. */
  public static void writeUnicastRequest(
      ByteBuf out, MacAddress to, MacAddress senderMac, IpAddress sender, IpAddress target) {
    write(out, REQUEST, to, senderMac, sender, UNKNOWN, target);
  }

  /** Appends a reply that says {@code sender} is at {@code senderMac}. */
  public static void writeReply(
      ByteBuf out, MacAddress senderMac, IpAddress sender, MacAddress toMac, IpAddress to) {
    write(out, REPLY, toMac, senderMac, sender, toMac, to);
  }

  /** Appends the answer to this request: the address asked for is at {@code mac}. */
  public void writeAnswer(ByteBuf out, MacAddress mac) {
    writeReply(out, mac, targetAddress(), senderMac(), senderAddress());
  }

  /**
   * Appends a broadcast that says {@code address} is at {@code mac}, as a request with SPA = TPA:
   * the form that Linux takes even from an address that changed within its locktime.
   */
  public static void writeGratuitous(ByteBuf out, MacAddress mac, IpAddress address) {
    write(out, REQUEST, MacAddress.BROADCAST, mac, address, UNKNOWN, address);
  }

  private static void write(
      ByteBuf out,
      int operation,
      MacAddress to,
      MacAddress senderMac,
      IpAddress sender,
      MacAddress targetMac,
      IpAddress target) {
    Ethernet.writeHeader(out, to, senderMac, Ethernet.TYPE_ARP);
    out.writeInt((int) (KIND >>> 16));
    out.writeShort((int) KIND);
    out.writeShort(operation);
    Ethernet.writeMac(out, senderMac);
    out.writeInt(sender.v4Bits());
    Ethernet.writeMac(out, targetMac);
    out.writeInt(target.v4Bits());
  }
}
