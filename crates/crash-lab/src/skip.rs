//! Tests that cannot run here say so.

/// Says loudly that a test did not run for want of something that can be installed. In CI, where everything of the kind
/// is, it fails instead.
///
/// # Panics
/// If `CI` is set to `true`.
pub fn skipped(why: &str) {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "cannot be skipped in CI: {why}");
    eprintln!("SKIPPED: {why}");
}

/// Says loudly that a test did not run because the kernel refuses what it needs, as it does in many containers. In CI
/// too: nothing that could be installed would help.
pub fn forbidden(why: &str) {
    eprintln!("SKIPPED: {why}");
}
