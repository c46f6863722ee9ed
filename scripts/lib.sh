# shellcheck shell=bash
# What every script here needs: words to the person, waiting with a deadline, and processes held by pid.
# Sourced, never run. Leaves to others: what is started (directory.sh, demo-up.sh) and what is installed (setup.sh).

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '%s\n' "$*"; }
warn() { printf '%s\n' "$*" >&2; }
die() {
  warn "error: $*"
  exit 1
}

# Where cargo puts its output, whatever CARGO_TARGET_DIR or a cargo configuration file says.
target_dir() {
  (cd "$root" && cargo metadata --no-deps --format-version 1) | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p'
}

# wait_until SECONDS COMMAND...: runs COMMAND until it succeeds; fails when the time is over.
wait_until() {
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.05
  done
}

# A stopped process that nobody has reaped yet still answers `kill -0`; its state says Z.
alive() { grep -qs '^State:[[:space:]]*[^[:space:]ZX]' "/proc/$1/status"; }
gone() { ! alive "$1"; }

# runs PIDFILE TEXT: the process of that file is alive and its command line holds TEXT. A pid that was handed
# to some other program since is none of ours.
runs() {
  local pid
  pid=$(cat "$1" 2>/dev/null) || return 1
  [[ $pid =~ ^[0-9]+$ ]] && alive "$pid" && tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF -- "$2"
}

# stop PIDFILE TEXT SECONDS: asks our process to end, insists after SECONDS, and touches no other.
stop() {
  local pid
  if runs "$1" "$2"; then
    pid=$(cat "$1")
    kill -TERM "$pid" 2>/dev/null || true
    if ! wait_until "$3" gone "$pid"; then
      warn "process $pid did not end within $3 s and is killed"
      kill -KILL "$pid" 2>/dev/null || true
      wait_until 5 gone "$pid" || die "process $pid cannot be stopped"
    fi
  fi
  rm -f "$1"
}

# background PIDFILE LOG COMMAND...: a session of its own, so that neither Ctrl-C nor a closing terminal reaches it,
# and none of our descriptors, so that whoever reads our output sees its end.
background() {
  local pidfile=$1 log=$2
  shift 2
  setsid "$@" </dev/null >"$log" 2>&1 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&- &
  printf '%s\n' "$!" >"$pidfile"
}

listening() { (exec 3<>"/dev/tcp/$1/$2") 2>/dev/null; }

# free_port ADDRESS FIRST: the first port from FIRST on at which nobody listens.
free_port() {
  local port
  for port in $(seq "$2" $(($2 + 99))); do
    listening "$1" "$port" || {
      printf '%s\n' "$port"
      return
    }
  done
  die "ports $2 to $((port)) of $1 are all taken: stop what listens there, or name another address"
}

# free_udp_port FIRST: the first port from FIRST on that no UDP socket of this machine holds.
free_udp_port() {
  local port
  for port in $(seq "$1" $(($1 + 99))); do
    grep -qs "^ *[0-9]*: [0-9A-F]*:$(printf '%04X' "$port") " /proc/net/udp /proc/net/udp6 || {
      printf '%s\n' "$port"
      return
    }
  done
  die "UDP ports $1 to $((port)) are all taken: stop what listens there"
}

# ready ADDRESS PORT PATH: that management page answers 200.
ready() (
  # A server that is just going down may close before it has heard us out.
  trap '' PIPE
  exec 3<>"/dev/tcp/$1/$2" || exit 1
  printf 'GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' "$3" "$1" >&3 || true
  read -r -t 2 -u 3 status || exit 1
  [[ $status == "HTTP/1.1 200"* ]]
) 2>/dev/null

# A password of 128 random bits, in letters and digits.
new_password() { openssl rand -hex 16; }

# quoted KEY VALUE: one line of shell that sets KEY to exactly VALUE.
quoted() { printf "%s='%s'\n" "$1" "${2//\'/\'\\\'\'}"; }
