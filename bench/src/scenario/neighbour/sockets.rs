//! What lies between a client and the hub: bytes that were written and that nobody has read yet.

/// As `/proc/net/tcp` tells it of the connection from this port of this machine to that one. Bytes that are under way
/// count on both ends for a moment, so this may be a little too much.
pub(crate) fn unread(from: u16, to: u16) -> anyhow::Result<u64> {
    Ok(unread_of(&std::fs::read_to_string("/proc/net/tcp")?, from, to))
}

fn unread_of(table: &str, from: u16, to: u16) -> u64 {
    let queues = table.lines().skip(1).filter_map(queues);
    let waiting = queues.map(|(ends, [to_send, to_read])| match ends {
        ends if ends == [from, to] => to_send,
        ends if ends == [to, from] => to_read,
        _ => 0,
    });
    waiting.sum()
}

/// The ports of a line, its own first, and the bytes to send and to read.
fn queues(line: &str) -> Option<([u16; 2], [u64; 2])> {
    let mut words = line.split_whitespace().skip(1);
    let mut port = || u16::from_str_radix(words.next()?.split_once(':')?.1, 16).ok();
    let ports = [port()?, port()?];
    let (to_send, to_read) = words.nth(1)?.split_once(':')?;
    let bytes = |text: &str| u64::from_str_radix(text, 16).ok();
    Some((ports, [bytes(to_send)?, bytes(to_read)?]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn bytes_that_nobody_has_read_are_counted() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut writer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut reader, _) = listener.accept().unwrap();
        let ports = (writer.local_addr().unwrap().port(), listener.local_addr().unwrap().port());
        writer.write_all(&[0; 5000]).unwrap();
        let left = unread(ports.0, ports.1).unwrap();
        assert!((5000..=10_000).contains(&left), "{left}");
        reader.read_exact(&mut [0; 5000]).unwrap();
        assert_eq!(unread_of("head\n", ports.0, ports.1), 0);
    }

    #[test]
    fn both_ends_of_the_connection_count_and_no_other() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid
   0: 0100007F:1F90 0100007F:9C40 01 00000007:00000100 00:00000000 00000000     0 0 1 1
   1: 0100007F:9C40 0100007F:1F90 01 00000020:00000009 00:00000000 00000000     0 0 2 1
   2: 0100007F:9C41 0100007F:1F90 01 00001000:00001000 00:00000000 00000000     0 0 3 1\n";
        assert_eq!(unread_of(table, 0x9c40, 0x1f90), 0x100 + 0x20);
    }
}
