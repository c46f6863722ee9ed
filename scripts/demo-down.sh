#!/usr/bin/env bash
# demo-down.sh: stops exactly the processes that demo-up started and removes what it wrote.
set -euo pipefail
# shellcheck source=scripts/demo-lib.sh
. "$(dirname "$0")/demo-lib.sh"
if [ ! -e "$demo" ]; then
  say "The demo is not up."
  exit 0
fi
demo_remove
say "The demo is down."
