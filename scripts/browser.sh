#!/usr/bin/env bash
# browser.sh [WORDS | --pictures]: journeys of people through the pages, in Debian's Chromium: all of them, or those
# whose name holds WORDS. It starts a world of its own on loopback (a database, a directory, the appliance, a mailbox),
# takes the journeys in tests/browser/ through it and stops it all again. What a failed run leaves for reading is named.
#   --pictures    takes the pictures of docs/pictures/ instead
#   APPLIANCE     a binary to use instead of building one
#   CHROME        the browser to use instead of `chromium`
set -euo pipefail
# shellcheck source=scripts/directory.sh
. "$(dirname "$0")/directory.sh"
journeys=$root/tests/browser

pictures=
words=
case ${1:-} in
--pictures) pictures=$root/docs/pictures ;;
-*) die "browser.sh knows --pictures and words of a journey's name, not \"$1\"" ;;
*) words=${1:-} ;;
esac

chrome=${CHROME:-$(command -v chromium)} || die "there is no chromium: install the package, or name a browser in CHROME"
command -v npm >/dev/null || die "there is no npm: install the packages nodejs and npm"
# npm ci takes everything anew, so only when the lock file is another than last time.
if ! cmp -s "$journeys/package-lock.json" "$journeys/node_modules/.installed-by"; then
  say "Installing what the journeys need (npm ci)."
  (cd "$journeys" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) || die "npm ci failed: see its message above"
  cp "$journeys/package-lock.json" "$journeys/node_modules/.installed-by"
fi

appliance=${APPLIANCE:-}
target=$(target_dir)
if [ -z "$appliance" ]; then
  (cd "$root" && SQLX_OFFLINE=true cargo build --quiet --locked --bin vestibule)
  appliance=$target/debug/vestibule
fi
[ -x "$appliance" ] || die "there is no program at $appliance"

umask 077
work=$(mktemp -d "${TMPDIR:-/tmp}/vestibule-browser.XXXXXXXX")
left=$target/browser # what a failed run leaves
mkdir -p "$work/left"

clean_up() {
  local code=$?
  trap - EXIT
  trap '' INT TERM HUP
  stop "$work/vestibule.pid" "$work/vestibule.toml" 20
  stop "$work/directory/slapd.pid" "$work/directory/slapd.conf" 10
  if [ -n "${database_keep:-}" ]; then
    exec {database_keep}>&-
    wait "$database_pid" 2>/dev/null || true
  fi
  if [ "$code" != 0 ]; then
    rm -rf -- "$left"
    mkdir -p "$(dirname "$left")"
    cp "$work/vestibule.log" "$work/commands.log" "$work/left/" 2>/dev/null || true
    mv "$work/left" "$left"
    warn "Pictures of the open pages, their source and the appliance's log are in $left"
  fi
  rm -rf -- "$work"
  exit "$code"
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP

coproc database { exec "$root/scripts/test-database.sh"; }
# The shell forgets these once the process is gone.
# shellcheck disable=SC2154 # coproc sets it
database_pid=$! database_keep=${database[1]}
read -r -u "${database[0]}" database_url || die "there is no database"

address=127.0.0.1
name=mfa.example.test
directory_port=$(free_port "$address" 13890)
web_port=$(free_port "$address" 18443)
plain_port=$(free_port "$address" 18080)
management_port=$(free_port "$address" 18389)
mail_port=$(free_port "$address" 18025)
ldap_port=$(free_port "$address" 13389)
directory_up "$work/directory" "$address" "$directory_port" "$journeys/people.ldif"

cat >"$work/vestibule.toml" <<CONF
state_dir = "$work/state"
hostname = "$name"

[database]
url = "$database_url"

[web]
listen = ["$address:$web_port"]
listen_plain = ["$address:$plain_port"]
public_url = "https://$name:$web_port"
# Each person comes with an address of their own, so that one who is throttled does not stand in the others' way.
trusted_proxies = ["127.0.0.0/8"]

[ldap]
listen = ["$address:$ldap_port"]
listen_tls = []

[radius]
listen = []
listen_accounting = []
listen_radsec = []

[management]
listen = "$address:$management_port"

[sign_in]
prompts_per_hour = 1000
prompt_cooldown = "0s"
CONF

background "$work/vestibule.pid" "$work/vestibule.log" "$appliance" --config "$work/vestibule.toml" serve
up_or_dead() { ready "$address" "$management_port" /readyz || ! runs "$work/vestibule.pid" "$work/vestibule.toml"; }
if ! wait_until 60 up_or_dead || ! runs "$work/vestibule.pid" "$work/vestibule.toml"; then
  tail -n 20 "$work/vestibule.log" >&2
  die "the appliance did not start"
fi

vestibule() { "$appliance" --config "$work/vestibule.toml" "$@"; }
account "$work/directory" vestibule 3 | tr -d '\n' >"$work/bind-password"
{
  vestibule directory add example --kind openldap --server "ldap://$address:$directory_port" --base-dn "$suffix" \
    --bind-dn "$(account "$work/directory" vestibule 2)" --bind-password-file "$work/bind-password" --allow-plaintext
  vestibule sync item add people --directory example --filter '(objectClass=inetOrgPerson)'
  vestibule sync run --directory example
} >"$work/commands.log" 2>&1 || {
  tail -n 20 "$work/commands.log" >&2
  die "the appliance could not be told about the directory"
}

export CHROME=$chrome
export WORLD_URL=https://$name:$web_port WORLD_PLAIN=$address:$plain_port WORLD_ADDRESS=$address:$web_port
export WORLD_APPLIANCE=$appliance WORLD_CONFIG=$work/vestibule.toml WORLD_LOG=$work/vestibule.log
export WORLD_PEOPLE=$work/directory/people.tsv WORLD_CERTIFICATE=$work/state/tls/self-signed.pem WORLD_MAIL_PORT=$mail_port
export WORLD_DIRECTORY=$work/directory WORLD_DIRECTORY_URL=ldap://$address:$directory_port
export JOURNEY=$words LEFT=$work/left PICTURES=$pictures
if [ -n "$pictures" ]; then
  node "$journeys/pictures.mjs"
else
  node --test-reporter=spec --test-reporter-destination=stdout "$journeys/main.mjs"
fi
