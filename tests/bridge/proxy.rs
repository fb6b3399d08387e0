//! A stretch of network that can be cut.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Passes bytes on between whoever connects and a port of this machine.
#[derive(Clone)]
pub struct Proxy {
    /// Where to connect.
    pub port: u16,
    swallows: Arc<AtomicBool>,
    breaks: Arc<AtomicU64>,
}

impl Proxy {
    pub async fn to(target: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let proxy = Self { port, swallows: Arc::default(), breaks: Arc::default() };
        let passing = proxy.clone();
        tokio::spawn(async move {
            while let Ok((here, _)) = listener.accept().await {
                let proxy = passing.clone();
                tokio::spawn(async move {
                    let Ok(there) = TcpStream::connect(("127.0.0.1", target)).await else { return };
                    let _ = here.set_nodelay(true);
                    let _ = there.set_nodelay(true);
                    let (here_read, here_write) = here.into_split();
                    let (there_read, there_write) = there.into_split();
                    tokio::join!(proxy.pass(here_read, there_write), proxy.pass(there_read, here_write));
                });
            }
        });
        proxy
    }

    /// From now on every byte is swallowed, and both sides think that the other is silent.
    pub fn cut(&self) {
        self.swallows.store(true, Ordering::SeqCst);
    }

    /// The network is whole again. Connections from before it was are not.
    pub fn mend(&self) {
        self.break_off();
        self.swallows.store(false, Ordering::SeqCst);
    }

    /// Closes every connection.
    pub fn break_off(&self) {
        self.breaks.fetch_add(1, Ordering::SeqCst);
    }

    async fn pass(&self, mut from: impl AsyncReadExt + Unpin, mut to: impl AsyncWriteExt + Unpin) {
        let born = self.breaks.load(Ordering::SeqCst);
        let mut chunk = vec![0; 16 * 1024];
        // A connection that began while bytes are swallowed stays so.
        let mut swallows = false;
        loop {
            let read = tokio::select! {
                read = from.read(&mut chunk) => read,
                () = tokio::time::sleep(Duration::from_millis(20)) => {
                    if self.breaks.load(Ordering::SeqCst) != born {
                        return;
                    }
                    continue;
                }
            };
            if self.breaks.load(Ordering::SeqCst) != born {
                return;
            }
            swallows |= self.swallows.load(Ordering::SeqCst);
            match read {
                Ok(0) | Err(_) => return,
                Ok(_) if swallows => {}
                Ok(read) => {
                    if to.write_all(&chunk[..read]).await.is_err() {
                        return;
                    }
                }
            }
        }
    }
}
