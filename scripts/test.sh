#!/usr/bin/env bash
# test.sh [ARGUMENTS]: every test, by cargo-nextest where it is installed and by cargo itself elsewhere.
# The runner's own closing lines come last, so that what was run can be read there.
set -euo pipefail
cd "$(dirname "$0")/.."
if cargo nextest --version >/dev/null 2>&1; then
  exec cargo nextest run --no-fail-fast "$@"
fi
exec cargo test --no-fail-fast "$@"
