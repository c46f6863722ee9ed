#!/usr/bin/env bash
# secrets.sh: makes the secrets that compose.yaml mounts, once; what exists is kept. Back up secrets/master-key apart from
# the database: neither is of use without the other.
set -euo pipefail
cd "$(dirname "$0")"
umask 077
mkdir -p secrets
# The folder keeps everybody on this machine out; the files themselves must be readable to the containers' own users.
put() {
  [ -e "secrets/$1" ] || printf '%s' "$2" >"secrets/$1"
  chmod 444 "secrets/$1"
}
put master-key "$(head -c 32 /dev/urandom | base64)"
put postgres-password "$(od -An -tx1 -N16 /dev/urandom | tr -d ' \n')"
put database-url "postgres://vestibule:$(cat secrets/postgres-password)@postgres:5432/vestibule"
[ -e .env ] || cp .env.example .env
echo "secrets/ and .env are there. Next: docker compose up --detach"
