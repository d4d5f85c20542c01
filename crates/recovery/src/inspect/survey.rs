//! The order in which an inspection looks at things, so that what it finds belongs together.
//!
//! With nobody appending any order would do. Beside a living writer it must never look at evidence before it looks at
//! what the evidence is about: what `wal.meta` calls durable is read before the segments, the list of names before
//! `first_segment`, the beginning of a later segment before the end of an earlier one. Then everything that the
//! evidence speaks of is there when its turn comes.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use flashstrike_segment::{BlockHeader, Metadata, SegmentStart, State, WalMeta, names};

use super::conclude::Survey;
use super::facts::{Inspection, MetaFacts};
use super::source::{SegmentSource, identity_of};
use super::stranger::name_stranger;
use super::verify::{Begin, Found, Known, verify};
use super::{Depth, InspectOptions, Watch};
use crate::directory::{Listing, SegmentFiles};
use crate::error::{Error, Result};
use crate::files::{FileId, FileSystem, OpenMode, if_there};
use crate::machine::writer_alive;
use crate::segment_reader::SegmentReader;

/// How long a header that does not verify may be one that is being sealed just now.
const HEADER_PATIENCE: Duration = Duration::from_millis(10);
/// How often a reader looks again before it believes what it sees beside a writer.
const ATTEMPTS: u32 = 20;
/// A verdict other than clean is believed after so many attempts.
const DOUBTS: u32 = 4;
const PAUSE: Duration = Duration::from_millis(10);

/// Inspects as long as it takes to see one state of the log and not a mixture of two. Gives also the segment in which the
/// log ends, as it was read.
pub(super) fn observe(
    files: &Arc<dyn FileSystem>,
    directory: &Path,
    options: &InspectOptions,
    watch: &mut Watch<'_>,
) -> Result<(Inspection, Option<SegmentReader>)> {
    for attempt in 1..=ATTEMPTS {
        // In this order: a writer that comes and dies behind the look at the lock leaves another staging file than this.
        let staging = staging_id(&**files, directory)?;
        let beside_writer = writer_alive(&**files, directory)?;
        let options = InspectOptions { beside_writer, ..*options };
        if let Some((inspection, tail)) = inspect_once(files, directory, &options, watch)? {
            let is_settled = if beside_writer {
                inspection.state == State::Clean
                    || attempt >= DOUBTS
                    || is_confirmed(files, directory, &options, &inspection)?
            } else {
                // A writer that came meanwhile has perhaps taken what is staged; its staging is another file.
                !writer_alive(&**files, directory)? && staging_id(&**files, directory)? == staging
            };
            if is_settled {
                return Ok((inspection, tail));
            }
        }
        std::thread::sleep(PAUSE);
    }
    Err(unsettled(directory))
}

