package dev.holdfast.redirector.migration;

import org.jspecify.annotations.Nullable;

/**
 * What is told of a migration's data connections when some of them are lost: a line when the first
 * one goes, one when none is left, one when all are back. Which are down meanwhile can be looked
 * up. Data loop only.
 */
final class LinkNews {
  private final String whose;
  private final boolean[] up;
  private int count;

  /**
   * @param whose {@code to host-b} or {@code from host-a}
   */
  LinkNews(int connections, String whose) {
    this.whose = whose;
    up = new boolean[connections];
  }

  /**
   * Of IP-in-IP, which has no connection.
   *
   * @param why a clause; null where packets pass again
   */
  static String packetsReturned(String remote, @Nullable String why) {
    return why == null
        ? "the tunnel's packets to " + remote + " pass again"
        : "the tunnel's packets to " + remote + " come back: " + why;
  }

  /** Data connection {@code lane} is up; null where that is no news. */
  @Nullable String up(int lane) {
    if (up[lane]) {
      return null; // opened anew before the end of the earlier one was noticed here
    }
    up[lane] = true;
    count++;
    if (count < up.length) {
      return null;
    }
    return up.length == 1
        ? "data connection " + whose + " is up"
        : "all " + up.length + " data connections " + whose + " are up";
  }

  /** It is down; null where that is no news. */
  @Nullable String down(int lane, String reason) {
    if (!up[lane]) {
      return null;
    }
    up[lane] = false;
    count--;
    if (up.length == 1) {
      return "data connection " + whose + " is down: " + reason;
    }
    if (count == up.length - 1) {
      return "data connection "
          + (lane + 1)
          + " of "
          + up.length
          + " "
          + whose
          + " is down: "
          + reason
          + "; the flows of the others go on";
    }
    return count == 0 ? "no data connection " + whose + " is up: " + reason : null;
  }
}
