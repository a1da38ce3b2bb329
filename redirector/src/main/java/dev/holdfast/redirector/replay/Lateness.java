package dev.holdfast.redirector.replay;

/**
 * How late a live replay's packets were, against their moments on its schedule.
 *
 * @param count packets that had a moment of their own; those that answer one that has just come
 *     have none
 * @param sent packets that were sent, all together; a super-packet counts once
 * @param received packets that came in for the played ends
 * @param pace how captured time was played, such as {@code speed 2}
 */
public record Lateness(
    long count,
    long p50Nanos,
    long p99Nanos,
    long maxNanos,
    long sent,
    long received,
    String pace) {}
