#!/usr/bin/env bash
# setup.sh [demo|test|image|fuzz]: installs what that verb needs and is missing; does nothing, fast, when all is there.
# On Debian and its kin the packages are installed; elsewhere their names are printed and the exit code is 1.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

purpose=${1:-demo}
case $purpose in
demo | test | image | fuzz) ;;
*) die "setup.sh knows demo, test, image and fuzz, not \"$purpose\"" ;;
esac

PATH=$PATH:/usr/sbin:/sbin

postgres_binaries() { compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || command -v postgres >/dev/null; }
c_library() { compgen -G '/usr/include/*/stdlib.h' >/dev/null || [ -e /usr/include/stdlib.h ]; }
samba_modules() { compgen -G '/usr/lib/*/samba/vfs/xattr_tdb.so' >/dev/null || [ -e /usr/lib/samba/vfs/xattr_tdb.so ]; }
samba_database() { compgen -G '/usr/lib/*/samba/ldb/samba_dsdb.so' >/dev/null || [ -e /usr/lib/samba/ldb/samba_dsdb.so ]; }
radius_ldap() { compgen -G '/usr/lib*/freeradius/rlm_ldap.so'; }
pam_module() { compgen -G "/lib/*/security/$1" || compgen -G "/usr/lib/*/security/$1" || compgen -G "/usr/lib*/security/$1"; }
pam_wrapper() { compgen -G '/usr/lib/*/libpam_wrapper.so' || compgen -G '/usr/lib*/libpam_wrapper.so'; }
compose() { docker compose version >/dev/null 2>&1 || command -v docker-compose >/dev/null; }

# need PACKAGE CHECK...: notes PACKAGE as missing unless CHECK succeeds.
missing=()
need() {
  local package=$1
  shift
  "$@" >/dev/null 2>&1 || missing+=("$package")
}
look() {
  missing=()
  need postgresql postgres_binaries
  need slapd command -v slapd
  need ldap-utils command -v ldapsearch
  need oathtool command -v oathtool
  need openssl command -v openssl
  need python3 command -v python3
  need gcc command -v cc
  need libc6-dev c_library
  need make command -v make
  if [ "$purpose" = test ]; then
    need samba command -v samba-tool
    need samba-ad-dc command -v samba
    need samba-ad-provision test -e /usr/share/samba/setup/provision.ldif
    need samba-dsdb-modules samba_database
    need samba-vfs-modules samba_modules
    need winbind command -v winbindd
    need ldb-tools command -v ldbmodify
    need python3-ldap3 test -e /usr/lib/python3/dist-packages/ldap3/__init__.py
    need python3-aiosmtpd test -e /usr/lib/python3/dist-packages/aiosmtpd/__init__.py
    need haproxy command -v haproxy
    need freeradius command -v freeradius
    need freeradius-ldap radius_ldap
    need freeradius-utils command -v radclient
    need eapoltest command -v eapol_test
    need radsecproxy command -v radsecproxy
    need libpam-radius-auth pam_module pam_radius_auth.so
    need libpam-wrapper pam_wrapper # a PAM service can be described without a file in /etc/pam.d
    need pamtester command -v pamtester
    need chromium command -v chromium
    need nodejs command -v node
    need npm command -v npm
    need docker-compose compose
    need shellcheck command -v shellcheck
  fi
  if [ "$purpose" = image ]; then
    need buildah command -v buildah
    need podman command -v podman
    need runc command -v runc
    need mmdebstrap command -v mmdebstrap
    need catatonit command -v catatonit
  fi
  if [ "$purpose" = fuzz ]; then
    need g++ command -v c++ # libFuzzer is C++ and is compiled with the targets
  fi
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}
apt() { as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=600 -o Dpkg::Options::=--force-confold "$@"; }

