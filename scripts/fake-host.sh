#!/bin/sh
# Runs a command in a fake host: mount, network and PID namespaces of its own, an empty /run, loopback up. Whatever the
# command leaves there is named, fails the run, and goes with the namespaces.
#
#   scripts/fake-host.sh COMMAND [ARG…]
set -eu

if [ "${1-}" != --inside ]; then
  # The real host's namespaces, for test/support/fake-host.ts to compare with.
  WARREN_HOST_NAMESPACES=$(for kind in mnt net pid; do readlink /proc/self/ns/$kind; done | tr '\n' ' ')
  export WARREN_HOST_NAMESPACES
  # slave: what the machine mounts is seen here, what is mounted here is not seen there.
  exec unshare --mount --net --pid --fork --kill-child --mount-proc --propagation slave -- sh "$0" --inside "$@"
fi
shift

here=$(dirname "$0")
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -m 755 /run/netns /run/lock
ip link set lo up

before=$(sh "$here/machine-state.sh")
code=0
"$@" || code=$?

# Sets $left to the processes that are left: all but this script, which is process 1, and what is only waiting to be
# reaped. In no subshell, which would be one of them.
find_processes() {
  left=
  for dir in /proc/[0-9]*; do
    if [ "$dir" = /proc/1 ] || ! read -r stat 2>/dev/null <"$dir/stat"; then continue; fi
    case ${stat##*) } in Z* | X*) continue ;; esac
    left="$left
left: process ${stat%)*})"
  done
}
# The kernel kills the members of a PID namespace after its init has been reaped: give it a moment.
tries=20
find_processes
while [ -n "$left" ] && [ $tries -gt 0 ]; do
  sleep 0.1
  tries=$((tries - 1))
  find_processes
done
if [ -n "$left" ]; then
  echo "${left#?}"
  code=1
fi

after=$(sh "$here/machine-state.sh")
if [ "$before" != "$after" ]; then
  printf '%s\n' "$before" >/run/.before
  printf '%s\n' "$after" | diff /run/.before - | sed -n 's/^>/left:/p; s/^</gone:/p'
  code=1
fi
exit "$code"
