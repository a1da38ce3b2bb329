package dev.holdfast.steer;

import dev.holdfast.lab.Namespace;
import dev.holdfast.redirector.steer.EndpointSteering;
import dev.holdfast.redirector.steer.HostFacts;
import dev.holdfast.redirector.steer.HostSteering;
import dev.holdfast.redirector.steer.KernelChange;
import dev.holdfast.redirector.steer.KernelLedger;
import dev.holdfast.redirector.steer.LinuxKernel;
import dev.holdfast.redirector.steer.RedirectorSteering;
import dev.holdfast.redirector.steer.SteeringPlan;
import dev.holdfast.tunnel.device.TunDevice;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;

/** A host that steers: its kernel, ledger and TUN, used as the daemon uses them. */
final class Rig implements AutoCloseable {
  static final String TUN = "hft0";

  private final Namespace host;
  private final Path file;
  final LinuxKernel kernel = new LinuxKernel();
  final HostFacts facts = new HostFacts(kernel);
  KernelLedger ledger;
  TunEcho tun;

  Rig(Namespace host, Path folder) throws Exception {
    this.host = host;
    this.file = folder.resolve("kernel.ledger");
    this.ledger = KernelLedger.open(file, kernel);
    this.tun = openTun();
  }

  private TunEcho openTun() throws Exception {
    return in(() -> new TunEcho(TunDevice.open(TUN)));
  }

  Namespace host() {
    return host;
  }

  /** Runs {@code body} in the host's namespace. */
  <T> T in(Callable<T> body) throws Exception {
    return host.call(body);
  }

  void arm(RedirectorSteering steering, SteeringPlan plan) throws Exception {
    in(() -> {
      ledger.apply(KernelLedger.HOST, new HostSteering(facts, TUN).changes());
      ledger.apply(KernelLedger.HOST, steering.shared());
      ledger.apply(plan.migration(), steering.arm());
      return "armed";
    });
  }

  void arm(EndpointSteering steering, SteeringPlan plan) throws Exception {
    in(() -> {
      ledger.apply(KernelLedger.HOST, new HostSteering(facts, TUN).changes());
      ledger.apply(KernelLedger.HOST, steering.shared());
      ledger.apply(plan.migration(), steering.arm());
      return "armed";
    });
  }

  void nft(String script) throws Exception {
    in(() -> {
      kernel.nftNow(script);
      return "done";
    });
  }

  List<String> undoAll() throws Exception {
    return in(ledger::undoAll);
  }

  List<KernelChange> changes(String owner) {
    return ledger.changes(owner);
  }

  /** As SIGKILL does: the TUN goes, the ledger's memory goes, the kernel keeps the rest. */
  void die() throws Exception {
    tun.close();
    ledger.close();
  }

  /** A new process takes over. */
  void restart() throws Exception {
    ledger = KernelLedger.open(file, kernel);
    tun = openTun();
    in(() -> {
      for (String owner : ledger.owners()) {
        ledger.reapply(owner);
      }
      return "restarted";
    });
  }

  @Override
  public void close() throws Exception {
    tun.close();
    ledger.close();
    kernel.close();
  }
}
