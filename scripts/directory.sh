# shellcheck shell=bash
# A throwaway OpenLDAP holding the demo's people. Sourced by whoever needs a directory to stand behind the
# appliance. Leaves the stopping to the caller: stop DIR/slapd.pid DIR/slapd.conf 10.
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

suffix="dc=example,dc=test"

slapd_answers() { ldapsearch -x -o nettimeout=2 -H "ldap://$1:$2" -s base -b '' dn >/dev/null 2>&1; }

# directory_up DIR ADDRESS PORT [LDIF]: fills DIR with the demo's people and those of the file LDIF, starts slapd there and
# returns when it answers.
# DIR/people.tsv holds every account's password (uid, DN, password), readable by its owner alone.
directory_up() {
  local dir=$1 address=$2 port=$3 more=${4:-} modules schemas
  local -x PATH=$PATH:/usr/sbin
  for modules in /usr/lib/ldap /usr/lib/openldap /usr/lib64/openldap /usr/libexec/openldap; do
    if [ -e "$modules/ppolicy.so" ]; then break; fi
  done
  for schemas in /etc/ldap/schema /etc/openldap/schema; do
    if [ -d "$schemas" ]; then break; fi
  done
  mkdir -p "$dir/db"
  chmod 700 "$dir" "$dir/db"
  cat >"$dir/slapd.conf" <<CONF
modulepath $modules
moduleload back_mdb
moduleload memberof
moduleload ppolicy
include $schemas/core.schema
include $schemas/cosine.schema
include $schemas/inetorgperson.schema
loglevel none
sizelimit unlimited

database mdb
suffix $suffix
directory $dir/db
maxsize 268435456
# Nothing here outlives the demo, so nothing has to reach the disk.
dbnosync
index objectClass,entryUUID eq
index uid,mail,cn,member,memberOf eq
# A password can be tried by a bind and in no other way: nobody reads it, nobody compares it.
access to attrs=userPassword by anonymous auth by self =w by * none
access to * by users read by * none
overlay memberof
memberof-group-oc groupOfNames
overlay ppolicy
ppolicy_default "cn=default,ou=policies,$suffix"
CONF
  "$root/demo/people.py" "$suffix" "$dir/people.ldif" "$dir/people.tsv"
  [ -z "$more" ] || cat "$more" >>"$dir/people.ldif"
  slapadd -q -f "$dir/slapd.conf" -b "$suffix" -l "$dir/people.ldif" 2>"$dir/slapadd.log" ||
    die "the directory could not be filled: $(tail -n 3 "$dir/slapadd.log")"
  rm -f "$dir/people.ldif"
  # -d keeps it in the foreground: the pid we hold is the server's own. The level 256 logs one line per operation.
  background "$dir/slapd.pid" "$dir/slapd.log" slapd -d 256 -f "$dir/slapd.conf" -h "ldap://$address:$port"
  if ! wait_until 10 slapd_answers "$address" "$port" || ! runs "$dir/slapd.pid" "$dir/slapd.conf"; then
    tail -n 10 "$dir/slapd.log" >&2
    die "the directory (slapd) did not start: see the lines above, from $dir/slapd.log"
  fi
}

# account DIR NAME COLUMN: the DN (2) or the password (3) of that person or service account.
account() { awk -F '\t' -v name="$2" -v column="$3" '$1 == name { print $column }' "$1/people.tsv"; }
