//! Gateways with the firmware of 2026, which speak binary frames on the same port: they are recognised, so that nobody looks
//! for a fault of the cable. A frame is `COBS(inner) 0x00`, and `inner` ends with a CRC-32 of what stands before it. Pure.

/// The longest frame.
const MOST: usize = 272;
/// The shortest one inside: version and type, a number of two bytes, the checksum.
const LEAST: usize = 7;
/// The type of the message by which a device says what it is.
const HELLO: u8 = 0;

/// Looks for a frame in what a port says.
#[derive(Debug, Default)]
pub struct Sniffer {
    frame: Vec<u8>,
    is_too_long: bool,
}

/// A device that speaks frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// The version of the protocol.
    pub protocol: u8,
    /// Its firmware and the version of that, if it has said so.
    pub firmware: Option<String>,
}

impl Sniffer {
    /// Whether there is a frame in it, together with what came before.
    pub fn look(&mut self, bytes: &[u8]) -> Option<Device> {
        for byte in bytes {
            match byte {
                0 => {
                    let frame = std::mem::take(&mut self.frame);
                    let is_too_long = std::mem::take(&mut self.is_too_long);
                    if let Some(device) = (!is_too_long).then(|| device(&frame)).flatten() {
                        return Some(device);
                    }
                }
                _ if self.frame.len() < MOST => self.frame.push(*byte),
                _ => self.is_too_long = true,
            }
        }
        None
    }
}

/// The device that says this frame, if it is one.
fn device(frame: &[u8]) -> Option<Device> {
    let inner = unstuffed(frame)?;
    if inner.len() < LEAST {
        return None;
    }
    let (said, checksum) = inner.split_last_chunk::<4>()?;
    if crc32(said) != u32::from_le_bytes(*checksum) {
        return None;
    }
    let (head, payload) = said.split_first_chunk::<3>()?;
    let [version_and_type, ..] = head;
    let firmware = (version_and_type & 0x1f == HELLO).then(|| hello(payload)).flatten();
    Some(Device { protocol: version_and_type >> 5, firmware })
}

/// Without the bytes that keep zeros out (consistent overhead byte stuffing).
fn unstuffed(frame: &[u8]) -> Option<Vec<u8>> {
    let (mut inner, mut rest) = (Vec::new(), frame);
    while let Some((code, after)) = rest.split_first() {
        let length = usize::from(*code).checked_sub(1)?;
        let (block, after) = after.split_at_checked(length)?;
        inner.extend_from_slice(block);
        if length < 254 && !after.is_empty() {
            inner.push(0);
        }
        rest = after;
    }
    Some(inner)
}

/// CRC-32 of IEEE 802.3.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
    let crc =
        bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc)));
    !crc
}

/// The name and the version of the firmware: two texts behind one byte, each with its length in front.
fn hello(payload: &[u8]) -> Option<String> {
    let (name, rest) = text(payload.get(1..)?)?;
    let (version, _) = text(rest)?;
    Some(format!("{name} {version}"))
}

fn text(bytes: &[u8]) -> Option<(String, &[u8])> {
    let (length, rest) = bytes.split_first()?;
    let (text, rest) = rest.split_at_checked((*length).into())?;
    let text = std::str::from_utf8(text).ok()?;
    let is_plain = *length < 0x80 && text.chars().all(|c| c.is_ascii_graphic());
    is_plain.then(|| (text.to_owned(), rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A firmware `app` of version `fw` says hello, in version 3 of the protocol.
    const HELLO_OF_APP: [u8; 18] = [
        0x03, 0x60, 0x01, 0x0e, 0x03, 0x03, 0x61, 0x70, 0x70, 0x02, 0x66, 0x77, 0x01, 0x60, 0x44, 0x10, 0x0b,
        0x00,
    ];
    /// A device has left out 300 lines of its log.
    const DROPPED: [u8; 11] = [0x03, 0x66, 0x02, 0x07, 0xac, 0x02, 0xb2, 0x2f, 0xe5, 0x96, 0x00];

    #[test]
    fn the_checksum_is_that_of_everybody() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn a_device_that_says_hello_is_known_by_name() {
        let found = Device { protocol: 3, firmware: Some("app fw".to_owned()) };
        assert_eq!(Sniffer::default().look(&HELLO_OF_APP), Some(found.clone()));
        // In pieces, and behind the end of another frame.
        let mut sniffer = Sniffer::default();
        assert_eq!(sniffer.look(&[0x77, 0x03, 0x00]), None);
        for byte in HELLO_OF_APP.iter().take(17) {
            assert_eq!(sniffer.look(&[*byte]), None);
        }
        assert_eq!(sniffer.look(&[0]), Some(found));
    }

    #[test]
    fn one_that_says_something_else_is_known_by_its_checksum() {
        assert_eq!(Sniffer::default().look(&DROPPED), Some(Device { protocol: 3, firmware: None }));
        for at in 0..DROPPED.len() - 1 {
            let mut broken = DROPPED;
            broken[at] ^= 0x55;
            assert_eq!(Sniffer::default().look(&broken), None, "byte {at}");
        }
    }

    #[test]
    fn a_port_that_never_ends_a_frame_takes_no_room() {
        let mut sniffer = Sniffer::default();
        assert_eq!(sniffer.look(&vec![1; 100_000]), None);
        assert!(sniffer.frame.len() <= MOST);
        assert_eq!(sniffer.look(&[0]), None);
        assert!(sniffer.look(&DROPPED).is_some());
    }

    proptest! {
        #[test]
        fn text_of_gateways_is_no_frame(lines in "(\\[\"[a-z0-9/:-]{1,30}\", -?[0-9]{1,4}\\.[0-9]{2}\\]\n|\u{0}){0,20}") {
            prop_assert_eq!(Sniffer::default().look(lines.as_bytes()), None);
        }
    }
}
