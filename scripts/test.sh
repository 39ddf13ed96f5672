#!/bin/sh
# npm test: sets up what is missing, builds, then lints, and runs the tests.
#
#   npm test -- [--only lint|unit|privileged] [PATTERN]
#
# PATTERN is a regular expression: only test files whose path matches run.
set -eu

cd "$(dirname "$0")/.."
step() { printf '== %s\n' "$1"; }
usage() {
  echo 'usage: npm test -- [--only lint|unit|privileged] [PATTERN]' >&2
  exit 2
}

only= pattern=.
while [ $# -gt 0 ]; do
  case $1 in
    --only)
      only=${2-}
      [ $# -ge 2 ] || usage
      shift
      ;;
    --only=*) only=${1#--only=} ;;
    -*) usage ;;
    *) pattern=$1 ;;
  esac
  shift
done
case $only in '' | lint | unit | privileged) ;; *) usage ;; esac
wanted() { [ -z "$only" ] || [ "$only" = "$1" ]; }

# One run at a time in this directory: they share build/. The lock is this file itself.
exec 8<scripts/test.sh
if ! flock -n 8; then
  step 'another npm test is running here: waiting for it'
  flock 8
fi

sh scripts/debian-packages.sh
# Reading the bundle of certificates that it names costs every Node process of the tests 45 ms; none of them uses TLS.
if wanted unit || wanted privileged; then sh scripts/build.sh; fi
unset NODE_EXTRA_CA_CERTS

failed=
note() { failed="$failed${failed:+, }$1"; }
# Which tests failed is told where it happened, and once more at the end, $failures; $report is one file's.
failing() {
  note "$1"
  { step "failed: $1"; sed -n '/failing tests:/,$p' "$report"; } >>"$failures"
}

if wanted lint; then
  # The build has done it otherwise.
  [ -d node_modules/eslint ] || sh scripts/build.sh
  step 'eslint'
  node node_modules/eslint/bin/eslint.js . || note eslint
  step 'prettier'
  node node_modules/prettier/bin/prettier.cjs --check --log-level warn . || note prettier
fi

step 'compiling the tests'
rm -rf build
node node_modules/typescript/bin/tsc -p tsconfig.json || note tsc
if [ "$only" = lint ]; then
  [ -z "$failed" ] || { step "failed: $failed"; exit 1; }
  exit 0
fi

# Everything that tests put into a temporary directory goes here, so that what they leave is theirs.
TMPDIR=$(mktemp -d "${TMPDIR:-/tmp}/warren-test.XXXXXX")
export TMPDIR
# Ordinary users of the tests go through it.
chmod 711 "$TMPDIR"
before=$TMPDIR.before after=$TMPDIR.after parameters=$TMPDIR.parameters
report=$TMPDIR.report failures=$TMPDIR.failures
reporters="--test-reporter=spec --test-reporter-destination=stdout --test-reporter=spec --test-reporter-destination=$report"
trap 'rm -rf "$TMPDIR" "$before" "$after" "$parameters" "$report" "$failures"' EXIT
: >"$failures"
trap 'exit 130' INT
trap 'exit 143' TERM
sh scripts/machine-state.sh >"$before"
sh scripts/parameters.sh >"$parameters"

if wanted unit; then
  step 'unit tests'
  files=$(find build/src -name '*.test.js' | grep -E -e "$pattern" | sort || :)
  # shellcheck disable=SC2086
  if [ -n "$files" ]; then
    node --test --test-timeout=120000 --test-concurrency=2 $reporters $files 8<&- || failing 'unit tests'
  fi
fi

if wanted privileged; then
  files=$(find build/test -name '*.test.js' -not -path 'build/test/vm/*' | grep -E -e "$pattern" | sort || :)
  if [ "$(id -u)" != 0 ]; then
    step 'privileged tests: SKIPPED, not root: they need a network and mount namespace of their own (sudo npm test)'
  elif ! unshare --mount --net --pid --fork true 2>/dev/null; then
    step 'privileged tests: SKIPPED, this root may not make namespaces (unshare --mount --net --pid failed)'
  else
    for file in $files; do
      step "privileged tests: $file"
      # shellcheck disable=SC2086
      sh scripts/fake-host.sh node --test --test-timeout=180000 $reporters "$file" 8<&- || failing "$file"
    done
  fi
fi

sh scripts/machine-state.sh >"$after"
if ! diff "$before" "$after" >"$TMPDIR.diff"; then
  step 'left on this machine (> is new, < is gone):'
  grep '^[<>]' "$TMPDIR.diff"
  note 'leak check'
fi
# Those that a module brought meanwhile are no change.
if sh scripts/parameters.sh | diff "$parameters" - | grep '^<' >"$TMPDIR.diff"; then
  step 'parameters of this machine that were changed, with what they were:'
  cat "$TMPDIR.diff"
  note 'changed parameters'
fi
rm -f "$TMPDIR.diff"
if [ -n "$(ls -A "$TMPDIR")" ]; then
  step 'left in the temporary directory:'
  ls -A "$TMPDIR"
  note 'temporary files'
fi

if [ -n "$failed" ]; then
  cat "$failures"
  step "failed: $failed"
  exit 1
fi
step 'passed'
