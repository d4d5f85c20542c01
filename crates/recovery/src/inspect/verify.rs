//! Running the verifier of the format over the files.

use std::collections::BTreeMap;
use std::ops::Range;

use flashstrike_segment::layout::{BLOCK_HEADER_SIZE, SEGMENT_HEADER_SIZE};
use flashstrike_segment::{
    BlockHeader, ChainVerifier, LogIdentity, LogVerifier, Reason, SegmentBytes, SegmentHeader, SegmentStart,
    Verdict, WalMeta,
};
use flashstrike_telemetry::clock;

use super::ahead::Ahead;
use super::behind::Behind;
use super::body::{Scratch, is_zero};
use super::facts::StagingFacts;
use super::scout::Scout;
use super::source::SegmentSource;
use super::staging::read_staging;
use super::{InspectOptions, Progress, Watch};
use crate::error::{Error, Result};
use crate::segment_reader::{Boundary, Extents, SegmentReader};

/// Where verification begins.
#[derive(Debug, Clone)]
pub(super) enum Begin {
    /// With the first segment.
    First,
    /// Behind this sealed segment, whose blocks are not looked at.
    Behind(SegmentHeader),
    /// With this segment, those before it being sealed.
    At(u32),
}

/// What is known before any block is looked at.
pub(super) struct Known<'a> {
    pub(super) source: &'a SegmentSource,
    pub(super) options: &'a InspectOptions,
    /// What the first segment says that the log is.
    pub(super) log: Option<LogIdentity>,
    pub(super) meta: Option<WalMeta>,
    /// The segments that belong to the log, ascending.
    pub(super) order: Vec<u32>,
    /// What the beginnings of segments say, as far as they were read.
    pub(super) starts: &'a BTreeMap<u32, SegmentStart>,
    /// A segment that has to be there and is not.
    pub(super) missing: Option<u32>,
    /// Segments that seem to be prepared.
    pub(super) prepared: Vec<u32>,
    /// Where verification ends although more segments follow; `None`: with the last one.
    pub(super) until: Option<u32>,
}

/// The files of segments, by index.
pub(super) type Files = BTreeMap<u32, ReadFile>;

/// What the file of a segment is, apart from its blocks.
pub(super) struct ReadFile {
    /// Its length; `None`: it is a compressed one.
    pub(super) length: Option<u64>,
    /// Its header, if that verifies.
    pub(super) header: Option<SegmentHeader>,
    /// Nothing but zeros stands behind the header.
    pub(super) is_blank: bool,
}

/// What verification found.
pub(super) struct Found {
    pub(super) verdict: Verdict,
    pub(super) durable_on_disk: u64,
    pub(super) staging: StagingFacts,
    /// The files that were read.
    pub(super) files: Files,
    /// The segment in which the log ends, as it was read.
    pub(super) tail: Option<SegmentReader>,
}

/// Verifies; `None` if a segment vanished meanwhile.
pub(super) fn verify(known: &Known<'_>, begin: &Begin, watch: &mut Watch<'_>) -> Result<Option<Found>> {
    let mut verifier = match begin {
        Begin::First => LogVerifier::new(None, known.meta.as_ref()),
        Begin::Behind(sealed) => LogVerifier::resume(known.log.as_ref(), known.meta.as_ref(), sealed),
        Begin::At(index) => LogVerifier::begin_at(known.log.as_ref(), known.meta.as_ref(), *index),
    };
    let first = match begin {
        Begin::First => 0,
        Begin::Behind(sealed) => sealed.segment_index + 1,
        Begin::At(index) => *index,
    };
    // What is missing behind its beginning a verification finds for itself, in its place among other damage.
    if let Some(index) = known.missing.filter(|&index| known.order.is_empty() || index < first) {
        verifier.missing_segment(index);
    }
    let begin = known.order.partition_point(|&index| index < first);
    let segment_size = known.log.as_ref().map_or(0, |log| log.segment_size);
    let scout = Scout::new(known.source, &known.prepared, segment_size);
    let end = known.until.map_or(known.order.len(), |until| known.order.partition_point(|&it| it <= until));
    let ahead = Ahead::new(known, &known.order[begin..end.max(begin)], watch.telemetry);
    let verified = std::thread::scope(|scope| {
        scout.start(scope);
        ahead.start(scope);
        let verified = verify_segments(known, begin..end, &mut verifier, (&scout, &ahead), watch);
        scout.stop();
        ahead.stop();
        verified
    })?;
    let Some(Verified { files, tail }) = verified else { return Ok(None) };
    let durable_on_disk = verifier.clone().finish().proved_event_id;
    let staging = if known.options.beside_writer {
        StagingFacts::default()
    } else {
        read_staging(known, &mut verifier)?
    };
    Ok(Some(Found { verdict: verifier.finish(), durable_on_disk, staging, files, tail }))
}

struct Verified {
    files: Files,
    tail: Option<SegmentReader>,
}

fn verify_segments(
    known: &Known<'_>,
    segments: Range<usize>,
    verifier: &mut LogVerifier,
    (scout, ahead): (&Scout<'_>, &Ahead<'_>),
    watch: &mut Watch<'_>,
) -> Result<Option<Verified>> {
    let mut progress = Progress { segments_done: 0, segments: segments.len() as u32, bytes_done: 0 };
    let mut verified = Verified { files: BTreeMap::new(), tail: None };
    let mut scratch = Scratch::default();
    let mut window = Vec::new();
    for at in segments {
        let index = known.order[at];
        if let Some(good) =
            ahead.good(index, &mut window)?.filter(|good| verifier.join(&good.apart).is_some())
        {
            verified.files.insert(index, good.file);
            progress.add(good.bytes, watch);
            continue;
        }
        let place = Place { index, rest: &known.order[at + 1..] };
        let blank = if known.prepared.contains(&index) { scout.blank(index)? } else { None };
        let Some(read) = verify_segment(known, place, (scout, blank), verifier, &mut scratch, watch)? else {
            return Ok(None);
        };
        if verifier.bad().is_some() {
            // Nothing behind damage is joined.
            ahead.stop();
        }
        verified.files.insert(index, read.file);
        verified.tail = read.reader.or(verified.tail);
        progress.add(read.bytes, watch);
    }
    Ok(Some(verified))
}

