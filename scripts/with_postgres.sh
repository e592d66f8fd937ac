#!/bin/bash
# Runs a command with a private PostgreSQL server on loopback, whose address it finds in AIMASS_TEST_POSTGRES:
#
#   scripts/with_postgres.sh build-dev/store_test
#
# The server keeps its data in a temporary folder and ends with the command. An AIMASS_TEST_POSTGRES that is already
# set is left as it is.
set -euo pipefail
[ $# -gt 0 ] || { sed -n '2,7p' "$0" >&2; exit 2; }
[ -z "${AIMASS_TEST_POSTGRES:-}" ] || exec "$@"

programs=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
home=$(mktemp -d)
as=()
if [ "$(id -u)" = 0 ]; then  # PostgreSQL refuses to run as root
  chown postgres "$home"
  as=(runuser -u postgres --)
fi
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
(cd / && "${as[@]}" "$programs/initdb" -D "$home/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync >/dev/null)
(cd / && exec "${as[@]}" "$programs/postgres" -D "$home/data" -h 127.0.0.1 -p "$port" -k "$home" \
  -c fsync=off -c max_connections=200 >"$home.log" 2>&1) &
stop() {
  [ ! -f "$home/data/postmaster.pid" ] || kill -INT "$(head -n 1 "$home/data/postmaster.pid")" 2>/dev/null || true
  wait 2>/dev/null || true
  rm -rf "$home" "$home.log"
}
trap stop EXIT
for _ in $(seq 300); do
  "$programs/pg_isready" -h 127.0.0.1 -p "$port" -q && break
  sleep 0.1
done
"$programs/pg_isready" -h 127.0.0.1 -p "$port" -q || { echo "with_postgres: the server did not start:" >&2; cat "$home.log" >&2; exit 1; }
AIMASS_TEST_POSTGRES="postgresql://postgres@127.0.0.1:$port/postgres" "$@"
