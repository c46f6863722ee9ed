#!/usr/bin/env bash
# check.sh: everything that judges the source without running it. `make check` runs the tests afterwards.
# The quick checks come first, so that a slip in a script does not wait for the compiler.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$root"

step() { say "==> $*"; }

scripts/setup.sh test

step "formatting"
cargo fmt --all --check

step "shell scripts"
mapfile -t shells < <(git ls-files -co --exclude-standard -- '*.sh' '.ci/run')
shellcheck --external-sources "${shells[@]}"

step "compose file"
if docker compose version >/dev/null 2>&1; then compose=(docker compose); else compose=(docker-compose); fi
# --env-file: the example must be enough to start from.
"${compose[@]}" --env-file compose/.env.example -f compose/compose.yaml config >/dev/null

step "licences and banned crates"
if cargo deny --version >/dev/null 2>&1; then
  cargo deny --log-level error check bans licenses sources
  # The advisory database is fetched over the network, which a build machine may not have.
  if timeout 60 cargo deny --log-level error fetch db >/dev/null 2>&1; then
    cargo deny --log-level error check advisories
  else
    say "skipped: advisories (their database cannot be fetched from here)"
  fi
else
  say "skipped: cargo-deny is not installed (cargo install cargo-deny --locked)"
fi

step "lints"
cargo clippy --locked --all-targets --quiet -- -D warnings
