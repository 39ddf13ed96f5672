#!/bin/sh
# npm run test:chaos: the accidents of which npm test has a few dozen, by the hundred. WARREN_ROUNDS: how many.
set -eu

cd "$(dirname "$0")/.."
sh scripts/build.sh
node node_modules/typescript/bin/tsc -p tsconfig.json
rounds() {
  count=${WARREN_ROUNDS:-$1}
  shift
  env WARREN_ROUNDS="$count" sh scripts/fake-host.sh node --test --test-reporter=spec "$@"
}
rounds 1000 build/test/life/chaos.test.js
rounds 500 --test-name-pattern=kill build/test/network/bridge.test.js build/test/network/containers-cli.test.js
