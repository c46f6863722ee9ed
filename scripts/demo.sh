#!/usr/bin/env bash
# demo.sh: the conversation of a NetScaler with the running demo, that of a VPN gateway by RADIUS, a look at the portal, then
# how to try it by hand.
set -euo pipefail
# shellcheck source=scripts/demo-lib.sh
. "$(dirname "$0")/demo-lib.sh"
[ -e "$demo/env" ] || die "the demo is not up: run  make demo-up"

# In a shell of its own: the environment of the demo's programs is theirs alone.
(
  set -a
  # shellcheck source=/dev/null
  . "$demo/env"
  set +a
  "$root/demo/netscaler.py"
  "$root/demo/radius.py"
  "$root/demo/portal.py"
)

value_of() { sed -n "s/^$1='\(.*\)'$/\1/p" "$demo/env"; }
cat <<TEXT

Try it by hand. The portal, in a browser on this machine (it asks once whether to trust the demo's own certificate):
  $(value_of WEB_URL) as $(value_of NEW_USER), whose password is $(value_of NEW_USER_PASSWORD)

Everything else from a shell:

  . ${demo/#$PWD\//}/env
  # with a code (each works once, a new one comes every 30 seconds):
  ldapsearch -x -LLL -H "\$LDAP_URL" -b "\$BASE_DN" -D "\$USER_DN" \\
    -w "\$USER_PASSWORD,\$(oathtool --totp --base32 "\$USER_TOTP_SECRET")" "(uid=\$USER)" cn mail
  # with an approval, answered from a second terminal:
  LDAPTLS_CACERT=\$CA_FILE ldapsearch -x -LLL -H "\$LDAPS_URL" -b "\$BASE_DN" -D "\$PUSH_USER_DN" \\
    -w "\$PUSH_USER_PASSWORD" "(uid=\$PUSH_USER)" cn mail
  "\$APPLIANCE" --config "\$CONFIG_FILE" challenge list
  "\$APPLIANCE" --config "\$CONFIG_FILE" challenge approve ID
  # by RADIUS, where radclient is installed (Debian: freeradius-utils):
  printf 'User-Name="%s",User-Password="%s,%s",Message-Authenticator=0x00' "\$USER" "\$USER_PASSWORD" \\
    "\$(oathtool --totp --base32 "\$USER_TOTP_SECRET")" | radclient -x -t 30 -r 1 "\$RADIUS_ADDR" auth "\$RADIUS_SECRET"

make demo-down stops everything.
TEXT
