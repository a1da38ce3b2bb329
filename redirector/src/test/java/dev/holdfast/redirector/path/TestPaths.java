package dev.holdfast.redirector.path;

import dev.holdfast.redirector.config.Config.HoldPolicy;
import dev.holdfast.redirector.config.Config.StaleSyn;
import dev.holdfast.redirector.decide.Decision;
import dev.holdfast.redirector.decide.Role;
import dev.holdfast.redirector.flow.FlowTable;
import dev.holdfast.redirector.flow.FlowTimers;
import dev.holdfast.redirector.hold.HoldBudget;
import dev.holdfast.redirector.hold.HoldLimits;
import dev.holdfast.tunnel.packet.IpAddress;
import java.util.List;
import java.util.UUID;

/** A migration of any address, without links. */
final class TestPaths {
  private TestPaths() {}

  static MigrationPath of(Role role, IpAddress old) {
    return new MigrationPath(
        new UUID(3, 4),
        role,
        List.of(old),
        new byte[16],
        new Decision(role, List.of(old), HoldPolicy.QUEUE, StaleSyn.TUNNEL),
        1500,
        65_535,
        1,
        new FlowTable(64, FlowTimers.DEFAULTS, 1),
        new HoldBudget(1000, 1 << 20),
        HoldLimits.of(1 << 20, 1_000_000_000L),
        0);
  }
}
