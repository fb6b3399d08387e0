//! The first byte says how the others are cut into pieces. They are what a client sends after the handshake: in whatever
//! pieces it comes, the same is read.

use clown_hub::connection::messages::{Fault, Messages, Signal};

/// The limit of a message.
const LIMIT: usize = 70_000;
/// What a reader has room for before anything has come.
const READ: usize = 16 * 1024;

type Read = (Vec<(Signal, Vec<u8>)>, Option<Fault>);

pub(crate) fn check(bytes: &[u8]) {
    let Some((first, bytes)) = bytes.split_first() else { return };
    let whole = read(bytes, usize::MAX);
    for piece in [1, usize::from(*first) + 1, 2 * READ] {
        assert_eq!(read(bytes, piece), whole, "in pieces of {piece}");
    }
    for (signal, payload) in &whole.0 {
        let opcode = match signal {
            Signal::Text => 1,
            Signal::Binary => 2,
            Signal::Ping(_) | Signal::Pong | Signal::Close(_) => continue,
        };
        assert!(payload.len() <= LIMIT);
        let again = read(&frame(opcode, payload, [*first, 7, 0, 255]), usize::MAX);
        assert_eq!(again, (vec![(signal.clone(), payload.clone())], None));
    }
}

fn read(bytes: &[u8], piece: usize) -> Read {
    let mut messages = Messages::new(Vec::new(), LIMIT);
    let (mut read, mut spare, mut fed) = (Vec::new(), None, 0);
    for piece in bytes.chunks(piece) {
        let room = messages.room(|| spare.take().unwrap_or_default());
        room.extend_from_slice(piece);
        fed += piece.len();
        assert!(room.capacity() <= 4 * (READ + fed), "{} bytes of room for {fed}", room.capacity());
        loop {
            match messages.next() {
                Ok(Some(signal)) => read.push((signal, messages.payload().to_vec())),
                Ok(None) => break,
                Err(fault) => return (read, Some(fault)),
            }
        }
        spare = messages.settle().or(spare);
    }
    (read, None)
}

/// A message in one frame (RFC 6455, 5.2).
fn frame(opcode: u8, payload: &[u8], mask: [u8; 4]) -> Vec<u8> {
    let mut bytes = vec![0x80 | opcode];
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(short @ ..126), _) => bytes.push(0x80 | short),
        (_, Ok(long)) => {
            bytes.push(0xfe);
            bytes.extend(long.to_be_bytes());
        }
        (_, Err(_)) => {
            bytes.push(0xff);
            bytes.extend((payload.len() as u64).to_be_bytes());
        }
    }
    bytes.extend(mask);
    bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}
