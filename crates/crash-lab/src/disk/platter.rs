//! What a disk holds: for certain, and perhaps.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::sync::Arc;

use super::step::{Effect, Inode, NameChange, PAGE, Page, SECTOR, Step};
use super::versions::Versions;

/// The directory that all others are in.
pub(super) const ROOT: Inode = 0;

/// The names and files of a disk, with everything that was not synced yet.
#[derive(Debug, Clone)]
pub(crate) struct Platter {
    pub(super) files: BTreeMap<Inode, FileState>,
    pub(super) directories: BTreeMap<Inode, DirectoryState>,
    steps: u64,
    syncs: u64,
}

#[derive(Debug, Clone)]
pub(super) struct FileState {
    length: Versions<usize>,
    pages: BTreeMap<usize, Versions<Page>>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct DirectoryState {
    durable: BTreeMap<OsString, Inode>,
    since: Vec<(u64, NameChange)>,
}

/// Decides what of all that was not synced has reached the device.
pub(crate) trait Chance {
    /// Which of `count` states after the durable one (0) a page has, sector by sector; `newest` is the step that made the
    /// last of them.
    fn page(&mut self, count: usize, newest: u64) -> [usize; PAGE / SECTOR];
    /// The same for the length of a file.
    fn length(&mut self, count: usize, newest: u64) -> usize;
    /// Whether a change of names, made by this step, has.
    fn name(&mut self, step: u64) -> bool;
}

/// What a disk holds after the power came back, and how that came about.
pub(crate) struct Remains {
    pub(crate) platter: Platter,
    /// Everything that could have been otherwise.
    pub(crate) decisions: Vec<Decision>,
}

/// What has become of one thing that was not synced.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Decision {
    Page { file: Inode, page: usize, versions: [usize; PAGE / SECTOR], of: usize },
    Length { file: Inode, version: usize, length: usize },
    Name { directory: Inode, number: u64, reached: bool },
}

impl Decision {
    /// Whether the device has anything of it.
    pub(crate) fn has_reached(&self) -> bool {
        match self {
            Self::Page { versions, .. } => versions.iter().any(|version| *version > 0),
            Self::Length { version, .. } => *version > 0,
            Self::Name { reached, .. } => *reached,
        }
    }
}

impl Platter {
    pub(super) fn empty() -> Self {
        let directories = BTreeMap::from([(ROOT, DirectoryState::default())]);
        Self { files: BTreeMap::new(), directories, steps: 0, syncs: 0 }
    }

    /// The number of the next step.
    pub(super) fn steps(&self) -> u64 {
        self.steps
    }

    /// The number of the step that was applied last.
    pub(crate) fn newest_step(&self) -> u64 {
        self.steps.saturating_sub(1)
    }

    /// How often something became durable.
    pub(crate) fn syncs(&self) -> u64 {
        self.syncs
    }

    pub(super) fn next_inode(&self) -> Inode {
        let last = self.files.keys().chain(self.directories.keys()).max();
        last.map_or(0, |last| last + 1)
    }

    pub(crate) fn apply(&mut self, step: &Step) {
        for effect in &step.effects {
            self.apply_effect(effect);
        }
        self.steps += 1;
    }

    fn apply_effect(&mut self, effect: &Effect) {
        let step = self.steps;
        match effect {
            Effect::NewFile(inode) => {
                let made = FileState { length: Versions::durable(0), pages: BTreeMap::new() };
                self.files.insert(*inode, made);
            }
            Effect::NewDirectory(inode) => {
                self.directories.insert(*inode, DirectoryState::default());
            }
            Effect::Name { directory, change } => {
                self.directory(*directory).since.push((step, change.clone()));
            }
            Effect::Length { file, length } => self.file(*file).length.change(step, *length),
            Effect::Page { file, page, bytes } => {
                let pages = &mut self.file(*file).pages;
                let versions = pages.entry(*page).or_insert_with(|| Versions::durable(Arc::new([0; PAGE])));
                versions.change(step, Arc::clone(bytes));
            }
            Effect::Synced { inode, began } => self.settle(*inode, *began),
        }
    }

    fn settle(&mut self, inode: Inode, began: u64) {
        self.syncs += 1;
        if let Some(file) = self.files.get_mut(&inode) {
            file.length.settle(began);
            file.pages.values_mut().for_each(|page| page.settle(began));
            return;
        }
        let directory = self.directory(inode);
        let covered = directory.since.partition_point(|(step, _)| *step <= began);
        for (_, change) in directory.since.drain(..covered) {
            change_names(&mut directory.durable, &change);
        }
    }

    fn file(&mut self, inode: Inode) -> &mut FileState {
        self.files.get_mut(&inode).expect("a file that was made")
    }

    fn directory(&mut self, inode: Inode) -> &mut DirectoryState {
        self.directories.get_mut(&inode).expect("a directory that was made")
    }

