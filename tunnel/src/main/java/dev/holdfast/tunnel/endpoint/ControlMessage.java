package dev.holdfast.tunnel.endpoint;

import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.IpPrefix;
import dev.holdfast.tunnel.packet.MacAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * What two daemons say to each other on the control channel, always inside mutual TLS 1.3.
 *
 * <p>"Redirector" and "endpoint" are roles in one migration; either daemon may hold either role. A
 * message about a migration carries its epoch: a late message of an earlier epoch changes nothing.
 */
public sealed interface ControlMessage {
  /** Capability: can map new addresses to the old ones of a guest that is not touched. */
  String GUEST_UNAWARE = "guest-unaware";

  /** Capability: as a redirector, can hold for a guest that is on its way back. */
  String HOLD_TO_RETURN = "hold-to-return";

  /** First message, both ways. Both take the highest version that both know. */
  record Hello(
      int minVersion, int maxVersion, String hostName, String software, List<String> capabilities)
      implements ControlMessage {}

  /** Keepalive and clock: answered at once with the same nonce. */
  record Ping(long nonce, long epochNanos) implements ControlMessage {}

  record Pong(long nonce, long epochNanos) implements ControlMessage {}

  /**
   * Redirector to endpoint: may this migration be armed, and prepare for it. With {@code dryRun}
   * nothing is changed.
   *
   * @param request chosen by the sender; the answer repeats it
   * @param guestMac null where it is not known (routed guests)
   * @param deliver the endpoint's interface towards the guest
   * @param oldLans prefixes of the LAN that the guest leaves, whose neighbours it may go on asking
   *     for
   * @param encapsulation "tls", "ipip", or "auto": the endpoint chooses as far as it is concerned
   * @param connections how many data connections the redirector would open at most; 1 of a daemon
   *     that does not say
   * @param encapsulationReason why the redirector asks for it; empty where it was told to
   * @param guestUnaware whether the guest keeps its old addresses alone, and the endpoint is to map
   *     the new ones to them; asked only of a daemon with that {@link #GUEST_UNAWARE capability}
   * @param advertisements of the old LAN's routers, as IPv6 packets, to be repeated to such a guest
   */
  record ArmRequest(
      long request,
      UUID migration,
      String name,
      long epoch,
      boolean dryRun,
      List<IpAddress> oldAddresses,
      List<IpAddress> newAddresses,
      @Nullable MacAddress guestMac,
      String deliver,
      String encapsulation,
      String returnPath,
      List<IpPrefix> oldLans,
      String dnsName,
      int connections,
      String encapsulationReason,
      boolean guestUnaware,
      List<byte[]> advertisements)
      implements ControlMessage {
    /** Of a guest that knows its new addresses. */
    public ArmRequest(
        long request,
        UUID migration,
        String name,
        long epoch,
        boolean dryRun,
        List<IpAddress> oldAddresses,
        List<IpAddress> newAddresses,
        @Nullable MacAddress guestMac,
        String deliver,
        String encapsulation,
        String returnPath,
        List<IpPrefix> oldLans,
        String dnsName,
        int connections,
        String encapsulationReason) {
      this(
          request,
          migration,
          name,
          epoch,
          dryRun,
          oldAddresses,
          newAddresses,
          guestMac,
          deliver,
          encapsulation,
          returnPath,
          oldLans,
          dnsName,
          connections,
          encapsulationReason,
          false,
          List.of());
    }
  }

  /**
   * The endpoint's answer to {@link ArmRequest}.
   *
   * @param refusal empty when accepted, otherwise one sentence for the person who asked
   * @param checks what the endpoint's preflight found
   * @param changes what arming makes there, in order
   * @param token 16 random bytes that a data connection for this migration shows; empty when
   *     refused or dry
   * @param connections how many data connections there are to be: no more than were asked for; 1 of
   *     a daemon that does not say
   * @param encapsulation what the endpoint agrees to, "tls" or "ipip"; empty when refused
   * @param encapsulationReason why, where it was asked for "auto"; otherwise empty
   */
  record ArmReply(
      long request,
      String refusal,
      List<CheckEntry> checks,
      List<ChangeEntry> changes,
      byte[] token,
      int connections,
      String encapsulation,
      String encapsulationReason)
      implements ControlMessage {
    public boolean accepted() {
      return refusal.isEmpty();
    }
  }

