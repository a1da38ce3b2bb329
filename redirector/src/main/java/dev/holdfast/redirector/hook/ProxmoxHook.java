package dev.holdfast.redirector.hook;

import dev.holdfast.redirector.hook.Triggers.Result;
import dev.holdfast.redirector.hook.Triggers.Verb;
import dev.holdfast.redirector.migration.MigrationView;
import dev.holdfast.tunnel.time.Clock;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A hookscript of Proxmox VE ({@code qm set VMID --hookscript}): VMID PHASE.
 *
 * <p>Like libvirt it has no phase for a guest that is paused or resumed, so the exact moments come
 * from a monitor of our own ({@code qm set VMID --args '-qmp unix:PATH,server=on,wait=off'}).
 *
 * <pre>
 *  host         phase                               what is done
 *  destination  pre-start, of a migration           the watch is started
 *  source       armed                               the watch is started (by a [[hook]] of ours)
 *  source       post-stop                           hold, if nobody has: it is no longer here
 *  source       post-start, of no migration         rollback: it was started here
 * </pre>
 */
public final class ProxmoxHook {
  private final ToolHook hook;
  private final WatchStarter starter;

  public ProxmoxHook(
      Triggers triggers, WatchStarter starter, Clock clock, Consumer<HookLine> lines) {
    this.hook = new ToolHook(triggers, new HookLog(clock, lines));
    this.starter = starter;
  }

  /**
   * Does what a phase needs; nothing for guests that are none of ours. Migrations of guest 100 are
   * called 100, vm100 or vm-100.
   *
   * @param monitor QEMU's second monitor
   * @param migratedFrom the node that the guest comes from (PVE_MIGRATED_FROM); null: it is started
   */
  public void run(String vmid, String phase, Path monitor, @Nullable String migratedFrom) {
    switch (phase) {
      case "pre-start" -> {
        if (migratedFrom != null) {
          ours(vmid, "endpoint").forEach(each -> hook.watch(each, monitor, starter));
        }
      }
      case "armed" -> ours(vmid, "redirector").forEach(each -> hook.watch(each, monitor, starter));
      case "post-start" -> {
        if (migratedFrom == null) {
          ours(vmid, "redirector").forEach(each -> ask(Verb.ROLLBACK, each));
        }
      }
      case "post-stop" -> ours(vmid, "redirector").forEach(each -> ask(Verb.HOLD, each));
      default -> {}
    }
  }

  private void ask(Verb verb, MigrationView migration) {
    Result unused = hook.ask(verb, migration);
  }

  private List<MigrationView> ours(String vmid, String role) {
    List<String> names = List.of(vmid, "vm" + vmid, "vm-" + vmid);
    return hook.live(
        migration -> migration.role().equals(role) && names.contains(migration.name()));
  }
}
