//! The disk as the running machine sees it, and the record of how it came to that.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind};
use std::path::{Component, Path};
use std::sync::{Arc, Mutex};

use flashstrike_recovery::files::Mapping;

use super::platter::{Platter, ROOT, change_names};
use super::step::{Effect, Inode, NameChange, PAGE, Page, Promise, Step};

/// Everything behind one lock, so that the steps have one order.
#[derive(Debug)]
pub(super) struct World {
    pub(super) initial: Platter,
    pub(super) steps: Vec<Step>,
    pub(super) promise: Promise,
    effects: Vec<Effect>,
    files: BTreeMap<Inode, Body>,
    directories: BTreeMap<Inode, BTreeMap<OsString, Inode>>,
    next_inode: Inode,
    next_change: u64,
}

#[derive(Debug)]
struct Body {
    memory: Memory,
    /// The pages as they were recorded last; what is missing is zero.
    recorded: BTreeMap<usize, Page>,
    locks: Locks,
}

/// Who holds a lock of a file, by the numbers of the open files.
pub(super) type Locks = Arc<Mutex<Held>>;

#[derive(Debug, Default)]
pub(super) struct Held {
    pub(super) exclusive: Option<u64>,
    pub(super) shared: Vec<u64>,
}

#[derive(Debug)]
enum Memory {
    Bytes(Vec<u8>),
    /// Somebody may store to it at any time.
    Mapped(Mapping),
}

impl Memory {
    fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Mapped(mapping) => mapping.len(),
        }
    }

    fn read(&self, at: usize, into: &mut [u8]) {
        match self {
            Self::Bytes(bytes) => into.copy_from_slice(&bytes[at..at + into.len()]),
            Self::Mapped(mapping) => mapping.read(at, into),
        }
    }

    fn write(&mut self, at: usize, from: &[u8]) {
        match self {
            Self::Bytes(bytes) => bytes[at..at + from.len()].copy_from_slice(from),
            Self::Mapped(mapping) => mapping.write(at, from),
        }
    }
}

impl Body {
    fn new(length: usize) -> Self {
        Self { memory: Memory::Bytes(vec![0; length]), recorded: BTreeMap::new(), locks: Locks::default() }
    }

    /// What has changed since it was looked at last.
    fn changes(&mut self, file: Inode, effects: &mut Vec<Effect>) {
        let mut found = [0; PAGE];
        for (page, at) in (0..self.memory.len()).step_by(PAGE).enumerate() {
            let used = PAGE.min(self.memory.len() - at);
            self.memory.read(at, &mut found[..used]);
            found[used..].fill(0);
            let is_same = match self.recorded.get(&page) {
                Some(recorded) => **recorded == found,
                None => found.iter().all(|byte| *byte == 0),
            };
            if !is_same {
                let bytes = Arc::new(found);
                self.recorded.insert(page, Arc::clone(&bytes));
                effects.push(Effect::Page { file, page, bytes });
            }
        }
    }
}

impl World {
    pub(super) fn of(platter: Platter, promise: Promise) -> Self {
        let mut files = BTreeMap::new();
        for (&inode, file) in &platter.files {
            let (length, pages) = file.now();
            let mut body = Body::new(length);
            for (page, bytes) in pages.filter(|(page, _)| page * PAGE < length) {
                let at = page * PAGE;
                body.memory.write(at, &bytes[..PAGE.min(length - at)]);
                body.recorded.insert(page, Arc::clone(bytes));
            }
            files.insert(inode, body);
        }
        let directories = platter.directories.iter().map(|(&inode, names)| (inode, names.now())).collect();
        Self {
            next_inode: platter.next_inode(),
            // Changes that are pending already have lower numbers.
            next_change: platter.steps() << 20,
            initial: platter,
            steps: Vec::new(),
            promise,
            effects: Vec::new(),
            files,
            directories,
        }
    }

    /// The number of the step that is recorded next.
    pub(super) fn now(&self) -> u64 {
        self.initial.steps() + self.steps.len() as u64
    }

    /// Records stores to mapped memory: before each operation, since the power may fail in between. A step without any
    /// is recorded only if it is to be seen.
    pub(super) fn record_stores(&mut self, what: &str, always: bool) {
        let mut effects = std::mem::take(&mut self.effects);
        for (&inode, body) in &mut self.files {
            if matches!(body.memory, Memory::Mapped(_)) {
                body.changes(inode, &mut effects);
            }
        }
        self.effects = effects;
        if always || !self.effects.is_empty() {
            self.record(what);
        }
    }

    /// Records what was noted as one step.
    pub(super) fn record(&mut self, what: &str) {
        let thread = std::thread::current();
        let what = format!("{}: {what}", thread.name().unwrap_or("?"));
        let effects = std::mem::take(&mut self.effects);
        self.steps.push(Step { what, effects, promise: self.promise });
    }

    /// An effect of the step that is recorded next.
    pub(super) fn note(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    pub(super) fn directory(&self, path: &Path) -> io::Result<Inode> {
        let mut at = ROOT;
        for part in path.components() {
            if let Component::Normal(name) = part {
                at = *self.directories[&at].get(name).ok_or(ErrorKind::NotFound)?;
                if !self.directories.contains_key(&at) {
                    return Err(ErrorKind::NotADirectory.into());
                }
            }
        }
        Ok(at)
    }

    /// The directory that a path is in, and its last name.
    pub(super) fn place<'p>(&self, path: &'p Path) -> io::Result<(Inode, &'p OsStr)> {
        let name = path.file_name().ok_or(ErrorKind::InvalidInput)?;
        Ok((self.directory(path.parent().unwrap_or(Path::new("/")))?, name))
    }

