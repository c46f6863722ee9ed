#!/usr/bin/env bash
# bench.sh: builds the appliance and the load generator, starts the peers on loopback, measures all of them side by side,
# stops them and writes docs/benchmarks.md. About a quarter of an hour on two cores.
#   BENCH_ROUNDS (5), BENCH_SECONDS (2)    rounds of a measure, and the length of each
#   BENCH_ROWS                             only these rows, such as 1,2,6; the page then stays as it is
#   BENCH_USERS, BENCH_AUDIT_ROWS          the largest database of row 20 (1000000 each)
#   BENCH_SYNC_USERS ("100000 1000000")    the directories that rows 11 and 12 synchronise with
#   BENCH_WAITING (50000)                  RADIUS requests that row 8 has wait
#   BENCH_NETWORK (127.0.9)                the addresses everything listens on
#   APPLIANCE                              a binary to use instead of building one
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
PATH=$PATH:/usr/sbin

network=${BENCH_NETWORK:-127.0.9}
export SQLX_OFFLINE=true

say "Building the appliance and the load generator (the first time takes some minutes)."
target=$(target_dir)
appliance=${APPLIANCE:-}
if [ -z "$appliance" ]; then
  (cd "$root" && cargo build --quiet --locked --release --bin vestibule)
  appliance=$target/release/vestibule
fi
[ -x "$appliance" ] || die "there is no program at $appliance"
(cd "$root/bench" && CARGO_TARGET_DIR=$target cargo build --quiet --locked --release) ||
  die "the load generator does not build; if its lock file is older than Cargo.toml: (cd bench && cargo update --workspace)"
bench=$target/release/vestibule-bench

# A process may hold so many connections; where the limit is lower and cannot be raised, row 6 says so by failing.
ulimit -n "$(ulimit -Hn)"

