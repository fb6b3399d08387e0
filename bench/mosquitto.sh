#!/bin/sh
# Runs Mosquitto in this folder at the port and with the protocol (mqtt or websockets) that the arguments name, and,
# like the hub, without Nagle's delay.
set -eu
# With nothing but WebSocket to listen to, 2.0.11 believes that it listens to nothing and ends: hence the second one.
cat >mosquitto.conf <<END
listener $1 127.0.0.1
protocol $2
allow_anonymous true
set_tcp_nodelay true
persistence false
log_type error
user $(id -un)
listener 0 $PWD/unused.sock
allow_anonymous true
END
PATH=$PATH:/usr/sbin exec mosquitto -c "$PWD/mosquitto.conf"
