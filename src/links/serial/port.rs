//! A serial port: opened for us alone, and read and written without waiting.

use std::fmt;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rustix::fs::{FlockOperation, Mode, OFlags, flock, open};
use rustix::io::Errno;
use rustix::termios::{
    ControlModes, OptionalActions, QueueSelector, ioctl_tiocexcl, ioctl_tiocnxcl, isatty, tcflush, tcgetattr,
    tcsetattr,
};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A serial port that nobody else may open while we have it.
pub(super) struct Port(AsyncFd<OwnedFd>);

/// Why a port cannot be opened.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoPort {
    /// There is no such file.
    Absent,
    /// It is something else.
    NotSerial,
    /// Our user may not open it.
    Forbidden,
    /// Somebody else has it.
    Held,
    /// Anything else, in words.
    Other(String),
}

impl fmt::Display for NoPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str(
                "there is no such port: is the gateway plugged in? `clown-hub bridge ports` lists what there is",
            ),
            Self::NotSerial => f.write_str("that is no serial port; `clown-hub bridge ports` lists what there is"),
            Self::Forbidden => f.write_str(
                "the user of the hub may not open it: add it to the group of the file, which is often dialout (sudo \
                 usermod -aG dialout USER), and start the hub again",
            ),
            Self::Held => f.write_str(
                "another program holds it: stop that one (bcg, a terminal, another hub), or name another port",
            ),
            Self::Other(why) => f.write_str(why),
        }
    }
}

impl From<Errno> for NoPort {
    fn from(error: Errno) -> Self {
        match error {
            Errno::NOENT | Errno::NXIO | Errno::NODEV => Self::Absent,
            Errno::ACCESS | Errno::PERM => Self::Forbidden,
            Errno::BUSY | Errno::WOULDBLOCK => Self::Held,
            Errno::NOTTY => Self::NotSerial,
            other => Self::Other(io::Error::from(other).to_string()),
        }
    }
}

/// Opens a port. To be called where waiting is allowed, and within a runtime.
pub(super) fn hold(path: &Path, baud: u32) -> Result<OwnedFd, NoPort> {
    // What is no device is not opened at all: a pipe would wait, and a file would be written to.
    match fs::metadata(path) {
        Ok(found) if found.file_type().is_char_device() => {}
        Ok(_) => return Err(NoPort::NotSerial),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(NoPort::Absent),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Err(NoPort::Forbidden),
        Err(error) => return Err(NoPort::Other(error.to_string())),
    }
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let port = open(path, flags, Mode::empty())?;
    if !isatty(&port) {
        return Err(NoPort::NotSerial);
    }
    // Other programs for such gateways take this lock, too; the one of the terminal keeps out everybody but root.
    flock(&port, FlockOperation::NonBlockingLockExclusive)?;
    ioctl_tiocexcl(&port)?;
    let mut mode = tcgetattr(&port)?;
    mode.make_raw();
    mode.control_modes |= ControlModes::CLOCAL | ControlModes::CREAD;
    mode.control_modes -= ControlModes::CRTSCTS | ControlModes::CSTOPB | ControlModes::PARENB;
    mode.set_speed(baud)?;
    tcsetattr(&port, OptionalActions::Now, &mode)?;
    // What waits there was said before, and perhaps at another speed.
    tcflush(&port, QueueSelector::IOFlush)?;
    Ok(port)
}

impl Port {
    /// A port that was opened, for a task.
    #[expect(
        deprecated,
        reason = "it is unsound for what may close its descriptor meanwhile, which nothing here can do; the other way is unsafe"
    )]
    pub(super) fn new(port: OwnedFd) -> io::Result<Self> {
        AsyncFd::new(port).map(Self)
    }
}

impl Drop for Port {
    /// Somebody else who has it open all the time would keep it shut for us, too.
    fn drop(&mut self) {
        let _ = ioctl_tiocnxcl(&self.0);
    }
}

impl AsyncRead for Port {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            let mut guard = ready!(self.0.poll_read_ready(cx))?;
            let room = buf.initialize_unfilled();
            match guard.try_io(|port| Ok(rustix::io::read(port, &mut *room)?)) {
                Ok(Ok(read)) => {
                    buf.advance(read);
                    return Poll::Ready(Ok(()));
                }
                Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(Err(error)) => return Poll::Ready(Err(error)),
                Err(_) => {}
            }
        }
    }
}

impl AsyncWrite for Port {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            let mut guard = ready!(self.0.poll_write_ready(cx))?;
            match guard.try_io(|port| Ok(rustix::io::write(port, bytes)?)) {
                Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(written) => return Poll::Ready(written),
                Err(_) => {}
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
