//! One damaged log, and how damages are made into many of them.

use std::rc::Rc;

use fastrand::Rng;
use flashstrike_segment::layout::SEGMENT_HEADER_SIZE;

use super::shapes::{Events, Middle, Shape};
use crate::memory::MemoryLog;
use crate::memory::build::Placed;

/// A damaged log.
pub struct Case {
    /// Which kind of damage, and what exactly.
    pub what: String,
    pub log: MemoryLog,
    pub event_size: u16,
    /// What may be read from it: the beginning of one of these, and nothing else.
    pub histories: Vec<Rc<Events>>,
    /// It has blocks that nobody wrote and that are right by themselves.
    pub is_forged: bool,
    /// It is damaged in several places: whoever does not read all of it may find another than the first.
    pub is_damaged_twice: bool,
    /// Of the log as it was.
    pub middle: Middle,
    /// Which events a segment holds can be told as before, without a look at its blocks.
    pub has_whole_headers: bool,
}

/// Where the blocks of a damaged log come from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    Own,
    Mixed,
    Forged,
    Twice,
}

/// Makes one kind of damage to one log, at every place or at some.
pub struct Damager<'a> {
    pub shape: &'a Shape,
    pub kind: &'static str,
    pub rng: Rng,
    pub is_exhaustive: bool,
    pub check: &'a mut dyn FnMut(Case),
}

impl Damager<'_> {
    /// One case: the log after this change, in which nothing but its own events may be found.
    pub fn case(&mut self, what: impl Into<String>, change: impl FnOnce(&mut MemoryLog)) {
        self.case_of(what, Origin::Own, change);
    }

    /// The same with damage in several places.
    pub fn double_case(&mut self, what: impl Into<String>, change: impl FnOnce(&mut MemoryLog)) {
        self.case_of(what, Origin::Twice, change);
    }

    /// The same with a block that no log ever had, which is right by itself.
    pub fn forged_case(&mut self, what: impl Into<String>, change: impl FnOnce(&mut MemoryLog)) {
        self.case_of(what, Origin::Forged, change);
    }

    /// The same with something of another history of the log, or of another log, in it.
    pub fn mixed_case(&mut self, what: impl Into<String>, change: impl FnOnce(&mut MemoryLog)) {
        self.case_of(what, Origin::Mixed, change);
    }

    fn case_of(&mut self, what: impl Into<String>, origin: Origin, change: impl FnOnce(&mut MemoryLog)) {
        let Shape { name, own, foreign, fork } = self.shape;
        let mut log = own.log.clone();
        change(&mut log);
        let mut histories = vec![Rc::clone(&own.written)];
        if origin == Origin::Mixed {
            histories.extend([Rc::clone(&foreign.written), Rc::clone(&fork.written)]);
        }
        let has_whole_headers = own.log.files.iter().all(|(name, old)| {
            let length = if name.ends_with(".wal") { SEGMENT_HEADER_SIZE } else { old.len() };
            log.files.get(name).is_some_and(|now| now.starts_with(&old[..length]))
        });
        let what = format!("{} of {name}, events of {}: {}", self.kind, own.event_size, what.into());
        (self.check)(Case {
            what,
            log,
            event_size: own.event_size,
            histories,
            is_forged: origin == Origin::Forged,
            is_damaged_twice: origin == Origin::Twice,
            middle: own.middle(),
            has_whole_headers,
        });
    }

    /// All of these, or some, drawn anew for each run.
    pub fn some<T>(&mut self, all: impl IntoIterator<Item = T>, count: usize) -> Vec<T> {
        let mut all: Vec<T> = all.into_iter().collect();
        if !self.is_exhaustive {
            self.rng.shuffle(&mut all);
            all.truncate(count);
        }
        all
    }

    /// One flipped bit in some of these bytes, a case each.
    pub fn flip(&mut self, name: &str, places: impl IntoIterator<Item = usize>, count: usize) {
        for at in self.some(places, count) {
            let bit = self.rng.u8(0..8);
            self.case(format!("{name}, bit {bit} of byte {at}"), |log| log.flip(name, at, bit));
        }
    }

    /// The blocks of segments that are not compressed.
    pub fn hot_blocks(&self) -> Vec<Placed> {
        let is_hot = |block: &&Placed| self.shape.own.log.files.contains_key(&super::damage::name_of(block));
        self.shape.own.placed.iter().filter(is_hot).cloned().collect()
    }

    /// The same, those with events only.
    pub fn event_blocks(&self) -> Vec<Placed> {
        self.hot_blocks().into_iter().filter(|block| block.event_count > 0).collect()
    }

    /// The events that were written behind this one.
    pub fn staged(&self, last: u64) -> Events {
        self.shape.own.written.iter().filter(|(id, _)| *id > last).cloned().collect()
    }

    /// Segments with blocks.
    pub fn segments(&self) -> Vec<u32> {
        let mut all: Vec<u32> = self.shape.own.placed.iter().map(|block| block.segment).collect();
        all.dedup();
        all
    }
}
