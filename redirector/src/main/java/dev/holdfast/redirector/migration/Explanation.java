package dev.holdfast.redirector.migration;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What would become of a packet, step by step, as {@code explain --json} prints it. Fields are only
 * ever added.
 *
 * @param schema "holdfast.explain/1"
 * @param way from-lan or out-of-tunnel
 * @param verdict not-captured, passed, held, tunnelled, leave, delivered, answered, rejected or
 *     dropped
 * @param dropReason label under which the drop is counted; null where it is not dropped
 * @param migration whose packet it is, by name; null where it is no migration's
 * @param steps in the order in which they are taken; the last one decides
 * @param outcome a sentence
 */
public record Explanation(
    String schema,
    String way,
    String verdict,
    @Nullable String dropReason,
    @Nullable String migration,
    List<Step> steps,
    String outcome) {
  public static final String SCHEMA = "holdfast.explain/1";

  /**
   * One thing that is found out about the packet.
   *
   * @param step packet, capture, tunnel, migration, flow, decide, data connection, size,
   *     encapsulation or delivery
   * @param why a clause or a sentence; empty where the result says all
   */
  public record Step(String step, String result, String why) {}
}
