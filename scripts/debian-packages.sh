#!/bin/sh
# Installs what scripts/debian-packages.txt, or the list given, names and this machine lacks. Says nothing when nothing is
# missing.
set -eu

list=$(grep -v '^#' "${1:-$(dirname "$0")/debian-packages.txt}")
if ! command -v dpkg-query >/dev/null; then
  echo '== not a Debian machine: the tests need, from your package manager:' $list
  exit 0
fi
missing=
for package in $list; do
  case $(dpkg-query -W -f='${db:Status-Abbrev}' "$package" 2>/dev/null || :) in
    ii*) ;;
    *) missing="$missing $package" ;;
  esac
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ]; then
  echo "== not root: Debian packages that are missing:$missing (sudo apt-get install$missing)"
  exit 0
fi
echo "== installing Debian packages:$missing"
export DEBIAN_FRONTEND=noninteractive
# The lists may be missing or old: fetch them only when the first try fails.
# shellcheck disable=SC2086
apt-get install -y -qq --no-install-recommends $missing >/dev/null 2>&1 || {
  apt-get update -qq >/dev/null
  apt-get install -y -qq --no-install-recommends $missing >/dev/null
}
