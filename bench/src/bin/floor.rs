//! The floor under every hub: a single-threaded epoll program that shakes hands, understands nothing and copies frames.
//! It is what `clown-hub-bench --vs` compares with.
//!
//! Whoever connects as a node is heard by everybody who connected as a dashboard at the same base, and the other way
//! round. What came in by one wake-up is framed once and written once to each receiver. No credentials, topics, filters,
//! bounds, last values or limits; the first text of a connection is its opening and is answered.
//!
//! ```sh
//! cargo build --release && cargo build --release -p clown-hub-bench
//! target/release/clown-hub-bench fanout --vs target/release/floor
//! ```

#[cfg(target_os = "linux")]
fn main() -> anyhow::Result<()> {
    floor::run()
}

#[cfg(not(target_os = "linux"))]
fn main() {}

#[cfg(target_os = "linux")]
mod floor {
    use std::collections::HashMap;
    use std::io::{ErrorKind, Read, Write};

    use anyhow::Context;
    use mio::net::{TcpListener, TcpStream};
    use mio::{Events, Interest, Poll, Token};
    use tungstenite::handshake::derive_accept_key;

    const LISTENER: Token = Token(usize::MAX);
    const WELCOME: &[u8] = b"[\"clown.talk/-/config/ok\", {}]";

    struct Client {
        stream: TcpStream,
        /// What was read and is no whole frame yet, and what could not be written.
        rest: Vec<u8>,
        out: Vec<u8>,
        stage: Stage,
    }

    #[derive(Clone, Copy)]
    enum Stage {
        Handshake,
        Opening(Place),
        Open(Place),
    }

    /// The group of a base, and on which side of it.
    #[derive(Clone, Copy)]
    struct Place {
        group: usize,
        side: usize,
    }

    /// Who stands on the two sides of a base, and the frames that they are to get at the end of the turn.
    #[derive(Default)]
    struct Group {
        members: [Vec<usize>; 2],
        frames: [Vec<u8>; 2],
    }

    #[derive(Default)]
    struct Floor {
        clients: Vec<Option<Client>>,
        groups: Vec<Group>,
        names: HashMap<String, usize>,
        /// Groups with frames, by side.
        due: Vec<Place>,
    }

