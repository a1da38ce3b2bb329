package dev.holdfast.redirector.steer;

import dev.holdfast.redirector.steer.KernelChange.Command;
import dev.holdfast.tunnel.packet.IpAddress;
import java.util.List;

/**
 * Keeps a host from answering the probes of a return path, which arrive from the address of a guest
 * that runs here: the reset that they would be answered with is the guest's to get.
 *
 * <p>Packet sockets hear them before, which is why it is at input: with br_netfilter, prerouting is
 * passed by what a bridge takes in before the bridge's own sockets hear it. What is dropped here is
 * not tracked either: tracking confirms a connection at the end of this hook.
 */
public final class ReturnProbeSilence {
  private ReturnProbeSilence() {}

  /**
   * A table of its own; its undo may be run more than once.
   *
   * @param migration UUID
   * @param port of both ends of the probes
   */
  public static KernelChange of(String migration, List<IpAddress> olds, int port) {
    String table = "inet " + SteeringNames.TABLE + "_probe_" + migration.substring(0, 8);
    StringBuilder script = new StringBuilder(removal(table)).append("table ").append(table);
    script.append(" {\nchain input { type filter hook input priority -310;\n");
    for (IpAddress old : olds) {
      script
          .append(old.isV4() ? "ip" : "ip6")
          .append(" saddr ")
          .append(old)
          .append(" tcp sport ")
          .append(port)
          .append(" tcp dport ")
          .append(port)
          .append(" counter drop\n");
    }
    script.append("}\n}\n");
    return new KernelChange(
        "leave probes of the return path from " + olds + " without an answer",
        List.of(new Command.Nft(script.toString())),
        "delete that table",
        List.of(new Command.Nft(removal(table))));
  }

  /** Whether it is there or not. */
  private static String removal(String table) {
    return "add table " + table + "\ndelete table " + table + "\n";
  }
}
