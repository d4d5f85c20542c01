//! Keeps sources apart that say the same of themselves, such as two readers of one log.

use std::collections::{HashMap, VecDeque};

use crate::families::{Label, own_labels};
use crate::snapshot::Snapshot;

/// Of so many sources that were taken away it is known what they were called.
const MOST_REMOVED: usize = 256;

/// Remembers what each source is called. The first one with its labels is called by them, others get a label `source`, for
/// good, so that a series never changes its name because another source came or went. What one was called that was
/// taken away goes to the next new one, so that a log that is opened anew goes on in its own series; one that comes back
/// before that is called as it was.
#[derive(Debug, Default)]
pub(super) struct Identities {
    names: HashMap<usize, Name>,
    /// The latest at the end.
    removed: VecDeque<(usize, Name)>,
}

/// What a source is called in every format.
#[derive(Debug)]
struct Name {
    /// Of the labels that it had then.
    identity: Identity,
    source: Option<String>,
}

/// The side (`recorder`, `recovery`), because the two have no metric in common, and the labels.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Identity {
    side: String,
    labels: Vec<Label>,
}

impl Identities {
    /// The labels of the source at this place as Prometheus takes them.
    pub(super) fn labels_of(&mut self, place: usize, snapshot: &Snapshot) -> Vec<Label> {
        let (labels, telling) = own_labels(snapshot);
        match self.called(place, Identity::of(snapshot, telling)) {
            Some(source) => with_source(&labels, source),
            None => labels,
        }
    }

    /// The label `source` that the source at this place needs besides its own, if it needs one.
    pub(super) fn source_of(&mut self, place: usize, snapshot: &Snapshot) -> Option<&str> {
        let (_, telling) = own_labels(snapshot);
        self.called(place, Identity::of(snapshot, telling))
    }

    /// Only the sources at these places are left.
    pub(super) fn keep(&mut self, places: &[usize]) {
        self.removed.extend(self.names.extract_if(|place, _| !places.contains(place)));
        self.removed.drain(..self.removed.len().saturating_sub(MOST_REMOVED));
    }

    fn called(&mut self, place: usize, identity: Identity) -> Option<&str> {
        if self.names.get(&place).is_none_or(|name| name.identity != identity) {
            self.names.remove(&place);
            let source = self.free(place, &identity);
            self.names.insert(place, Name { identity, source });
        }
        self.names[&place].source.as_deref()
    }

    /// With which label `source`, or none, it is called as no other source is.
    fn free(&mut self, place: usize, identity: &Identity) -> Option<String> {
        let known = self.removed.iter().position(|(removed, _)| *removed == place);
        let known = known.and_then(|at| self.removed.remove(at)).map(|(_, name)| name);
        let before = known.filter(|name| name.identity == *identity).map(|name| name.source);
        // A source may have a label `source` of its own, even one with a number; so with this one it may still be taken.
        let numbers =
            (0..).map(|tries| Some(if tries == 0 { place.to_string() } else { format!("{place}_{tries}") }));
        let taken: Vec<Identity> = self.names.values().map(Name::whole).collect();
        let mut sources = before.into_iter().chain([None]).chain(numbers);
        let is_free = |source: &Option<String>| !taken.contains(&identity.with(source.as_deref()));
        sources.find(is_free).expect("there are more numbers than sources")
    }
}

impl Name {
    fn whole(&self) -> Identity {
        self.identity.with(self.source.as_deref())
    }
}

impl Identity {
    fn of(snapshot: &Snapshot, telling: Vec<Label>) -> Self {
        let side = snapshot.metrics().first().map_or("", |metric| &metric.descriptor.section.side);
        Self::new(side, telling)
    }

    fn new(side: &str, mut labels: Vec<Label>) -> Self {
        labels.sort_unstable();
        Self { side: side.to_owned(), labels }
    }

    fn with(&self, source: Option<&str>) -> Self {
        match source {
            Some(source) => Self::new(&self.side, with_source(&self.labels, source)),
            None => self.clone(),
        }
    }
}

