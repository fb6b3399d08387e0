#!/usr/bin/env bash
# What `clown-hub pub` and `clown-hub sub` do in a pipe: a million lines go into one, through a hub without a limit of
# messages a second and with room for those that `sub` has not read yet, and nothing may be missing at the end. Prints
# the table of docs/performance.md.
#
#   benches/pipe.sh [--quick]
#
# --quick takes a tenth of the lines, once. It ends with an error where a message is missing, or where the program
# needs more CPU time than 5 µs for a line, which is 200,000 a second on one core.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

lines=1000000 rounds=5
case ${1-} in
  '') ;;
  --quick) lines=100000 rounds=1 ;;
  *) sed -n '2,/^set/{/^#/p}' "$0" >&2; exit 2 ;;
esac

# Without a store: nothing is left behind, and nothing of the user's is touched.
export CLOWN_HUB__STORE__DIRECTORY=
cargo build --quiet --locked --release --bin clown-hub
program=${CARGO_TARGET_DIR:-$PWD/target}/release/clown-hub
folder=$(mktemp -d)
hub=
end() {
  [ -z "$hub" ] || kill "$hub"
  wait
  rm -rf "$folder"
}
trap end EXIT
cd "$folder"

seq "$lines" | awk '{ printf "[\"t/%d\", {\"number\": %d, \"celsius\": 21.50}]\n", $1 % 1000, $1 }' > lines
mkfifo start
room=()
for set in messages=1000000 bytes=1073741824 hard_messages=10000000 hard_bytes=4294967296; do
  room+=(--set "outbox.$set")
done
"$program" --listen 127.0.0.1:0 --set limits.messages_per_second=0 --set simulator.run=off "${room[@]}" > start 2> hub.log &
hub=$!
while read -r word rest; do
  [ "$word" != WebSocket ] || break
done < start
export CLOWN_HUB_URL=${rest%%/auth/*}
# A last value tells when `sub` has begun to listen.
"$program" pub t/ready 0 --retain

# User and system time of the hub so far, in seconds.
cpu() {
  awk -v hertz="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); print ($12 + $13) / hertz }' "/proc/$hub/stat"
}

# Runs a command and adds a line to FILE: the seconds that it took, those of its CPU, and those of the hub's.
TIMEFORMAT='%R %U %S'
measure() {
  local file=$1 before
  shift
  before=$(cpu)
  { time "$@" 2> said >&3; } 3>&1 2> took || { cat said >&2; exit 1; }
  echo "$(cat took) $before $(cpu)" | awk '{ print $1, $2 + $3, $5 - $4 }' >> "$file"
}

publish() { cat lines | "$program" pub "$@"; }
heard() { "$program" sub 't/#' --for 60s --count $((lines + 1)) --format json; }

for ((round = 1; round <= rounds; round++)); do
  measure alone publish
  measure confirmed publish --confirm

  rm -f out
  heard > out &
  reader=$!
  until [ -s out ]; do sleep 0.05; done
  measure read publish
  wait "$reader"
  tail -n +2 out | cmp -s lines - || { echo "what came is not what was sent: $(wc -l < out) lines" >&2; exit 1; }

  { "$program" sub 't/#' 2> said.sub | head -5 > first; } &
  reader=$!
  while kill -0 "$reader" 2> said; do publish; done
  wait "$reader"
  [ "$(wc -l < first)" = 5 ] && [ ! -s said.sub ] || { cat said.sub >&2; exit 1; }
done

median() { sort -n | awk '{ all[NR] = $1 } END { print all[int((NR + 1) / 2)] }'; }
echo "| $lines lines into \`pub\` | lines a second | CPU of \`pub\`, µs a line | CPU of the hub, µs a line |"
echo '|---|---|---|---|'
for what in alone confirmed read; do
  awk '{ print $1 }' "$what" | median > wall
  awk '{ print $2 }' "$what" | median > client
  awk '{ print $3 }' "$what" | median > server
  case $what in
    alone) name='nobody reads' ;;
    confirmed) name='nobody reads, each is confirmed (`--confirm`)' ;;
    read) name='`sub` prints them all' ;;
  esac
  paste wall client server | awk -v n="$lines" -v name="$name" '
    { printf "| %s | %d | %.2f | %.2f |\n", name, n / $1, $2 / n * 1e6, $3 / n * 1e6
      if ($2 > n * 5e-6 || $3 > n * 5e-6) { print "more than 5 µs of CPU a line" > "/dev/stderr"; exit 1 } }'
done
