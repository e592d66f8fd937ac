#!/bin/sh
# Makes a virtual environment with the pinned packages of FOLDER/requirements.txt, or finds it current; prints its
# folder.
#
#   scripts/venv.sh [FOLDER]        FOLDER: tests (the default: build/venv), bench (build/venv-bench)
set -eu
cd "$(dirname "$0")/.."

folder=${1:-tests}
venv=build/venv
[ "$folder" = tests ] || venv="build/venv-$(basename "$folder")"
stamp=$(sha256sum "$folder/requirements.txt" | cut -d' ' -f1)
if [ ! -f "$venv/.stamp" ] || [ "$(cat "$venv/.stamp")" != "$stamp" ]; then
  python=python3
  [ ! -x /usr/bin/python3 ] || python=/usr/bin/python3
  echo "-- making $venv" >&2
  rm -rf "$venv"
  mkdir -p build
  "$python" -m venv "$venv" >&2
  "$venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes --only-binary=:all: \
    -r "$folder/requirements.txt" >&2
  echo "$stamp" > "$venv/.stamp"
fi
echo "$venv"
