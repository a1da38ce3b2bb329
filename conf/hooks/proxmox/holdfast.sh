#!/bin/sh
# Hookscript of Proxmox VE for guests that Holdfast moves to another node with another network. It was tested by calling
# it as Proxmox does, and was not run under Proxmox.
#
#   cp holdfast.sh /var/lib/vz/snippets/ && qm set 100 --hookscript local:snippets/holdfast.sh
#   qm set 100 --args '-qmp unix:/run/holdfast/100.qmp,server=on,wait=off'
#
# Called with VMID PHASE; PVE_MIGRATED_FROM names the node that a guest comes from. Proxmox has no phase for a guest
# that is paused or resumed: 'holdfast hook qmp' watches the monitor that --args gives it. At the destination this hook
# starts that watch. At the source the daemon does, when the migration (called 100, vm100 or vm-100) is armed:
#
#   [[hook]]
#   events    = ["armed"]
#   command   = ["/var/lib/vz/snippets/holdfast.sh", "100", "armed"]
#   migration = "vm100"
#
# Proxmox would not start a guest whose hook fails, so this one never does. What it says is in the task's log.
# Containers (pct) are stopped and started anew by a migration: their connections cannot be kept.
[ -S "${HOLDFAST_CONTROL:-/run/holdfast/control.sock}" ] || exit 0
case ${2:-} in
  pre-start | post-start | post-stop | armed) ;;
  *) exit 0 ;;
esac
"${HOLDFAST:-holdfast}" hook proxmox "$@" || :
exit 0
