#!/bin/sh
# Builds Warren: npm packages, TypeScript, the C parts, one bundle for the command line.
#
#   scripts/build.sh [--if-missing]
#
# dist/ is made aside and renamed into place; dist/start.sh, which says that a build is complete, comes last.
set -eu

cd "$(dirname "$0")/.."
step() { printf 'warren: %s\n' "$1"; }
fail() {
  printf 'warren: cannot build: %s\n' "$1" >&2
  printf '  fix: %s\n' "$2" >&2
  exit 1
}

[ -w . ] || fail "this directory cannot be written to: $PWD" 'build as its owner, or copy it to a place of your own'

# One build at a time in this directory. The lock is this file itself, so none is left behind.
if command -v flock >/dev/null; then
  exec 9<scripts/build.sh
  if ! flock -n 9; then
    step 'another build is running here: waiting for it'
    flock 9
  fi
fi
if [ "${1-}" = --if-missing ] && [ -r dist/start.sh ]; then exit 0; fi

command -v node >/dev/null || fail 'Node.js is missing' 'install Node.js 20.12 or newer: https://nodejs.org/en/download'
node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 12) ? 0 : 1)' ||
  fail "Node.js $(node --version) is too old" 'install Node.js 20.12 or newer: https://nodejs.org/en/download'
command -v npm >/dev/null || fail 'npm is missing' 'apt-get install npm, or install Node.js from https://nodejs.org/en/download'
command -v cc >/dev/null || fail 'a C compiler (cc) is missing' 'apt-get install gcc libc6-dev'

# node_modules/.package-lock.json is npm's own record; ours tells which lock file it was made from.
if ! cmp -s package-lock.json node_modules/.warren-lock.json; then
  step 'installing npm packages'
  npm ci --ignore-scripts --no-fund --no-audit --loglevel=error >/dev/null ||
    fail 'npm ci failed (see above)' 'check the network and the registry: npm ping'
  cp package-lock.json node_modules/.warren-lock.json
fi

new=dist.new
rm -rf "$new"
trap 'rm -rf "$new"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

step 'compiling C'
sh native/build.sh
step 'compiling TypeScript'
node node_modules/typescript/bin/tsc -p tsconfig.build.json --outDir "$new"
step 'bundling the command line'
node scripts/bundle.mjs "$new"

# Only what starts and ends with its command gives up the random hash seed (about 3 ms); a server never does.
flags=--no-rehash-snapshot
node "$flags" -e 0 2>/dev/null || flags=
# shellcheck disable=SC2086
node $flags scripts/code-cache.cjs "$new/bundle" >/dev/null || step 'no code cache: starting takes a little longer'
# --: Node.js 20 would take an --env-file of ours for its own, and read NODE_OPTIONS from it.
cat >"$new/start.sh" <<EOF
# Written by scripts/build.sh, for the Node.js of this machine. Sourced by ../warren, which sets \$warren_dir.
command -v node >/dev/null || { echo 'warren: Node.js is missing' >&2; exit 125; }
case \${1-} in
  create | start | stop | kill | restart | pause | unpause | wait | rm | rename | update | prune | ps | inspect | port | \
    logs | diff | top | exec | cp | network | netns | veth | ns | enter | caps | ids | gc | \
    run | --* | help | completion | sysctl) exec node $flags -- "\$warren_dir/dist/bundle/cli.cjs" "\$@" ;;
  *) exec node -- "\$warren_dir/dist/bundle/cli.cjs" "\$@" ;;
esac
EOF

rm -rf dist.old
if [ -e dist ]; then mv dist dist.old; fi
mv "$new" dist
rm -rf dist.old
step 'built'
