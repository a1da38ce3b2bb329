package dev.holdfast.redirector.demo.measure;

import java.io.BufferedOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Writes a capture file with nanosecond stamps (pcap, magic a1b23c4d), for Wireshark. */
final class PcapFile implements AutoCloseable {
  private static final int MAGIC_NANOSECONDS = 0xa1b23c4d;
  private static final int LINK_ETHERNET = 1;

  private final DataOutputStream out;

  PcapFile(Path file, int snapLength) throws IOException {
    out = new DataOutputStream(new BufferedOutputStream(Files.newOutputStream(file)));
    out.writeInt(MAGIC_NANOSECONDS);
    out.writeShort(2);
    out.writeShort(4);
    out.writeInt(0);
    out.writeInt(0);
    out.writeInt(snapLength);
    out.writeInt(LINK_ETHERNET);
  }

  /** Appends one frame, of which {@code bytes} are the captured part. */
  void write(long epochNanos, byte[] bytes, int originalLength) throws IOException {
    out.writeInt((int) (epochNanos / 1_000_000_000L));
    out.writeInt((int) (epochNanos % 1_000_000_000L));
    out.writeInt(bytes.length);
    out.writeInt(originalLength);
    out.write(bytes);
  }

  @Override
  public void close() throws IOException {
    out.close();
  }
}