    pub(crate) fn run() -> anyhow::Result<()> {
        rlimit::increase_nofile_limit(u64::MAX)?;
        let mut poll = Poll::new()?;
        let mut listener = TcpListener::bind("127.0.0.1:0".parse()?)?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        writeln!(std::io::stdout(), "floor ws://{}", listener.local_addr()?)?;
        let mut floor = Floor::default();
        let mut events = Events::with_capacity(1024);
        let mut buffer = vec![0; 256 * 1024];
        loop {
            match poll.poll(&mut events, None) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                other => other?,
            }
            for event in &events {
                if event.token() == LISTENER {
                    floor.accept(&listener, &poll)?;
                    continue;
                }
                let number = event.token().0;
                if event.is_writable()
                    && let Some(Some(client)) = floor.clients.get_mut(number)
                {
                    client.write(&[]);
                }
                if event.is_readable() && floor.read(number, &mut buffer).is_err() {
                    floor.leave(number);
                }
            }
            floor.deliver();
        }
    }

    impl Floor {
        fn accept(&mut self, listener: &TcpListener, poll: &Poll) -> anyhow::Result<()> {
            while let Ok((mut stream, _)) = listener.accept() {
                stream.set_nodelay(true)?;
                let both = Interest::READABLE | Interest::WRITABLE;
                poll.registry().register(&mut stream, Token(self.clients.len()), both)?;
                let client = Client { stream, rest: Vec::new(), out: Vec::new(), stage: Stage::Handshake };
                self.clients.push(Some(client));
            }
            Ok(())
        }

        /// A read that does not fill the buffer has emptied the socket.
        fn read(&mut self, number: usize, buffer: &mut [u8]) -> anyhow::Result<()> {
            loop {
                let Some(Some(client)) = self.clients.get_mut(number) else { return Ok(()) };
                let n = match client.stream.read(buffer) {
                    Ok(0) => anyhow::bail!("gone"),
                    Ok(n) => n,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                    Err(error) => return Err(error.into()),
                };
                let bytes = buffer.get(..n).context("read")?;
                if client.rest.is_empty() {
                    self.take(number, bytes)?;
                } else {
                    let mut joined = std::mem::take(&mut client.rest);
                    joined.extend_from_slice(bytes);
                    self.take(number, &joined)?;
                }
                if n < buffer.len() {
                    return Ok(());
                }
            }
        }

        /// Takes whole frames and keeps the rest.
        fn take(&mut self, number: usize, mut bytes: &[u8]) -> anyhow::Result<()> {
            let Some(Some(client)) = self.clients.get_mut(number) else { return Ok(()) };
            if let Stage::Handshake = client.stage {
                client.rest.extend_from_slice(bytes);
                return self.shake_hands(number);
            }
            while let Some((first, key, payload, len)) = frame(bytes) {
                bytes = bytes.get(len..).unwrap_or_default();
                match client.stage {
                    _ if first & 0x0f != 1 => anyhow::bail!("a close, or nothing that is sent here"),
                    Stage::Opening(place) => {
                        client.stage = Stage::Open(place);
                        let mut out = Vec::new();
                        unmasked(WELCOME, [0; 4], &mut out);
                        client.stream.write_all(&out)?;
                    }
                    Stage::Open(place) => {
                        let group = self.groups.get_mut(place.group).context("group")?;
                        let frames = group.frames.get_mut(1 - place.side).context("side")?;
                        if frames.is_empty() {
                            self.due.push(Place { side: 1 - place.side, ..place });
                        }
                        unmasked(payload, key, frames);
                    }
                    Stage::Handshake => {}
                }
            }
            client.rest.extend_from_slice(bytes);
            Ok(())
        }

        fn shake_hands(&mut self, number: usize) -> anyhow::Result<()> {
            let Some(Some(client)) = self.clients.get_mut(number) else { return Ok(()) };
            if !client.rest.ends_with(b"\r\n\r\n") {
                return Ok(());
            }
            let request = String::from_utf8(std::mem::take(&mut client.rest))?;
            let key =
                request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).context("key")?;
            let answer = format!(
                "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                 Sec-WebSocket-Accept: {}\r\n\r\n",
                derive_accept_key(key.as_bytes())
            );
            client.stream.write_all(answer.as_bytes())?;
            let uri = request.split(' ').nth(1).context("uri")?;
            let (base, query) = uri.split_once('?').unwrap_or((uri, ""));
            let groups = self.names.len();
            let group = *self.names.entry(base.to_owned()).or_insert(groups);
            if group == self.groups.len() {
                self.groups.push(Group::default());
            }
            let place = Place { group, side: usize::from(query.contains("side=node")) };
            client.stage = Stage::Opening(place);
            let members = self.groups.get_mut(group).and_then(|group| group.members.get_mut(place.side));
            members.context("group")?.push(number);
            Ok(())
        }

        /// Writes what the turn brought, once to each receiver.
        fn deliver(&mut self) {
            while let Some(place) = self.due.pop() {
                let Some(group) = self.groups.get_mut(place.group) else { continue };
                let (Some(members), Some(frames)) =
                    (group.members.get(place.side), group.frames.get_mut(place.side))
                else {
                    continue;
                };
                for member in members {
                    if let Some(Some(client)) = self.clients.get_mut(*member) {
                        client.write(frames);
                    }
                }
                frames.clear();
            }
        }

        fn leave(&mut self, number: usize) {
            if let Some(client) = self.clients.get_mut(number) {
                *client = None;
            }
            for members in self.groups.iter_mut().flat_map(|group| &mut group.members) {
                members.retain(|member| *member != number);
            }
        }
    }

    impl Client {
        /// Writes what waits and then this; what the socket does not take waits.
        fn write(&mut self, bytes: &[u8]) {
            if self.out.is_empty() && !bytes.is_empty() {
                let written = self.stream.write(bytes).unwrap_or(0);
                self.out.extend_from_slice(bytes.get(written..).unwrap_or_default());
            } else if !self.out.is_empty() {
                self.out.extend_from_slice(bytes);
                let written = self.stream.write(&self.out).unwrap_or(0);
                self.out.drain(..written);
            }
        }
    }

    /// First byte, mask, masked payload and length of the first frame, if it is all there.
    fn frame(bytes: &[u8]) -> Option<(u8, [u8; 4], &[u8], usize)> {
        let (&[first, short], rest) = bytes.split_first_chunk::<2>()?;
        let (len, rest) = match short & 0x7f {
            126 => rest.split_first_chunk().map(|(len, rest)| (u64::from(u16::from_be_bytes(*len)), rest))?,
            127 => rest.split_first_chunk().map(|(len, rest)| (u64::from_be_bytes(*len), rest))?,
            short => (u64::from(short), rest),
        };
        let (key, rest) = rest.split_first_chunk::<4>()?;
        let len = usize::try_from(len).ok()?;
        let payload = rest.get(..len)?;
        Some((first, *key, payload, bytes.len() - rest.len() + len))
    }

    fn unmasked(payload: &[u8], key: [u8; 4], out: &mut Vec<u8>) {
        out.push(0x81);
        match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
            (Ok(short @ 0..126), _) => out.push(short),
            (_, Ok(medium)) => {
                out.push(126);
                out.extend_from_slice(&medium.to_be_bytes());
            }
            _ => {
                out.push(127);
                out.extend_from_slice(&(payload.len() as u64).to_be_bytes());
            }
        }
        out.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
    }
}
