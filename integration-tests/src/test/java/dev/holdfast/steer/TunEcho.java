package dev.holdfast.steer;

import dev.holdfast.redirector.capture.LanInterface;
import dev.holdfast.redirector.capture.LanPort;
import dev.holdfast.tunnel.device.FdReadiness;
import dev.holdfast.tunnel.device.PacketDevice;
import dev.holdfast.tunnel.device.TunDevice;
import dev.holdfast.tunnel.observe.DropCounters;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.PacketFault;
import dev.holdfast.tunnel.packet.PacketView;
import dev.holdfast.tunnel.packet.VirtioNetHeader;
import dev.holdfast.tunnel.time.SystemClock;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.IoEventLoop;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.EpollIoHandler;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Predicate;

/**
 * Stands in for the guest behind a TUN, or behind an interface whose frames are captured: answers
 * echo requests, and remembers what else came.
 */
final class TunEcho implements AutoCloseable {

  /** A packet that the TUN gave; {@code icmpType} is -1 where it is no ICMP. */
  record Seen(IpAddress source, IpAddress destination, int protocol, int icmpType, int hopLimit) {}

  private final EventLoopGroup group =
      new MultiThreadIoEventLoopGroup(1, EpollIoHandler.newFactory());
  private final ByteBuf in = Unpooled.directBuffer(PacketDevice.READ_SIZE);
  private final ByteBuf out = Unpooled.directBuffer(PacketDevice.READ_SIZE);
  private final PacketView view = new PacketView();
  private final PacketDevice tun;
  private final AutoCloseable watching;
  private final List<Seen> seen = new CopyOnWriteArrayList<>();

  TunEcho(TunDevice tun) throws IOException {
    this.tun = tun;
    watching = FdReadiness.register(loop(), tun.fd(), this::take);
  }

  /** On an interface of the calling thread's namespace; what is captured is for the port to say. */
  TunEcho(LanInterface lan, Consumer<LanPort> opened) throws IOException {
    LanPort port =
        LanPort.open(lan, SystemClock.INSTANCE, new DropCounters(), loop(), () -> takeOn());
    watching =
        () -> {
          port.close();
          group.submit(port::free).sync();
        };
    tun = port.device();
    opened.accept(port);
  }

  private void takeOn() {
    if (in.refCnt() > 0) {
      take();
    }
  }

  IoEventLoop loop() {
    return (IoEventLoop) group.next();
  }

  List<Seen> seen() {
    return List.copyOf(seen);
  }

  /** Waits until a packet has come that {@code wanted} is true for. */
  void await(Predicate<Seen> wanted) throws InterruptedException {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
    while (seen.stream().noneMatch(wanted)) {
      if (System.nanoTime() > deadline) {
        throw new AssertionError("it has not come; what came: " + seen);
      }
      Thread.sleep(1);
    }
  }

  void forget() {
    seen.clear();
  }

  /** Writes a packet to the TUN, as if it had come through the tunnel. */
  void send(PacketBuilder packet) throws Exception {
    boolean taken =
        group
            .submit(() -> {
              out.clear();
              packet.writeWithVnet(out);
              return tun.write(out);
            })
            .get();
    if (!taken) {
      throw new IOException("the TUN did not take the packet");
    }
  }

  /** Writes a whole buffer to the TUN, and releases it. */
  void write(ByteBuf packet) throws IOException {
    try {
      boolean unused = group.submit(() -> tun.write(packet)).get();
    } catch (InterruptedException | ExecutionException e) {
      throw new IOException(e);
    } finally {
      packet.release();
    }
  }

  private void take() {
    try {
      while (tun.read(in.clear()) > 0) {
        int start = VirtioNetHeader.LENGTH;
        if (view.check(in, start, in.writerIndex() - start) != PacketFault.NONE) {
          throw new IOException("the kernel gave a packet that is none");
        }
        int type = view.isIcmp() ? view.icmpType() : -1;
        seen.add(
            new Seen(view.source(), view.destination(), view.protocol(), type, view.hopLimit()));
        if (type == (view.isV4() ? 8 : 128)) {
          answer();
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void answer() throws IOException {
    int at = view.transportStart();
    byte[] payload = new byte[view.end() - at - 8];
    in.getBytes(at + 8, payload);
    out.clear();
    new PacketBuilder(view.destination(), view.source())
        .icmp(view.isV4() ? 0 : 129, 0, in.getInt(at + 4))
        .payload(payload)
        .writeWithVnet(out);
    boolean unused = tun.write(out);
  }

  @Override
  public void close() throws Exception {
    if (in.refCnt() == 0) {
      return;
    }
    watching.close();
    group.shutdownGracefully(0, 1, TimeUnit.SECONDS).sync();
    tun.close();
    in.release();
    out.release();
  }
}
