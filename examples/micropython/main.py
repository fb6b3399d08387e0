"""An ESP32 with its LED as the relay and the chip's own thermometer. Copy this and clown.py onto the board."""

import socket
import time

import esp32
import network
from machine import Pin

import clown

WIFI = ("name of the network", "its password")
HUB = ("192.168.1.10", 8080)
USER = ("attic", "its password")  # The demo is for one machine alone: the hub needs accounts (README, "For real").
BASE = "home_attic"

led = Pin(2, Pin.OUT)


def join():
    wifi = network.WLAN(network.STA_IF)
    wifi.active(True)
    wifi.connect(*WIFI)
    while not wifi.isconnected():
        time.sleep_ms(200)


def link(path):
    plain = socket.socket()
    plain.settimeout(10)
    plain.connect(socket.getaddrinfo(*HUB)[0][-1])
    return clown.Link(plain, "%s:%d" % HUB, path, *USER)


def serve():
    device = clown.Device(link("/auth/clown-talk-client_" + BASE), led.value)
    device.link.socket.settimeout(1)
    spoken = time.ticks_ms()
    while True:
        try:
            device.obey()
        except OSError as error:
            if error.args[0] not in (110, 116, 11):  # ETIMEDOUT and EAGAIN: nothing came
                raise
        if time.ticks_diff(time.ticks_ms(), spoken) >= 1000:
            spoken = time.ticks_ms()
            device.tell_temperature(esp32.mcu_temperature() if hasattr(esp32, "mcu_temperature") else 20)


join()
# Where the hub has its diagnostic endpoints on, this says whether the way there is good: clown.echoes(link("/echo"))
while True:
    try:
        serve()
    except OSError as error:
        print("again in five seconds:", error)
        time.sleep(5)
