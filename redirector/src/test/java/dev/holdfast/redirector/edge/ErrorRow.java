package dev.holdfast.redirector.edge;

import dev.holdfast.redirector.path.HeardErrors;
import dev.holdfast.tunnel.encap.TunnelError;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * ICMP errors about the tunnel's own packets come to the host that sent these; how the last of them
 * is taken, which path MTU follows, and what the operator is told. Nothing is ever sent because of
 * one. The path was proven to take 1500 bytes.
 */
final class ErrorRow implements Row {
  private static final int PROVEN = 1_500;
  private static final long SECOND = 1_000_000_000L;

  /** What happens, in order. */
  private interface Event {
    void happen(HeardErrors errors);
  }

  private final Ip outer;
  private final List<Event> events = new ArrayList<>();
  private final List<String> told = new ArrayList<>();
  private byte[] quoted = {};
  private Map<String, Long> before = Map.of();
  private TunnelError expected = TunnelError.OTHER;
  private int limit = Integer.MAX_VALUE;

  private ErrorRow(Ip outer) {
    this.outer = outer;
  }

  /** With outer packets of this family. */
  static ErrorRow tunnelOver(Ip outer) {
    return new ErrorRow(outer);
  }

  /**
   * An error in the outer family's ICMP.
   *
   * @param mtu that it tells
   */
  ErrorRow hears(int type, int code, int mtu, Packet about) {
    return hears(type, code, mtu, about, Integer.MAX_VALUE);
  }

  /** One that quotes no more than {@code bytes}. */
  ErrorRow hears(int type, int code, int mtu, Packet about, int bytes) {
    byte[] whole = about.bytes();
    quoted = Arrays.copyOf(whole, Math.min(whole.length, bytes));
    byte[] quote = quoted;
    events.add(errors -> {
      before = errors.counted();
      errors.hear(quote, type, code, mtu);
    });
    return this;
  }

  /** Fragmentation needed, or packet too big. */
  ErrorRow tooBig(int mtu, Packet about) {
    return tooBig(mtu, about, Integer.MAX_VALUE);
  }

  ErrorRow tooBig(int mtu, Packet about, int bytes) {
    boolean isV4 = outer == Ip.V4;
    return hears(isV4 ? 3 : 2, isV4 ? 4 : 0, mtu, about, bytes);
  }

  ErrorRow later(double seconds) {
    events.add(errors -> errors.later((long) (seconds * SECOND)));
    return this;
  }

  /** A packet of the remote host's arrives. */
  ErrorRow aPacketComes() {
    events.add(HeardErrors::packet);
    return this;
  }

  /** So the last error is counted. */
  ErrorRow is(TunnelError error) {
    expected = error;
    return this;
  }

  /** From now on outer packets are no longer than this. */
  ErrorRow limits(int bytes) {
    limit = bytes;
    return this;
  }

  /** The operator is told, in all. */
  ErrorRow tells(String... sentences) {
    told.addAll(List.of(sentences));
    return this;
  }

  @Override
  public void check() {
    var errors = new HeardErrors(outer.here, outer.there, PROVEN, List.of(Ip.V4.old, Ip.V6.old));
    events.forEach(event -> event.happen(errors));
    Map<String, Long> wanted = new TreeMap<>(before);
    wanted.merge(expected.label(), 1L, Long::sum);
    var wrong = new StringBuilder();
    differ("counted", wanted, errors.counted(), wrong);
    differ("path MTU", limit, errors.limit(), wrong);
    differ("told", told, errors.told(), wrong);
    if (!wrong.isEmpty()) {
      throw new AssertionError("over %s, quoted: %s%n%s".formatted(outer, text(), wrong));
    }
  }

  private String text() {
    return quoted.length < outer.header() ? quoted.length + " bytes" : PacketText.of(quoted);
  }

  private static void differ(String what, Object wanted, Object was, StringBuilder wrong) {
    if (!wanted.equals(was)) {
      wrong.append("  %s: expected %s, was %s%n".formatted(what, wanted, was));
    }
  }
}
