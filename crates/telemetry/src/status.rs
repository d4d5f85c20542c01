//! What an updater is told about an occurrence.

/// How an operation ended. Converts from `bool` (`true` is [`Status::Ok`]) and from `&Result`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// It did what it was asked to do.
    Ok,
    /// It did not.
    Failed,
}

impl From<bool> for Status {
    fn from(ok: bool) -> Self {
        if ok { Self::Ok } else { Self::Failed }
    }
}

impl<T, E> From<&Result<T, E>> for Status {
    fn from(result: &Result<T, E>) -> Self {
        result.is_ok().into()
    }
}

/// Which check of a segment failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IntegrityFailure {
    /// The checksum of a segment header.
    Header,
    /// The checksum of a block.
    Block,
    /// The checksum that chains a block to the one before it.
    Chained,
    /// A field whose value cannot be: a wrong magic, an id out of order, a length beyond the segment.
    Validation,
}
