package dev.holdfast.redirector.demo.load;

import dev.holdfast.redirector.demo.lab.Cleanup;
import dev.holdfast.redirector.demo.lab.Namespace;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.time.SystemClock;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardProtocolFamily;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.IntConsumer;

/** All connections of one run, from connect to judgement. */
public final class Workload {
  private static final int BULK_BYTES_A_SECOND = 1_600_000;
  private static final Duration CHUNK_EVERY = Duration.ofMillis(100);
  private static final int SATURATING_CHUNK = 64 << 10;
  private static final Duration LOOK_EVERY = Duration.ofMillis(5);

  private final Course course = new Course();
  private final List<Conversation> conversations = new ArrayList<>();
  private final List<Unconnected> unconnected = new ArrayList<>();
  private final Namespace guest;
  private final List<IpAddress> addresses;
  private final GuestServices services;

  /** Bound to its address, so that the other end can be told whom to expect. */
  private record Unconnected(SocketChannel channel, InetSocketAddress to, Runnable connected) {}

  private Workload(Namespace guest, List<IpAddress> addresses, GuestServices services) {
    this.guest = guest;
    this.addresses = List.copyOf(addresses);
    this.services = services;
  }

  /**
   * Opens the guest's services and every connection; on return each is established and busy.
   *
   * @param service the guest's addresses, at most one of each family; clients take that of theirs
   * @param saturate whether bulk streams run as fast as the kernel takes them, instead of at
   *     {@value #BULK_BYTES_A_SECOND} bytes a second in all
   * @param seed determines every byte
   */
  public static Workload open(
      Namespace guest,
      List<IpAddress> service,
      List<Clients> clients,
      boolean saturate,
      long seed,
      Cleanup cleanup)
      throws Exception {
    // A service of IPv6 takes connections of both.
    boolean v4 = service.stream().allMatch(IpAddress::isV4);
    InetAddress any = IpAddress.parse(v4 ? "0.0.0.0" : "::").toInetAddress();
    var services = GuestServices.open(guest, any, cleanup);
    return open(guest, service, services, clients, saturate, seed, cleanup);
  }

  /**
   * The same with services on {@code service} alone: such workloads, on different addresses of one
   * guest, may be open at the same time.
   */
  public static Workload openAt(
      Namespace guest, IpAddress service, List<Clients> clients, long seed, Cleanup cleanup)
      throws Exception {
    var services = GuestServices.open(guest, service.toInetAddress(), cleanup);
    return open(guest, List.of(service), services, clients, false, seed, cleanup);
  }

  private static Workload open(
      Namespace guest,
      List<IpAddress> service,
      GuestServices services,
      List<Clients> clients,
      boolean saturate,
      long seed,
      Cleanup cleanup)
      throws Exception {
    var workload = new Workload(guest, service, services);
    cleanup.add("the connections", workload::abandon);
    int total = clients.stream().mapToInt(Clients::count).sum();
    Script script = script(total, saturate);
    for (Clients each : clients) {
      if (each.dialled()) {
        workload.dial(each, script, seed);
      } else {
        workload.prepare(each, script, seed);
      }
    }
    workload.connect();
    return workload;
  }

  /** The same, of one family. */
  public static Workload open(
      Namespace guest,
      IpAddress service,
      List<Clients> clients,
      boolean saturate,
      long seed,
      Cleanup cleanup)
      throws Exception {
    return open(guest, List.of(service), clients, saturate, seed, cleanup);
  }

  private static Script script(int connections, boolean saturate) {
    if (saturate) {
      return new Script(SATURATING_CHUNK, Duration.ZERO);
    }
    long beats = TimeUnit.SECONDS.toMillis(1) / CHUNK_EVERY.toMillis();
    long streams = Math.max(1, connections / 2);
    return new Script((int) Math.max(1, BULK_BYTES_A_SECOND / beats / streams), CHUNK_EVERY);
  }

  private static StandardProtocolFamily family(IpAddress address) {
    return address.isV4() ? StandardProtocolFamily.INET : StandardProtocolFamily.INET6;
  }

  /** Binds the clients' sockets, so that the guest knows by their ports which is which. */
  private void prepare(Clients clients, Script script, long seed) throws Exception {
    for (SocketChannel channel : bound(clients.machine(), clients.address(), clients.count())) {
      Conversation conversation = conversation(clients, channel, script, seed);
      services.expect(shown(clients, channel.socket().getLocalPort()), conversation);
      var to =
          new InetSocketAddress(
              service(clients.address()).toInetAddress(), conversation.kind().port());
      unconnected.add(new Unconnected(channel, to, conversation::clientConnected));
    }
  }

