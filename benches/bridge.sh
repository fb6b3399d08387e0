#!/usr/bin/env bash
# What a message costs whoever carries it over a bridge: the hub with one link to a Mosquitto, and beside it a Mosquitto
# with a bridge connection to the same. Both ways, with QoS 0 and 1, in turns: round 1 of all of them, then round 2.
# Prints a table of medians: CPU time of the process that bridges, for each message. It fails where one is lost.
#
#   benches/bridge.sh [--quick] [--rounds N] [--seconds S] [--rate N] [--mqtt 5|3.1.1]
#
# --quick is one short round: it shows that everything runs, and its figures are worth nothing. CORE names the core, 0 if
# it is not set. Three rounds take two minutes, and more where the hub has to be built.
#
# Installs Mosquitto where this runs as root on Debian; elsewhere it says what is missing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

for word in "$@"; do
  case $word in
    -h | --help) sed -n '2,/^set/{/^#/p}' "$0"; exit ;;
  esac
done
export PATH=$PATH:/usr/sbin
# Without a store: nothing is left behind, and nothing of the user's is touched.
export CLOWN_HUB__STORE__DIRECTORY=
cargo build --quiet --locked --release --bin clown-hub
tests/brokers/install
exec python3 benches/bridge.py "${CARGO_TARGET_DIR:-$PWD/target}/release/clown-hub" --core "${CORE:-0}" "$@"
