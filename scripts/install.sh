#!/bin/sh
# Installs the Debian packages of deps/apt-build.txt, with "test" those of deps/apt-test.txt too, and with "bench"
# those of deps/apt-bench.txt beside these. With "test" it also builds the servers for tests that come as Go modules
# (deps/lock.json), into the cache that all checkouts share.
#
#   scripts/install.sh [build|test|bench]
#
# Does nothing, in well under a second, when all are there. Works as root, and through sudo otherwise.
set -eu
cd "$(dirname "$0")/.."

case "${1:-build}" in
  build) lists="deps/apt-build.txt" ;;
  test) lists="deps/apt-build.txt deps/apt-test.txt" ;;
  bench) lists="deps/apt-build.txt deps/apt-test.txt deps/apt-bench.txt" ;;
  *) echo "usage: scripts/install.sh [build|test|bench]" >&2; exit 2 ;;
esac

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  echo "install: expected Debian 12 (apt-get, dpkg); found none of them here." >&2
  echo "Install what $lists name by hand, then run the build again." >&2
  exit 1
fi

wanted=$(cat $lists | sed 's/#.*//' | tr -s '[:space:]' '\n' | sed '/^$/d' | sort -u)
present=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' 2>/dev/null | sed -n 's/^installed //p' | sort -u)
missing=""
for package in $wanted; do
  printf '%s\n' "$present" | grep -qxF "$package" || missing="$missing $package"
done
if [ -n "$missing" ]; then
  echo "-- installing:$missing"
  if [ "$(id -u)" = 0 ]; then
    as_root="env"
  elif command -v sudo >/dev/null; then
    as_root="sudo env"
  else
    echo "install: needs root to install:$missing" >&2
    echo "Run as root, or install sudo." >&2
    exit 1
  fi
  $as_root apt-get update -qq
  $as_root DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
fi

[ "${1:-build}" != test ] || scripts/fetch_deps.py --program versitygw >/dev/null
