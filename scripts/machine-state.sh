#!/bin/sh
# Prints, sorted by kind, what Warren could leave on a machine, for a comparison of before and after.
# Not the processes: outside a fake host they are everybody's; inside, see fake-host.sh.
set -eu

awk '{ target = $5; sub(/.* - /, ""); print "mount", target, $1 }' /proc/self/mountinfo | sort
ls /run/netns 2>/dev/null | sed 's/^/netns /' || :
awk -F: 'NR > 2 { gsub(" ", "", $1); print "link", $1 }' /proc/self/net/dev | sort
if command -v nft >/dev/null; then nft list tables 2>/dev/null | sed 's/^/nft /' || :; fi
# Below the caller's own, and of v2 beside it; those of fake hosts look after themselves.
sh "$(dirname "$0")/own-cgroups.sh" | while read -r version directory; do
  if [ "$version" = 2 ] && [ -e "$directory/cgroup.type" ]; then directory=${directory%/*}; fi
  find "$directory" -maxdepth 4 -name 'fake-host-*' -prune -o -type d -name '*warren*' -print 2>/dev/null
done | sort | sed 's/^/cgroup /'
find /run/warren -mindepth 1 2>/dev/null | sort | sed 's/^/state /' || :
find /dev/shm /dev/mqueue -mindepth 1 -maxdepth 1 2>/dev/null | sort | sed 's/^/shm /' || :
find "${TMPDIR:-/tmp}" -maxdepth 1 -name 'warren-*' 2>/dev/null | sort | sed 's/^/file /' || :
