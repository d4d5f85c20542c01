//! Label names that Prometheus takes, and label values as its text formats write them.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use crate::catalogue::OWN_LABELS;
use crate::snapshot::Snapshot;

/// What goes before a name of the log's own where a source, or a metric, has a label of it.
pub(super) const EXPORTED: &str = "exported_";

/// Name and value.
pub(crate) type Label = (String, String);

/// The labels that apply, and their text.
#[derive(Default)]
pub(crate) struct Labels {
    pairs: Vec<Label>,
    text: String,
    /// How long the text was before each label that was pushed; `None` for one that does not show.
    lengths: Vec<Option<usize>>,
}

impl Labels {
    /// A label without a value, or with a name that is there already, does not show.
    pub(crate) fn push(&mut self, name: &str, value: &str) {
        if value.is_empty() || self.pairs.iter().any(|(known, _)| known == name) {
            self.lengths.push(None);
            return;
        }
        self.lengths.push(Some(self.text.len()));
        if !self.text.is_empty() {
            self.text.push(',');
        }
        self.text.push_str(name);
        self.text.push_str("=\"");
        push_escaped(&mut self.text, value, true);
        self.text.push('"');
        self.pairs.push((name.to_owned(), value.to_owned()));
    }

    pub(crate) fn pop(&mut self) {
        if let Some(Some(length)) = self.lengths.pop() {
            self.text.truncate(length);
            self.pairs.pop();
        }
    }

    /// `name="value",name="value"`, escaped; both text formats write values in the same way.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn pairs(&self) -> &[Label] {
        &self.pairs
    }
}

/// Backslashes and line feeds are escaped wherever a text stands, quotation marks only between such. Everything else is
/// written as it is, control characters included: that is what the formats' grammars say, and what readers undo.
pub(crate) fn push_escaped(out: &mut String, text: &str, quotes: bool) {
    for character in text.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '"' if quotes => out.push_str("\\\""),
            other => out.push(other),
        }
    }
}

/// The name as Prometheus takes it, see [`exposition`](crate::exposition).
pub(super) fn safe_name(name: &str) -> Cow<'_, str> {
    let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let has_start = name.starts_with(|first: char| !first.is_ascii_digit());
    if is_plain && has_start && !name.starts_with("__") {
        return Cow::Borrowed(name);
    }
    let mut safe: String = name
        .chars()
        .map(|character| if character.is_ascii_alphanumeric() { character } else { '_' })
        .collect();
    let reserved = safe.len() - safe.trim_start_matches('_').len();
    if reserved > 1 {
        safe.drain(1..reserved);
    }
    if !safe.starts_with(|first: char| !first.is_ascii_digit()) {
        safe.insert(0, '_');
    }
    Cow::Owned(safe)
}

/// A source's labels with names that are safe and not those of the log; and those of them that tell it from others in every
/// format: what has the name of one of the log's own does not, because other formats have no room for it.
pub(crate) fn own_labels(snapshot: &Snapshot) -> (Vec<Label>, Vec<Label>) {
    // A source of another version may have other attributes.
    let attributes = snapshot.metrics().iter().flat_map(|metric| metric.descriptor.attributes.iter());
    let reserved: HashSet<_> =
        attributes.map(|(name, _)| safe_name(name)).chain(OWN_LABELS.map(Into::into)).collect();
    let mut labels: Vec<Label> = Vec::new();
    let mut places = HashMap::new();
    for (name, value) in snapshot.labels() {
        if value.is_empty() {
            continue;
        }
        let mut name = safe_name(name).into_owned();
        if reserved.contains(name.as_str()) {
            name.insert_str(0, EXPORTED);
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
    let is_own = |name: &str| name.strip_prefix(EXPORTED).is_some_and(|name| reserved.contains(name));
    let telling = labels.iter().filter(|(name, _)| !is_own(name)).cloned().collect();
    (labels, telling)
}

#[cfg(test)]
mod tests {
    use super::{Labels, safe_name};

    #[test]
    fn names_are_made_safe() {
        let check = |name: &str, safe: &str| assert_eq!(safe_name(name), safe, "{name:?}");
        check("log", "log");
        check("_own", "_own");
        check("data.center", "data_center");
        check("Ümlaut", "_mlaut");
        check("1st", "_1st");
        check("", "_");
        check("__name__", "_name__");
        check("____", "_");
        check("..9", "_9");
        check("a\"} 1\nb", "a___1_b");
        check("a:b", "a_b");
    }

    #[test]
    fn labels_nest_and_values_are_escaped() {
        let mut labels = Labels::default();
        labels.push("log", "a\\b\"c\nd\re\0");
        labels.push("empty", "");
        labels.push("log", "again");
        labels.push("kind", "block");
        assert_eq!(labels.text(), "log=\"a\\\\b\\\"c\\nd\re\0\",kind=\"block\"");
        assert_eq!(labels.pairs().len(), 2);
        labels.pop();
        labels.pop();
        labels.pop();
        assert_eq!(labels.text(), "log=\"a\\\\b\\\"c\\nd\re\0\"");
        labels.pop();
        assert_eq!((labels.text(), labels.pairs().len()), ("", 0));
    }
}