/// A segment, and those behind it.
#[derive(Clone, Copy)]
struct Place<'a> {
    index: u32,
    rest: &'a [u32],
}

struct ReadSegment {
    file: ReadFile,
    bytes: u64,
    /// The segment as it was verified, if it may be the one in which the log ends.
    reader: Option<SegmentReader>,
}

fn verify_segment(
    known: &Known<'_>,
    place: Place<'_>,
    (scout, blank): (&Scout<'_>, Option<u64>),
    verifier: &mut LogVerifier,
    scratch: &mut Scratch,
    watch: &mut Watch<'_>,
) -> Result<Option<ReadSegment>> {
    let Place { index, rest } = place;
    let began = clock::now_ns();
    let no_memory = |error| Error::io("get memory for", &known.source.directory, &error);
    let body = match (blank, known.starts.get(&index).and_then(|start| start.header.as_ref())) {
        (Some(file_len), Some(header)) => Some(scratch.blank(&header.encode(), file_len).map_err(no_memory)?),
        _ => known.source.body(index, scratch, watch.telemetry)?,
    };
    let Some(mut body) = body else { return Ok(None) };
    let mut bytes = scratch.bytes(&body);
    let is_cold = body.cold.is_some();
    let mut read = ReadSegment {
        file: ReadFile {
            length: (!is_cold).then_some(body.file_len),
            header: SegmentHeader::decode(bytes).ok(),
            is_blank: is_zero(bytes.get(SEGMENT_HEADER_SIZE..).unwrap_or(&[])),
        },
        bytes: bytes.len() as u64,
        reader: None,
    };
    if known.options.beside_writer && rest.is_empty() {
        let mut end = end_for_now(index, bytes);
        // The end of its payload may be among the zeros that were not read.
        if let Some(whole) = cut_off(bytes, end).filter(|&whole| whole as u64 <= body.file_len) {
            body = scratch.extend(body, whole).map_err(no_memory)?;
            end = end_for_now(index, scratch.bytes(&body));
        }
        bytes = &scratch.bytes(&body)[..end.min(body.len)];
    }
    let mut behind = Behind { known, scout, rest, error: None };
    let was_damaged = verifier.bad().is_some();
    let mut extents = Extents::default();
    let segment = SegmentBytes { index, bytes, cold: body.cold.clone() };
    let outcome = verifier
        .segment(segment, &mut behind, &mut |block| extents.push(block.offset as usize, &block.header));
    if let Some(error) = behind.error {
        return Err(error);
    }
    let report = outcome.map_err(|unsupported| Error::unsupported(&known.source.directory, &unsupported))?;
    if let Some(telemetry) = watch.telemetry {
        let bad = verifier.bad().filter(|_| !was_damaged);
        telemetry.record().reader.on_verify_segment(began, bad.is_none());
        if let Some(bad) = bad {
            telemetry.record().reader.on_integrity_failure(crate::telemetry::integrity_failure(&bad.reason));
        }
    }
    let is_last_so_far = !report.sealed && !is_cold && report.blocks > 0 && verifier.bad().is_none();
    if let Some(link) = verifier.clone().finish().link.filter(|_| is_last_so_far) {
        let end = report.end_offset as usize;
        // The padding at the very end may be among the zeros that were not read.
        let file = body.file.map(|id| (id, body.file_len));
        let body = scratch.extend(body, end).map_err(no_memory)?;
        let start = SegmentStart::read(scratch.bytes(&body)).ok();
        read.reader = start
            .and_then(|start| start.metadata)
            .map(|metadata| Boundary::of(index, &metadata, link, report.end_offset))
            .and_then(|boundary| Some(SegmentReader::of_verified(scratch.take()?, extents, boundary, file)));
    }
    Ok(Some(read))
}

/// Where the blocks of the segment end that a living writer fills. What stands behind was perhaps being stored while it
/// was read, so nothing can be said about it.
fn end_for_now(index: u32, bytes: &[u8]) -> usize {
    let Ok(start) = SegmentStart::read(bytes) else { return bytes.len() };
    if start.sealed.is_some() {
        return bytes.len();
    }
    let Ok(mut chain) = ChainVerifier::new(index, &start, None, None) else { return SEGMENT_HEADER_SIZE };
    let mut at = SEGMENT_HEADER_SIZE;
    while BlockHeader::is_published(bytes.get(at..).unwrap_or(&[])) {
        match chain.block(&bytes[at..]) {
            Ok(header) => at += header.block_len(),
            // The verifier says so itself.
            Err(Reason::Unsupported(_)) => return bytes.len(),
            Err(_) => break,
        }
    }
    at
}

/// Where the block at an offset ends, if that is behind the bytes that there are.
fn cut_off(bytes: &[u8], at: usize) -> Option<usize> {
    let header = BlockHeader::decode(bytes.get(at..)?.get(..BLOCK_HEADER_SIZE)?).ok()?;
    Some(at + header.block_len()).filter(|&end| end > bytes.len())
}
