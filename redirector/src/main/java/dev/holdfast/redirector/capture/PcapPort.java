package dev.holdfast.redirector.capture;

import dev.holdfast.tunnel.time.Clock;
import java.io.IOException;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.pcap4j.core.BpfProgram.BpfCompileMode;
import org.pcap4j.core.NotOpenException;
import org.pcap4j.core.PcapHandle;
import org.pcap4j.core.PcapNativeException;
import org.pcap4j.core.PcapNetworkInterface.PromiscuousMode;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Frames in and out of one interface, by libpcap alone, for whoever plays a machine that stands
 * there. One thread sends and polls.
 */
public final class PcapPort implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(PcapPort.class);

  /** The longest frame has 128 KiB of it to itself, so this is 256 frames. */
  private static final int BUFFER_BYTES = 32 << 20;

  /** The handle that sends hears nothing. */
  private static final int SENDER_SNAPLEN = 64;

  private static final int SENDER_BUFFER_BYTES = 1 << 20;

  private final String interfaceName;
  private final FrameTap tap;
  private final PcapHandle sender;
  private final AtomicReference<@Nullable Runnable> announcement;

  private PcapPort(
      String interfaceName,
      FrameTap tap,
      PcapHandle sender,
      AtomicReference<@Nullable Runnable> announcement) {
    this.interfaceName = interfaceName;
    this.tap = tap;
    this.sender = sender;
    this.announcement = announcement;
  }

  /**
   * Opens an interface, promiscuously.
   *
   * @param filter pcap-filter(7), of what is given
   * @param wake called by another thread when there may be something to {@link #poll}
   * @throws IOException when libpcap cannot open it, with its own words
   */
  public static PcapPort open(String interfaceName, String filter, Clock clock, Runnable wake)
      throws IOException {
    var announcement = new AtomicReference<@Nullable Runnable>();
    FrameTap tap =
        FrameTap.open(
            interfaceName,
            BUFFER_BYTES,
            clock,
            task -> {
              announcement.set(task);
              wake.run();
            },
            () -> {});
    try {
      PcapHandle sender = sender(interfaceName);
      var port = new PcapPort(interfaceName, tap, sender, announcement);
      try {
        tap.filter(filter);
      } catch (IOException e) {
        sender.close();
        throw e;
      }
      return port;
    } catch (PcapNativeException | NotOpenException e) {
      tap.close();
      throw new IOException("cannot send on " + interfaceName + ": " + e.getMessage(), e);
    } catch (IOException e) {
      tap.close();
      throw e;
    }
  }

  private static PcapHandle sender(String interfaceName)
      throws PcapNativeException, NotOpenException {
    PcapHandle opened =
        new PcapHandle.Builder(interfaceName)
            .snaplen(SENDER_SNAPLEN)
            .promiscuousMode(PromiscuousMode.NONPROMISCUOUS)
            .timeoutMillis(1)
            .bufferSize(SENDER_BUFFER_BYTES)
            .build();
    try {
      opened.setFilter(FrameTap.NOTHING, BpfCompileMode.OPTIMIZE);
      return opened;
    } catch (PcapNativeException | NotOpenException e) {
      opened.close();
      throw e;
    }
  }

  /**
   * The next frame, from the destination MAC on; null when there is none now. After that the next
   * one is announced, so whoever was woken polls until there is none.
   */
  public byte @Nullable [] poll() {
    byte[] frame = tap.poll();
    if (frame == null) {
      Runnable announced = announcement.getAndSet(null);
      if (announced != null) {
        announced.run(); // announces again what has come meanwhile
        frame = tap.poll();
      }
    }
    return frame;
  }

  /**
   * Sends a frame, from the destination MAC on.
   *
   * @param length how many bytes of it
   * @return false when the kernel did not take it
   */
  public boolean send(byte[] frame, int length) {
    try {
      sender.sendPacket(frame, length);
      return true;
    } catch (PcapNativeException | NotOpenException e) {
      log.debug("not sent on {}: {}", interfaceName, e.getMessage());
      return false;
    }
  }

  /** Frames that were captured and lost before they could be read, in all. */
  public long lost() {
    return tap.lost();
  }

  @Override
  public void close() {
    tap.close();
    sender.close();
  }
}
