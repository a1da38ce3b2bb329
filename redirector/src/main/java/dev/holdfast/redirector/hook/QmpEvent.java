package dev.holdfast.redirector.hook;

import tools.jackson.databind.JsonNode;

/**
 * One event of QEMU's monitor (QMP specification, section 2.5: asynchronous events).
 *
 * @param name such as STOP, RESUME, MIGRATION
 * @param status of a MIGRATION event, such as pre-switchover; "" of others
 * @param epochNanos when QEMU says that it happened; 0 where it does not know
 */
record QmpEvent(String name, String status, long epochNanos) {

  static QmpEvent of(JsonNode line) {
    JsonNode time = line.path("timestamp");
    long seconds = time.path("seconds").asLong(-1);
    return new QmpEvent(
        line.path("event").asString(""),
        line.path("data").path("status").asString(""),
        seconds < 0 // "in case of failure to retrieve host time, both members are -1"
            ? 0
            : seconds * 1_000_000_000L + time.path("microseconds").asLong(0) * 1_000L);
  }

  /** {@code MIGRATION active}. */
  @Override
  public String toString() {
    return status.isEmpty() ? name : name + " " + status;
  }
}
