//! Every topic of both generations with its shape, as the nodes and gateways say them and as they are told.

use super::Kind;

fn all_are(kind: Kind, topics: &[&str]) {
    for topic in topics {
        assert_eq!(Kind::of(topic), kind, "{topic}");
    }
}

#[test]
fn the_first_generation_says_readings() {
    all_are(
        Kind::Reading,
        &[
            "thermometer/i2c0-48",
            "thermometer/i2c1-49",
            "lux-meter/i2c0-44",
            "luxmeter/i2c0-44",
            "barometer/i2c0-60",
            "humidity-sensor/i2c0-5f",
            "co2-sensor/i2c0-38",
            "pir/-",
            "led/-",
            "relay/i2c0-3b",
            "relay/i2c0-3f",
            "i2c/0",
            "display-oled/i2c0-3c",
            // Workroom and LED strip.
            "remote/thermometer/i2c0-49",
            "remote/push-button/-",
            "remote/infrared/i2c0-00",
            "remote/input-change/-",
            "base/light/-",
            "base/relay/-",
            "led-strip/-/config",
            "plugin/led-strip/config",
            "plugin/blynk/config",
        ],
    );
}

#[test]
fn the_first_generation_takes_commands_and_answers_them() {
    all_are(
        Kind::Command,
        &[
            "led/-/set",
            "led/-/get",
            "relay/i2c0-3b/set",
            "relay/i2c0-3b/get",
            "thermometer/i2c0-48/get",
            "thermometer/i2c0-48/config/set",
            "thermometer/i2c0-48/config/get",
            "thermometer/i2c0-48/config/list",
            "thermometer/i2c0-48/config/update",
            "$config/sensors/thermometer/i2c0-48/update",
            "-/-/config/list",
            "display-oled/i2c0-3c/set",
            "i2c/0/set",
            "i2c/0/get",
            "i2c/0/config/scan",
            "base/light/-/set",
            "base/led-strip/-/config/set",
            "base/display/text/set",
            "plugin/led-strip/data/set",
            "plugin/led-strip/rules/set",
        ],
    );
    all_are(
        Kind::Answer,
        &[
            "thermometer/i2c0-48/config/ok",
            "thermometer/i2c0-48/config/error",
            "co2-sensor/i2c0-38/config/error",
            "-/-/config/ok",
            "-/-/config/list/ok",
            "i2c/0/config/scan/ok",
            "base/led-strip/-/set/ok",
            "base/led-strip/-/config/set/ok",
            "plugin/led-strip/data/set/ok",
            "plugin/led-strip/data/set/error",
        ],
    );
    all_are(Kind::Notification, &["boot"]);
}

#[test]
fn the_second_generation_says_readings() {
    all_are(
        Kind::Reading,
        &[
            "836d1983718a/info",
            "836d1983718a/thermometer/0:0/temperature",
            "836d1983718a/thermometer/set-point/temperature",
            "836d1983718a/hygrometer/0:4/relative-humidity",
            "836d1983718a/lux-meter/0:0/illuminance",
            "836d1983718a/barometer/0:0/pressure",
            "836d1983718a/barometer/0:0/altitude",
            "836d1983718a/co2-meter/-/concentration",
            "836d1983718a/co2-meter/-/calibration",
            "836d1983718a/voc-lp-sensor/0:0/tvoc",
            "836d1983718a/battery/-/voltage",
            "836d1983718a/push-button/-/event-count",
            "836d1983718a/push-button/-/hold-duration",
            "836d1983718a/push-button/lcd:left/event-count",
            "836d1983718a/pir/-/event-count",
            "836d1983718a/accelerometer/-/acceleration",
            "836d1983718a/orientation",
            "836d1983718a/led/-/state",
            "836d1983718a/relay/0:0/state",
            "836d1983718a/flood-detector/a/alarm",
            "836d1983718a/soil-sensor/-/moisture",
            "836d1983718a/soil-sensor/-/error",
            "836d1983718a/encoder/-/increment",
            "836d1983718a/gps/0:0/position",
            "836d1983718a/buffer/-/data",
            "836d1983718a/water/-/pump/state",
            "836d1983718a/thermostat/-/set-point",
            // A gateway, on its serial line and on MQTT.
            "/info",
            "/nodes",
            "/scan",
            "/pairing-mode",
            "/automatic-pairing",
            "$eeprom/alias/list/0",
            "usb-dongle/nodes",
            "gateway/usb-dongle/info",
            "gateway/usb-dongle/pairing-mode",
            "gateway/pong",
            "log/usb-dongle/error",
        ],
    );
}

#[test]
fn the_second_generation_takes_commands_and_answers_them() {
    all_are(
        Kind::Command,
        &[
            "836d1983718a/led/-/state/set",
            "836d1983718a/led/-/state/get",
            "836d1983718a/relay/0:0/state/set",
            "836d1983718a/relay/0:0/pulse/set",
            "836d1983718a/lcd/-/text/set",
            "836d1983718a/lcd/-/screen/clear",
            "836d1983718a/led-strip/-/color/set",
            "836d1983718a/led-strip/-/compound/set",
            "836d1983718a/thermostat/-/set-point/set",
            "/info/get",
            "/nodes/get",
            "/nodes/add",
            "/nodes/remove",
            "/nodes/purge",
            "/scan/start",
            "/scan/stop",
            "/pairing-mode/start",
            "/pairing-mode/stop",
            "/automatic-pairing/start",
            "/automatic-pairing/stop",
            "$eeprom/alias/add",
            "$eeprom/alias/remove",
            "$eeprom/alias/list",
            "gateway/all/info/get",
            "gateway/usb-dongle/alias/set",
            "gateway/usb-dongle/alias/remove",
            "gateway/usb-dongle/pairing-mode/start",
            // That a search has begun, said by the gateway: by its name it could be a request, and nothing is lost.
            "gateway/usb-dongle/scan",
        ],
    );
    all_are(
        Kind::Answer,
        &[
            "$eeprom/alias/add/ok",
            "$eeprom/alias/add/error",
            "$eeprom/alias/remove/ok",
            "$eeprom/alias/remove/error",
            "gateway/usb-dongle/alias/set/ok",
            "gateway/usb-dongle/alias/remove/ok",
        ],
    );
    all_are(Kind::Notification, &["/attach", "/attach-failure", "/detach", "/found", "$sub"]);
}

#[test]
fn what_a_maker_says_is_a_reading() {
    all_are(
        Kind::Reading,
        &[
            "temperature",
            "set",
            "get",
            "list",
            "update",
            "scan",
            "ok",
            "error",
            "found",
            "start",
            "press/error",
            "door/ok",
            "disk/read/error",
            "shopping/list",
            "firmware/update",
            "barcode/scan",
            "pump/start",
            "press/boot",
            "counter/add",
            "sky/clear",
        ],
    );
    // A request of one word is as good as that of a module; its answer is no reading.
    all_are(Kind::Command, &["config/set", "lamp/set"]);
    all_are(Kind::Answer, &["config/ok", "lamp/set/error"]);
}

#[test]
fn presence_is_the_hubs_word_and_no_reading_of_the_node_that_it_is_about() {
    all_are(Kind::Notification, &["presence"]);
    all_are(Kind::Reading, &["bridge/0/presence"]);
}
