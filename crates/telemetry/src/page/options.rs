//! Where a page is made, and what tells its source from others.

use std::path::{Path, PathBuf};

use super::{MOST_LABELS, MOST_LABELS_BYTES, PageError};
use crate::catalogue::OWN_LABELS;

/// The longest name and the longest value of a label, in bytes.
const MOST_LABEL_BYTES: usize = 1024;
/// Names that metrics are given where they are shown: to tell like sources apart, and by whoever takes OTLP for
/// Prometheus.
const GIVEN: [&str; 2] = ["source", "otel_scope_name"];

/// Where a page is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageOptions {
    /// The file. Its directory has to exist. What another process records in is refused, and so is everything that is no
    /// page; the page of a process that has ended is replaced.
    pub file: PathBuf,
    /// Permission bits. Default 0o600.
    pub file_mode: u32,
    /// Names of file systems other than tmpfs on which the page may lie, for example `ext4`. Default none: recording
    /// into a page there can wait for the disk.
    pub allow_file_system: Vec<String>,
}

impl PageOptions {
    /// The defaults for this file.
    pub fn new(file: impl AsRef<Path>) -> Self {
        Self { file: file.as_ref().to_path_buf(), file_mode: 0o600, allow_file_system: Vec::new() }
    }

    pub(super) fn check(&self) -> Result<(), PageError> {
        if self.file_mode & !0o777 != 0 || self.file_mode & 0o600 != 0o600 {
            let what = format!(
                "the file mode of the metrics page is {:#o}; it must be permission bits that let the owner read and write, for example 0o600",
                self.file_mode
            );
            return Err(PageError::Option { what });
        }
        Ok(())
    }
}

/// The whole path of a page, refused if it is none that a file can have.
pub(super) fn absolute(path: &Path) -> Result<PathBuf, PageError> {
    if path.as_os_str().as_encoded_bytes().contains(&0) {
        let path = path.to_string_lossy();
        let what = format!("{path:?} is no path of a metrics page: no path has a zero byte in it");
        return Err(PageError::Option { what });
    }
    std::path::absolute(path).map_err(|error| PageError::io("find", path, error))
}

/// Refuses labels that cannot stand beside the attributes that metrics have: at most 64, each name a letter or `_`
/// followed by letters, digits and `_`, each once and none that metrics have themselves, name and value of at most 1 024
/// bytes, all of them together of at most 4 096.
///
/// # Errors
/// [`PageError::Option`], which says what it has to be.
pub fn check_labels(labels: &[(String, String)]) -> Result<(), PageError> {
    let wrong = |what: String| Err(PageError::Option { what });
    if labels.len() > MOST_LABELS as usize {
        return wrong(format!("{} labels of metrics are given; there may be {MOST_LABELS}", labels.len()));
    }
    for (at, (name, value)) in labels.iter().enumerate() {
        let is_start = |c: char| c.is_ascii_alphabetic() || c == '_';
        if !name.starts_with(is_start)
            || name.starts_with("__")
            || name.contains(|c| !is_start(c) && !c.is_ascii_digit())
        {
            return wrong(format!(
                "a label of metrics is called {name:?}; it has to be a letter or _ followed by letters, digits and _, and two _ are for Prometheus"
            ));
        }
        if OWN_LABELS.iter().chain(&GIVEN).any(|own| own == name) {
            return wrong(format!(
                "a label of metrics is called {name}, which metrics have themselves; take another name"
            ));
        }
        if labels[..at].iter().any(|(other, _)| other == name) {
            return wrong(format!("the label {name} of metrics is given twice"));
        }
        if name.len().max(value.len()) > MOST_LABEL_BYTES {
            return wrong(format!("the label {name:.40} of metrics is longer than {MOST_LABEL_BYTES} bytes"));
        }
    }
    if !labels_fit(labels) {
        let bytes = labels_bytes(labels);
        return wrong(format!(
            "the labels of metrics have {bytes} bytes together; they stand in every line of metrics, and there may be {MOST_LABELS_BYTES}"
        ));
    }
    Ok(())
}

/// Whether labels, whoever they come from, are few and short enough to stand in everything that is written of a source.
pub(crate) fn labels_fit(labels: &[(String, String)]) -> bool {
    labels.len() <= MOST_LABELS as usize && labels_bytes(labels) <= MOST_LABELS_BYTES
}

fn labels_bytes(labels: &[(String, String)]) -> usize {
    labels.iter().map(|(name, value)| name.len() + value.len()).sum()
}

#[cfg(test)]
mod tests {
    use super::{PageOptions, check_labels};
    use crate::{RecorderTelemetry, RecoveryTelemetry};

    fn label(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn labels_are_names_that_no_exporter_trips_over() {
        let good = [label("log", "orders"), label("_zone2", "a \"quoted\"\nline"), label("empty", "")];
        check_labels(&good).unwrap();
        for (wrong, told) in [
            (vec![label("", "x")], "\"\""),
            (vec![label("2nd", "x")], "2nd"),
            (vec![label("a-b", "x")], "a-b"),
            (vec![label("__name__", "x")], "__name__"),
            (vec![label("system", "x")], "metrics have themselves"),
            (vec![label("a", "1"), label("a", "2")], "given twice"),
            (vec![label("a", &"x".repeat(1025))], "longer than 1024 bytes"),
            ((0..65).map(|at| label(&format!("l{at}"), "")).collect(), "65 labels"),
            ((0..5).map(|at| label(&format!("l{at}"), &"x".repeat(1000))).collect(), "5010 bytes"),
        ] {
            let error = check_labels(&wrong).unwrap_err();
            assert!(error.to_string().contains(told), "{error}");
            assert_eq!(error.code(), "WAL_UNSUPPORTED");
        }
    }

    #[test]
    fn no_label_has_the_name_of_an_attribute() {
        let metrics = RecorderTelemetry::catalogue().into_iter().chain(RecoveryTelemetry::catalogue());
        for (name, _) in metrics.flat_map(|metric| metric.descriptor.attributes.iter()) {
            let error = check_labels(&[label(name, "x")]).unwrap_err();
            assert!(error.to_string().contains("metrics have themselves"), "{error}");
        }
    }

    #[test]
    fn a_page_is_at_least_its_owners() {
        for mode in [0o600, 0o640, 0o777] {
            PageOptions { file_mode: mode, ..PageOptions::new("x") }.check().unwrap();
        }
        for mode in [0, 0o400, 0o1600] {
            PageOptions { file_mode: mode, ..PageOptions::new("x") }.check().unwrap_err();
        }
    }
}
