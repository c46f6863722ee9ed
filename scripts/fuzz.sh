#!/usr/bin/env bash
# fuzz.sh [TARGET...]: runs each libFuzzer target of fuzz/ for FUZZ_SECONDS (default 30) on the stable compiler.
# The committed corpus is read, never written: what the fuzzer finds new goes to fuzz/found/, a crash to fuzz/artifacts/.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
seconds=${FUZZ_SECONDS:-30}
[[ $seconds =~ ^[1-9][0-9]*$ ]] || die "FUZZ_SECONDS must be a number of seconds, not \"$seconds\""

"$root/scripts/setup.sh" fuzz
if ! cargo fuzz --version >/dev/null 2>&1; then
  say "installing cargo-fuzz"
  cargo install cargo-fuzz --locked --quiet || die "cargo-fuzz could not be installed: run  cargo install cargo-fuzz --locked"
fi

cd "$root"
# cargo-fuzz drives flags that only a nightly compiler takes; this variable lets the stable one take them.
# `-s none`: an address sanitizer would need a nightly standard library, and the code under test has no unsafe.
export RUSTC_BOOTSTRAP=1
if [ $# -gt 0 ]; then
  targets=("$@")
else
  mapfile -t targets < <(cargo fuzz list)
fi
[ "${#targets[@]}" -gt 0 ] || die "fuzz/ has no targets"

# Everything is built before the first second is counted.
cargo fuzz build -s none
failed=()
for target in "${targets[@]}"; do
  say "==> $target: $seconds s"
  mkdir -p "fuzz/found/$target" "fuzz/corpus/$target"
  cargo fuzz run -s none "$target" "fuzz/found/$target" "fuzz/corpus/$target" -- \
    -max_total_time="$seconds" -print_final_stats=1 -verbosity=0 || failed+=("$target")
done
[ "${#failed[@]}" = 0 ] || die "these targets failed: ${failed[*]} (the input is in fuzz/artifacts/TARGET/)"
say "${#targets[@]} targets, none failed"
