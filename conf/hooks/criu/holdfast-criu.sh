#!/bin/sh
# CRIU's action script for a container that Holdfast moves, at both hosts:
#
#   export HOLDFAST_MIGRATION=web1
#   criu dump    ... --tcp-established --action-script /etc/holdfast/holdfast-criu.sh
#   criu restore ... --tcp-established --action-script /etc/holdfast/holdfast-criu.sh
#
# web1 is the migration, armed before. CRIU starts the script without a shell, so it cannot be given arguments ("No such
# file or directory"). It says in CRTOOLS_SCRIPT_ACTION where it is: 'holdfast hook criu --help' has what is done then.
# The order that no reset comes of:
#
#   1 old host   criu dump             packets are held from before the freeze on
#   2 old host   cut the container's link (ip link del), then delete its namespace: a namespace that is torn down loses
#                CRIU's lock before its device, and the old sockets would answer
#   3 new host   the namespace with both addresses, then criu restore: packets come when sockets are whole
#
# A dump that fails in a network namespace that CRIU does not dump too (nsenter) calls nobody: then
#   criu dump ... || holdfast migration rollback web1
#
# The container is frozen meanwhile, so what is asked for is asked by curl, where that is installed: it starts in
# milliseconds. Whatever is not a plain success is left to holdfast, which knows and says more.
migration=${1:-${HOLDFAST_MIGRATION:-}}
control=${HOLDFAST_CONTROL:-/run/holdfast/control.sock}

ask() {
  curl -s --max-time 10 --unix-socket "$control" "$@" 2>/dev/null
}
there=http://holdfast/v1/migrations/$migration

case ${CRTOOLS_SCRIPT_ACTION:-} in
  pre-dump | network-lock) verb=hold ;;   # the new host's daemon refuses this, and changes nothing
  pre-resume)
    # Restored at the old host, it is not to be released but rolled back.
    verb=''
    case $(ask "$there") in *'"role":"endpoint"'*) verb=release ;; esac
    ;;
  network-unlock | post-resume)
    # At the new host there is nothing to do before pre-resume, and nothing after it once it has released: to find that
    # out by starting holdfast would keep the frozen container waiting.
    verb=''
    case $CRTOOLS_SCRIPT_ACTION:$(ask "$there") in
      network-unlock:*'"role":"endpoint"'*) exit 0 ;;
      post-resume:*'"role":"endpoint"'*'"state":"redirecting"'*) exit 0 ;;
    esac
    ;;
  *) exit 0 ;;
esac

if [ -n "$verb" ] && [ -n "$migration" ]; then
  code=$(ask -o /dev/null -w '%{http_code}' -X POST "$there/$verb") || code=''
  [ "$code" != 200 ] || exit 0
fi
exec "${HOLDFAST:-holdfast}" hook criu --migration "$migration"
