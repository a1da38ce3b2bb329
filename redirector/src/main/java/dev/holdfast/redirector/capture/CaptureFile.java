package dev.holdfast.redirector.capture;

import dev.holdfast.redirector.capturefile.CaptureReader;
import dev.holdfast.redirector.capturefile.Frame;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;

/** Packets of a capture file, pcap or pcapng, packed by gzip or not. */
public final class CaptureFile {
  private CaptureFile() {}

  /**
   * One packet.
   *
   * @param packet the IP packet, without padding behind it
   * @param missing how many of its last bytes the capture does not have, and are zeros here
   */
  public record Captured(byte[] packet, int missing) {}

  /**
   * Reads one packet.
   *
   * @param number from 1, as Wireshark and tcpdump count
   * @throws IOException with a sentence: there is no such file or packet, or it is no capture file,
   *     or that frame has no IP packet
   */
  public static Captured read(Path file, int number) throws IOException {
    if (number < 1) {
      throw new IOException("Packets are counted from 1, so there is no packet " + number + ".");
    }
    try (CaptureReader reader = CaptureReader.open(file)) {
      return packet(reader, file, number);
    } catch (IllegalArgumentException e) {
      throw new IOException(
          "Packet " + number + " of " + file + " cannot be explained: " + e.getMessage() + ".", e);
    }
  }

  private static Captured packet(CaptureReader reader, Path file, int number) throws IOException {
    while (reader.frames() < number) {
      if (!reader.next()) {
        CaptureReader.Problem problem = reader.problem();
        throw new IOException(
            problem != null
                ? problem.text()
                : "There is no packet %d in %s: it has %d."
                    .formatted(number, file, reader.frames()));
      }
    }
    Frame captured = reader.frame();
    int from = captured.offset();
    byte[] frame = Arrays.copyOfRange(captured.array(), from, from + captured.length());
    byte[] packet = FramePacket.packet(captured.linkType(), frame);
    int length = FramePacket.lengthByHeader(packet);
    boolean isCutOff = frame.length < captured.originalLength() && length > packet.length;
    if (length == 0 || (length > packet.length && !isCutOff)) {
      return new Captured(packet, 0); // what is wrong with it is said by whoever looks at it
    }
    return new Captured(Arrays.copyOf(packet, length), Math.max(0, length - packet.length));
  }
}
