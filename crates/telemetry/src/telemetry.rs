//! What the telemetry of recorders and recoveries have in common.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::catalogue::Descriptor;
use crate::page::place::Place;
use crate::page::{NewPage, Page, PageError, PageOptions, PageState};
use crate::{Component, Snapshot, clock, source};

/// The struct of everything that a recorder or a recovery measures.
pub trait Metrics: Default + Send + Sync + 'static {
    /// Every metric in the struct with where it lies.
    fn catalogue() -> Vec<Entry>;

    /// Appends a copy of every metric, in the order of the catalogue. Those that several threads record are added up.
    fn copy_to(&self, snapshot: &mut Snapshot);
}

/// Everything one [recorder](crate::RecorderTelemetry) or one [recovery](crate::RecoveryTelemetry) measures. Made once
/// and shared: its parts record through updaters, whoever wants to know takes a [`snapshot`](Self::snapshot).
///
/// Each updater is to be taken once by the thread that records with it. To take one twice and record the same metric
/// with both from two threads would lose counts. Where the methods of one updater belong to several threads, each of
/// them takes its own and uses no more than its own methods; the updater says which.
///
/// An updater may move to the thread that is to use it, but two threads cannot use it at once:
///
/// ```compile_fail,E0277
/// let updater = flashstrike_telemetry::RecorderTelemetry::new().segment_writer_updater();
/// std::thread::scope(|scope| {
///     scope.spawn(|| updater.on_block_fill(1));
///     scope.spawn(|| updater.on_block_fill(2));
/// });
/// ```
#[derive(Debug)]
pub struct Telemetry<M: Metrics> {
    metrics: Place<M>,
    started_unix_ns: u64,
    labels: Vec<(String, String)>,
    is_closed: AtomicBool,
}

impl<M: Metrics> Telemetry<M> {
    /// All metrics at zero, counting from now.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Self::labelled(Vec::new())
    }

    /// The same with labels, name and value, that tell this one from others in everything that shows its metrics.
    #[must_use]
    pub fn labelled(labels: Vec<(String, String)>) -> Arc<Self> {
        clock::start();
        Arc::new(Self::at(Place::on_heap(), clock::unix_ns(), labels))
    }

    fn at(metrics: Place<M>, started_unix_ns: u64, labels: Vec<(String, String)>) -> Self {
        Self { metrics, started_unix_ns, labels, is_closed: AtomicBool::new(false) }
    }

    /// The same in a page, where other processes can read it, see [`page`](crate::page). It is marked as closed by
    /// [`close`](Self::close), or when this and all its updaters are dropped.
    ///
    /// # Errors
    /// [`PageError::InUse`], [`PageError::NotAPage`], [`PageError::FileSystem`], [`PageError::Full`], [`PageError::Io`];
    /// [`PageError::Option`] for labels that cannot be, see [`check_labels`](crate::page::check_labels).
    pub fn on_page(page: &PageOptions, labels: Vec<(String, String)>) -> Result<Arc<Self>, PageError> {
        clock::start();
        let started_unix_ns = clock::unix_ns();
        let page = NewPage::create(page, &M::catalogue(), &labels, started_unix_ns, size_of::<M>())?;
        Ok(Arc::new(Self::at(Place::on_page(page)?, started_unix_ns, labels)))
    }

    /// The page that the metrics are in, if they are in one.
    pub fn page(&self) -> Option<&Path> {
        self.metrics.page().map(Page::path)
    }

    /// Says that nothing more will come, in snapshots and in the page, in whose place another one may be put then. What is
    /// recorded all the same still shows in [`snapshot`](Self::snapshot). Does nothing the second time.
    pub fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
        if let Some(page) = self.metrics.page() {
            page.close();
        }
    }

    /// The labels it was given.
    pub fn labels(&self) -> &[(String, String)] {
        &self.labels
    }

    /// The metrics themselves.
    pub fn metrics(&self) -> &M {
        &self.metrics
    }

    /// A copy of every metric.
    pub fn snapshot(&self) -> Snapshot {
        let is_closed = self.is_closed.load(Ordering::Relaxed);
        let mut snapshot = Snapshot::started_at(self.started_unix_ns, &self.labels);
        self.metrics.copy_to(&mut snapshot);
        snapshot.with_durable_lag().with_state(if is_closed { PageState::Closed } else { PageState::Live })
    }

    /// Every metric with where it lies in [`metrics`](Self::metrics).
    pub fn catalogue() -> Vec<Entry> {
        let mut entries = M::catalogue();
        let side = entries.first().map_or("", |entry| &entry.descriptor.section.side);
        let of_source = source::catalogue(side).iter();
        entries.extend(of_source.map(|descriptor| Entry { descriptor, offsets: Vec::new() }));
        entries
    }
}

/// A metric with where it lies in memory.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What it is.
    pub descriptor: &'static Descriptor,
    /// Where it lies, in bytes from the beginning of the struct of all metrics. More than one place if several
    /// threads record it, each at its own: what it holds is the sum. None if it is made for each snapshot.
    pub offsets: Vec<usize>,
}

/// Lists the components of a struct of metrics, each with the field that it lies in, or with the fields of several threads
/// that record it: what they hold is added up.
macro_rules! components {
    ($metrics:ident: $($component:ident = $field:ident $(+ $more:ident)*;)+) => {
        // Compiles only if no field is left out.
        const _: fn(&$metrics) = |metrics| {
            let $metrics { $($field: _, $($more: _,)*)+ } = metrics;
        };

        impl $crate::Metrics for $metrics {
            fn catalogue() -> Vec<$crate::Entry> {
                use std::mem::offset_of;
                let mut catalogue = Vec::new();
                $(catalogue.extend($crate::telemetry::entries::<$component>(
                    &[offset_of!(Self, $field) $(, offset_of!(Self, $more))*],
                ));)+
                catalogue
            }

            fn copy_to(&self, snapshot: &mut $crate::Snapshot) {
                $($crate::telemetry::copy::<$component>(&self.$field, &[$(&*self.$more),*], snapshot);)+
            }
        }
    };
}
pub(crate) use components;

/// Appends what a component's metrics hold, with what others hold of the same.
pub(crate) fn copy<C: Component>(component: &C, others: &[&C], snapshot: &mut Snapshot) {
    let at = snapshot.metrics.len();
    component.copy_to(snapshot);
    for other in others {
        other.add_to(&mut snapshot.metrics[at..]);
    }
}

/// The metrics of a component that lies at each of `places`.
pub(crate) fn entries<C: Component>(places: &[usize]) -> impl Iterator<Item = Entry> {
    C::rows().iter().map(move |row| Entry {
        descriptor: &row.descriptor,
        offsets: places.iter().map(|place| place + row.offset).collect(),
    })
}
