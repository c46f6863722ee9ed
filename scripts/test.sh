#!/usr/bin/env bash
# test.sh [ARGUMENTS]: every test, by cargo-nextest where it is installed and by cargo itself elsewhere.
# One throwaway PostgreSQL serves the whole run; each test makes a database of its own in it.
# The runner's own closing lines come last, so that what was run can be read there.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$root"

coproc database { exec scripts/test-database.sh; }
# The shell forgets these once the process is gone.
pid=$! keep=${database[1]}
read -r -u "${database[0]}" TEST_DATABASE_URL || die "the tests have no database"
export TEST_DATABASE_URL

run() (
  # The database ends with this script, whatever the tests leave behind.
  exec {keep}>&-
  if cargo nextest --version >/dev/null 2>&1; then
    exec cargo nextest run --no-fail-fast "$@"
  fi
  exec cargo test --no-fail-fast "$@"
)
status=0
run "$@" || status=$?
exec {keep}>&-
wait "$pid" 2>/dev/null || true
exit "$status"
