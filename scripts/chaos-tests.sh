#!/bin/sh
# npm run test:chaos: the accidents of which npm test has a few dozen, by the hundred. WARREN_ROUNDS: how many.
set -eu

cd "$(dirname "$0")/.."
sh scripts/build.sh
node node_modules/typescript/bin/tsc -p tsconfig.json
TMPDIR=$(mktemp -d "${TMPDIR:-/tmp}/warren-chaos.XXXXXX")
export TMPDIR
# Ordinary users of the tests go through it.
chmod 711 "$TMPDIR"
trap 'rm -rf "$TMPDIR"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
rounds() {
  count=${WARREN_ROUNDS:-$1}
  shift
  env WARREN_ROUNDS="$count" sh scripts/fake-host.sh node --test --test-reporter=spec "$@"
}
rounds 1000 build/test/life/chaos.test.js
rounds 500 --test-name-pattern=kill build/test/network/bridge.test.js build/test/network/containers-cli.test.js
