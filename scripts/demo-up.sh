#!/usr/bin/env bash
# demo-up.sh: a directory of 200 people and the appliance in front of it, on loopback and unprivileged ports, in the
# background. Writes .demo/env, the contract with whatever builds on the demo; when that file exists, everything is up.
# APPLIANCE names a binary to use instead of building one.
set -euo pipefail
# shellcheck source=scripts/demo-lib.sh
. "$(dirname "$0")/demo-lib.sh"

address=${DEMO_ADDRESS:-127.0.0.1}
user=anna.albrecht
push_user=bruno.becker
# Has no second factor yet: for whoever wants to see how one is set up.
newcomer=carla.castelli

is_up() {
  local management
  [ -e "$demo/env" ] || return 1
  runs "$demo/directory/slapd.pid" "$demo/directory/slapd.conf" && runs "$demo/vestibule.pid" "$config" || return 1
  management=$(sed -n "s/^MANAGEMENT_ADDRESS='\(.*\)'$/\1/p" "$demo/env")
  ready "${management%:*}" "${management##*:}" /readyz
}
if is_up; then
  say "The demo is already up: $demo/env says where. (make demo-down stops it.)"
  exit 0
fi
if [ -e "$demo" ]; then
  say "Clearing away what an earlier demo left."
  demo_remove
fi

"$root/scripts/setup.sh" demo

appliance=${APPLIANCE:-}
if [ -z "$appliance" ]; then
  say "Building the appliance (the first time takes some minutes)."
  # The development profile: it is built sooner (no link-time optimisation), and what costs in a sign-in (hashing,
  # sealing) is optimised there too.
  (cd "$root" && SQLX_OFFLINE=true cargo build --quiet --locked --bin vestibule)
  appliance=$(target_dir)/debug/vestibule
fi
[ -x "$appliance" ] || die "there is no program at $appliance"

umask 077
mkdir -p "$demo"
: >"$demo/made-by-demo-up"

# Until the last line has run, an end is a failure: what was started is stopped, the logs stay for reading.
give_up() {
  local code=$?
  [ "$code" != 0 ] || return 0
  if [ -s "$demo/vestibule.log" ]; then
    warn "The last lines of $demo/vestibule.log:"
    tail -n 20 "$demo/vestibule.log" >&2
  fi
  demo_stop
  warn "The demo did not come up. The logs are in $demo; the next make demo-up clears them away and tries again."
  warn "To reset everything by hand: make demo-down. If a port is taken: DEMO_ADDRESS=127.0.0.2 make demo-up."
  exit "$code"
}
trap give_up EXIT
trap 'exit 130' INT TERM HUP

# PostgreSQL refuses to run as root, so root's appliance runs it as another user, who must be able to reach the state
# folder: below a home that is closed to others it would not.
state=$demo/state
if [ "$(id -u)" = 0 ]; then
  state=$(mktemp -d "${TMPDIR:-/var/tmp}/vestibule-demo.XXXXXXXX")
  chmod 711 "$state"
fi
printf '%s\n' "$state" >"$demo/state-dir"

say "Starting the directory (slapd, 200 people)."
directory_port=$(free_port "$address" 3890)
directory_up "$demo/directory" "$address" "$directory_port"

ldap_port=$(free_port "$address" 3389)
ldaps_port=$(free_port "$address" 3636)
management_port=$(free_port "$address" 8389)
web_port=$(free_port "$address" 8443)
plain_web_port=$(free_port "$address" 8080)
radius_port=$(free_udp_port 1812)
accounting_port=$(free_udp_port $((radius_port + 1)))
radsec_port=$(free_port "$address" 2083)
# The name by which clients reach us and the certificate calls us.
name=$address
[ "$address" != 127.0.0.1 ] || name=localhost

# Who may speak RADIUS over TLS: a CA of the demo's own, and a gateway with a certificate of it.
mkdir "$demo/radsec"
gateway_name=gateway.example.test
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "/CN=demo RadSec CA" \
  -keyout "$demo/radsec/ca.key" -out "$demo/radsec/ca.pem" 2>"$demo/radsec/openssl.log"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "/CN=$gateway_name" \
  -CA "$demo/radsec/ca.pem" -CAkey "$demo/radsec/ca.key" -addext "subjectAltName=DNS:$gateway_name" \
  -addext "basicConstraints=critical,CA:FALSE" -addext extendedKeyUsage=clientAuth \
  -keyout "$demo/radsec/gateway.key" -out "$demo/radsec/gateway.pem" 2>>"$demo/radsec/openssl.log" ||
  die "the certificates for RadSec could not be made: $(tail -n 1 "$demo/radsec/openssl.log")"
radius_secret=$(new_password)
printf '%s' "$radius_secret" >"$demo/radius-secret"

cat >"$config" <<CONF
# Written by demo-up.sh. Without [database] url the appliance runs a PostgreSQL of its own below state_dir;
# without [tls] it makes itself a certificate there.
state_dir = "$state"
hostname = "$name"