  /** A listener for each connection that the guest is to make. */
  private void dial(Clients clients, Script script, long seed) throws Exception {
    IpAddress own = service(clients.address());
    for (SocketChannel guests : bound(guest, own, clients.count())) {
      ServerSocketChannel listener =
          clients
              .machine()
              .call(() -> {
                ServerSocketChannel channel = ServerSocketChannel.open(family(own));
                return channel.bind(new InetSocketAddress(clients.address().toInetAddress(), 0));
              });
      try (listener) {
        int port = ((InetSocketAddress) listener.getLocalAddress()).getPort();
        var _ = guests.connect(shown(clients, port));
        SocketChannel channel = listener.accept();
        channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
        Conversation conversation = conversation(clients, channel, script, seed);
        conversation.clientConnected();
        conversation.guestAccepted(guests);
      }
    }
  }

  /** The guest's address of the same family as {@code peer}. */
  private IpAddress service(IpAddress peer) {
    return addresses.stream()
        .filter(address -> address.isV4() == peer.isV4())
        .findFirst()
        .orElseThrow();
  }

  private static InetSocketAddress shown(Clients clients, int port) {
    return new InetSocketAddress(clients.shown().toInetAddress(), port);
  }

  private static List<SocketChannel> bound(Namespace machine, IpAddress address, int count)
      throws Exception {
    return machine.call(() -> {
      List<SocketChannel> all = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        SocketChannel channel = SocketChannel.open(family(address));
        channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
        channel.bind(new InetSocketAddress(address.toInetAddress(), 0));
        all.add(channel);
      }
      return all;
    });
  }

  private Conversation conversation(
      Clients clients, SocketChannel channel, Script script, long seed) throws IOException {
    var conversation =
        new Conversation(
            conversations.size(),
            seed,
            clients.machine().name(),
            (InetSocketAddress) channel.getLocalAddress(),
            channel,
            script,
            course);
    conversations.add(conversation);
    return conversation;
  }

  /** All at once: one after the other, each would take a round trip. */
  private void connect() throws IOException, InterruptedException {
    List<Future<?>> connecting = new ArrayList<>();
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      for (Unconnected each : unconnected) {
        connecting.add(threads.submit(() -> connect(each)));
      }
    }
    for (Future<?> each : connecting) {
      try {
        each.get();
      } catch (ExecutionException e) {
        throw new IOException("a connection to the guest cannot be made: " + e.getCause(), e);
      }
    }
  }

  private static boolean connect(Unconnected each) throws IOException {
    boolean connected = each.channel().connect(each.to());
    each.connected().run();
    return connected;
  }

  public int size() {
    return conversations.size();
  }

  /** Bytes written from now on count for {@code phase}; with AFTER the silent begin to speak. */
  public void enter(Phase phase) {
    course.enter(phase);
  }

  /**
   * Waits until every connection that has not failed has moved new bytes both ways since the move.
   *
   * @param progress is told how many have, now and then
   * @return how many have not when {@code limit} was over; 0: all have
   */
  public int awaitMoved(Duration limit, IntConsumer progress) throws InterruptedException {
    long end = SystemClock.INSTANCE.nanoTime() + limit.toNanos();
    while (true) {
      int waiting = 0;
      int moved = 0;
      for (Conversation each : conversations) {
        if (each.hasMovedBothWays()) {
          moved++;
        } else if (!each.hasFailed()) {
          waiting++;
        }
      }
      progress.accept(moved);
      if (waiting == 0 || SystemClock.INSTANCE.nanoTime() - end >= 0) {
        return waiting;
      }
      Thread.sleep(LOOK_EVERY);
    }
  }

  /** Brings every connection to its end and judges it; what has not ended by then is abandoned. */
  public List<ConnectionResult> finish(Duration limit) throws InterruptedException {
    course.close();
    long end = SystemClock.INSTANCE.nanoTime() + limit.toNanos();
    for (Conversation each : conversations) {
      long left = end - SystemClock.INSTANCE.nanoTime();
      boolean ended = each.running().await(Math.max(0, left), TimeUnit.NANOSECONDS);
      if (!ended) {
        each.abandon();
      }
    }
    List<ConnectionResult> results = conversations.stream().map(Conversation::result).toList();
    abandon();
    return results;
  }

  /** Closes every socket and lets every thread go. */
  public void abandon() {
    conversations.forEach(Conversation::abandon);
    course.enter(Phase.AFTER);
    course.close();
  }

  /**
   * Makes a new connection from {@code machine} to the guest's echo service and sends a few bytes
   * there and back.
   *
   * @return whether the same bytes came back in time
   */
  public static boolean echo(Namespace machine, IpAddress service, Duration limit)
      throws Exception {
    SocketChannel channel = machine.call(() -> SocketChannel.open(family(service)));
    try (channel) {
      byte[] bytes = new byte[1000];
      new SeededBytes(service.low()).fill(0, bytes, 0, bytes.length);
      var socket = channel.socket();
      int millis = (int) limit.toMillis();
      socket.connect(
          new InetSocketAddress(service.toInetAddress(), GuestServices.ECHO_PORT), millis);
      socket.setSoTimeout(millis);
      int written = channel.write(ByteBuffer.wrap(bytes));
      socket.shutdownOutput();
      byte[] back = socket.getInputStream().readAllBytes();
      return written == bytes.length && java.util.Arrays.equals(back, bytes);
    } catch (IOException e) {
      return false;
    }
  }
}