# Below /var/tmp, which is on a disk, so that a commit costs what it costs; and where the database's user can reach it.
work=$(mktemp -d "${TMPDIR:-/var/tmp}/vestibule-bench.XXXXXXXX")
chmod 711 "$work"
clean_up() {
  local code=$? pidfile
  for pidfile in "$work"/*/vestibule.pid; do
    [ ! -e "$pidfile" ] || stop "$pidfile" "$work" 40
  done
  stop "$work/back-ldap/slapd.pid" "$work/back-ldap" 10
  stop "$work/haproxy/haproxy.pid" "$work/haproxy" 10
  stop "$work/freeradius/freeradius.pid" "$work/freeradius" 10
  for pidfile in "$work"/crowd-*/slapd.pid; do
    [ ! -e "$pidfile" ] || stop "$pidfile" "${pidfile%/slapd.pid}" 10
  done
  stop "$work/slapd/slapd.pid" "$work/slapd" 10
  stop "$work/postgres/postgres.pid" "$work/postgres" 30
  if [ "$code" != 0 ] && [ -n "${BENCH_KEEP:-}" ]; then
    warn "what was written stays in $work"
  else
    rm -rf -- "$work"
  fi
  exit "$code"
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP
umask 022
for port in "1 3389" "2 3389" "2 3636" "3 3389" "4 3389" "1 5544" "30 3389" "31 3389"; do
  if listening "$network.${port% *}" "${port#* }"; then
    die "somebody listens on $network.${port% *}:${port#* }: stop that, or name another network in BENCH_NETWORK"
  fi
done

gateway_password=$(new_password)
appliance_password=$(new_password)
radius_secret=$(new_password)
postgres_password=$(new_password)

say "Starting slapd with 75,000 people, HAProxy, slapd's back-ldap, FreeRADIUS and PostgreSQL."
mkdir -p "$work/tls"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=bench \
  -addext "basicConstraints=critical,CA:FALSE" -addext "subjectAltName=IP:$network.2,IP:$network.4" \
  -keyout "$work/tls/key.pem" -out "$work/tls/cert.pem" 2>/dev/null
cat "$work/tls/cert.pem" "$work/tls/key.pem" >"$work/tls/both.pem"

for modules in /usr/lib/ldap /usr/lib/openldap /usr/lib64/openldap /usr/libexec/openldap; do
  if [ -e "$modules/back_mdb.so" ] || [ -e "$modules/back_ldap.so" ]; then break; fi
done
for schemas in /etc/ldap/schema /etc/openldap/schema; do
  if [ -d "$schemas" ]; then break; fi
done
suffix="dc=bench,dc=test"
slapd_head="include $schemas/core.schema
include $schemas/cosine.schema
include $schemas/inetorgperson.schema
loglevel none
sizelimit unlimited
threads 8"

answers() { ldapsearch -x -o nettimeout=2 -H "ldap://$1" -s base -b '' dn >/dev/null 2>&1; }
# slapd_up NAME ADDRESS: runs slapd with NAME/slapd.conf there and returns when it answers.
slapd_up() {
  background "$work/$1/slapd.pid" "$work/$1/slapd.log" slapd -d 0 -f "$work/$1/slapd.conf" -h "ldap://$2"
  if ! wait_until 10 answers "$2" || ! runs "$work/$1/slapd.pid" "$work/$1"; then
    tail -n 10 "$work/$1/slapd.log" >&2
    die "slapd ($1) did not start: see the lines above"
  fi
}

mkdir -p "$work/slapd/db"
cat >"$work/slapd/slapd.conf" <<CONF
modulepath $modules
moduleload back_mdb
$slapd_head
database mdb
suffix $suffix
directory $work/slapd/db
maxsize 1073741824
# Nothing is written while it is measured, and nothing here outlives the measurement.
dbnosync
index objectClass,entryUUID eq
index uid,mail eq
access to attrs=userPassword by anonymous auth by * none
access to * by users read by * none
CONF
"$bench" directory --gateway-password "$gateway_password" --appliance-password "$appliance_password" >"$work/slapd/directory.ldif"
slapadd -q -f "$work/slapd/slapd.conf" -b "$suffix" -l "$work/slapd/directory.ldif" 2>"$work/slapd/slapadd.log" ||
  die "the directory could not be filled: $(tail -n 3 "$work/slapd/slapadd.log")"
rm -f "$work/slapd/directory.ldif"
slapd_up slapd "$network.1:3389"

# The directories of rows 11 and 12, each of a size of its own.
crowds=()
wanted=,${BENCH_ROWS:-11},
if [[ $wanted == *,11,* || $wanted == *,12,* ]]; then
  read -ra sizes <<<"${BENCH_SYNC_USERS:-100000 1000000}"
  [ "${#sizes[@]}" -le 2 ] || die "BENCH_SYNC_USERS names at most two sizes"
  last=30
  for people in "${sizes[@]}"; do
    say "Filling a directory with $people people."
    mkdir -p "$work/crowd-$people/db"
    cat >"$work/crowd-$people/slapd.conf" <<CONF
modulepath $modules
moduleload back_mdb
moduleload syncprov
$slapd_head
database mdb
suffix $suffix
rootdn cn=root,$suffix
rootpw $gateway_password
directory $work/crowd-$people/db
maxsize 8589934592
dbnosync
index objectClass,entryUUID,entryCSN eq
overlay syncprov
syncprov-sessionlog 10000
access to attrs=userPassword by anonymous auth by * none
access to * by users read by * none
CONF
    "$bench" crowd --people "$people" --appliance-password "$appliance_password" |
      slapadd -q -w -f "$work/crowd-$people/slapd.conf" -b "$suffix" 2>"$work/crowd-$people/slapadd.log" ||
      die "the directory could not be filled: $(tail -n 3 "$work/crowd-$people/slapadd.log")"
    slapd_up "crowd-$people" "$network.$last:3389"
    crowds+=(--crowd "$people@$network.$last:3389")
    last=$((last + 1))
  done
fi

mkdir -p "$work/back-ldap"
cat >"$work/back-ldap/slapd.conf" <<CONF
modulepath $modules
moduleload back_ldap
$slapd_head
database ldap
suffix $suffix
uri ldap://$network.1:3389
rebind-as-user yes
chase-referrals no
CONF
slapd_up back-ldap "$network.3:3389"

mkdir -p "$work/haproxy"
cat >"$work/haproxy/haproxy.cfg" <<CONF
global
  nbthread 1
  maxconn 4000
defaults
  mode tcp
  timeout connect 5s
  timeout client 60s
  timeout server 60s
listen ldap
  bind $network.2:3389
  server slapd $network.1:3389
listen ldaps
  bind $network.2:3636 ssl crt $work/tls/both.pem ssl-min-ver TLSv1.3 curves X25519 ciphersuites TLS_AES_128_GCM_SHA256
  server slapd $network.1:3389
CONF
background "$work/haproxy/haproxy.pid" "$work/haproxy/haproxy.log" haproxy -db -f "$work/haproxy/haproxy.cfg"
wait_until 10 answers "$network.2:3389" || die "HAProxy did not start: $(tail -n 3 "$work/haproxy/haproxy.log")"

# As its package sets it up, except for where it listens, and with only what the measured requests need: the person is
# searched, then bound, over connections that stay open, one a thread if need be. Nobody's sign-in is logged.
# cleanup_delay: how long an answer is kept to be sent again; the most it allows, as it is to be measured. max_requests: room for
# all that is kept meanwhile, else it drops what comes.
for radius_modules in /usr/lib/freeradius /usr/lib64/freeradius; do
  if [ -e "$radius_modules/rlm_ldap.so" ]; then break; fi
done
mkdir -p "$work/freeradius"
echo "\$INCLUDE /usr/share/freeradius/dictionary" >"$work/freeradius/dictionary"
cat >"$work/freeradius/radiusd.conf" <<CONF
prefix = /usr
libdir = $radius_modules
raddbdir = $work/freeradius
logdir = $work/freeradius
run_dir = $work/freeradius
db_dir = $work/freeradius
name = freeradius
max_request_time = 30
cleanup_delay = 10
max_requests = 262144
hostname_lookups = no
log {
  destination = files
  file = $work/freeradius/radius.log
  auth = no
}
security {
  max_attributes = 200
  reject_delay = 1
  status_server = yes
  allow_vulnerable_openssl = yes
}
thread pool {
  start_servers = 5
  max_servers = 32
  min_spare_servers = 3
  max_spare_servers = 10
  max_requests_per_server = 0
}
client gateway {
  ipaddr = 127.0.0.0/8
  secret = $radius_secret
  require_message_authenticator = yes
}
modules {
  ldap {
    server = 'ldap://$network.1:3389'
    identity = 'cn=vestibule,ou=services,$suffix'
    password = '$appliance_password'
    base_dn = '$suffix'
    user {
      base_dn = "\${..base_dn}"
      filter = "(uid=%{User-Name})"
    }
    options {
      chase_referrals = no
      res_timeout = 10
      srv_timelimit = 3
      net_timeout = 1
    }
    pool {
      start = 5
      min = 3
      max = 32
      spare = 10
      uses = 0
      lifetime = 0
      idle_timeout = 60
    }
  }
  exec wait {
    wait = yes
    program = "/bin/sleep 10"
    timeout = 20
  }
}
server default {
  listen {
    type = auth
    ipaddr = $network.20
    port = 1812
  }
  authorize {
    if (&User-Name =~ /^a/) {
      wait
    }
    ldap
    update control {
      &Auth-Type := ldap
    }
  }
  authenticate {
    Auth-Type ldap {
      ldap
    }
  }
}
CONF
background "$work/freeradius/freeradius.pid" "$work/freeradius/out.log" freeradius -d "$work/freeradius" -f
radius_answers() {
  printf 'Message-Authenticator=0x00\n' | radclient -q -r 1 -t 1 -S <(printf '%s\n' "$radius_secret") "$network.20:1812" status >/dev/null 2>&1
}
wait_until 10 radius_answers || die "FreeRADIUS did not start: $(tail -n 3 "$work/freeradius/radius.log" "$work/freeradius/out.log")"

# PostgreSQL refuses to run as root.
postgres_user=()
if [ "$(id -u)" = 0 ]; then postgres_user=(setpriv --reuid=postgres --regid=postgres --clear-groups --inh-caps=-all); fi
postgres_bin=$(compgen -G '/usr/lib/postgresql/*/bin' | sort -V | tail -n 1) || postgres_bin=$(dirname "$(command -v postgres)")
mkdir -m 700 "$work/postgres"
(umask 077 && printf '%s' "$postgres_password" >"$work/postgres/password")
[ "$(id -u)" != 0 ] || chown -R postgres:postgres "$work/postgres"
(cd "$work/postgres" && "${postgres_user[@]}" "$postgres_bin/initdb" --pgdata=data --username=vestibule --pwfile=password \
  --auth=scram-sha-256 --encoding=UTF8 --locale=C >initdb.log 2>&1) || die "initdb failed: $(tail -n 3 "$work/postgres/initdb.log")"
# As installed, fsync and synchronous commits on; only the way in, and connections for several appliances at once.
# unix_socket_directories: the default may not be this user's to write to.
background "$work/postgres/postgres.pid" "$work/postgres/postgres.log" "${postgres_user[@]}" "$postgres_bin/postgres" \
  -D "$work/postgres/data" -h "$network.1" -p 5544 -c "unix_socket_directories=$work/postgres"
postgres_ready() { "$postgres_bin/pg_isready" -q -h "$network.1" -p 5544; }
wait_until 20 postgres_ready || die "PostgreSQL did not start: $(tail -n 3 "$work/postgres/postgres.log")"

only=()
if [ -n "${BENCH_ROWS:-}" ]; then only=(--only "$BENCH_ROWS"); fi
say "Measuring."
"$bench" measure --network "$network" --program "$appliance" --work "$work" \
  --postgres "postgres://vestibule:$postgres_password@$network.1:5544/postgres" \
  --postgres-pid "$(cat "$work/postgres/postgres.pid")" --slapd-pid "$(cat "$work/slapd/slapd.pid")" \
  --haproxy-pid "$(cat "$work/haproxy/haproxy.pid")" --back-ldap-pid "$(cat "$work/back-ldap/slapd.pid")" \
  --freeradius-pid "$(cat "$work/freeradius/freeradius.pid")" --radius-secret "$radius_secret" \
  --gateway-password "$gateway_password" --appliance-password "$appliance_password" \
  --certificate "$work/tls/cert.pem" --private-key "$work/tls/key.pem" --image "$target/image/vestibule-appliance.tar.gz" \
  --version-of "slapd $(slapd -VV 2>&1 | sed -n 's/.*OpenLDAP: slapd \([0-9.]*\).*/\1/p')" \
  --version-of "HAProxy $(haproxy -v | sed -n '1s/HAProxy version \([^ ]*\).*/\1/p')" \
  --version-of "FreeRADIUS $(freeradius -v | sed -n '1s/.*Version \([0-9.]*\).*/\1/p')" \
  --version-of "$("$postgres_bin/postgres" --version | sed 's/postgres (\(.*\)) \([0-9.]*\).*/\1 \2/')" \
  --version-of "$(rustc --version | sed 's/ (.*//')" \
  --rounds "${BENCH_ROUNDS:-5}" --seconds "${BENCH_SECONDS:-2}" --most-users "${BENCH_USERS:-1000000}" \
  --audit-rows "${BENCH_AUDIT_ROWS:-1000000}" --waiting "${BENCH_WAITING:-50000}" --page "$root/docs/benchmarks.md" "${crowds[@]}" "${only[@]}"
