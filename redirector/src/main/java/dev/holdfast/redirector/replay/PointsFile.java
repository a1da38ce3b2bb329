package dev.holdfast.redirector.replay;

import dev.holdfast.redirector.capturefile.LinkLayer;
import dev.holdfast.redirector.capturefile.PcapNgWriter;
import io.netty.buffer.ByteBuf;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/**
 * Writes what passes at each point of a replay as pcapng, an interface for each point, and says
 * what its SHA-256 is. The same replay gives the same bytes.
 */
public final class PointsFile implements Points, AutoCloseable {
  private static final int USER0 = 147; // for the TLS frames: see conf/wireshark
  private static final int LONGEST = 262_144;

  private final DigestOutputStream digest;
  private final PcapNgWriter writer;
  private final int[] interfaces = new int[Point.values().length];
  private String hex = "";

  /**
   * @param out is closed with this; {@link OutputStream#nullOutputStream} for the digest alone
   */
  public PointsFile(OutputStream out, boolean byIpInIp) throws IOException {
    digest = new DigestOutputStream(new BufferedOutputStream(out, 1 << 16), sha256());
    writer = new PcapNgWriter(digest, "holdfast replay");
    for (Point point : Point.values()) {
      boolean isStream = (point == Point.TUNNEL || point == Point.TUNNEL_BACK) && !byIpInIp;
      interfaces[point.ordinal()] =
          writer.describe(point.label(), point.description(), isStream ? USER0 : LinkLayer.RAW, 0);
    }
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e); // every Java platform has it
    }
  }

  /** UncheckedIOException when the file cannot be written: the replay has no use then. */
  @Override
  public void seen(Point point, long epochNanos, ByteBuf bytes, int from, int length) {
    if (length == 0) {
      return;
    }
    try {
      int there = Math.min(length, LONGEST);
      writer.packet(
          interfaces[point.ordinal()], epochNanos, bytes.nioBuffer(from, there), length, "");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** SHA-256 of the file in hex; once it is closed. */
  public String digest() {
    return hex;
  }

  @Override
  public void close() throws IOException {
    writer.close();
    if (hex.isEmpty()) {
      hex = HexFormat.of().formatHex(digest.getMessageDigest().digest());
    }
  }
}
