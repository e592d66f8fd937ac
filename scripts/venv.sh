#!/bin/sh
# Makes build/venv with the pinned packages of tests/requirements.txt, or finds it current; prints its folder.
set -eu
cd "$(dirname "$0")/.."

venv=build/venv
stamp=$(sha256sum tests/requirements.txt | cut -d' ' -f1)
if [ ! -f "$venv/.stamp" ] || [ "$(cat "$venv/.stamp")" != "$stamp" ]; then
  python=python3
  [ ! -x /usr/bin/python3 ] || python=/usr/bin/python3
  echo "-- making $venv" >&2
  rm -rf "$venv"
  mkdir -p build
  "$python" -m venv "$venv" >&2
  "$venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes --only-binary=:all: \
    -r tests/requirements.txt >&2
  echo "$stamp" > "$venv/.stamp"
fi
echo "$venv"
