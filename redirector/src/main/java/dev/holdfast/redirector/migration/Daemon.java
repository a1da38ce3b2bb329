package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.config.Config;
import dev.holdfast.redirector.control.ControlServer;
import dev.holdfast.redirector.hook.UserHooks;
import dev.holdfast.redirector.path.DataLoop;
import dev.holdfast.redirector.steer.KernelLedger;
import dev.holdfast.redirector.steer.LinuxKernel;
import dev.holdfast.tunnel.device.TunDevice;
import dev.holdfast.tunnel.endpoint.EndpointOptions;
import dev.holdfast.tunnel.endpoint.RemoteHost;
import dev.holdfast.tunnel.endpoint.TunnelEndpoint;
import dev.holdfast.tunnel.identity.HostIdentity;
import dev.holdfast.tunnel.identity.IdentityException;
import dev.holdfast.tunnel.observe.DropCounters;
import dev.holdfast.tunnel.time.Clock;
import dev.holdfast.tunnel.time.SystemClock;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A running daemon: everything wired together, in the order in which each part needs the one
 * before.
 *
 * <p>Closing it does not end its migrations: they are in the journal, their kernel objects are in
 * the ledger, and the next daemon takes over. {@code finish}, {@code rollback} and {@code cleanup}
 * are what ends them.
 */
