#!/usr/bin/env bash
# test-database.sh: a throwaway PostgreSQL. Prints its URL, lives until its standard input ends, and leaves nothing.
# Nothing is written through to the disk (fsync off), so it starts fast and must never hold what somebody wants to keep.
# It listens on a socket in a directory that only its own account and root may enter, and so needs no password.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

# The newest of Debian's, or whatever is on the PATH.
programs=$(printf '%s\n' /usr/lib/postgresql/*/bin/postgres | sort -V | tail -n 1)
[ -x "$programs" ] || programs=$(command -v postgres) || die "there is no PostgreSQL: install the package postgresql"
programs=$(dirname "$programs")

home=$(mktemp -d /tmp/vestibule-test-db.XXXXXX)
owned=()
if [ "$(id -u)" = 0 ]; then
  # PostgreSQL refuses to run as root.
  owned=(setpriv --reuid=postgres --regid=postgres --clear-groups)
  chown postgres:postgres "$home"
fi

end() {
  trap - EXIT
  "${owned[@]}" "$programs/pg_ctl" stop --silent -D "$home/data" -m immediate >/dev/null 2>&1 || true
  rm -rf "$home"
}
trap end EXIT
trap 'exit 1' INT TERM HUP

cd "$home"
"${owned[@]}" "$programs/initdb" -D "$home/data" -U postgres -A trust -E UTF8 --locale=C --no-sync --no-instructions \
  >"$home/initdb.log" 2>&1 || die "initdb: $(tail -n 3 "$home/initdb.log")"
settings="-c listen_addresses='' -c unix_socket_directories=$home -c max_connections=400 -c shared_buffers=64MB"
settings+=" -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c wal_level=minimal -c max_wal_senders=0"
# Its descriptors are not ours: whoever waits for our output to end must not wait for it.
"${owned[@]}" "$programs/pg_ctl" start --silent -w -t 60 -D "$home/data" -l "$home/data/server.log" -o "$settings" \
  </dev/null >/dev/null 2>&1 || die "PostgreSQL did not start: $(tail -n 3 "$home/data/server.log")"

printf 'postgres://postgres@localhost/postgres?host=%s\n' "$home"
# Whoever holds the other end of our standard input still wants it. Unlike `cat`, `read` lets a signal through.
while read -r _; do :; done
