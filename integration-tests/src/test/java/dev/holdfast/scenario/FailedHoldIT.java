package dev.holdfast.scenario;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.redirector.demo.lab.Cleanup;
import dev.holdfast.redirector.demo.lab.Lab;
import dev.holdfast.redirector.demo.lab.LabAddresses;
import dev.holdfast.redirector.demo.lab.LabOptions;
import dev.holdfast.redirector.demo.lab.Tool;
import dev.holdfast.redirector.migration.MigrationState;
import dev.holdfast.redirector.migration.MigrationView;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;

/** A hold that cannot be: the migration is armed as before, and learns what begins after it. */
@EnabledIf(value = "dev.holdfast.scenario.Root#isRoot", disabledReason = "needs root")
class FailedHoldIT {
  private static final String TABLE = "table inet holdfast";

  private final Cleanup cleanup = new Cleanup();

  @TempDir private Path folder;

  @AfterEach
  void takeDown() {
    cleanup.close();
    assertThat(cleanup.problems()).isEmpty();
  }

  @Test
  void whatBeginsAfterAHoldThatFailedIsKnown() throws Exception {
    Lab lab = Lab.build(LabOptions.plain(), cleanup);
    TwoHosts hosts = TwoHosts.start(lab, LabAddresses.V4, folder, cleanup);
    hosts.arm(hosts.request("ipip"));
    ping(lab);
    int known = awaitFlows(hosts, 1);

    String ours = Tool.run(lab.oldHost().within("nft", "list " + TABLE));
    Tool.run(lab.oldHost().within("nft", "delete " + TABLE));
    assertThatThrownBy(hosts::hold).hasMessageContaining("armed as before");
    assertThat(hosts.old().control().show(TwoHosts.NAME).state())
        .isEqualTo(MigrationState.ARMED.label());
    assertThat(awaitFlows(hosts, known)).as("what was known").isEqualTo(known);
    ping(lab); // has another identifier, and so is another flow
    known = awaitFlows(hosts, known + 1);

    Tool.run(lab.oldHost().within("nft", "-f", "-"), ours);
    hosts.hold();
    assertThat(hosts.old().control().show(TwoHosts.NAME).flowsAtHold())
        .isGreaterThanOrEqualTo(known);
    assertThat(hosts.old().control().rollback(TwoHosts.NAME, false).state())
        .isEqualTo(MigrationState.ROLLED_BACK.label());
    hosts.nothingIsLeft();
  }

  private static void ping(Lab lab) throws Exception {
    String old = LabAddresses.V4.guestOld().toString();
    assertThat(Tool.run(lab.client().within("ping", "-nqc1", "-W5", old))).contains(" 1 received");
  }

  private static int awaitFlows(TwoHosts hosts, int least) throws Exception {
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
    while (true) {
      MigrationView view = hosts.old().control().show(TwoHosts.NAME);
      if (view.flows() >= least) {
        return view.flows();
      }
      assertThat(System.nanoTime() - end)
          .as("%d flows, %d expected; %s", view.flows(), least, view.alerts())
          .isNegative();
      Thread.sleep(50);
    }
  }
}
