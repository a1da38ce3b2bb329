package dev.holdfast.redirector.demo;

import dev.holdfast.redirector.demo.host.DemoHost;
import dev.holdfast.redirector.demo.host.NameService;
import dev.holdfast.redirector.demo.lab.Lab;
import dev.holdfast.redirector.migration.MigrationRequest;
import dev.holdfast.redirector.migration.MigrationState;
import dev.holdfast.redirector.migration.MigrationView;
import dev.holdfast.redirector.migration.MigrationView.HistoryEntry;
import dev.holdfast.redirector.migration.RequestRefused;
import dev.holdfast.tunnel.time.SystemClock;
import java.io.IOException;
import java.time.Duration;
import java.util.List;

/** The migration of the guest, as an administrator drives it over the control sockets. */
final class GuestMigration {
  private static final String NAME = "web1";
  private static final Duration ENDED_WITHIN = Duration.ofSeconds(20);
  private static final long LOOK_EVERY_MILLIS = 50;

  private final Stage stage;
  private final ScenarioOptions options;

  GuestMigration(Stage stage, ScenarioOptions options) {
    this.stage = stage;
    this.options = options;
  }

  /** Each method returns what to tell, or when the daemon says that it happened. */
  String arm() throws IOException, RequestRefused {
    MigrationView view = oldHost().control().arm(request());
    return "armed: %s will be reached through %s; %d connections are known"
        .formatted(stage.addresses().guestOld(), view.encapsulation(), view.flows());
  }

  private MigrationRequest request() {
    return MigrationRequest.of(
            NAME,
            stage.lans().map(lan -> lan.guestOld().toString()).toList(),
            stage.lans().map(lan -> lan.guestNew().toString()).toList(),
            stage.newHost().plan().name(),
            Lab.BRIDGE)
        .guestPort(Lab.OLD_PORT)
        .guestMac(Lab.GUEST_MAC)
        .dnsName(NameService.GUEST_NAME)
        .dnsAddresses(List.of(stage.addresses().guestNew().toString()))
        .encapsulation(options.encapsulation())
        .holdPolicy(options.hold())
        .flowListCommand(String.join(" ", stage.lab().guest().within("ss", "-Htn")))
        .returnPath(options.returnPath())
        .request();
  }

  String hold() throws IOException, RequestRefused {
    long asked = SystemClock.INSTANCE.nanoTime();
    MigrationView view = oldHost().control().hold(NAME);
    return "%s: packets for the guest are %s; it took %.1f ms"
        .formatted(
            view.state(),
            options.hold().equals("drop") ? "dropped" : "kept",
            Measurements.millis(SystemClock.INSTANCE.nanoTime() - asked));
  }

  /** Releases at the new host; gives when that was accepted. */
  long release() throws IOException, RequestRefused {
    return entered(newHost().control().release(NAME), MigrationState.REDIRECTING);
  }

  /** Takes the migration back at the old host; gives when that was done. */
  long rollBack() throws IOException, RequestRefused {
    return entered(oldHost().control().rollback(NAME, false), MigrationState.ROLLED_BACK);
  }

  /** When it was taken back, by the old host's word. */
  long rolledBack() throws IOException, RequestRefused {
    return entered(oldHost().control().show(NAME), MigrationState.ROLLED_BACK);
  }

  private static long entered(MigrationView view, MigrationState state) throws IOException {
    return view.history().stream()
        .filter(entry -> entry.state().equals(state.label()))
        .mapToLong(HistoryEntry::epochNanos)
        .findFirst()
        .orElseThrow(() ->
            new IOException(
                "the daemon says '%s' and has never been '%s'"
                    .formatted(view.state(), state.label())));
  }

  /** Waits until both hosts have ended the migration; gives the old host's last word on it. */
  MigrationView awaitEnd(Story story, List<String> faults)
      throws IOException, RequestRefused, InterruptedException {
    long end = SystemClock.INSTANCE.nanoTime() + ENDED_WITHIN.toNanos();
    while (true) {
      MigrationView old = oldHost().control().show(NAME);
      MigrationView fresh = newHost().control().show(NAME);
      if (hasEnded(old) && hasEnded(fresh)) {
        story.tell("the migration is " + old.state() + " at both hosts");
        return old;
      }
      if (SystemClock.INSTANCE.nanoTime() - end >= 0) {
        faults.add(
            "the migration has not ended: %s at the old host, %s at the new one; remaining: %s"
                .formatted(old.state(), fresh.state(), oldHost().control().flows(NAME, true)));
        return old;
      }
      story.progress("old host: %s, %d flows".formatted(old.state(), old.flows()));
      Thread.sleep(LOOK_EVERY_MILLIS);
    }
  }

  private static boolean hasEnded(MigrationView view) {
    return MigrationState.ofLabel(view.state()).isEnded();
  }

  private DemoHost oldHost() {
    return stage.oldHost();
  }

  private DemoHost newHost() {
    return stage.newHost();
  }
}
