# shellcheck shell=bash
# Where the demo lives and how it is recognised and stopped: what demo-up, demo-down and demo share.
# DEMO_DIR (default .demo) and DEMO_ADDRESS (default 127.0.0.1) let several stand side by side.
# shellcheck source=scripts/directory.sh
. "$(dirname "${BASH_SOURCE[0]}")/directory.sh"

demo=$(realpath -m "${DEMO_DIR:-$root/.demo}")
config=$demo/vestibule.toml

demo_stop() {
  # The appliance first: it finishes or refuses the sign-ins that wait, and its database goes down with it.
  stop "$demo/vestibule.pid" "$config" 40
  stop "$demo/directory/slapd.pid" "$demo/directory/slapd.conf" 10
}

# Ends what runs and removes what was written. The folder carries a mark, so that a wrong DEMO_DIR costs nobody a folder.
demo_remove() {
  local state
  [ -e "$demo" ] || return 0
  [ -e "$demo/made-by-demo-up" ] || die "$demo was not made by demo-up, so it stays: name another folder in DEMO_DIR"
  demo_stop
  state=$(cat "$demo/state-dir" 2>/dev/null) || state=
  if [[ $state == */vestibule-demo.* ]]; then rm -rf -- "$state"; fi
  rm -rf -- "$demo"
}
