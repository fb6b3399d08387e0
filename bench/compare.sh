#!/usr/bin/env bash
# The hub beside others, for the same work: a floor that understands nothing, Mosquitto, nats-server and uWebSockets. The
# hub takes part twice: over WebSocket, and over MQTT (hub-mqtt), where the clients are those of Mosquitto.
# Each runs alone, at a port of its own, on the same core as the generator, in turns: round 1 of all of them, then
# round 2. Prints one table of medians, each with its ratio to the floor.
#
#   bench/compare.sh [--quick] [--json] [--websocket] [--add] [--rounds N] [--seconds S] [ROW…]
#
# Rows are fanout, burst, fanin, roundtrip, idle, filters and stall; all of them if none is named. --quick is one short
# round: it shows that everything runs, and its figures are worth nothing. --websocket has Mosquitto measured over
# WebSocket as well, where each connection takes it a fifth of a second. --add adds its rounds to those of the last
# run; with --rounds 0 it only prints them. CORE names the core, 0 if it is not set.
#
# Installs what is missing where this runs as root on Debian; elsewhere it says what is missing and leaves it out.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

rounds=3 seconds=3 small='' add='' websocket='' format=() rows=()
while [ $# -gt 0 ]; do
  case $1 in
    --quick) rounds=1 small=yes seconds=0.3 ;;
    --json) format=(--json) ;;
    --add) add=yes ;;
    --websocket) websocket=yes ;;
    --rounds) rounds=$2; shift ;;
    --seconds) seconds=$2; shift ;;
    fanout | burst | fanin | roundtrip | idle | filters | stall) rows+=("$1") ;;
    *) sed -n '2,/^set/{/^#/p}' "$0" >&2; exit 2 ;;
  esac
  shift
done
[ "${#rows[@]}" -gt 0 ] || rows=(fanout burst fanin roundtrip idle filters stall)

target=${CARGO_TARGET_DIR:-$PWD/target}
core=${CORE:-0}
results=$target/compare
[ -n "$add" ] || rm -rf "$results"
mkdir -p "$results"
rm -f "$results"/*.txt
export PATH=$PATH:/usr/sbin

# Says on standard error and in the table what is not there.
leave_out() {
  echo "$1 is left out: $2" >&2
  echo "$1: $2" >>"$results/left-out.txt"
}

cargo build --quiet --locked --release
cargo build --quiet --locked --release --package clown-hub-bench
tests/brokers/install || true

declare -A command
order=(hub floor)
command[floor]="$target/release/floor"
order+=(hub-mqtt)
command[hub-mqtt]="mqtt://clown:bigclown@127.0.0.1:{port} $PWD/bench/hub_mqtt.sh $target/release/clown-hub {port}"
if command -v mosquitto >/dev/null; then
  order+=(mosquitto)
  command[mosquitto]="mqtt://127.0.0.1:{port} $PWD/bench/mosquitto.sh {port} mqtt"
  [ -z "$websocket" ] || order+=(mosquitto-ws)
  command[mosquitto-ws]="mqtt+ws://127.0.0.1:{port} $PWD/bench/mosquitto.sh {port} websockets"
  echo "Mosquitto $(mosquitto -h | sed -n 's/^mosquitto version //p')" >>"$results/versions.txt"
else
  leave_out mosquitto "install the Debian package mosquitto"
fi
if command -v nats-server >/dev/null; then
  order+=(nats)
  command[nats]="nats://127.0.0.1:{port} nats-server -a 127.0.0.1 -p {port}"
  nats-server --version >>"$results/versions.txt"
else
  leave_out nats "install the Debian package nats-server"
fi

# uWebSockets comes in a package of Python's and needs libuv.
uws_python() {
  local venv=$target/uws-venv wanted=bench/uws-requirements.txt
  if ! cmp -s "$wanted" "$venv/installed.txt"; then
    rm -rf "$venv"
    python3 -m venv "$venv" &&
      "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$wanted" &&
      cp "$wanted" "$venv/installed.txt"
  fi >&2 || return 1
  if ! "$venv/bin/python" -c 'import socketify' 2>"$results/uws.txt" && [ "$(id -u)" -eq 0 ]; then
    { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends libuv1; } \
      >/dev/null 2>&1 || true
  fi
  "$venv/bin/python" -c 'import socketify' 2>"$results/uws.txt" && echo "$venv/bin/python"
}
if python=$(uws_python); then
  order+=(uws)
  command[uws]="$python $PWD/bench/uws_hub.py"
  echo "uWebSockets of $(grep '^socketify' bench/uws-requirements.txt)" >>"$results/versions.txt"
else
  leave_out uws "it needs Python 3 with venv, PyPI and the library libuv1: $(tail -n 1 "$results/uws.txt" 2>/dev/null)"
fi

# What a row is, and who can take part: the floor has no filters and no bounds, uWebSockets has no trie with wildcards.
sizes() {
  case $1 in
    fanout) echo fanout ;;
    burst) echo fanout --burst 32 ;;
    idle) echo idle ${small:+--devices 500} ;;
    filters) echo filters ${small:+--filters 5000} ;;
    *) echo "$1" ;;
  esac
}
takes_part() {
  case $1-$2 in
    floor-filters | floor-stall | uws-filters) return 1 ;;
  esac
}

for ((round = 1; round <= rounds; round++)); do
  for row in "${rows[@]}"; do
    for peer in "${order[@]}"; do
      takes_part "$peer" "$row" || continue
      if [ -t 2 ]; then printf '\r\e[K%s: round %s of %s, %s' "$row" "$round" "$rounds" "$peer" >&2; fi
      what=()
      [ "$peer" = hub ] || what=(--target "${command[$peer]}")
      result=$results/$row.$peer.$(date +%s%N)
      # It fails when something was lost; the table says what. Sizes are words.
      # shellcheck disable=SC2046
      "$target/release/clown-hub-bench" $(sizes "$row") --seconds "$seconds" --json --pin-server "$core" \
        --pin-client "$core" "${what[@]}" >"$results/part" 2>"$result.err" || true
      if [ -s "$results/part" ]; then
        mv "$results/part" "$result.json"
      else
        echo "$row, $peer: $(cat "$result.err")" | tee -a "$results/failed.txt" >&2
      fi
    done
  done
done
if [ -t 2 ]; then printf '\r\e[K' >&2; fi

exec python3 bench/compare_table.py "${format[@]}" "$results" "${order[@]}"
