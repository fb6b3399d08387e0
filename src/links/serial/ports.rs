//! What is plugged into the serial ports of this machine, and what it seems to be: from what Linux says of its devices, without
//! opening any of them.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// Ports that are looked at.
const MOST: usize = 256;
/// How far a port may be below the device that it is a part of.
const DEPTH: usize = 6;

/// A device with a serial port, or one that is known to need a program in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its port, under the name that stays with the device where there is one; `None` where it has no port.
    pub port: Option<PathBuf>,
    /// Who made it and what it is, as USB numbers it.
    pub usb: (u16, u16),
    /// What it says of itself: product and serial number.
    pub says: String,
    /// What it seems to be.
    pub seems: Seems,
}

/// What a device seems to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seems {
    /// A radio dongle of TOWER.
    Dongle,
    /// The chip that such dongles have, without their name.
    PerhapsDongle,
    /// A Core Module of TOWER that is a gateway, or anything else with the same chip.
    CoreModule,
    /// A Bridge Module of the first generation.
    Bridge,
    /// Anything else.
    Other,
}

impl fmt::Display for Seems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dongle => "a TOWER radio dongle",
            Self::PerhapsDongle => "perhaps a TOWER radio dongle: it has the same chip",
            Self::CoreModule => "perhaps a TOWER Core Module: it has the same chip",
            Self::Bridge => "a Bridge Module, which has no port: bc-bridge speaks to it",
            Self::Other => "no TOWER gateway, as far as can be seen",
        })
    }
}

impl Seems {
    fn of(usb: (u16, u16), says: &str) -> Self {
        let is_named = ["bc-usb-dongle", "hio-", "twr-"].iter().any(|name| says.contains(name));
        match usb {
            (0x0403, 0x6015) if is_named => Self::Dongle,
            (0x0403, 0x6015) => Self::PerhapsDongle,
            (0x0483, 0x5740) => Self::CoreModule,
            (0x0403, 0x6030) => Self::Bridge,
            _ => Self::Other,
        }
    }
}

/// All of them, by port. `system` is `/sys`, and `dev` is `/dev`.
pub fn look(system: &Path, dev: &Path) -> Vec<Found> {
    let names = by_id(dev);
    let mut found = Vec::new();
    for tty in entries(&system.join("class/tty")) {
        let Some(name) = tty.file_name().map(PathBuf::from) else { continue };
        let Ok(device) = tty.join("device").canonicalize() else { continue };
        let above = device.ancestors().take(DEPTH).find(|folder| folder.join("idVendor").exists());
        let Some((usb, says)) = above.and_then(usb) else { continue };
        let port = dev.join(&name);
        let lasting = names.iter().find(|(_, target)| *target == port).map(|(link, _)| link.clone());
        let seems = Seems::of(usb, &says);
        found.push(Found { port: Some(lasting.unwrap_or(port)), usb, says, seems });
    }
    let without_port = entries(&system.join("bus/usb/devices")).into_iter().filter_map(|folder| {
        let (usb, says) = usb(&folder)?;
        let seems = Seems::of(usb, &says);
        (seems == Seems::Bridge).then_some(Found { port: None, usb, says, seems })
    });
    found.extend(without_port);
    found.sort_by(|one, other| one.port.cmp(&other.port));
    found
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.take(MOST).map(|entry| entry.path()).collect()
}

/// The names that stay with a device whichever socket it is plugged into, and what they lead to.
fn by_id(dev: &Path) -> Vec<(PathBuf, PathBuf)> {
    let links = entries(&dev.join("serial/by-id"));
    links.into_iter().filter_map(|link| Some((link.clone(), link.canonicalize().ok()?))).collect()
}

