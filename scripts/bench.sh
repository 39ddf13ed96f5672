#!/bin/sh
# npm run bench: measures Warren next to others on this machine; see docs/benchmarks.md.
#
#   npm run bench -- start|life|enter|network|sysctl [--quick]
set -eu

cd "$(dirname "$0")/.."
usage() {
  echo 'usage: npm run bench -- start|life|enter|network|sysctl [--quick]' >&2
  exit 2
}
[ $# -gt 0 ] || usage
subject=$1
shift
[ -f "bench/$subject/main.ts" ] || usage
[ "$(id -u)" = 0 ] || {
  echo 'bench: not root: the programs compared make namespaces (sudo npm run bench)' >&2
  exit 1
}

sh scripts/debian-packages.sh >&2
# What only this subject is compared with.
[ ! -f "bench/$subject/debian-packages.txt" ] || sh scripts/debian-packages.sh "bench/$subject/debian-packages.txt" >&2
sh scripts/build.sh --if-missing >&2
# Reading the bundle of certificates that it names costs every Node process 45 ms; none here uses TLS.
unset NODE_EXTRA_CA_CERTS

out=build-bench
TMPDIR=$(mktemp -d "${TMPDIR:-/tmp}/bench-warren.XXXXXX")
export TMPDIR
before=$(sh scripts/machine-state.sh)
trap 'rm -rf "$out" "$TMPDIR"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
rm -rf "$out"
node node_modules/typescript/bin/tsc -p bench/tsconfig.json
code=0
node "$out/bench/$subject/main.js" "$@" || code=$?

after=$(sh scripts/machine-state.sh)
if [ "$before" != "$after" ]; then
  echo 'bench: left on this machine (> is new, < is gone):' >&2
  printf '%s\n' "$before" >"$TMPDIR/before"
  printf '%s\n' "$after" | diff "$TMPDIR/before" - | grep '^[<>]' >&2 || :
  code=1
fi
exit "$code"
