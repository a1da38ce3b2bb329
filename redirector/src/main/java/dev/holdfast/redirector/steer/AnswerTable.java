package dev.holdfast.redirector.steer;

import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.IpPrefix;
import dev.holdfast.tunnel.packet.MacAddress;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * Whose questions for which addresses are answered on one interface, and with which MAC. Any thread
 * may change it while it is in use.
 */
public final class AnswerTable {
  /** Of one guest so many neighbours are remembered. */
  static final int MOST_TOLD = 64;

  /**
   * @param answer the MAC that is told
   * @param guest is not answered: when it is back, it asks whether somebody has its address
   */
  private record Captured(MacAddress answer, @Nullable MacAddress guest) {}

  private record Guest(
      Set<IpAddress> olds,
      Set<IpAddress> news,
      List<IpPrefix> oldLans,
      Set<IpAddress> hosts,
      MacAddress answer,
      Set<IpAddress> told) {

    /** Asks as one of its old addresses; or, to find out whether we are still here, just us. */
    boolean mayAsk(IpAddress as, MacAddress whom) {
      return olds.contains(as) || whom.equals(answer);
    }

    boolean isOwn(IpAddress target) {
      return olds.contains(target) || news.contains(target);
    }

    void note(IpAddress target) {
      if (told.size() < MOST_TOLD) {
        told.add(target);
      }
    }
  }

  private final Map<IpAddress, Captured> captured = new ConcurrentHashMap<>();
  private final Map<MacAddress, Guest> guests = new ConcurrentHashMap<>();

  /**
   * At the redirector, while it captures: whoever asks for {@code old} is told {@code answer}, but
   * {@code guest} itself is not, or its duplicate address detection (RFC 4862 section 5.4, RFC
   * 5227) would fail when it comes back before anybody has said so.
   */
  public void capture(IpAddress old, MacAddress answer, @Nullable MacAddress guest) {
    captured.put(old, new Captured(answer, guest));
  }

  public void release(IpAddress old) {
    captured.remove(old);
  }

  /**
   * At the endpoint: {@code guest}, and nobody else, is told {@code answer} for every address of
   * the LAN that it has left. It must ask as an old address: its MAC is a remote host's word, and
   * another machine that has it must not be drawn here.
   *
   * @param olds its old addresses. These and the new ones are never answered for: it asks for them
   *     to find out whether somebody else has them
   * @param hosts this host's own addresses, where its kernel does not hear the guest ask
   */
  public void serve(
      MacAddress guest,
      Collection<IpAddress> olds,
      Collection<IpAddress> news,
      List<IpPrefix> oldLans,
      Collection<IpAddress> hosts,
      MacAddress answer) {
    guests.put(
        guest,
        new Guest(
            Set.copyOf(olds),
            Set.copyOf(news),
            List.copyOf(oldLans),
            Set.copyOf(hosts),
            answer,
            ConcurrentHashMap.newKeySet()));
  }

  public void stopServing(MacAddress guest) {
    guests.remove(guest);
  }

  /** Which neighbours of its old LAN {@code guest} was told to be here; the first ones of many. */
  public List<IpAddress> told(MacAddress guest) {
    Guest served = guests.get(guest);
    return served == null ? List.of() : List.copyOf(served.told());
  }

  boolean isCaptured(IpAddress address) {
    return captured.containsKey(address);
  }

  /** With which MAC a captured address is answered for; null for one that is not captured. */
  @Nullable MacAddress captured(IpAddress address) {
    Captured there = captured.get(address);
    return there == null ? null : there.answer();
  }

  /** Whether there is anything to answer. */
  public boolean isEmpty() {
    return captured.isEmpty() && guests.isEmpty();
  }

  /**
   * @param asker who asks, by the frame's source
   * @param as by which address
   * @param whom the frame's destination
   * @return the MAC to answer with; null where this host has nothing to say
   */
  @Nullable MacAddress answer(MacAddress asker, IpAddress as, MacAddress whom, IpAddress target) {
    Captured here = captured.get(target);
    if (here != null) {
      return asker.equals(here.guest()) ? null : here.answer();
    }
    Guest guest = guests.get(asker);
    if (guest == null || guest.isOwn(target) || !guest.mayAsk(as, whom)) {
      return null;
    }
    if (guest.hosts().contains(target)) {
      return guest.answer();
    }
    for (IpPrefix lan : guest.oldLans()) {
      if (lan.contains(target)) {
        guest.note(target);
        return guest.answer();
      }
    }
    return null;
  }

  /**
   * As which of its new addresses {@code asker}, a guest that asks as an old one, is to be heard on
   * its new LAN: many a neighbour answers nobody whose address is none of that LAN (RFC 4861
   * section 7.2.3; a strict check of sources does the same to ARP).
   *
   * @return null where it is not such a guest, or asks for what is answered here or is its own
   */
  @Nullable IpAddress renamed(MacAddress asker, IpAddress as, IpAddress target) {
    Guest guest = guests.get(asker);
    if (guest == null || !guest.olds().contains(as) || guest.isOwn(target)) {
      return null;
    }
    for (IpPrefix lan : guest.oldLans()) {
      if (lan.contains(target)) {
        return null;
      }
    }
    for (IpAddress fresh : guest.news()) {
      if (fresh.isV4() == as.isV4()) {
        return fresh;
      }
    }
    return null;
  }

  /** Answers to guests stand for their routers too, and must not deny that they are routers. */
  boolean speaksForRouters(MacAddress asker, IpAddress target) {
    Guest guest = guests.get(asker);
    return guest != null && !guest.hosts().contains(target) && !captured.containsKey(target);
  }
}
