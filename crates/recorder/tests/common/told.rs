//! What a recorder tells its observer.

use std::sync::{Arc, Mutex};

use flashstrike_crash_lab::FaultFileSystem;
use flashstrike_recorder::{Error, Event, RecorderOptions};

use super::wait_until;

/// Keeps what the recorder tells, and when.
#[derive(Clone, Default)]
pub struct Told(Arc<Mutex<Vec<(u64, Event)>>>);

impl Told {
    /// Listens to what a recorder with these options tells, with the ticks of `files`.
    pub fn by(options: &mut RecorderOptions, files: &FaultFileSystem) -> Self {
        let told = Self::default();
        let (listener, files) = (told.clone(), files.clone());
        options.observer = Some(Arc::new(move |event: &Event| {
            let tick = files.tick();
            listener.0.lock().expect("no listener panics").push((tick, event.clone()));
        }));
        told
    }

    /// All of it so far.
    pub fn all(&self) -> Vec<(u64, Event)> {
        self.0.lock().expect("no listener panics").clone()
    }

    /// What `pick` takes of it.
    pub fn picked<T>(&self, pick: impl Fn(&Event) -> Option<T>) -> Vec<T> {
        self.all().iter().filter_map(|(_, event)| pick(event)).collect()
    }

    /// Indexes of the segments that were sealed, in the order in which it was told.
    pub fn sealed(&self) -> Vec<u32> {
        self.picked(|event| if let Event::Sealed { segment } = event { Some(*segment) } else { None })
    }

    /// Indexes of the segments that were compressed.
    pub fn compressed(&self) -> Vec<u32> {
        self.picked(|event| if let Event::Compressed { segment, .. } = event { Some(*segment) } else { None })
    }

    /// Indexes of the segments that were removed.
    pub fn deleted(&self) -> Vec<u32> {
        self.picked(|event| if let Event::Deleted { segment } = event { Some(*segment) } else { None })
    }

    /// The failures that the recorder goes on after.
    pub fn failures(&self) -> Vec<Error> {
        self.picked(|event| if let Event::Failed { error } = event { Some(error.clone()) } else { None })
    }

    /// Waits until so many segments are sealed.
    #[track_caller]
    pub fn wait_until_sealed(&self, count: usize) {
        wait_until(|| (self.sealed().len() >= count).then_some(()));
    }

    /// Waits for such a failure, and gives the last one there is.
    #[track_caller]
    pub fn wait_for_failure(&self) -> Error {
        wait_until(|| self.failures().pop())
    }

    /// Waits until something is told.
    ///
    /// # Panics
    /// If it is not within [`PATIENCE`].
    #[track_caller]
    pub fn wait_for<T>(&self, pick: impl Fn(&Event) -> Option<T>) -> T {
        wait_until(|| self.picked(&pick).pop())
    }
}