    pub(super) fn names(&self, directory: Inode) -> &BTreeMap<OsString, Inode> {
        &self.directories[&directory]
    }

    pub(super) fn is_file(&self, inode: Inode) -> bool {
        self.files.contains_key(&inode)
    }

    pub(super) fn file(&self, path: &Path) -> io::Result<Inode> {
        let (directory, name) = self.place(path)?;
        let inode = *self.names(directory).get(name).ok_or(ErrorKind::NotFound)?;
        if self.is_file(inode) { Ok(inode) } else { Err(ErrorKind::InvalidInput.into()) }
    }

    /// The name that a file or directory has now; one of them, if it has several.
    pub(super) fn name_of(&self, inode: Inode) -> String {
        if inode == ROOT {
            return "/".to_owned();
        }
        let mut names = self.directories.values().flatten();
        let found = names.find(|(_, named)| **named == inode);
        found.map_or_else(|| format!("nameless {inode}"), |(name, _)| name.to_string_lossy().into_owned())
    }

    pub(super) fn locks(&self, file: Inode) -> Locks {
        Arc::clone(&self.files[&file].locks)
    }

    pub(super) fn make_file(&mut self, directory: Inode, name: &OsStr) -> Inode {
        let inode = self.take_inode();
        self.files.insert(inode, Body::new(0));
        self.note(Effect::NewFile(inode));
        self.set_name(directory, name, inode);
        inode
    }

    pub(super) fn make_directory(&mut self, directory: Inode, name: &OsStr) {
        let inode = self.take_inode();
        self.directories.insert(inode, BTreeMap::new());
        self.note(Effect::NewDirectory(inode));
        self.set_name(directory, name, inode);
    }

    fn take_inode(&mut self) -> Inode {
        self.next_inode += 1;
        self.next_inode - 1
    }

    pub(super) fn set_name(&mut self, directory: Inode, name: &OsStr, inode: Inode) {
        self.change_names(directory, None, Some((name.to_owned(), inode)), false);
    }

    pub(super) fn clear_name(&mut self, directory: Inode, name: &OsStr) {
        self.change_names(directory, Some(name.to_owned()), None, false);
    }

    pub(super) fn rename(&mut self, from: (Inode, &OsStr), to: (Inode, &OsStr), inode: Inode) {
        let (cleared, set) = (Some(from.1.to_owned()), Some((to.1.to_owned(), inode)));
        if from.0 == to.0 {
            return self.change_names(from.0, cleared, set, false);
        }
        self.change_names(to.0, None, set, true);
        self.next_change -= 1;
        self.change_names(from.0, cleared, None, true);
    }

    fn change_names(
        &mut self,
        directory: Inode,
        cleared: Option<OsString>,
        set: Option<(OsString, Inode)>,
        is_half: bool,
    ) {
        let change = NameChange { number: self.next_change, is_half, cleared, set };
        self.next_change += 1;
        change_names(self.directories.get_mut(&directory).expect("it was found"), &change);
        self.note(Effect::Name { directory, change });
    }

    pub(super) fn length(&self, file: Inode) -> usize {
        self.files[&file].memory.len()
    }

    pub(super) fn read(&self, file: Inode, offset: u64, into: &mut [u8]) -> usize {
        let memory = &self.files[&file].memory;
        let at = (offset as usize).min(memory.len());
        let count = into.len().min(memory.len() - at);
        memory.read(at, &mut into[..count]);
        count
    }

    /// Makes a file at least so long.
    pub(super) fn grow(&mut self, file: Inode, length: usize) {
        let body = self.files.get_mut(&file).expect("an open file");
        if length <= body.memory.len() {
            return;
        }
        match &mut body.memory {
            Memory::Bytes(bytes) => bytes.resize(length, 0),
            Memory::Mapped(_) => panic!("a mapped file never changes its length"),
        }
        self.note(Effect::Length { file, length });
    }

    pub(super) fn write(&mut self, file: Inode, offset: u64, bytes: &[u8]) {
        let at = offset as usize;
        self.grow(file, at + bytes.len());
        let body = self.files.get_mut(&file).expect("an open file");
        body.memory.write(at, bytes);
        body.changes(file, &mut self.effects);
    }

    pub(super) fn map(&mut self, file: Inode, length: usize) -> io::Result<Mapping> {
        let body = self.files.get_mut(&file).expect("an open file");
        if length != body.memory.len() {
            return Err(io::Error::new(ErrorKind::InvalidInput, "only whole files are mapped"));
        }
        if let Memory::Bytes(bytes) = &body.memory {
            let mapping = Mapping::anonymous(length)?;
            mapping.write(0, bytes);
            body.memory = Memory::Mapped(mapping);
        }
        match &body.memory {
            Memory::Mapped(mapping) => Ok(mapping.clone()),
            Memory::Bytes(_) => unreachable!("it was just mapped"),
        }
    }
}
