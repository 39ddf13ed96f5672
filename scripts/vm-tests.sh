#!/bin/sh
# npm run test:vm: the tests that need a machine of another kind, in a virtual one (scripts/vm.sh).
#
#   npm run test:vm -- [PATTERN]
set -eu

cd "$(dirname "$0")/.."
unset NODE_EXTRA_CA_CERTS
[ -d dist ] && [ -d prebuilds ] || sh scripts/build.sh
echo '== compiling the tests'
node node_modules/typescript/bin/tsc -p tsconfig.json --outDir build-vm
files=$(find build-vm/test/vm -name '*.test.js' | grep -E -e "${1-.}" | sort)
echo '== tests in a virtual machine'
# shellcheck disable=SC2086
exec sh scripts/vm.sh -- node --test --test-concurrency=1 --test-timeout=840000 --test-reporter=spec $files
