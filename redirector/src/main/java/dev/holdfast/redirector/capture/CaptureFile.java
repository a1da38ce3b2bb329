package dev.holdfast.redirector.capture;

import java.io.EOFException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.TimeoutException;
import org.pcap4j.core.NotOpenException;
import org.pcap4j.core.PcapHandle;
import org.pcap4j.core.PcapNativeException;
import org.pcap4j.core.Pcaps;

/** Packets of a capture file, pcap or pcapng, as libpcap reads it. */
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
    if (!Files.isRegularFile(file)) {
      throw new IOException(
          Files.exists(file) ? file + " is not a file." : "There is no file " + file + ".");
    }
    if (!Files.isReadable(file)) {
      throw new IOException("No permission to read " + file + ".");
    }
    try (PcapHandle handle = Pcaps.openOffline(file.toString())) {
      return packet(handle, file, number);
    } catch (PcapNativeException e) {
      throw new IOException(file + " cannot be read as a capture: " + e.getMessage(), e);
    } catch (NotOpenException | TimeoutException e) {
      throw new IOException(file + " cannot be read: " + e.getMessage(), e);
    } catch (LinkageError e) {
      throw new IOException(
          "libpcap cannot be loaded, which reads capture files: install it (package libpcap0.8): "
              + e.getMessage(),
          e);
    } catch (IllegalArgumentException e) {
      throw new IOException(
          "Packet " + number + " of " + file + " cannot be explained: " + e.getMessage() + ".", e);
    }
  }

  private static Captured packet(PcapHandle handle, Path file, int number)
      throws IOException, PcapNativeException, NotOpenException, TimeoutException {
    int seen = 0;
    byte[] frame = {};
    int original = 0;
    try {
      for (; seen < number; seen++) {
        frame = handle.getNextRawPacketEx();
        original = handle.getOriginalLength();
      }
    } catch (EOFException e) {
      throw new IOException(
          "There is no packet %d in %s: it has %d.".formatted(number, file, seen), e);
    }
    byte[] packet = LinkLayer.packet(handle.getDlt().value(), frame);
    int length = LinkLayer.lengthByHeader(packet);
    boolean isCutOff = frame.length < original && length > packet.length;
    if (length == 0 || (length > packet.length && !isCutOff)) {
      return new Captured(packet, 0); // what is wrong with it is said by whoever looks at it
    }
    return new Captured(Arrays.copyOf(packet, length), Math.max(0, length - packet.length));
  }
}