  /**
   * One check of a preflight.
   *
   * @param result ok, warning or failed
   * @param detail empty where there is nothing to say
   * @param fix what to do; empty where nothing is to be done
   */
  record CheckEntry(String name, String result, String detail, String fix) {}

  /** One change of the endpoint's kernel, and how it is taken back. */
  record ChangeEntry(String what, String undo) {}

  /**
   * Redirector to endpoint: the connections alive at hold, for its drain count and its ownership of
   * replies.
   */
  record FlowSnapshot(UUID migration, long epoch, List<FlowEntry> flows) implements ControlMessage {
    /** All of {@code flows}, in as many messages as that takes; one at least. */
    public static List<FlowSnapshot> of(UUID migration, long epoch, List<FlowEntry> flows) {
      List<FlowSnapshot> messages = new ArrayList<>();
      int at = 0;
      do {
        int end = Math.min(flows.size(), at + ControlCodec.MAX_FLOWS);
        messages.add(new FlowSnapshot(migration, epoch, flows.subList(at, end)));
        at = end;
      } while (at < flows.size());
      return messages;
    }
  }

  /** One connection as a flow snapshot names it. */
  record FlowEntry(int protocol, IpAddress guest, int guestPort, IpAddress peer, int peerPort) {}

  /**
   * Redirector to endpoint, when arm has measured that less passes than is usual: the longest inner
   * packet that IP-in-IP carries whole between them, either way.
   *
   * @param bytes of the inner packet
   */
  record PathMtu(UUID migration, long epoch, int bytes) implements ControlMessage {}

  /**
   * Redirector to endpoint, at arm, where the guest's answers are to leave there: send a probe from
   * the old address of each family to each of these addresses of the redirector, out of the new
   * site. Not answered; what arrives is the answer.
   *
   * @param number repeated in the probes
   */
  record SpoofProbe(UUID migration, long epoch, long number, List<IpAddress> to)
      implements ControlMessage {
    public SpoofProbe {
      to = List.copyOf(to);
    }
  }

  /**
   * Redirector to endpoint, at arm: probes from every old address have arrived, so answers may
   * leave there. Not answered: the redirector takes answers by either way.
   */
  record DirectReturn(UUID migration, long epoch) implements ControlMessage {}

  /** Redirector to endpoint: the hold stands; staged packets follow on the data connection. */
  record Held(UUID migration, long epoch) implements ControlMessage {}

  /**
   * Either way: the guest runs at the endpoint. Repeated until answered; the answer to a repetition
   * is the same.
   */
  record Release(UUID migration, long epoch, long acceptedEpochNanos) implements ControlMessage {}

  /**
   * Endpoint to redirector: released.
   *
   * @param acceptedEpochNanos when the release was accepted, wall clock of the host that accepted
   *     it
   * @param stagedUpTo for each data connection the id up to which its staged packets have been
   *     delivered; never empty
   */
  record Released(
      UUID migration, long epoch, long acceptedEpochNanos, long delivered, List<Long> stagedUpTo)
      implements ControlMessage {
    public Released {
      stagedUpTo = List.copyOf(stagedUpTo);
    }
  }

  /**
   * Redirector to endpoint: forget it; the guest stays or is back at the redirector. Refused once
   * released.
   */
  record Rollback(UUID migration, long epoch) implements ControlMessage {}

  record RolledBack(UUID migration, long epoch, String refusal) implements ControlMessage {}

  /**
   * Redirector to endpoint, after release: the guest runs at the redirector again, which has the
   * address from {@code nextEpoch} on. Asking again gives the same answer.
   *
   * @param force although the guest is still heard at the endpoint
   */
  record TakeBack(UUID migration, long epoch, long nextEpoch, boolean force)
      implements ControlMessage {}

