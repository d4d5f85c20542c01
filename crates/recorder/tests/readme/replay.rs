use flashstrike_recovery::{Recovery, RecoveryOptions, ReplayOptions};

fn main() -> flashstrike_recovery::Result<()> {
    let log = Recovery::open(RecoveryOptions::new("orders"))?;
    let mut replay = log.replay(ReplayOptions::default())?;
    while let Some(event) = replay.next_event()? {
        println!("{}: {} bytes", event.id, event.bytes.len());
    }
    Ok(())
}
