package dev.holdfast.redirector.migration;

import java.util.List;

/**
 * What arming would do, in order. Nothing of it has been done.
 *
 * @param checks what was checked on both hosts
 * @param steps every change with its undo
 */
public record MigrationPlan(String schema, String name, List<Check> checks, List<Step> steps) {

  /**
   * One preflight check.
   *
   * @param result ok, warning or failed
   * @param detail what was found
   * @param fix what to do about it; empty when ok
   */
  public record Check(String host, String name, String result, String detail, String fix) {}

  /**
   * One change.
   *
   * @param when the state whose entry does it
   */
  public record Step(String host, String when, String what, String undo) {}
}
