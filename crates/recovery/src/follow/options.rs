//! How to follow a log.

use std::time::Duration;

/// Where to begin.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Start {
    /// With the first event there is.
    #[default]
    First,
    /// With this event, or the next one if there is none of this id. One that is still to come is waited for.
    At(u64),
    /// Behind all events there are now: of those that would be handed out, none.
    End,
}

/// How to follow a log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FollowOptions {
    /// Where to begin.
    pub from: Start,
    /// Only what is durable: nothing that is handed out can be gone after a power cut.
    pub durable_only: bool,
    /// So long the calling thread looks again and again before it sleeps: the lowest latency there is, for all of a
    /// processor while it lasts. Zero: it sleeps at once.
    pub spin: Duration,
}

/// How long to wait for events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Not at all, not even spinning.
    Never,
    /// At most so long.
    AtMost(Duration),
    /// As long as it takes.
    Forever,
}
