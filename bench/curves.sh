#!/usr/bin/env bash
# Draws the pictures of docs/performance.md, and prints their tables: CPU time for each delivery by the number of
# readers, beside the floor, and for each publish by the number of filters that do not match it.
#
#   bench/curves.sh [--quick] [readers|filters]…
#
# --quick goes to smaller sizes in one short round and draws into the target folder. CORE names the core, 0 if it is
# not set.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

target=${CARGO_TARGET_DIR:-$PWD/target}
readers=10,30,100,300,1000,3000,10000
filters=10,100,1000,10000,100000,1000000
pictures=docs/pictures how=(--rounds 3 --seconds 1) which=()
for word in "$@"; do
  case $word in
    --quick) readers=10,100 filters=10,1000 pictures=$target how=(--rounds 1 --seconds 0.2) ;;
    readers | filters) which+=("$word") ;;
    *) sed -n '2,/^set/{/^#/p}' "$0" >&2; exit 2 ;;
  esac
done
[ "${#which[@]}" -gt 0 ] || which=(readers filters)

cargo build --quiet --locked --release
cargo build --quiet --locked --release --package clown-hub-bench
mkdir -p "$pictures"
for one in "${which[@]}"; do
  case $one in
    readers) what=(fanout --over "readers=$readers" --vs "$target/release/floor") ;;
    filters) what=(unmatched --over "filters=$filters") ;;
  esac
  "$target/release/clown-hub-bench" "${what[@]}" "${how[@]}" \
    --pin-server "${CORE:-0}" --pin-client "${CORE:-0}" --svg "$pictures/$one.svg"
done