# We want the programs of these packages, not the services: a slapd on port 389 or a PostgreSQL cluster that nobody asked
# for would be a surprise on somebody's own machine. Debian's documented switch is /usr/sbin/policy-rc.d: exit code 101
# forbids the package scripts to start or restart anything. It is put there for the one apt-get call, only where there
# is none, and taken away again however that call ends. (RUNLEVEL=1 is not enough: systemd units do not look at it.)
# The units that came with the packages are then disabled, so that the next boot does not start them either. Services
# of packages that were installed before are neither asked nor touched.
policy=/usr/sbin/policy-rc.d
mark='vestibule setup: no service starts while its packages are installed'
forbid_services() {
  if [ -e "$policy" ] && ! grep -qsF "$mark" "$policy"; then return; fi # somebody's own policy stands
  trap allow_services EXIT
  trap 'exit 130' INT TERM HUP
  printf '#!/bin/sh\n# %s\nexit 101\n' "$mark" | as_root tee "$policy" >/dev/null
  as_root chmod 755 "$policy"
}
allow_services() {
  if grep -qsF "$mark" "$policy"; then as_root rm -f "$policy"; fi
}
# The names of the services that these packages brought, of either kind of init.
services_of() {
  dpkg -L "$@" | sed -n -e 's#^\(/usr\)\?/lib/systemd/system/\([^/@]*\)\.\(service\|socket\|timer\)$#\2.\3#p' \
    -e 's#^/etc/init\.d/\([^/]*\)$#\1.service#p' | sort -u
}
disable() {
  local service
  for service in $(services_of "$@"); do
    if [ -e "/etc/init.d/${service%.service}" ]; then as_root update-rc.d "${service%.service}" disable; fi
    if command -v systemctl; then as_root systemctl disable "$service"; fi
  done >/dev/null 2>&1 || true # one that was never enabled is no fault
}
installed_packages() { dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' | sed -n 's/^ii  *//p' | sort; }

install_missing() {
  local before fresh
  if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
    die "these packages are missing and neither root nor sudo is at hand: run  apt-get install ${missing[*]}  as root"
  fi
  say "installing: ${missing[*]}"
  before=$(installed_packages)
  forbid_services
  # The package lists are refreshed only when there are none, or the ones at hand do not do.
  compgen -G '/var/lib/apt/lists/*Packages*' >/dev/null || apt update
  if ! apt install -y --no-install-recommends "${missing[@]}"; then
    apt update
    apt install -y --no-install-recommends "${missing[@]}" || die "apt-get could not install: ${missing[*]} (see its message above)"
  fi
  allow_services
  mapfile -t fresh < <(comm -13 <(printf '%s\n' "$before") <(installed_packages))
  [ "${#fresh[@]}" = 0 ] || disable "${fresh[@]}"
}

look
if [ "${#missing[@]}" -gt 0 ]; then
  if command -v apt-get >/dev/null; then
    install_missing
    look
    [ "${#missing[@]}" = 0 ] || die "still missing after the installation: ${missing[*]}"
  else
    warn "This system has no apt-get, so nothing was installed. Missing, by the names of Debian's packages:"
    printf '  %s\n' "${missing[@]}" >&2
    die "install what provides these and run the command again"
  fi
fi

newest=$(compgen -G '/usr/lib/postgresql/*/bin/postgres' | sed 's#/usr/lib/postgresql/\([0-9]*\)/.*#\1#' | sort -n | tail -n 1)
[ -n "$newest" ] || newest=$(postgres --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')
[ "$newest" -ge 15 ] || die "PostgreSQL 15 or newer is needed, and the newest here is $newest"

# The one thing no package manager gives in a fresh enough version.
want=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$root/Cargo.toml")
have=$(rustc --version 2>/dev/null | sed 's/^rustc \([0-9.]*\).*/\1/') || true
if [ -z "$have" ] || ! command -v cargo >/dev/null; then
  die "Rust $want or newer is needed and there is none: install it from https://rustup.rs"
fi
if [ "$(printf '%s\n' "$want" "$have" | sort -V | head -n 1)" != "$want" ]; then
  die "Rust $want or newer is needed and this is $have: run \"rustup update\" (https://rustup.rs)"
fi