[ldap]
listen = ["$address:$ldap_port"]
listen_tls = ["$address:$ldaps_port"]

[radius]
listen = ["$address:$radius_port"]
listen_accounting = ["$address:$accounting_port"]
listen_radsec = ["$address:$radsec_port"]
radsec_client_ca = "$demo/radsec/ca.pem"

[web]
listen = ["$address:$web_port"]
listen_plain = ["$address:$plain_web_port"]
public_url = "https://$name:$web_port"

[management]
listen = "$address:$management_port"

[log]
level = "info"
format = "pretty"

# The demo refuses a prompt and asks again a moment later, as often as somebody likes to see it.
[sign_in]
prompts_per_hour = 1000
prompt_cooldown = "0s"
CONF

say "Starting the appliance."
background "$demo/vestibule.pid" "$demo/vestibule.log" "$appliance" --config "$config" serve
up_or_dead() { ready "$address" "$management_port" /readyz || ! runs "$demo/vestibule.pid" "$config"; }
wait_until 60 up_or_dead || die "the appliance was not ready within 60 s"
runs "$demo/vestibule.pid" "$config" || die "the appliance ended while starting"

say "Telling it about the directory, the gateway and two people."
vestibule() { "$appliance" --config "$config" "$@"; }
account "$demo/directory" vestibule 3 | tr -d '\n' >"$demo/bind-password"
service_dn=$(account "$demo/directory" netscaler 2)
{
  # Plain LDAP is refused unless allowed by name; here it never leaves the loopback interface.
  vestibule directory add example --kind openldap --server "ldap://$address:$directory_port" --base-dn "$suffix" \
    --bind-dn "$(account "$demo/directory" vestibule 2)" --bind-password-file "$demo/bind-password" --allow-plaintext
  # No grace: the demo shows that the same code does not work twice.
  vestibule client add netscaler --address 127.0.0.0/8 --directory example --service-account "$service_dn" \
    --factors totp,hotp,app,recovery-code,bypass --bare-approval --grace 0 --answer-by 30 --user-match refuse --allow-plaintext \
    --radius-secret-file "$demo/radius-secret" --radsec-name "$gateway_name"
  vestibule sync item add people --directory example --filter '(objectClass=inetOrgPerson)'
  vestibule sync run --directory example
  vestibule user enrol-app "$push_user"
} >"$demo/commands.log"
secret=$(vestibule user enrol-totp "$user" --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["secret_base32"])')

certificate=$state/tls/self-signed.pem
[ -r "$certificate" ] || die "the appliance wrote no certificate to $certificate"

{
  quoted LDAP_URL "ldap://$name:$ldap_port"
  quoted WEB_URL "https://$name:$web_port"
  quoted LDAPS_URL "ldaps://$name:$ldaps_port"
  quoted CA_FILE "$certificate"
  quoted BASE_DN "$suffix"
  quoted SERVICE_DN "$service_dn"
  quoted SERVICE_PASSWORD "$(account "$demo/directory" netscaler 3)"
  quoted USER "$user"
  quoted USER_DN "$(account "$demo/directory" "$user" 2)"
  quoted USER_PASSWORD "$(account "$demo/directory" "$user" 3)"
  quoted USER_TOTP_SECRET "$secret"
  quoted PUSH_USER "$push_user"
  quoted PUSH_USER_DN "$(account "$demo/directory" "$push_user" 2)"
  quoted PUSH_USER_PASSWORD "$(account "$demo/directory" "$push_user" 3)"
  quoted NEW_USER "$newcomer"
  quoted NEW_USER_PASSWORD "$(account "$demo/directory" "$newcomer" 3)"
  quoted RADIUS_ADDR "$address:$radius_port"
  quoted RADIUS_ACCT_ADDR "$address:$accounting_port"
  quoted RADIUS_SECRET "$radius_secret"
  quoted RADSEC_ADDR "$address:$radsec_port"
  quoted RADSEC_CLIENT_CERT "$demo/radsec/gateway.pem"
  quoted RADSEC_CLIENT_KEY "$demo/radsec/gateway.key"
  quoted UPSTREAM_LDAP_URL "ldap://$address:$directory_port"
  quoted CONFIG_FILE "$config"
  quoted MANAGEMENT_ADDRESS "$address:$management_port"
  quoted APPLIANCE "$appliance"
  quoted PEOPLE_FILE "$demo/directory/people.tsv"
} >"$demo/env.new"
mv "$demo/env.new" "$demo/env"
trap - EXIT INT TERM HUP
say "The demo is up: LDAP ldap://$name:$ldap_port, LDAPS ldaps://$name:$ldaps_port, RADIUS $address:$radius_port, everything else in $demo/env."
say "The portal: https://$name:$web_port (the certificate is the demo's own, so the browser asks once whether to go on)"
say "  sign in as $newcomer with the password $(account "$demo/directory" "$newcomer" 3) to set up a second factor"
