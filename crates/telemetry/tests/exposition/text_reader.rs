//! A reader of both text formats that takes nothing that their specifications do not allow.

use std::collections::{BTreeMap, BTreeSet};

use crate::expected::Key;

/// What is said of a family before its samples.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Header {
    pub(crate) help: Option<String>,
    pub(crate) kind: Option<String>,
    pub(crate) unit: Option<String>,
}

#[derive(Debug, Default)]
pub(crate) struct Scrape {
    pub(crate) families: BTreeMap<String, Header>,
    /// By the whole name of the sample, endings included, and its labels, `le` among them.
    pub(crate) samples: BTreeMap<Key, f64>,
    pub(crate) comments: Vec<String>,
}

pub(crate) fn read(text: &str, is_open_metrics: bool) -> Scrape {
    let mut scrape = Scrape::default();
    let mut reader = Reader { is_open_metrics, current: None, finished: BTreeSet::new(), has_samples: false };
    let body = if is_open_metrics {
        text.strip_suffix("# EOF\n").expect("OpenMetrics ends with its mark")
    } else {
        text
    };
    assert!(body.is_empty() || body.ends_with('\n'), "every line ends");
    for line in body.split_terminator('\n') {
        reader.line(line, &mut scrape);
    }
    scrape
}

struct Reader {
    is_open_metrics: bool,
    current: Option<String>,
    finished: BTreeSet<String>,
    has_samples: bool,
}

impl Reader {
    fn line(&mut self, line: &str, scrape: &mut Scrape) {
        assert!(!line.is_empty(), "an empty line");
        if let Some(rest) = line.strip_prefix("# ") {
            let (what, rest) = rest.split_once(' ').unwrap_or((rest, ""));
            match what {
                "HELP" | "TYPE" | "UNIT" => self.header(what, rest, scrape),
                _ => {
                    assert!(!self.is_open_metrics, "OpenMetrics has no comments: {line:?}");
                    scrape.comments.push(line.to_owned());
                }
            }
        } else {
            self.sample(line, scrape);
        }
    }

    fn header(&mut self, what: &str, rest: &str, scrape: &mut Scrape) {
        let (name, said) = rest.split_once(' ').expect("a name and something about it");
        check_name(name);
        if self.current.as_deref() != Some(name) {
            assert!(!self.finished.contains(name), "{name} is in two places");
            self.finished.extend(self.current.replace(name.to_owned()));
            self.has_samples = false;
        }
        assert!(!self.has_samples, "{name}: {what} behind samples");
        let header = scrape.families.entry(name.to_owned()).or_default();
        let (place, said) = match what {
            "HELP" => (&mut header.help, unescape(said, self.is_open_metrics)),
            "TYPE" => (&mut header.kind, said.to_owned()),
            _ => (&mut header.unit, said.to_owned()),
        };
        assert_eq!(place.replace(said), None, "{name}: a second {what}");
    }

    fn sample(&mut self, line: &str, scrape: &mut Scrape) {
        let end = line.find(['{', ' ']).expect("a value");
        let (name, mut rest) = line.split_at(end);
        check_name(name);
        let mut labels = BTreeMap::new();
        if let Some(inside) = rest.strip_prefix('{') {
            rest = read_labels(inside, &mut labels);
        }
        let value = rest.strip_prefix(' ').expect("a blank before the value");
        let value = match value {
            "+Inf" => f64::INFINITY,
            _ => value.parse().unwrap_or_else(|error| panic!("{value:?}: {error}")),
        };
        self.check_family(name, &labels, scrape);
        self.has_samples = true;
        let before = scrape.samples.insert((name.to_owned(), labels), value);
        assert_eq!(before, None, "a series twice: {line:?}");
    }

    fn check_family(&self, name: &str, labels: &BTreeMap<String, String>, scrape: &Scrape) {
        let family = self.current.as_ref().expect("a header before the first sample");
        let ending = name.strip_prefix(family.as_str()).unwrap_or_else(|| panic!("{name} below {family}"));
        let header = &scrape.families[family];
        assert!(header.help.is_some(), "{family} has no help");
        let allowed: &[&str] = match (header.kind.as_deref(), self.is_open_metrics) {
            (Some("counter"), true) => &["_total", "_created"],
            (Some("counter" | "gauge"), false) | (Some("gauge"), true) => &[""],
            (Some("histogram"), true) => &["_bucket", "_count", "_sum", "_created"],
            (Some("histogram"), false) => &["_bucket", "_count", "_sum"],
            other => panic!("{family} is {other:?}"),
        };
        assert!(allowed.contains(&ending), "{name} in a {:?}", header.kind);
        assert_eq!(labels.contains_key("le"), ending == "_bucket", "{name} {labels:?}");
        if let Some(unit) = &header.unit {
            assert!(self.is_open_metrics && family.ends_with(&format!("_{unit}")), "{family} in {unit}");
        }
    }
}

/// Up to and without the brace that ends them.
fn read_labels<'a>(mut rest: &'a str, labels: &mut BTreeMap<String, String>) -> &'a str {
    loop {
        let (name, behind) = rest.split_once("=\"").expect("a label");
        check_name(name);
        assert!(!name.starts_with("__"), "{name} belongs to Prometheus");
        let end = end_of_value(behind);
        let value = unescape(&behind[..end], true);
        assert!(!value.is_empty(), "{name} is empty");
        assert_eq!(labels.insert(name.to_owned(), value), None, "{name} twice");
        rest = &behind[end + 1..];
        match rest.as_bytes().first() {
            Some(b',') => rest = &rest[1..],
            Some(b'}') => return &rest[1..],
            _ => panic!("labels end with {rest:?}"),
        }
    }
}

fn end_of_value(text: &str) -> usize {
    let mut is_escaped = false;
    text.bytes()
        .position(|byte| {
            let is_end = byte == b'"' && !is_escaped;
            is_escaped = byte == b'\\' && !is_escaped;
            is_end
        })
        .expect("a quotation mark at the end")
}

fn unescape(text: &str, quotes: bool) -> String {
    let mut out = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some('\\') => out.push('\\'),
                Some('n') => out.push('\n'),
                Some('"') if quotes => out.push('"'),
                other => panic!("a backslash before {other:?}"),
            },
            other => out.push(other),
        }
    }
    out
}

fn check_name(name: &str) {
    let mut bytes = name.bytes();
    let first = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    assert!(first && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'), "a name: {name:?}");
}
