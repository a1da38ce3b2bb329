package dev.holdfast.redirector.demo;

import dev.holdfast.redirector.demo.host.DemoHost;
import dev.holdfast.redirector.demo.host.HostPlan;
import dev.holdfast.redirector.demo.host.NameService;
import dev.holdfast.redirector.demo.lab.Cleanup;
import dev.holdfast.redirector.demo.lab.KernelSnapshot;
import dev.holdfast.redirector.demo.lab.Lab;
import dev.holdfast.redirector.demo.lab.LabAddresses;
import dev.holdfast.redirector.demo.lab.LabOptions;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Everything that stands before a scenario begins: the lab, the name server, the hosts' folders;
 * and what the hosts were like, so that it can be said what was left behind.
 */
final class Stage {
  /** By which the old host may know the new one. */
  static final String NEW_HOST_NAME = "new-host.lab.test";

  private final ScenarioOptions options;
  private final Lab lab;
  private final LabAddresses addresses;
  private final NameService names;
  private final DemoHost oldHost;
  private final DemoHost newHost;
  private final List<String> recordsBefore;
  private final KernelSnapshot oldBefore;
  private final KernelSnapshot newBefore;

  private Stage(
      ScenarioOptions options,
      Lab lab,
      LabAddresses addresses,
      NameService names,
      DemoHost oldHost,
      DemoHost newHost)
      throws Exception {
    this.options = options;
    this.lab = lab;
    this.addresses = addresses;
    this.names = names;
    this.oldHost = oldHost;
    this.newHost = newHost;
    recordsBefore = names.records();
    oldBefore = KernelSnapshot.of(lab.oldHost());
    newBefore = KernelSnapshot.of(lab.newHost());
  }

  /** Builds it; all of it goes with {@code cleanup}, but the folder that is to be kept. */
  static Stage set(ScenarioOptions options, Cleanup cleanup) throws Exception {
    Path folder = folder(options.keep(), cleanup);
    Lab lab =
        Lab.build(
            LabOptions.plain()
                .withDelay(options.delay())
                .withPeer(options.peerConnections() > 0)
                .withLowestMac(options.lowestMac())
                .withQuickAck(options.quickAck()),
            cleanup);
    LabAddresses addresses = options.ipv6() ? LabAddresses.V6 : LabAddresses.V4;
    LabAddresses underlay = options.ipv6Underlay() ? LabAddresses.V6 : LabAddresses.V4;
    if (options.nat()) {
      lab.hideOldHost();
    }
    NameService names =
        NameService.start(lab.router(), addresses.router(), addresses.guestOld(), cleanup);
    return new Stage(
        options,
        lab,
        addresses,
        names,
        new DemoHost(
            new HostPlan(
                "old-host",
                lab.oldHost(),
                underlay.oldHost(),
                Lab.BRIDGE,
                options.dataConnections(),
                options.captureAtOldHost(),
                false),
            folder.resolve("old-host")),
        new DemoHost(
            new HostPlan(
                "new-host",
                lab.newHost(),
                underlay.newHost(),
                Lab.BRIDGE,
                options.dataConnections(),
                options.captureAtNewHost(),
                options.roaming()),
            folder.resolve("new-host")));
  }

  private static Path folder(@Nullable Path keep, Cleanup cleanup) throws IOException {
    if (keep != null) {
      return Files.createDirectories(keep.toAbsolutePath());
    }
    Path folder = Files.createTempDirectory("holdfast-demo-");
    cleanup.add("the folder " + folder, () -> delete(folder));
    return folder;
  }

  private static void delete(Path folder) throws IOException {
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path each : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(each);
      }
    }
  }

  /** Starts both daemons and waits until they answer. */
  void startDaemons(Cleanup cleanup) throws Exception {
    List<String> granted = lans().map(LabAddresses::oldLan).toList();
    boolean plaintext = options.plaintext();
    String toNew = newHost.plan().endpoint();
    if (options.named()) {
      oldHost.resolves(NEW_HOST_NAME, newHost.plan().address());
      toNew = NEW_HOST_NAME + ":" + HostPlan.PORT;
    }
    String toOld = options.nat() ? "" : oldHost.plan().endpoint();
    if (!options.rehearsed()) {
      oldHost.unrehearsed();
      newHost.unrehearsed();
    }
    oldHost.start(newHost.asRemote(granted, toNew, plaintext), names, cleanup);
    newHost.start(oldHost.asRemote(granted, toOld, plaintext), names, cleanup);
    oldHost.awaitReady();
    newHost.awaitReady();
  }

  /** The guest's addresses, one family after the other; the first is that of its name. */
  Stream<LabAddresses> lans() {
    return options.dualStack()
        ? Stream.of(addresses, options.ipv6() ? LabAddresses.V4 : LabAddresses.V6)
        : Stream.of(addresses);
  }

  Lab lab() {
    return lab;
  }

  LabAddresses addresses() {
    return addresses;
  }

  NameService names() {
    return names;
  }

  DemoHost oldHost() {
    return oldHost;
  }

  DemoHost newHost() {
    return newHost;
  }

  /** What differs from before, apart from what the guest's move itself has changed. */
  List<String> leftBehind() throws Exception {
    List<String> left = new ArrayList<>();
    oldBefore
        .differences(KernelSnapshot.of(lab.oldHost()), expectedAtOldHost())
        .forEach(line -> left.add("old host: " + line));
    newBefore
        .differences(KernelSnapshot.of(lab.newHost()), line -> false)
        .forEach(line -> left.add("new host: " + line));
    for (DemoHost host : List.of(oldHost, newHost)) {
      host.pins().forEach(pin -> left.add(host.plan().name() + ": left: pin " + pin));
    }
    addRecords(left);
    return left;
  }

  /**
   * A port that the old host itself has deleted is gone with all that hung on it; and a bridge that
   * had its MAC from that port may have another now.
   */
  private Predicate<String> expectedAtOldHost() {
    if (!options.deletePort()) {
      return line -> false;
    }
    Predicate<String> ofPort = line -> line.contains(Lab.OLD_PORT);
    return options.lowestMac() ? ofPort.or(Stage::isBridgeMac) : ofPort;
  }

  private static boolean isBridgeMac(String line) {
    return line.startsWith("mac: " + Lab.BRIDGE + " ")
        || (line.startsWith("forwarding entry: ") && line.contains(" dev " + Lab.BRIDGE + " "));
  }

  private void addRecords(List<String> left) {
    boolean moved = options.ending() == Ending.MOVED && !options.without();
    List<String> expected =
        moved
            ? NameService.moved(recordsBefore, addresses.guestOld(), addresses.guestNew())
            : recordsBefore;
    if (options.without()) {
      return; // the demo itself has played the administrator who changes the name
    }
    List<String> now = names.records();
    now.stream()
        .filter(line -> !expected.contains(line))
        .forEach(line -> left.add("left: DNS record " + line));
    expected.stream()
        .filter(line -> !now.contains(line))
        .forEach(line -> left.add("missing: DNS record " + line));
  }
}