fn usb(folder: &Path) -> Option<((u16, u16), String)> {
    let text = |name: &str| {
        let text = fs::read_to_string(folder.join(name)).ok()?;
        let plain: String = text.trim().chars().filter(|c| !c.is_control()).take(64).collect();
        (!plain.is_empty()).then_some(plain)
    };
    let number = |name: &str| u16::from_str_radix(&text(name)?, 16).ok();
    let usb = (number("idVendor")?, number("idProduct")?);
    let says: Vec<_> = ["product", "serial"].into_iter().filter_map(text).collect();
    Some((usb, says.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use tempfile::TempDir;

    /// A machine into which devices are plugged.
    struct Machine(TempDir);

    impl Machine {
        fn sys(&self) -> PathBuf {
            self.0.path().join("sys")
        }

        fn dev(&self) -> PathBuf {
            self.0.path().join("dev")
        }

        fn plug(&self, place: &str, tty: Option<&str>, usb: (&str, &str), product: &str, serial: &str) {
            let device = self.sys().join("devices/usb1").join(place);
            fs::create_dir_all(&device).unwrap();
            for (name, text) in
                [("idVendor", usb.0), ("idProduct", usb.1), ("product", product), ("serial", serial)]
            {
                fs::write(device.join(name), format!("{text}\n")).unwrap();
            }
            let all = self.sys().join("bus/usb/devices");
            fs::create_dir_all(&all).unwrap();
            symlink(&device, all.join(place)).unwrap();
            let Some(tty) = tty else { return };
            let port = device.join(format!("{place}:1.0")).join(tty);
            fs::create_dir_all(&port).unwrap();
            let class = self.sys().join("class/tty").join(tty);
            fs::create_dir_all(&class).unwrap();
            symlink(&port, class.join("device")).unwrap();
            fs::create_dir_all(self.dev()).unwrap();
            fs::write(self.dev().join(tty), "").unwrap();
        }
    }

    #[test]
    fn what_is_plugged_in_is_listed_with_what_it_seems_to_be() {
        let machine = Machine(tempfile::tempdir().unwrap());
        machine.plug(
            "1-1",
            Some("ttyUSB0"),
            ("0403", "6015"),
            "HARDWARIO Radio Dongle",
            "bc-usb-dongle-5aa5",
        );
        machine.plug("1-2", Some("ttyUSB1"), ("1a86", "7523"), "USB Serial", "");
        machine.plug("1-3", Some("ttyACM0"), ("0483", "5740"), "STM32 Virtual ComPort", "00000000001A");
        machine.plug("1-4", None, ("0403", "6030"), "FT260", "");
        machine.plug("1-5", None, ("046d", "c31c"), "Keyboard", "");
        // One that is no device of USB.
        fs::create_dir_all(machine.sys().join("class/tty/ttyS0")).unwrap();
        let by_id = machine.dev().join("serial/by-id");
        fs::create_dir_all(&by_id).unwrap();
        symlink("../../ttyUSB0", by_id.join("usb-HARDWARIO_5aa5-if00-port0")).unwrap();

        let dev = machine.dev().canonicalize().unwrap();
        let found = look(&machine.sys(), &dev);
        let told: Vec<_> = found
            .iter()
            .map(|found| {
                (found.port.as_ref().map(|port| port.strip_prefix(&dev).unwrap().to_owned()), found.seems)
            })
            .collect();
        let port = |name: &str| Some(PathBuf::from(name));
        assert_eq!(
            told,
            [
                (None, Seems::Bridge),
                (port("serial/by-id/usb-HARDWARIO_5aa5-if00-port0"), Seems::Dongle),
                (port("ttyACM0"), Seems::CoreModule),
                (port("ttyUSB1"), Seems::Other),
            ]
        );
        assert_eq!(found[1].says, "HARDWARIO Radio Dongle, bc-usb-dongle-5aa5");
    }

    #[test]
    fn a_machine_that_says_nothing_of_its_devices_has_none() {
        let machine = tempfile::tempdir().unwrap();
        assert_eq!(look(&machine.path().join("sys"), &machine.path().join("dev")), []);
    }
}