public final class Daemon implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(Daemon.class);

  /** A system property: {@code false} where many daemons live for seconds, as in a lab. */
  public static final String REHEARSE = "holdfast.rehearse";

  private final CountDownLatch stopped = new CountDownLatch(1);
  private final DataLoop data;
  private final TunnelEndpoint endpoint;
  private final ControlServer control;
  private final MigrationJournal journal;
  private final KernelLedger ledger;
  private final MigrationEngine engine;
  private final ScheduledExecutorService timer;
  private final FileChannel lock;
  private final LinuxKernel kernel;
  private final @Nullable UserHooks hooks;

  private Daemon(
      DataLoop data,
      TunnelEndpoint endpoint,
      ControlServer control,
      MigrationJournal journal,
      KernelLedger ledger,
      MigrationEngine engine,
      ScheduledExecutorService timer,
      FileChannel lock,
      LinuxKernel kernel,
      @Nullable UserHooks hooks) {
    this.data = data;
    this.endpoint = endpoint;
    this.control = control;
    this.journal = journal;
    this.ledger = ledger;
    this.engine = engine;
    this.timer = timer;
    this.lock = lock;
    this.kernel = kernel;
    this.hooks = hooks;
  }

  /** Where the ledger of kernel changes is; {@code cleanup} reads it. */
  public static Path ledgerFile(Config config) {
    return config.daemon().state().resolve("kernel.jsonl");
  }

  /**
   * Starts, takes over what an earlier daemon left, and answers on the control socket when it
   * returns.
   *
   * @throws IOException with a sentence that says what to do
   */
  public static Daemon start(Config config, String version) throws IOException {
    return start(config, SystemClock.INSTANCE, version);
  }

  /**
   * The same by another clock, so that what two hosts with different times say to each other can be
   * seen on one machine.
   */
  public static Daemon start(Config config, Clock clock, String version) throws IOException {
    Files.createDirectories(config.daemon().state());
    FileChannel lock = lockState(config);
    MigrationJournal journal = MigrationJournal.open(config.daemon().state());
    HostIdentity identity = identity(config, clock, isIdle(journal));
    LinuxKernel kernel = new LinuxKernel();
    KernelLedger ledger = KernelLedger.open(ledgerFile(config), kernel);
    DataLoop data = new DataLoop();
    ScheduledExecutorService timer =
        Executors.newSingleThreadScheduledExecutor(
            task -> Thread.ofPlatform().name("timer").daemon().unstarted(task));
    RemoteRequests requests = new RemoteRequests();
    TunnelEndpoint endpoint =
        new TunnelEndpoint(
            identity,
            config.remotes().stream()
                .map(r -> new RemoteHost(r.name(), r.endpoint(), r.fingerprint(), r.addresses()))
                .toList(),
            data.group(),
            requests,
            clock,
            EndpointOptions.DEFAULT.withDscp(config.tunnel().outer().dscp()));
    Host host =
        new Host(
            config,
            clock,
            journal,
            kernel,
            ledger,
            data,
            endpoint,
            new ControlCalls(),
            new EventHub(),
            new HostObjects(
                config, TunDevice::open, clock, data, kernel, ledger, new DropCounters()),
            rehearsal(config, identity, journal, kernel, clock),
            timer);
    MigrationEngine engine = new MigrationEngine(host, requests, version);
    UserHooks hooks = null;
    try {
      requests.attach(engine);
      hooks = hooks(config, host, engine);
      engine.takeOver();
      if (hooks != null) {
        hooks.begin();
      }
      String fault = identity.outOfDate(clock);
      if (!fault.isEmpty()) {
        engine.live().forEach(migration -> migration.alert(outOfDate(fault)));
      }
      endpoint.listen(config.tunnel().listen());
      ControlServer control = new ControlServer(config.daemon().control(), engine);
      control.start();
      log.info(
          "{} is ready: tunnel on {}, control on {}, TLS by {}",
          config.daemon().name(),
          config.tunnel().listen(),
          config.daemon().control(),
          endpoint.engineName());
      return new Daemon(
          data, endpoint, control, journal, ledger, engine, timer, lock, kernel, hooks);
    } catch (IOException | RuntimeException e) {
      if (hooks != null) {
        hooks.close();
      }
      endpoint.close();
      timer.shutdownNow();
      data.close();
      journal.close();
      ledger.close();
      kernel.close();
      lock.close();
      throw e;
    }
  }

  private static Rehearsal rehearsal(
      Config config,
      HostIdentity identity,
      MigrationJournal journal,
      LinuxKernel kernel,
      Clock clock) {
    if (System.getProperty(REHEARSE, "true").equals("false")) {
      return Rehearsal.over(identity, clock);
    }
    InetAddress own = rehearsalAddress(config, journal);
    return Rehearsal.begin(config.daemon().state(), identity, own, kernel, clock);
  }

  /** Null where the config has none: then no state is announced to anybody. */
  private static @Nullable UserHooks hooks(Config config, Host host, MigrationEngine engine) {
    if (config.hooks().isEmpty()) {
      return null;
    }
    UserHooks hooks =
        new UserHooks(config.hooks(), config.daemon(), new HookedMigrations(engine), host.clock());
    AutoCloseable forGood = host.events().subscribe(hooks::happened);
    return hooks;
  }

  /**
   * Plays what a daemon plays for itself when it starts, and returns when it is over: a build lets
   * the virtual machine learn from it what a daemon needs.
   */
  public static void rehearse(Path folder, HostIdentity identity) {
    try (var kernel = new LinuxKernel()) {
      InetAddress own = InetAddress.getLoopbackAddress();
      Rehearsal.begin(folder, identity, own, kernel, SystemClock.INSTANCE).await();
    }
  }

  /** Where a migration is taken over, its raw sockets would get the rehearsal's packets too. */
  private static InetAddress rehearsalAddress(Config config, MigrationJournal journal) {
    return isIdle(journal)
        ? config.tunnel().listen().getAddress()
        : InetAddress.getLoopbackAddress();
  }

  private static boolean isIdle(MigrationJournal journal) {
    return journal.records().stream().allMatch(MigrationRecord::isOver);
  }

  private static String outOfDate(String fault) {
    return "this host's certificate "
        + fault
        + ": the other host accepts no connection from here. Release at the new host, or rollback --force, work"
        + " without; to go on together, make another (holdfast cert init), give its fingerprint to the other host,"
        + " and restart both daemons";
  }

  /**
   * A migration that was left must be looked after, even where no remote host believes who this one
   * is: its capture stands, and only a daemon can release it here or take it back.
   */
  private static HostIdentity identity(Config config, Clock clock, boolean idle)
      throws IOException {
    Path certificate = config.identity().certificate();
    Path key = config.identity().key();
    try {
      HostIdentity identity =
          idle
              ? HostIdentity.load(certificate, key, clock)
              : HostIdentity.loadOutOfDate(certificate, key, clock);
      identity.warnings().forEach(log::warn);
      return identity;
    } catch (IdentityException e) {
      throw new IOException(e.getMessage(), e);
    }
  }

  /** Another process has the state folder. */
  public static final class StateInUse extends IOException {
    private static final long serialVersionUID = 1;

    StateInUse(String message) {
      super(message);
    }
  }

  /**
   * Takes the state folder for this process, until the channel is closed.
   *
   * @throws StateInUse when another process has it
   */
  public static FileChannel lockState(Config config) throws IOException {
    Path file = config.daemon().state().resolve("lock");
    FileChannel channel =
        FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    FileLock held;
    try {
      held = channel.tryLock();
    } catch (OverlappingFileLockException e) {
      held = null; // another one of this process
    }
    if (held == null) {
      channel.close();
      throw new StateInUse(
          "another holdfast daemon uses "
              + config.daemon().state()
              + "; stop it, or give this one a state of its own");
    }
    return channel;
  }

  public MigrationService service() {
    return engine;
  }

  /** Returns when {@link #close} was called. */
  public void awaitStop() throws InterruptedException {
    stopped.await();
  }

  @Override
  public void close() {
    try {
      control.close();
    } catch (RuntimeException e) {
      log.warn("the control socket was not closed cleanly: {}", e.getMessage());
    }
    closeHooks();
    engine.settleEnded();
    int live = engine.live().size();
    if (live > 0) {
      log.warn(
          "{} migrations are not at their end: their kernel objects stay, and the next daemon takes over; or holdfast cleanup",
          live);
    }
    if (journal.records().stream().anyMatch(MigrationRecord::isStanding)) {
      log.warn(
          "addresses of guests stay mapped, but nobody answers ARP and neighbour solicitations for them, or for the"
              + " guests' old routers, until the next daemon takes over");
    }
    timer.shutdownNow();
    endpoint.close();
    data.close();
    try {
      journal.close();
      ledger.close();
      kernel.close();
      lock.close();
    } catch (IOException e) {
      log.warn("not closed cleanly: {}", e.getMessage());
    }
    stopped.countDown();
  }

  private void closeHooks() {
    try {
      if (hooks != null) {
        hooks.close();
      }
    } catch (IOException e) {
      log.warn("the hooks were not closed cleanly: {}", e.getMessage());
    }
  }
}
