//! What an operator asks of a hub that runs: by a socket in the folder of the store, for the hub's user alone. Whoever can
//! write in that folder can do with the store what he likes anyway.
//!
//! A request is the filters of the topics that are to be forgotten, with a NUL behind each and one more at the end. The hub
//! answers `.` when it has read that, then `y` or `n` and the sentence for the operator when it is done.

use std::fs::{self, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::tables::FILE_MODE;
use super::upkeep::ground::Trouble;

/// What it is called.
const NAME: &str = "hub.sock";
/// The most bytes of a request.
const BYTES: usize = 64 * 1024;
/// How long the hub waits for a request that has begun: it does nothing else for the store meanwhile.
const WAIT_OF_HUB: Duration = Duration::from_secs(1);
/// How long the command waits until the hub has read its request, and until it is done.
const TAKEN: Duration = Duration::from_secs(30);
const DONE: Duration = Duration::from_hours(1);

/// The end of a request.
const END: &[u8] = b"\0\0";
const READ: &[u8] = b".";
const YES: &[u8] = b"y";
const NO: &[u8] = b"n";

/// Where the hub hears of errands.
#[derive(Debug, Default)]
pub(super) struct Errands {
    listener: Option<UnixListener>,
    path: PathBuf,
}

/// Something that the hub was asked to do. Whoever asked is waiting.
#[derive(Debug)]
pub(super) struct Errand {
    pub(super) filters: Vec<String>,
    from: UnixStream,
}

impl Errands {
    /// The next one, if somebody has come. Does not wait for one.
    pub(super) fn next(&mut self, folder: &Path) -> Option<Errand> {
        if self.listener.is_none() || !self.path.exists() {
            self.open(folder);
        }
        let (from, _) = self.listener.as_ref()?.accept().ok()?;
        Errand::read(from).ok()
    }

    /// From now on commands are heard. The folder belongs to this hub alone, so what is there under the name is of one that was killed. Where there is no
    /// socket, as the path is too long or the file system has none, the command says that nobody hears it.
    pub(super) fn open(&mut self, folder: &Path) {
        self.path = folder.join(NAME);
        let _ = fs::remove_file(&self.path);
        let opened = UnixListener::bind(&self.path).and_then(|listener| {
            fs::set_permissions(&self.path, Permissions::from_mode(FILE_MODE))?;
            listener.set_nonblocking(true)?;
            Ok(listener)
        });
        self.listener = opened.ok();
    }
}

impl Drop for Errands {
    fn drop(&mut self) {
        if self.listener.is_some() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl Errand {
    fn read(mut from: UnixStream) -> io::Result<Self> {
        from.set_nonblocking(false)?;
        from.set_read_timeout(Some(WAIT_OF_HUB))?;
        from.set_write_timeout(Some(WAIT_OF_HUB))?;
        let (mut bytes, mut chunk) = (Vec::new(), [0; 4096]);
        while !bytes.ends_with(END) {
            let read = from.read(&mut chunk)?;
            if read == 0 || bytes.len() + read > BYTES + END.len() {
                return Err(io::ErrorKind::InvalidData.into());
            }
            bytes.extend(chunk.iter().take(read));
        }
        from.write_all(READ)?;
        let text = String::from_utf8(bytes).map_err(|_| io::ErrorKind::InvalidData)?;
        let filters = text.split('\0').filter(|filter| !filter.is_empty()).map(str::to_owned).collect();
        Ok(Self { filters, from })
    }

    /// Tells whoever has asked what became of it. That he has gone meanwhile is nobody's fault.
    pub(super) fn answer(mut self, answer: &Result<String, String>) {
        let (word, text) = match answer {
            Ok(text) => (YES, text),
            Err(text) => (NO, text),
        };
        let _ = self.from.write_all(word).and_then(|()| self.from.write_all(text.as_bytes()));
    }
}

/// Asks the hub that runs on a folder to forget the topics that these filters name, and waits until it has.
pub(super) fn ask(folder: &Path, filters: &[String]) -> Result<String, Trouble> {
    let text: String = filters.iter().flat_map(|filter| [filter.as_str(), "\0"]).collect();
    if text.len() > BYTES {
        return Err(Trouble::Input(format!("these filters have {} bytes; {BYTES} are the most", text.len())));
    }
    let shown = folder.display();
    let mut hub = UnixStream::connect(folder.join(NAME)).map_err(|error| {
        if error.kind() == io::ErrorKind::InvalidInput {
            return Trouble::Input(format!(
                "{shown}: the path is longer than that of a socket may be, so the hub cannot hear this: move the store to a folder \
                 with a shorter path"
            ));
        }
        Trouble::Broken(format!(
            "no hub hears this in {shown} ({error}): it forgets while it runs, so start it; is this its folder (store.directory), \
             and is this its user?"
        ))
    })?;
    let lost = |error: io::Error| {
        // The kind that a socket has whose time is over.
        Trouble::Broken(if error.kind() == io::ErrorKind::WouldBlock {
            format!("the hub of {shown} does not answer: its log says what its store is doing")
        } else {
            format!("the hub of {shown} has ended before it was done: start it, and ask again")
        })
    };
    let request = text + "\0";
    hub.set_read_timeout(Some(TAKEN)).and_then(|()| hub.write_all(request.as_bytes())).map_err(lost)?;
    let mut byte = [0];
    hub.read_exact(&mut byte).map_err(lost)?;
    hub.set_read_timeout(Some(DONE)).and_then(|()| hub.read_exact(&mut byte)).map_err(lost)?;
    let mut said = String::new();
    hub.read_to_string(&mut said).map_err(lost)?;
    if byte == YES { Ok(said) } else { Err(Trouble::Refused(said)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(folder: &Path, filters: &[&str]) -> std::thread::JoinHandle<Result<String, Trouble>> {
        let (folder, filters) =
            (folder.to_owned(), filters.iter().map(|f| (*f).to_owned()).collect::<Vec<_>>());
        std::thread::spawn(move || ask(&folder, &filters))
    }

    fn next(errands: &mut Errands, folder: &Path) -> Errand {
        loop {
            if let Some(errand) = errands.next(folder) {
                return errand;
            }
            std::thread::yield_now();
        }
    }

    #[test]
    fn an_errand_goes_to_the_hub_of_the_folder_and_its_answer_comes_back() {
        let dir = tempfile::tempdir().unwrap();
        let mut errands = Errands::default();
        assert!(errands.next(dir.path()).is_none());
        let mode = fs::metadata(dir.path().join(NAME)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let asking = asked(dir.path(), &["a/+", "ü/#"]);
        let errand = next(&mut errands, dir.path());
        assert_eq!(errand.filters, ["a/+", "ü/#"]);
        errand.answer(&Ok("done".to_owned()));
        assert_eq!(asking.join().unwrap(), Ok("done".to_owned()));
        let asking = asked(dir.path(), &["a"]);
        next(&mut errands, dir.path()).answer(&Err("no".to_owned()));
        assert_eq!(asking.join().unwrap(), Err(Trouble::Refused("no".to_owned())));
        drop(errands);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn where_no_hub_is_or_it_dies_meanwhile_the_operator_hears_that() {
        let dir = tempfile::tempdir().unwrap();
        let broken = |asked: Result<String, Trouble>| match asked {
            Err(Trouble::Broken(why)) => why,
            other => panic!("{other:?}"),
        };
        assert!(broken(ask(dir.path(), &["a".to_owned()])).contains("so start it"));
        let mut errands = Errands::default();
        assert!(errands.next(dir.path()).is_none());
        let asking = asked(dir.path(), &["a"]);
        drop(next(&mut errands, dir.path()));
        assert!(broken(asking.join().unwrap()).contains("has ended before it was done"));
        // One that was killed leaves its socket.
        let left = dir.path().join(NAME);
        drop(errands);
        drop(UnixListener::bind(&left).unwrap());
        assert!(left.exists());
        assert!(broken(ask(dir.path(), &["a".to_owned()])).contains("so start it"));
        let mut errands = Errands::default();
        assert!(errands.next(dir.path()).is_none());
        let asking = asked(dir.path(), &["a"]);
        next(&mut errands, dir.path()).answer(&Ok(String::new()));
        assert_eq!(asking.join().unwrap(), Ok(String::new()));
    }

    #[test]
    fn who_says_nothing_or_too_much_is_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let mut errands = Errands::default();
        assert!(errands.next(dir.path()).is_none());
        let path = dir.path().join(NAME);
        let silent = UnixStream::connect(&path).unwrap();
        assert!(errands.next(dir.path()).is_none());
        drop(silent);
        let mut endless = UnixStream::connect(&path).unwrap();
        let talking = std::thread::spawn(move || while endless.write_all(&[b'a'; 4096]).is_ok() {});
        let mut patience = 0;
        while !talking.is_finished() {
            assert!(errands.next(dir.path()).is_none());
            patience += 1;
        }
        talking.join().unwrap();
        assert!(patience > 0);
        let far = dir.path().join("f".repeat(120));
        assert!(matches!(ask(&far, &["a".to_owned()]), Err(Trouble::Input(_))));
        let too_long = ["a".repeat(BYTES)];
        assert!(matches!(ask(dir.path(), &too_long), Err(Trouble::Input(_))));
    }
}
