#!/bin/sh
# Runs a command in a fake host: mount, network and PID namespaces of its own, an empty /run, loopback up, and control
# groups of its own, which are its own group's only. Whatever the command leaves there is named, fails the run, and goes.
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

# In each hierarchy a group below the caller's. Of v2 beside it: Warren makes groups beside its own there, for one that
# has processes can give no controllers to those below it.
outside=/run/.outside groups=/run/.groups
fake_host=fake-host-$(cat /proc/sys/kernel/random/uuid)
: >"$outside" >"$groups"
sh "$here/own-cgroups.sh" | while read -r version directory; do
  parent=$directory leaf=
  if [ "$version" = 2 ]; then
    leaf=/self
    # The root has no type.
    [ ! -e "$directory/cgroup.type" ] || parent=${directory%/*}
  fi
  # Of fake hosts that were killed; one that has somebody stays.
  rmdir "$parent"/fake-host-*/self "$parent"/fake-host-* 2>/dev/null || :
  group=$parent/$fake_host
  mkdir -p "$group$leaf" 2>/dev/null || continue
  # Those of v1 begin empty, and an empty one takes nobody.
  for file in cpuset.cpus cpuset.mems; do
    if [ -e "$group/$file" ] && [ ! -s "$group/$file" ]; then cat "$parent/$file" >"$group/$file"; fi
  done
  if ! echo 0 2>/dev/null >"$group$leaf/cgroup.procs"; then
    rmdir "$group$leaf" "$group" 2>/dev/null || :
    continue
  fi
  echo "$directory" >>"$outside"
  echo "$group" >>"$groups"
done
# The loop was another process: what it has joined is to be this one's.
while read -r group; do
  if [ -e "$group/self" ]; then group=$group/self; fi
  echo 0 >"$group/cgroup.procs"
done <"$groups"
leave_groups() {
  while read -r directory; do echo 0 >"$directory/cgroup.procs"; done <"$outside"
  while read -r group; do
    find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || :
    [ ! -e "$group" ] || find "$group" -type d | sed 's/^/left: cgroup /'
  done <"$groups"
}

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
leave_groups
exit "$code"
