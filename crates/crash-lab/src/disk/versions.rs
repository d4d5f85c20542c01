//! Something on a disk that was changed since it was last synced.

/// What is on the device for certain, and every state since, any of which may be there instead.
#[derive(Debug, Clone)]
pub(super) struct Versions<T> {
    durable: T,
    /// With the number of the step that made it, oldest first.
    since: Vec<(u64, T)>,
}

impl<T> Versions<T> {
    pub(super) fn durable(value: T) -> Self {
        Self { durable: value, since: Vec::new() }
    }

    pub(super) fn change(&mut self, step: u64, value: T) {
        self.since.push((step, value));
    }

    /// What a reader sees as long as the machine runs.
    pub(super) fn now(&self) -> &T {
        self.since.last().map_or(&self.durable, |(_, value)| value)
    }

    /// A sync that began at this step has ended: it covers what was there then, and nothing later.
    pub(super) fn settle(&mut self, began: u64) {
        let covered = self.since.partition_point(|(step, _)| *step <= began);
        if let Some((_, last)) = self.since.drain(..covered).next_back() {
            self.durable = last;
        }
    }

    /// How many states there are besides the durable one.
    pub(super) fn count(&self) -> usize {
        self.since.len()
    }

    /// One of them; 0 is the durable one.
    pub(super) fn get(&self, version: usize) -> &T {
        version.checked_sub(1).map_or(&self.durable, |at| &self.since[at].1)
    }

    /// The step that made the newest one.
    pub(super) fn newest(&self) -> Option<u64> {
        self.since.last().map(|(step, _)| *step)
    }
}
