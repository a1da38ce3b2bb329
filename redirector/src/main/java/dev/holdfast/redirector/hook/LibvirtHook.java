package dev.holdfast.redirector.hook;

import dev.holdfast.redirector.hook.Triggers.Result;
import dev.holdfast.redirector.hook.Triggers.Verb;
import dev.holdfast.redirector.migration.MigrationView;
import dev.holdfast.tunnel.time.Clock;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;

/**
 * libvirt's hook for QEMU guests (libvirt.org/hooks.html): GUEST OPERATION SUBOPERATION EXTRA, and
 * the domain XML on standard input.
 *
 * <p>libvirt waits for its hooks, and takes a failure for a veto; so nothing here fails, and
 * libvirt is never called back. It has no hook for a guest that is paused or resumed. The exact
 * moments come from a monitor of our own, which a process of its own watches; what libvirt says
 * late is a safety net for guests without one:
 *
 * <pre>
 *  host         called as                       what is done
 *  destination  G migrate begin -               the watch is started; QEMU comes to be in a moment
 *  destination  G started begin -               nothing: QEMU runs, the guest does not yet
 *  source       G armed begin -                 the watch is started (by a [[hook]] of ours)
 *  source       G stopped end -                 hold, if nobody has: the guest is no longer here
 *  source       G release end migrated          hold and release, if nobody has: it runs over there
 *  source       G release end shutdown, ...     nothing but a remark: it was not moved
 * </pre>
 */
public final class LibvirtHook {
  private final ToolHook hook;
  private final WatchStarter starter;

  public LibvirtHook(
      Triggers triggers, WatchStarter starter, Clock clock, Consumer<HookLine> lines) {
    this.hook = new ToolHook(triggers, new HookLog(clock, lines));
    this.starter = starter;
  }

  /**
   * Does what an operation needs; nothing for guests that are none of ours.
   *
   * @param suboperation begin or end
   * @param extra why a guest has ended, since libvirt 10.5; "-" before
   * @param xml the domain, or nothing
   */
  public void run(String guest, String operation, String suboperation, String extra, byte[] xml) {
    switch (operation + " " + suboperation) {
      case "migrate begin" -> ours(guest, xml, "endpoint").forEach(each -> watch(each, xml));
      case "armed begin" -> ours(guest, xml, "redirector").forEach(each -> watch(each, xml));
      case "stopped end" -> {
        ours(guest, xml, "redirector").forEach(this::hold);
        ours(guest, xml, "endpoint").forEach(this::notHere);
      }
      case "release end" -> ours(guest, xml, "redirector").forEach(each -> released(each, extra));
      default -> {}
    }
  }

  /** By the guest's name, or by the MAC of one of its interfaces. */
  private List<MigrationView> ours(String guest, byte[] xml, String role) {
    List<String> macs;
    try {
      macs = xml.length == 0 ? List.of() : DomainXml.parse(xml).macs();
    } catch (IOException e) {
      macs = List.of();
    }
    List<String> known = macs;
    return hook.live(migration ->
        migration.role().equals(role)
            && (migration.name().equals(guest)
                || (migration.guestMac() != null && known.contains(migration.guestMac()))));
  }

  private void watch(MigrationView migration, byte[] xml) {
    Path monitor;
    try {
      monitor = DomainXml.parse(xml).monitor();
    } catch (IOException e) {
      hook.remark(migration, String.valueOf(e.getMessage()));
      return;
    }
    if (monitor == null) {
      hook.remark(
          migration,
          "The guest of "
              + migration.name()
              + " has no monitor for Holdfast: it is held and released when libvirt says so, which"
              + " is late. Give it one: <qemu:arg value='-qmp'/> <qemu:arg"
              + " value='unix:PATH,server=on,wait=off'/>");
      return;
    }
    hook.watch(migration, monitor, starter);
  }

  private void hold(MigrationView migration) {
    Result unused = hook.ask(Verb.HOLD, migration);
  }

  private void released(MigrationView migration, String reason) {
    switch (reason) {
      case "migrated" -> {
        Result held = hook.ask(Verb.HOLD, migration);
        MigrationView now = held.migration();
        if (held.outcome().isGood() && now != null) {
          Result unused = hook.ask(Verb.RELEASE, now);
        }
      }
      case "-", "", "unknown" ->
          hook.remark(
              migration,
              "The guest has ended here, and libvirt (before 10.5) does not say why. If it runs at"
                  + " the new host, and nobody releases it: holdfast migration release "
                  + migration.name());
      default ->
          hook.remark(
              migration,
              "The guest has ended here and was not moved ("
                  + reason
                  + "). To end the migration: holdfast migration rollback "
                  + migration.name());
    }
  }

  private void notHere(MigrationView migration) {
    hook.remark(
        migration,
        "The guest of "
            + migration.name()
            + " has ended at this host; the hook at its source rolls back, if it runs there.");
  }
}
