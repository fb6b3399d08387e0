#!/bin/sh
# Runs the hub, whose program the first argument names, with its MQTT door at the port that the second one names, and with the limits
# lifted that the generator lifts where it starts the hub by itself (bench/src/scenario/mod.rs).
set -eu
program=$1 port=$2 sets=
for key in mqtt.listen=127.0.0.1:"$port" simulator.run=off log.filter=error limits.messages_per_second=0 limits.connections=100000 \
  limits.handshakes=100000 limits.filters=100000 retained.topics=10000000 retained.bytes=1099511627776; do
  sets="$sets --set $key"
done
# They are words.
# shellcheck disable=SC2086
exec "$program" --listen 127.0.0.1:0 $sets