/// The labels with this `source` in the place of one that may be there.
fn with_source(labels: &[Label], source: &str) -> Vec<Label> {
    let others = labels.iter().filter(|(name, _)| name != "source").cloned();
    others.chain([("source".to_owned(), source.to_owned())]).collect()
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::{Identities, MOST_REMOVED};
    use crate::{RecorderTelemetry, RecoveryTelemetry, Snapshot};

    fn source(labels: &[(&str, &str)]) -> Snapshot {
        labels.iter().fold(RecorderTelemetry::new().snapshot(), |snapshot, (name, value)| {
            snapshot.with_label(*name, *value)
        })
    }

    fn labels(identities: &mut Identities, sources: &[(usize, &Snapshot)]) -> Vec<String> {
        let text = |(name, value): &(String, String)| format!("{name}={value}");
        let one = |&(place, snapshot): &(usize, &Snapshot)| {
            identities.labels_of(place, snapshot).iter().map(text).collect::<Vec<_>>().join(" ")
        };
        sources.iter().map(one).collect()
    }

    #[test]
    fn the_first_of_several_like_sources_stays_as_it_is() {
        let orders = source(&[("log", "orders")]);
        let reader = RecoveryTelemetry::new().snapshot().with_label("log", "orders");
        let mut identities = Identities::default();
        let all = [(0, &orders), (1, &reader), (2, &orders), (3, &orders)];
        let expected = ["log=orders", "log=orders", "log=orders source=2", "log=orders source=3"];
        assert_eq!(labels(&mut identities, &all), expected);
        // Also when the first one is gone.
        assert_eq!(labels(&mut identities, &all[2..]), expected[2..]);
    }

    #[test]
    fn what_one_had_that_was_taken_away_goes_to_the_next_new_one() {
        let orders = source(&[("log", "orders")]);
        let mut identities = Identities::default();
        assert_eq!(
            labels(&mut identities, &[(0, &orders), (1, &orders)]),
            ["log=orders", "log=orders source=1"]
        );
        identities.keep(&[1]);
        assert_eq!(labels(&mut identities, &[(1, &orders)]), ["log=orders source=1"]);
        let after = [(1, &orders), (2, &orders), (3, &orders)];
        let expected = ["log=orders source=1", "log=orders", "log=orders source=3"];
        assert_eq!(labels(&mut identities, &after), expected);
    }

    #[test]
    fn one_that_comes_back_is_called_as_it_was_unless_another_one_is() {
        let orders = source(&[("log", "orders")]);
        let mut identities = Identities::default();
        let all = [(0, &orders), (1, &orders), (2, &orders)];
        let before = labels(&mut identities, &all);
        identities.keep(&[]);
        let back = [(2, &orders), (1, &orders), (0, &orders)];
        assert_eq!(
            labels(&mut identities, &back),
            ["log=orders source=2", "log=orders source=1", "log=orders"]
        );
        assert_eq!(labels(&mut identities, &all), before);
        identities.keep(&[1, 2]);
        let taken = [(3, &orders), (0, &orders)];
        assert_eq!(labels(&mut identities, &taken), ["log=orders", "log=orders source=0"]);
    }

    #[test]
    fn labels_that_change_take_another_name_and_leave_nothing_behind() {
        let orders = source(&[("log", "orders")]);
        let mut identities = Identities::default();
        for round in 0..1000 {
            let round = round.to_string();
            let changing = source(&[("round", &round)]);
            let expected = [format!("round={round}"), "log=orders".to_owned()];
            assert_eq!(labels(&mut identities, &[(0, &changing), (1, &orders)]), expected);
        }
        assert_eq!(identities.names.len(), 2);
        // Not that of another one, which keeps it.
        assert_eq!(
            labels(&mut identities, &[(0, &orders), (1, &orders)]),
            ["log=orders source=0", "log=orders"]
        );
        for place in 2..1000 {
            labels(&mut identities, &[(place, &orders)]);
            identities.keep(&[0, 1]);
        }
        assert_eq!((identities.names.len(), identities.removed.len()), (2, MOST_REMOVED));
    }

    #[test]
    fn the_names_of_the_log_are_its_own() {
        let given = source(&[("system", "a"), ("kind", "b"), ("le", "c"), ("__x", "d"), ("empty", "")]);
        let found = labels(&mut Identities::default(), &[(0, &given)]);
        assert_eq!(found, ["exported_system=a exported_kind=b exported_le=c _x=d"]);
        // Nor do they tell sources apart: in a format that has no such labels nothing else would.
        let [one, other] = ["1", "2"].map(|value| source(&[("kind", value)]));
        let found = labels(&mut Identities::default(), &[(0, &one), (1, &other)]);
        assert_eq!(found, ["exported_kind=1", "exported_kind=2 source=1"]);
    }

    #[test]
    fn names_that_become_the_same_share_a_label() {
        let given = source(&[("a.b", "1"), ("c", "2"), ("a_b", "3")]);
        assert_eq!(labels(&mut Identities::default(), &[(0, &given)]), ["a_b=1;3 c=2"]);
    }

    #[test]
    fn a_label_that_looks_like_ours_makes_no_two_sources_the_same() {
        let plain = source(&[("log", "a")]);
        let named = source(&[("log", "a"), ("source", "1")]);
        let mut identities = Identities::default();
        let found = labels(&mut identities, &[(0, &plain), (1, &plain), (2, &named)]);
        assert_eq!(found, ["log=a", "log=a source=1", "log=a source=2"]);
        let mut identities = Identities::default();
        let found = labels(&mut identities, &[(2, &named), (0, &plain), (1, &plain)]);
        assert_eq!(found, ["log=a source=1", "log=a", "log=a source=1_1"]);
    }

    #[test]
    fn the_order_of_labels_makes_no_difference() {
        let one = source(&[("a", "1"), ("b", "2")]);
        let other = source(&[("b", "2"), ("a", "1")]);
        let found = labels(&mut Identities::default(), &[(0, &one), (1, &other)]);
        assert_eq!(found, ["a=1 b=2", "b=2 a=1 source=1"]);
    }
}