    /// What is left when the power fails now and chance decides.
    pub(crate) fn cut_power(&self, chance: &mut dyn Chance) -> Remains {
        let mut decisions = Vec::new();
        let mut left = Self { files: BTreeMap::new(), directories: BTreeMap::new(), steps: 0, syncs: 0 };
        let torn_apart = self.halves();
        let mut decided = BTreeMap::new();
        for (&inode, directory) in &self.directories {
            let mut names = directory.durable.clone();
            for (step, change) in &directory.since {
                let reached = torn_apart.contains(&change.number)
                    || *decided.entry(change.number).or_insert_with(|| chance.name(*step));
                decisions.push(Decision::Name { directory: inode, number: change.number, reached });
                if reached {
                    change_names(&mut names, change);
                }
            }
            left.directories.insert(inode, DirectoryState { durable: names, since: Vec::new() });
        }
        for (&inode, file) in &self.files {
            let file = file.cut_power(inode, chance, &mut decisions);
            left.files.insert(inode, file);
        }
        left.remove_unnamed();
        Remains { platter: left, decisions }
    }

    /// Renames between two directories of which one half is durable: then the other half is, too.
    fn halves(&self) -> BTreeSet<u64> {
        let mut pending = BTreeMap::new();
        for (_, change) in self.directories.values().flat_map(|directory| &directory.since) {
            *pending.entry(change.number).or_insert(0) += 1;
        }
        let all = self.directories.values().flat_map(|directory| &directory.since);
        all.filter(|(_, change)| change.is_half && pending[&change.number] == 1)
            .map(|(_, change)| change.number)
            .collect()
    }

    /// What is left when the process dies now: everything, and still not synced.
    pub(crate) fn kill(&self) -> Self {
        let mut left = self.clone();
        left.remove_unnamed();
        left
    }

    fn remove_unnamed(&mut self) {
        let mut named = BTreeSet::from([ROOT]);
        for directory in self.directories.values() {
            named.extend(directory.durable.values());
            named.extend(directory.since.iter().filter_map(|(_, change)| Some(change.set.as_ref()?.1)));
        }
        self.files.retain(|inode, _| named.contains(inode));
        self.directories.retain(|inode, _| named.contains(inode));
    }
}

impl FileState {
    /// Length and pages as a reader sees them.
    pub(super) fn now(&self) -> (usize, impl Iterator<Item = (usize, &Page)>) {
        (*self.length.now(), self.pages.iter().map(|(&page, versions)| (page, versions.now())))
    }

    fn cut_power(&self, inode: Inode, chance: &mut dyn Chance, decisions: &mut Vec<Decision>) -> Self {
        let length = match self.length.newest() {
            None => *self.length.now(),
            Some(newest) => {
                let version = chance.length(self.length.count(), newest);
                let length = *self.length.get(version);
                decisions.push(Decision::Length { file: inode, version, length });
                length
            }
        };
        let mut pages = BTreeMap::new();
        for (&page, versions) in self.pages.range(..length.div_ceil(PAGE)) {
            let left = match versions.newest() {
                None => Arc::clone(versions.now()),
                Some(newest) => {
                    let picked = chance.page(versions.count(), newest);
                    let of = versions.count();
                    decisions.push(Decision::Page { file: inode, page, versions: picked, of });
                    put_together(versions, picked)
                }
            };
            pages.insert(page, Versions::durable(without_tail(left, length.saturating_sub(page * PAGE))));
        }
        Self { length: Versions::durable(length), pages }
    }
}

fn put_together(versions: &Versions<Page>, picked: [usize; PAGE / SECTOR]) -> Page {
    if picked.iter().all(|version| *version == picked[0]) {
        return Arc::clone(versions.get(picked[0]));
    }
    let mut bytes = [0; PAGE];
    for (at, version) in (0..PAGE).step_by(SECTOR).zip(picked) {
        bytes[at..at + SECTOR].copy_from_slice(&versions.get(version)[at..at + SECTOR]);
    }
    Arc::new(bytes)
}

/// Behind the end of a file nothing is kept.
fn without_tail(page: Page, used: usize) -> Page {
    if used >= PAGE {
        return page;
    }
    let mut bytes = *page;
    bytes[used..].fill(0);
    Arc::new(bytes)
}

impl DirectoryState {
    /// The names as a reader sees them.
    pub(super) fn now(&self) -> BTreeMap<OsString, Inode> {
        let mut names = self.durable.clone();
        for (_, change) in &self.since {
            change_names(&mut names, change);
        }
        names
    }
}

pub(super) fn change_names(names: &mut BTreeMap<OsString, Inode>, change: &NameChange) {
    if let Some(cleared) = &change.cleared {
        names.remove(cleared);
    }
    if let Some((name, inode)) = &change.set {
        names.insert(name.clone(), *inode);
    }
}