/// Whether what was found damaged beside a writer is found so again, as often as it takes to believe it. Only the damaged
/// place and its neighbours are looked at: what is good in front of it stays so, and what lies behind does not make it
/// good.
fn is_confirmed(
    files: &Arc<dyn FileSystem>,
    directory: &Path,
    options: &InspectOptions,
    inspection: &Inspection,
) -> Result<bool> {
    let Some(place) = inspection.damage.as_ref().and_then(|damage| damage.position.segment) else {
        return Ok(false);
    };
    for _ in 1..DOUBTS {
        std::thread::sleep(PAUSE);
        let Some((again, _)) = inspect_at(files, directory, options, Some(place), &mut Watch::default())?
        else {
            return Ok(false);
        };
        if again.damage != inspection.damage {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Inspects for the holder of the lock.
pub(super) fn inspect(
    files: &Arc<dyn FileSystem>,
    directory: &Path,
    options: &InspectOptions,
    watch: &mut Watch<'_>,
) -> Result<Inspection> {
    let inspected = inspect_once(files, directory, options, watch)?;
    inspected.map(|(inspection, _)| inspection).ok_or_else(|| unsettled(directory))
}

fn unsettled(directory: &Path) -> Error {
    let error =
        io::Error::other("its files change all the time; is something else working in this directory?");
    Error::io("read", directory, &error)
}

fn staging_id(files: &dyn FileSystem, directory: &Path) -> Result<Option<FileId>> {
    let path = directory.join(names::WAL_STAGING);
    let id = files.open(&path, OpenMode::Read).and_then(|file| file.id());
    if_there(id).map_err(|error| Error::io("open", &path, &error))
}

/// Inspects; `None` if a segment vanished meanwhile.
pub(super) fn inspect_once(
    files: &Arc<dyn FileSystem>,
    directory: &Path,
    options: &InspectOptions,
    watch: &mut Watch<'_>,
) -> Result<Option<(Inspection, Option<SegmentReader>)>> {
    inspect_at(files, directory, options, None, watch)
}

/// As [`inspect_once`]; with a `place`, of the blocks only those in that segment and in the one on each side of it.
fn inspect_at(
    files: &Arc<dyn FileSystem>,
    directory: &Path,
    options: &InspectOptions,
    place: Option<u32>,
    watch: &mut Watch<'_>,
) -> Result<Option<(Inspection, Option<SegmentReader>)>> {
    let source = SegmentSource::new(files, directory);
    let before = if options.beside_writer { source.meta()? } else { MetaFacts::Missing };
    let mut listing = Listing::read(&**files, directory)?;
    let mut meta = source.meta()?;
    if !find_passed_over(&source, &mut listing, meta.valid().map(|meta| meta.first_segment))? {
        return Ok(None);
    }
    let Some(starts) = read_starts(&source, &listing, options, watch)? else { return Ok(None) };
    if let MetaFacts::Valid(said) = &meta {
        let log_ids = starts.values().filter_map(SegmentStart::log_id);
        if !said.belongs_to(log_ids) && !is_of_another(&source, &listing, &starts, said)? {
            meta = MetaFacts::Foreign(said.clone());
        }
    }
    let first_segment = match meta.valid() {
        Some(meta) => meta.first_segment,
        None => listing.segments.keys().next().copied().unwrap_or(0),
    };
    let mut order: Vec<u32> = listing.segments.range(first_segment..).map(|(&index, _)| index).collect();
    if options.beside_writer {
        let last = starts.iter().rev().find(|(_, start)| start.published || start.sealed.is_some());
        order.retain(|index| last.is_some_and(|(last, _)| index <= last));
    }
    let first = match starts.get(&first_segment) {
        Some(start) => Some(start.clone()),
        None if listing.segments.contains_key(&first_segment) => {
            source.start(first_segment, watch.telemetry)?
        }
        None => None,
    };
    let known = Known {
        log: first.as_ref().and_then(identity_of),
        source: &source,
        options,
        meta: meta.valid().map(|meta| with_durable_of(meta, &before, options.beside_writer)),
        missing: missing_name(&listing, &order, first_segment, meta.valid().is_some()),
        prepared: order.iter().copied().filter(|index| seems_prepared(&listing, &starts, *index)).collect(),
        until: place.and_then(|place| order.iter().copied().find(|&index| index > place)),
        order,
        starts: &starts,
    };
    let found = match place {
        Some(place) => {
            let before = known.order.iter().rev().find(|&&index| index < place);
            verify(&known, &before.map_or(Begin::First, |&index| Begin::At(index)), watch)?
        }
        None => verify_from_the_right_place(&known, first_segment, first.as_ref(), watch)?,
    };
    let Some(mut found) = found else { return Ok(None) };
    let tail = found.tail.take();
    let bad = found.verdict.bad.as_mut();
    let own_log_id = bad.and_then(|bad| name_stranger(&source, &known.order, meta.valid(), bad));
    let directory = source.directory.clone();
    // Where the log begins is not said by what is another segment, or one of another log.
    let is_own = |(_, metadata): &(BlockHeader, Metadata)| {
        metadata.segment_index == first_segment && own_log_id.is_none_or(|own| own == metadata.log_id)
    };
    let first = first.filter(|first| first.metadata.as_ref().is_none_or(is_own));
    let survey = Survey { directory, listing, meta, own_log_id, first_segment, first, options: *options };
    Ok(Some((survey.conclude(found), tail)))
}

/// Adds to a list of names the segments that it has passed over: a directory that changes while it is listed may show
/// neither the name that a segment had nor the one that it has now. Up to the first one that really is not there; false
/// if that has just been removed, and the log begins later now.
fn find_passed_over(source: &SegmentSource, listing: &mut Listing, first: Option<u32>) -> Result<bool> {
    let (Some(&lowest), Some(&last)) = (listing.segments.keys().next(), listing.segments.keys().next_back())
    else {
        return Ok(true);
    };
    for index in first.unwrap_or(lowest)..last {
        if listing.segments.contains_key(&index) {
            continue;
        }
        let files = source.files_of(index)?;
        if files == SegmentFiles::default() {
            return Ok(source.first_segment(None)?.is_none_or(|first| first <= index));
        }
        listing.segments.insert(index, files);
    }
    Ok(true)
}

/// Whether `wal.meta` is of the log of a segment that was not looked at: the strangers may be those that were.
fn is_of_another(
    source: &SegmentSource,
    listing: &Listing,
    starts: &BTreeMap<u32, SegmentStart>,
    meta: &WalMeta,
) -> Result<bool> {
    for &index in listing.segments.keys().filter(|index| !starts.contains_key(index)) {
        if source.start(index, None)?.and_then(|start| start.log_id()) == Some(meta.log_id) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a segment has a header and no metadata block, and no other copy.
fn seems_prepared(listing: &Listing, starts: &BTreeMap<u32, SegmentStart>, index: u32) -> bool {
    let is_alone = listing.segments.get(&index).is_some_and(|files| files.hot && !files.cold);
    let is_empty = |start: &SegmentStart| {
        !start.published
            && start
                .header
                .as_ref()
                .is_some_and(|header| header.sealed.is_none() && header.segment_index == index)
    };
    is_alone && starts.get(&index).is_some_and(is_empty)
}

/// What was durable when the look began; retention as it is now.
fn with_durable_of(meta: &WalMeta, before: &MetaFacts, beside_writer: bool) -> WalMeta {
    let durable_event_id = match before {
        _ if !beside_writer => meta.durable_event_id,
        MetaFacts::Valid(before) if before.log_id == meta.log_id => before.durable_event_id,
        _ => 0,
    };
    WalMeta { durable_event_id, ..meta.clone() }
}

/// The first name that is missing although later ones, or `wal.meta`, say that it has to be there. A gap between two
/// segments that are both verified is found without.
fn missing_name(listing: &Listing, order: &[u32], first_segment: u32, is_proved: bool) -> Option<u32> {
    let Some(&last) = order.last() else {
        return (is_proved && !listing.segments.is_empty()).then_some(first_segment);
    };
    (first_segment..last).find(|index| !listing.segments.contains_key(index))
}

/// Verifies from the first unsealed segment on.
///
/// If no block behind the last sealed segment verifies in place, that segment has to be verified too: if the log ends in
/// it, its header does not hold all that the next block continues. If then something is wrong with it, only a
/// verification of everything can tell where the damage is and what it is: a sealed segment of another log would
/// otherwise be believed, and its neighbours taken for a torn tail.
fn verify_from_the_right_place(
    known: &Known<'_>,
    first_segment: u32,
    first: Option<&SegmentStart>,
    watch: &mut Watch<'_>,
) -> Result<Option<Found>> {
    // One whose header does not verify counts as unsealed, and only its blocks say where the log begins.
    let is_first_open = first.is_some_and(|first| first.sealed.is_none() && first.metadata.is_some());
    let mut begin = if is_first_open { Begin::First } else { begin(known, first_segment) };
    loop {
        let Some(found) = verify(known, &begin, watch)? else { return Ok(None) };
        let place = found.verdict.bad.as_ref().and_then(|bad| bad.position.segment);
        begin = match begin {
            Begin::At(index) if place.is_some_and(|place| place <= index) => Begin::First,
            Begin::Behind(header) if found.verdict.link.is_none() => Begin::At(header.segment_index),
            _ => return Ok(Some(found)),
        };
    }
}

fn begin(known: &Known<'_>, first_segment: u32) -> Begin {
    let sealed = known.starts.iter().rev().find_map(|(&index, start)| {
        start.header.clone().filter(|header| header.sealed.is_some() && header.segment_index == index)
    });
    match sealed {
        Some(sealed) if known.options.depth == Depth::Unsealed && sealed.segment_index >= first_segment => {
            let index = sealed.segment_index;
            if known.starts.range(index + 1..).any(|(_, start)| start.published) {
                Begin::Behind(sealed)
            } else {
                Begin::At(index)
            }
        }
        _ => Begin::First,
    }
}

/// Reads the beginnings of segments from the highest down: all of them, or to the first sealed one. `None` if one
/// vanished meanwhile.
fn read_starts(
    source: &SegmentSource,
    listing: &Listing,
    options: &InspectOptions,
    watch: &Watch<'_>,
) -> Result<Option<BTreeMap<u32, SegmentStart>>> {
    let mut starts = BTreeMap::new();
    for &index in listing.segments.keys().rev() {
        let Some(mut start) = source.start(index, watch.telemetry)? else { return Ok(None) };
        let deadline = Instant::now() + HEADER_PATIENCE;
        while options.beside_writer && start.header.is_none() && Instant::now() < deadline {
            std::thread::sleep(HEADER_PATIENCE / 10);
            match source.start(index, watch.telemetry)? {
                Some(again) => start = again,
                None => return Ok(None),
            }
        }
        let is_sealed = start.sealed.is_some()
            && start.header.as_ref().is_some_and(|header| header.segment_index == index);
        starts.insert(index, start);
        if is_sealed && options.depth == Depth::Unsealed {
            break;
        }
    }
    Ok(Some(starts))
}
