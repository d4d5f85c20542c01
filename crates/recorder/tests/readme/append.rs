use flashstrike_recorder::{Recorder, RecorderOptions, Result};

fn main() -> Result<()> {
    let mut log = Recorder::open(&RecorderOptions::new("orders"))?;
    log.append(b"order 1")?;
    log.durable_sync(None)?;
    log.close()
}
