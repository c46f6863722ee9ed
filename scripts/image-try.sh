#!/usr/bin/env bash
# image-try.sh IMAGE: runs that image as it is meant to run (its own user, read-only root, no capability) next to a
# directory and, unless it brings one, a PostgreSQL; asks it what a balancer, an engine and a gateway would ask; stops all.
# Called by image.sh, which sets up the storage that IMAGE is in. IMAGE_ADDRESS (default 127.0.0.1) is where all listens.
set -euo pipefail
# shellcheck source=scripts/directory.sh
. "$(dirname "$0")/directory.sh"

image=$1
address=${IMAGE_ADDRESS:-127.0.0.1}
container=vestibule-try-$$
# Below /var/tmp, where the database's own user can reach it.
work=$(mktemp -d "${TMPDIR:-/var/tmp}/vestibule-image.XXXXXXXX")
chmod 711 "$work"
program=(podman exec "$container" /usr/bin/vestibule)

clean_up() {
  local code=$?
  if [ "$code" != 0 ]; then
    podman logs "$container" 2>&1 | tail -n 20 >&2 || true
    tail -n 20 "$work"/{chroot,postgres}.log >&2 2>/dev/null || true
  fi
  podman rm --force --volumes --time 20 "$container" >/dev/null 2>&1 || true
  stop "$work/chroot.pid" /usr/bin/vestibule 40
  stop "$work/directory/slapd.pid" "$work/directory/slapd.conf" 10
  stop "$work/postgres.pid" "$work/postgres" 20
  rm -rf -- "$work"
  exit "$code"
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP

# PostgreSQL refuses to run as root.
postgres_user=()
if [ "$(id -u)" = 0 ]; then postgres_user=(setpriv --reuid=postgres --regid=postgres --clear-groups --inh-caps=-all); fi
postgres_up() {
  local bin port=$1 password=$2
  bin=$(compgen -G '/usr/lib/postgresql/*/bin' | sort -V | tail -n 1) || bin=$(dirname "$(command -v postgres)")
  mkdir -m 700 "$work/postgres"
  (umask 077 && printf '%s' "$password" >"$work/postgres/password")
  [ "$(id -u)" != 0 ] || chown -R postgres:postgres "$work/postgres"
  (cd "$work/postgres" && "${postgres_user[@]}" "$bin/initdb" --pgdata=data --username=vestibule --pwfile=password \
    --auth=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8) >"$work/initdb.log" 2>&1
  background "$work/postgres.pid" "$work/postgres.log" "${postgres_user[@]}" "$bin/postgres" -D "$work/postgres/data" \
    -c listen_addresses="$address" -c port="$port" -c unix_socket_directories=
  wait_until 20 "$bin/pg_isready" --quiet --host="$address" --port="$port" || die "PostgreSQL did not start"
}

directory_port=$(free_port "$address" 3900)
directory_up "$work/directory" "$address" "$directory_port"
ldap_port=$(free_port "$address" 3400)
ldaps_port=$(free_port "$address" 3640)
management_port=$(free_port "$address" 8400)
settings=(
  "VESTIBULE_LDAP__LISTEN=$address:$ldap_port"
  "VESTIBULE_LDAP__LISTEN_TLS=$address:$ldaps_port"
  "VESTIBULE_RADIUS__LISTEN="
  "VESTIBULE_RADIUS__LISTEN_ACCOUNTING="
  "VESTIBULE_WEB__LISTEN="
  "VESTIBULE_WEB__LISTEN_PLAIN="
  "VESTIBULE_MANAGEMENT__LISTEN=$address:$management_port"
)
mkdir -m 755 "$work/secrets"
account "$work/directory" vestibule 3 | tr -d '\n' >"$work/secrets/bind-password"
if [[ $image == *:appliance ]]; then
  postgres_port=$(free_port "$address" 5500)
  password=$(new_password)
  postgres_up "$postgres_port" "$password"
  printf 'postgres://vestibule:%s@%s:%s/postgres' "$password" "$address" "$postgres_port" >"$work/secrets/database-url"
  head -c 32 /dev/urandom | base64 >"$work/secrets/master-key"
  settings+=(VESTIBULE_DATABASE__URL_FILE=/run/secrets/database-url VESTIBULE_MASTER_KEY__KEY_FILE=/run/secrets/master-key)
fi
# Read inside by another user; the secrets live as long as this trial.
chmod 444 "$work"/secrets/*

# --no-healthcheck: an engine would need systemd to run it on a timer; it is run by hand below.
if podman run --detach --name "$container" --network host --read-only --read-only-tmpfs=false --cap-drop all \
  --security-opt no-new-privileges --pids-limit 256 --no-healthcheck --volume "$work/secrets:/run/secrets:ro" \
  "${settings[@]/#/--env=}" "$image" >"$work/podman.log" 2>&1; then
  say "running in a container: read-only root, no capability, uid $(podman inspect --format '{{.Config.User}}' "$image")"
else
  # No container can be made here; the same files run all the same, with less around them.
  warn "no container can run here ($(tail -n 1 "$work/podman.log"))"
  podman rm --force "$container" >/dev/null 2>&1 || true
  [ "$(id -u)" = 0 ] || die "neither a container nor a chroot can be had here: run this as root"
  podman create --name "$container" "$image" >/dev/null
  mkdir -m 755 "$work/root"
  podman export "$container" | tar -C "$work/root" -x
  mkdir -p "$work/root/run"
  cp -r "$work/secrets" "$work/root/run/secrets"
  program=(env -i VESTIBULE_CONFIG=/etc/vestibule/vestibule.toml "${settings[@]}"
    /usr/sbin/chroot --userspec=10001:10001 "$work/root" /usr/bin/vestibule)
  background "$work/chroot.pid" "$work/chroot.log" "${program[@]}" serve
  say "running the image's files by chroot, as uid 10001"
fi

running() {
  if [ -e "$work/chroot.pid" ]; then
    runs "$work/chroot.pid" /usr/bin/vestibule
  else
    [ "$(podman inspect --format '{{.State.Running}}' "$container")" = true ]
  fi
}
ready_or_dead() { ready "$address" "$management_port" /readyz || ! running; }
wait_until 60 ready_or_dead || die "the appliance was not ready within 60 s"
running || die "the appliance ended while starting"
ready "$address" "$management_port" /livez || die "/livez does not answer"
"${program[@]}" healthcheck >/dev/null || die "the health command fails while /readyz answers"
say "/livez, /readyz and the health command agree that it is well"

gateway=$(account "$work/directory" netscaler 2)
"${program[@]}" directory add example --kind openldap --server "ldap://$address:$directory_port" --base-dn "$suffix" \
  --bind-dn "$(account "$work/directory" vestibule 2)" --bind-password-file /run/secrets/bind-password --allow-plaintext >/dev/null
"${program[@]}" client add gateway --address 127.0.0.0/8 --directory example --service-account "$gateway" --allow-plaintext >/dev/null
found=$(ldapsearch -x -LLL -o nettimeout=10 -H "ldap://$address:$ldap_port" -D "$gateway" -y <(account "$work/directory" netscaler 3 | tr -d '\n') \
  -b "$suffix" '(uid=anna.albrecht)' mail | sed -n 's/^mail: //p')
[ "$found" = anna.albrecht@example.test ] || die "a search through the container's LDAP port found \"$found\""
say "a gateway's service account binds and searches through it"

if podman stop --time 40 "$container" >/dev/null 2>&1 && [ ! -e "$work/chroot.pid" ]; then
  code=$(podman inspect --format '{{.State.ExitCode}}' "$container")
  [ "$code" = 0 ] || die "asked to stop, it ended with code $code"
  say "asked to stop, it ends by itself"
fi
