//! Messages are sentences on one line, also those that no other test provokes.

use std::fs;
use std::path::{Path, PathBuf};

fn sources(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("an entry").path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    files.into_iter().chain(folders.iter().flat_map(|folder| sources(folder))).collect()
}

/// What is wrong with the texts of a line of code. Formatted code has runs of spaces nowhere else.
fn fault(line: &str) -> Option<&'static str> {
    let code = line.trim();
    if code.starts_with("//") {
        return None;
    }
    let marks = code.replace("\\\"", "").replace("'\"'", "").matches('"').count();
    if code.contains("  ") {
        Some("two spaces in a row")
    } else if marks % 2 == 1 && !code.ends_with('\\') && code.ends_with(|end: char| end.is_alphanumeric()) {
        Some("a text that goes on in the next line without a continuation")
    } else if code.contains("\\n") {
        Some("a line break")
    } else {
        None
    }
}

#[test]
fn no_message_has_two_spaces_in_a_row_or_a_line_break() {
    let mut faults = Vec::new();
    for path in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        let text = fs::read_to_string(&path).expect("readable");
        // The tests of a module may use any text.
        let text = text.split("#[cfg(test)]").next().unwrap_or_default();
        for (number, line) in (1..).zip(text.lines()) {
            faults.extend(fault(line).map(|fault| format!("{}:{number}: {fault}", path.display())));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn lost_continuations_are_found() {
    for bad in [r#""restore              the file""#, r#"    "restore"#, r#""one\ntwo""#] {
        assert!(fault(bad).is_some(), "{bad}");
    }
    for good in [r#"    "restore the file""#, r#"    "restore \"#, r#"     the file","#, "    // a  b"] {
        assert_eq!(fault(good), None, "{good}");
    }
}
