//! Which file uses which, and where that goes round in a circle.
//!
//! A file uses another one if it names something that stands there. A name is followed through the `use` and `pub use`
//! of the modules on its way, so that a module that only hands on what its files have is not in the way. To name a module
//! alone is no use of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::sources::{imports, is_handed_on, paths, sources, statements};

/// The files as modules, and what each brings in.
pub(crate) struct Crate {
    /// By the path of the module, as `hub::trie`; the root is the empty path.
    modules: BTreeMap<String, Module>,
}

struct Module {
    file: PathBuf,
    /// What a name that was brought in stands for.
    imports: BTreeMap<String, String>,
    paths: Vec<String>,
}

impl Crate {
    pub(crate) fn read() -> Self {
        let module = |file: PathBuf| {
            let statements = statements(&file);
            let lines = || statements.iter().map(|(_, statement)| statement.as_str());
            let brought = lines().flat_map(imports).collect();
            // What a module only hands on to others it does not use.
            let (handed_on, own): (Vec<_>, Vec<_>) = lines().partition(|line| is_handed_on(line));
            let words: BTreeSet<_> = own.iter().flat_map(|line| words(line)).collect();
            let kept = handed_on.iter().flat_map(|line| imports(line));
            let kept = kept.filter(|(name, _)| words.contains(name.as_str())).map(|(_, path)| path);
            let named = own.iter().flat_map(|line| paths(line)).chain(kept).collect();
            (module_of(&file), Module { file, imports: brought, paths: named })
        };
        let files = sources().into_iter().filter(|file| file != Path::new("main.rs"));
        Self { modules: files.map(module).collect() }
    }

    /// The files that each file uses.
    pub(crate) fn uses(&self) -> BTreeMap<PathBuf, BTreeSet<PathBuf>> {
        let used = |name: &String, module: &Module| {
            let files = module.paths.iter().filter_map(|path| self.file_of(name, path, 0));
            files.filter(|file| *file != module.file).collect()
        };
        self.modules.iter().map(|(name, module)| (module.file.clone(), used(name, module))).collect()
    }

    /// The file in which that stands which a path names, seen from a module; `None` if it is a module, or no file of
    /// ours.
    fn file_of(&self, module: &str, path: &str, depth: usize) -> Option<PathBuf> {
        // A name may be brought in by the same name, as in `use config::Config`.
        if depth > 8 {
            return None;
        }
        let mut words = path.split("::");
        let mut at = module.to_owned();
        let mut word = words.next()?;
        match word {
            "crate" => {
                at.clear();
                word = words.next()?;
            }
            "self" => word = words.next()?,
            "super" => {
                while word == "super" {
                    at.truncate(at.rfind("::").unwrap_or(0));
                    word = words.next()?;
                }
            }
            _ => {
                let imported = self.modules.get(module)?.imports.get(word);
                let is_child = self.modules.contains_key(&child(module, word));
                if !is_child && imported.is_none_or(|imported| imported == path) {
                    return None;
                }
            }
        }
        loop {
            let child = child(&at, word);
            if self.modules.contains_key(&child) {
                at = child;
                word = words.next()?;
                continue;
            }
            let here = self.modules.get(&at)?;
            return match here.imports.get(word) {
                Some(imported) if at != module || !path.ends_with(imported.as_str()) => {
                    let whole: Vec<_> = [imported.as_str()].into_iter().chain(words).collect();
                    self.file_of(&at, &whole.join("::"), depth + 1)
                }
                _ => Some(here.file.clone()),
            };
        }
    }
}

fn words(statement: &str) -> impl Iterator<Item = &str> {
    statement.split(|character: char| !character.is_alphanumeric() && character != '_')
}

fn child(module: &str, word: &str) -> String {
    if module.is_empty() { word.to_owned() } else { format!("{module}::{word}") }
}

fn module_of(file: &Path) -> String {
    let name = file.to_str().unwrap().trim_end_matches(".rs");
    let name = if name == "lib" { "" } else { name.strip_suffix("/mod").unwrap_or(name) };
    name.replace('/', "::")
}

/// The groups of files that all use each other, directly or by way of others; each has two files at least.
pub(crate) fn circles(uses: &BTreeMap<PathBuf, BTreeSet<PathBuf>>) -> Vec<BTreeSet<PathBuf>> {
    let reached: BTreeMap<_, _> = uses.keys().map(|file| (file, reached_from(file, uses))).collect();
    let mut circles: Vec<BTreeSet<PathBuf>> = Vec::new();
    for (file, far) in &reached {
        let is_back = |other: &&PathBuf| reached.get(other).is_some_and(|back| back.contains(*file));
        let circle: BTreeSet<_> = far.iter().filter(is_back).cloned().collect();
        if circle.len() > 1 && !circles.contains(&circle) {
            circles.push(circle);
        }
    }
    circles
}

fn reached_from(file: &Path, uses: &BTreeMap<PathBuf, BTreeSet<PathBuf>>) -> BTreeSet<PathBuf> {
    let mut reached = BTreeSet::new();
    let mut open = vec![file.to_path_buf()];
    while let Some(next) = open.pop() {
        for used in uses.get(&next).into_iter().flatten() {
            if reached.insert(used.clone()) {
                open.push(used.clone());
            }
        }
    }
    reached
}

#[test]
fn a_name_is_followed_to_the_file_where_it_stands() {
    let all = Crate::read();
    let file = |module: &str, path: &str| all.file_of(module, path, 0).map(|file| file.display().to_string());
    assert_eq!(file("cli::user", "crate::access::Accounts").as_deref(), Some("access/users.rs"));
    assert_eq!(file("cli::user", "Accounts::parse").as_deref(), Some("access/users.rs"));
    assert_eq!(file("cli::user", "super::OperatorError").as_deref(), Some("cli/exit.rs"));
    assert_eq!(file("cli::user", "crate::access"), None, "a module alone");
    assert_eq!(file("cli::user", "std::io::Write"), None);
    assert_eq!(file("hub", "channel::Channel").as_deref(), Some("hub/channel.rs"));
}

#[test]
fn a_circle_is_found() {
    let path = |name: &str| PathBuf::from(name);
    let uses = [("a", vec!["b"]), ("b", vec!["c", "d"]), ("c", vec!["a"]), ("d", vec![])];
    let uses = uses.map(|(file, used)| (path(file), used.into_iter().map(path).collect())).into();
    assert_eq!(circles(&uses), [BTreeSet::from(["a", "b", "c"].map(path))]);
}
