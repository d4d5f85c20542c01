//! Opening a segment that has blocks: verify it as a reader would, then go on where its blocks end.

use std::sync::Arc;

use flashstrike_recovery::files::{OpenMode, read_to_end};
use flashstrike_recovery::{Code, Error, Result, integrity_failure};
use flashstrike_segment::layout::MAX_SEGMENT_SIZE;
use flashstrike_segment::{
    Link, LogIdentity, LogVerifier, NothingFollows, SegmentBytes, SegmentHeader, SegmentReport, State,
    Verdict, names,
};
use flashstrike_telemetry::clock;

use crate::prepared_segment::map_from;
use crate::segment_file::SegmentFile;
use crate::segment_writer::{ResumePoint, SegmentWriter};

/// What [`SegmentWriter::open_existing_segment`] has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenedSegment {
    /// Appending goes on behind its last block.
    Open(ResumePoint),
    /// It is sealed and stays so: appending goes on in the next segment, behind this block.
    Sealed(Link),
}

impl SegmentWriter {
    /// Maps segment `index`, verifies it and walks its blocks to the exact append point; restores block index, chain,
    /// fill and ids, also after a crash. A sealed segment stays sealed.
    ///
    /// The log as a whole is judged by [`Recorder::open`](crate::Recorder::open), which cuts torn tails first; this
    /// looks at one segment alone, and refuses what is not whole.
    ///
    /// # Errors
    /// `WAL_CORRUPT` or `WAL_TORN` with the exact position, `WAL_SCHEMA` if it is of another log, `WAL_UNSUPPORTED`,
    /// `WAL_IO`. Nothing on disk is changed.
    pub fn open_existing_segment(&mut self, index: u32) -> Result<OpenedSegment> {
        let start = clock::now_ns();
        let opened = self.verify_and_open(index);
        self.note_open_existing(start, opened.is_ok());
        opened
    }

    fn verify_and_open(&mut self, index: u32) -> Result<OpenedSegment> {
        let context = Arc::clone(self.context());
        let path = context.directory.join(names::hot_name(index));
        let failed = |what: &'static str| {
            let path = &path;
            move |error: std::io::Error| Error::io(what, path, &error)
        };
        let file = context.files.open(&path, OpenMode::ReadWrite).map_err(failed("open"))?;
        let bytes = read_to_end(&*file, MAX_SEGMENT_SIZE as u64).map_err(failed("read"))?;
        let (verdict, report) = verify(index, &bytes)
            .map_err(|unsupported| Error::new(Code::Unsupported, unsupported.to_string()).at_path(&path))?;
        if let Some(damage) = &verdict.bad {
            self.note_integrity_failure(integrity_failure(&damage.reason));
        }
        let link = judge(index, &verdict).map_err(|error| error.at_path(&path))?;
        self.check_identity(verdict.identity.as_ref()).map_err(|error| error.at_path(&path))?;
        self.go_on_behind(link);
        if report.sealed {
            return Ok(OpenedSegment::Sealed(link));
        }
        let header = SegmentHeader::decode(&bytes)
            .map_err(|error| Error::new(Code::Corrupt, error.to_string()).at(index, 0).at_path(&path))?;
        let mapping = map_from(&*file, &path, report.end_offset, bytes.len() as u64)?;
        let at = ResumePoint {
            end: report.end_offset,
            block_count: report.blocks,
            event_count: report.events as u32,
            first_event_id: report.first_event_id,
        };
        self.resume(Arc::new(SegmentFile::new(index, path.clone(), file)), mapping, header, at);
        Ok(OpenedSegment::Open(at))
    }

    fn check_identity(&self, found: Option<&LogIdentity>) -> Result<()> {
        let context = self.context();
        let own = LogIdentity {
            log_id: context.log_id,
            event_size: context.event_size,
            segment_size: context.segment_bytes,
            schema: context.schema.clone(),
        };
        if found.is_some_and(|found| found.same_log(&own)) {
            return Ok(());
        }
        Err(Error::new(Code::Schema, "the segment belongs to another log"))
    }
}

fn verify(
    index: u32,
    bytes: &[u8],
) -> std::result::Result<(Verdict, SegmentReport), flashstrike_segment::Unsupported> {
    let mut verifier = LogVerifier::begin_at(None, None, index);
    let segment = SegmentBytes { index, bytes, cold: None };
    let report = verifier.segment(segment, &mut NothingFollows, &mut |_| {})?;
    Ok((verifier.finish(), report))
}

/// The last block, if every published one verifies.
fn judge(index: u32, verdict: &Verdict) -> Result<Link> {
    if let Some(damage) = &verdict.bad {
        let code = if verdict.state == State::Torn { Code::Torn } else { Code::Corrupt };
        let message =
            format!("{damage}; open the log with Recorder::open, which judges and repairs it as a whole");
        return Err(Error::new(code, message).at(index, damage.position.offset));
    }
    verdict.link.ok_or_else(|| {
        let message = format!("segment {index} holds no block yet; open it as a prepared one");
        Error::new(Code::NotFound, message).at(index, 0)
    })
}