  /**
   * Endpoint to redirector: it delivers nothing any more.
   *
   * @param refusal empty when it agrees, otherwise one sentence for the person who asked
   * @param deliveredUpTo for each data connection the id up to which held packets have reached the
   *     guest
   * @param answeredFor neighbours of the old LAN that the guest was told to be at the endpoint's
   *     MAC; empty of a daemon that does not say
   */
  record TakenBack(
      UUID migration,
      long epoch,
      String refusal,
      List<Long> deliveredUpTo,
      List<IpAddress> answeredFor)
      implements ControlMessage {
    public TakenBack {
      deliveredUpTo = List.copyOf(deliveredUpTo);
      answeredFor = List.copyOf(answeredFor);
    }

    /** By who has told the guest nothing. */
    public TakenBack(UUID migration, long epoch, String refusal, List<Long> deliveredUpTo) {
      this(migration, epoch, refusal, deliveredUpTo, List.of());
    }
  }

  /**
   * Endpoint to redirector, after release: the guest is paused here and may be on its way back, so
   * hold; or it goes on here, so hold no more. Said again when the channel is back. Answered with
   * {@link HeldToReturn}; only to a daemon with that {@link #HOLD_TO_RETURN capability}.
   */
  record HoldToReturn(UUID migration, long epoch, boolean on) implements ControlMessage {}

  /**
   * Redirector to endpoint: whether it holds for the way back from now on, unasked too. While it
   * does, it takes packets for the guest back (frame type RETURNED).
   *
   * @param refusal why it does not, where it was asked to; otherwise empty
   */
  record HeldToReturn(UUID migration, long epoch, boolean on, String refusal)
      implements ControlMessage {}

  /** Redirector to endpoint: no connection is left; tear down. */
  record Finish(UUID migration, long epoch) implements ControlMessage {}

  record Finished(UUID migration, long epoch, String countersJson) implements ControlMessage {}

  /**
   * Endpoint to redirector, from time to time: is it still alive there? Not answered where it is;
   * otherwise by {@link TakeBack}, {@link Finish}, or a {@link Fault} with {@link
   * Fault#UNKNOWN_MIGRATION}. So an endpoint that missed the end learns of it.
   */
  record Inquiry(UUID migration, long epoch) implements ControlMessage {}

  /**
   * Something the sender could not do. {@code migration} is null where it concerns the channel
   * itself.
   *
   * @param request what was asked for: {@link #RELEASE} and so on; empty of a daemon that does not
   *     say, and where it is no answer to a message
   */
  record Fault(String code, String text, @Nullable UUID migration, String request)
      implements ControlMessage {
    /** The sender has no such migration with the receiver: it never was, or it has ended. */
    public static final String UNKNOWN_MIGRATION = "unknown-migration";

    public static final String RELEASE = "release";
    public static final String ROLLBACK = "rollback";
    public static final String TAKE_BACK = "take-back";
    public static final String FINISH = "finish";
    public static final String HOLD_TO_RETURN = "hold-to-return";

    /** Of what was said, and has no answer of its own that somebody waits for. */
    public static final String NOTHING_ASKED = "nothing-asked";

    public Fault(String code, String text, @Nullable UUID migration) {
      this(code, text, migration, "");
    }

    /** That {@code message} was refused. */
    public static Fault of(ControlMessage message, String code, String text, UUID migration) {
      String request =
          switch (message) {
            case Release m -> RELEASE;
            case Rollback m -> ROLLBACK;
            case TakeBack m -> TAKE_BACK;
            case Finish m -> FINISH;
            case HoldToReturn m -> HOLD_TO_RETURN;
            default -> NOTHING_ASKED;
          };
      return new Fault(code, text, migration, request);
    }

    /** That the receiver has no migration of that id here. */
    public static Fault unknown(UUID migration) {
      return new Fault(
          UNKNOWN_MIGRATION, "there is no migration " + migration + " of yours here", migration);
    }
  }
}
