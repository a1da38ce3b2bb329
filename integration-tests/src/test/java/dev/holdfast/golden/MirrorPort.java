package dev.holdfast.golden;

import dev.holdfast.redirector.demo.lab.LabOptions;
import dev.holdfast.redirector.demo.lab.Namespace;
import dev.holdfast.tunnel.device.FrameFilter;
import dev.holdfast.tunnel.device.PacketSocket;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;

/**
 * A switch's mirror port: each frame at the guest's port, in either direction, goes to a probe with
 * a tag that says from which VLAN it is.
 *
 * <pre>
 *  site: vnet3 --- guest          probe
 *          : copied and tagged
 *        mirror ----------------- eth0    recorded here
 * </pre>
 */
final class MirrorPort {
  private static final int VLAN = 42;
  private static final int TYPE_VLAN = 0x8100;
  private static final int MACS = 12;
  private static final int LONGEST = 2_000;

  private final PacketSocket port;
  private final PacketSocket mirror;
  private final AtomicBoolean isStopping = new AtomicBoolean();
  private final AtomicReference<IOException> failure = new AtomicReference<>();

  private MirrorPort(PacketSocket port, PacketSocket mirror) {
    this.port = port;
    this.mirror = mirror;
  }

  /** Sets it up and begins to record at the probe; it goes with the lab. */
  static Recording record(GoldenLab lab) throws Exception {
    String name = LabOptions.ofThisProcess() + "probe";
    Namespace probe = Namespace.make(lab.cleanup(), List.of(name)).getFirst();
    for (Namespace each : List.of(probe, lab.site())) {
      each.sysctl("net/ipv6/conf/default/disable_ipv6", "1"); // nothing of its own
    }
    lab.site().ip("link add mirror type veth peer name eth0 netns " + name, "link set mirror up");
    probe.ip("link set eth0 up");
    var made =
        lab.site()
            .call(() ->
                new MirrorPort(
                    PacketSocket.open(GoldenLab.PORT, FrameFilter.ALL),
                    PacketSocket.open("mirror", FrameFilter.NONE)));
    Thread copying = Thread.ofPlatform().name("mirror port").daemon().start(made::copyAll);
    lab.cleanup()
        .add(
            "the mirror port",
            () -> {
              made.isStopping.set(true);
              copying.join();
              made.port.close();
              made.mirror.close();
              IOException why = made.failure.get();
              if (why != null) {
                throw why;
              }
            });
    return lab.record(probe, "a probe behind a mirror port of the guest's switch", "eth0");
  }

  private void copyAll() {
    ByteBuf frame = Unpooled.directBuffer(LONGEST, LONGEST);
    ByteBuf tagged = Unpooled.directBuffer(LONGEST + 4, LONGEST + 4);
    try {
      while (!isStopping.get()) {
        while (port.receive(frame.clear()) > 0) {
          tagged.clear().writeBytes(frame, MACS);
          tagged.writeShort(TYPE_VLAN).writeShort(VLAN).writeBytes(frame);
          if (!mirror.send(tagged)) {
            throw new IOException("a frame could not be copied");
          }
        }
        LockSupport.parkNanos(50_000);
      }
      if (port.skipped() > 0) {
        throw new IOException(port.skipped() + " frames were too long to be copied");
      }
    } catch (IOException e) {
      failure.set(e);
    } finally {
      frame.release();
      tagged.release();
    }
  }
}
