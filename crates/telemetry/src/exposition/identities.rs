//! Keeps sources apart that say the same of themselves, such as two readers of one log.

use std::collections::{HashMap, HashSet};

use super::labels::{Label, safe_name};
use crate::snapshot::Snapshot;

/// Names of labels that series have besides the attributes in the catalogue.
const OWN: [&str; 6] = ["system", "subsystem", "outcome", "state", "le", "quantile"];

/// Remembers which source was the first to have its labels. It stays as it is, others get a label `source`, for good, so that a
/// series never changes its name because another source came or went. What one had that was taken away goes to the next
/// new one: a log that is opened anew goes on in its own series.
#[derive(Debug, Default)]
pub struct Identities {
    owners: HashMap<Identity, usize>,
    others: HashSet<(usize, Identity)>,
}

/// The side (`recorder`, `recovery`), because the two have no metric in common, and the labels.
type Identity = (String, Vec<Label>);

impl Identities {
    /// What the label `source` of each is that tells it from those before it, if it needs one, for exporters with formats of
    /// their own: of sources with a number that each keeps from one call to the next, and with their labels.
    pub fn sources(
        &mut self,
        sources: impl IntoIterator<Item = (usize, Vec<(String, String)>)>,
    ) -> Vec<Option<String>> {
        let mut scrape = self.scrape();
        sources.into_iter().map(|(place, labels)| scrape.source_of(place, "", &labels)).collect()
    }

    /// Only the sources with these numbers are left: the next new one with the labels of another goes on in its series.
    pub fn keep(&mut self, places: &HashSet<usize>) {
        self.owners.retain(|_, owner| places.contains(owner));
        self.others.retain(|(other, _)| places.contains(other));
    }

    pub(super) fn scrape(&mut self) -> Scrape<'_> {
        Scrape { identities: self, taken: HashSet::new(), labels: Vec::new() }
    }

    /// The source at this place was taken away.
    pub(super) fn remove(&mut self, place: usize) {
        self.owners.retain(|_, &mut owner| owner != place);
        self.others.retain(|&(other, _)| other != place);
    }

    fn is_owner(&mut self, place: usize, identity: &Identity) -> bool {
        let other = (place, identity.clone());
        if self.others.contains(&other) {
            return false;
        }
        let is_owner = *self.owners.entry(identity.clone()).or_insert(place) == place;
        if !is_owner {
            self.others.insert(other);
        }
        is_owner
    }
}

/// One scrape, in which no two sources have the same labels.
pub(super) struct Scrape<'a> {
    identities: &'a mut Identities,
    taken: HashSet<Identity>,
    labels: Vec<Label>,
}

impl Scrape<'_> {
    /// The labels of the source at this place.
    pub(super) fn labels_of(&mut self, place: usize, snapshot: &Snapshot) -> &[Label] {
        self.labels = own_labels(snapshot);
        let side = snapshot.metrics().first().map_or("", |metric| &metric.descriptor.section.side);
        let labels = std::mem::take(&mut self.labels);
        let source = self.source_of(place, side, &labels);
        self.labels = if source.is_some() { with_source(&labels, source) } else { labels };
        &self.labels
    }

    /// The label `source` that the source at this place needs besides these labels, if it needs one.
    fn source_of(&mut self, place: usize, side: &str, labels: &[Label]) -> Option<String> {
        let mut source = None;
        let own = identity_of(side, labels.to_vec());
        let mut is_free = self.identities.is_owner(place, &own) && self.taken.insert(own);
        let mut tries = 0;
        while !is_free {
            // A source may have a label `source` of its own, even one with a number; so this one's is looked at too.
            source = Some(if tries == 0 { place.to_string() } else { format!("{place}_{tries}") });
            tries += 1;
            let identity = identity_of(side, with_source(labels, source.clone()));
            is_free = !self.identities.owners.contains_key(&identity) && self.taken.insert(identity);
        }
        source
    }
}

fn identity_of(side: &str, mut labels: Vec<Label>) -> Identity {
    labels.sort_unstable();
    (side.to_owned(), labels)
}

/// The labels with this `source` in the place of one that may be there.
fn with_source(labels: &[Label], source: Option<String>) -> Vec<Label> {
    let others = labels.iter().filter(|(name, _)| name != "source").cloned();
    others.chain(source.map(|source| ("source".to_owned(), source))).collect()
}

/// A source's labels with names that are safe and not those of the log.
fn own_labels(snapshot: &Snapshot) -> Vec<Label> {
    let attributes = snapshot.metrics().iter().flat_map(|metric| metric.descriptor.attributes.iter());
    let reserved: HashSet<_> =
        attributes.map(|(name, _)| safe_name(name)).chain(OWN.map(Into::into)).collect();
    let mut labels: Vec<Label> = Vec::new();
    let mut places = HashMap::new();
    for (name, value) in snapshot.labels() {
        if value.is_empty() {
            continue;
        }
        let mut name = safe_name(name).into_owned();
        if reserved.contains(name.as_str()) {
            name.insert_str(0, "exported_");
        }
        if let Some(&place) = places.get(&name) {
            let (_, values): &mut Label = &mut labels[place];
            values.push(';');
            values.push_str(value);
        } else {
            places.insert(name.clone(), labels.len());
            labels.push((name, value.clone()));
        }
    }
    labels
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::Identities;
    use crate::{RecorderTelemetry, RecoveryTelemetry, Snapshot};

    fn source(labels: &[(&str, &str)]) -> Snapshot {
        labels.iter().fold(RecorderTelemetry::new().snapshot(), |snapshot, (name, value)| {
            snapshot.with_label(*name, *value)
        })
    }

    fn labels(identities: &mut Identities, sources: &[(usize, &Snapshot)]) -> Vec<String> {
        let mut scrape = identities.scrape();
        let text = |(name, value): &(String, String)| format!("{name}={value}");
        let one = |&(place, snapshot): &(usize, &Snapshot)| {
            scrape.labels_of(place, snapshot).iter().map(text).collect::<Vec<_>>().join(" ")
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
        identities.remove(0);
        assert_eq!(labels(&mut identities, &[(1, &orders)]), ["log=orders source=1"]);
        let after = [(1, &orders), (2, &orders), (3, &orders)];
        let expected = ["log=orders source=1", "log=orders", "log=orders source=3"];
        assert_eq!(labels(&mut identities, &after), expected);
    }

    #[test]
    fn the_names_of_the_log_are_its_own() {
        let given = source(&[("system", "a"), ("kind", "b"), ("le", "c"), ("__x", "d"), ("empty", "")]);
        let found = labels(&mut Identities::default(), &[(0, &given)]);
        assert_eq!(found, ["exported_system=a exported_kind=b exported_le=c _x=d"]);
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
