//! What operators are alerted of, and what makes each alert fire.

use flashstrike_telemetry::Kind;
use flashstrike_telemetry::catalogue::Descriptor;

use crate::names::{CATALOGUE, Part, metric, name};

/// Labels of the log in the tests.
const LOG: &str = "log=\"orders\"";

/// A rule, and what makes it fire.
pub(crate) struct Alert {
    pub(crate) name: String,
    pub(crate) expression: String,
    /// How long it has to hold, in minutes.
    pub(crate) hold: u32,
    pub(crate) severity: &'static str,
    pub(crate) summary: String,
    pub(crate) description: String,
    /// Series with their values minute by minute: nothing is wrong for the first ten, and something is behind that.
    pub(crate) series: Vec<(String, &'static str)>,
    /// Labels of the alert besides `log`.
    pub(crate) labels: Vec<(&'static str, String)>,
}

/// Nothing, and then something that goes on.
const RISES: &str = "0+0x10 1+1x30";
const STAYS_ABOVE: &str = "0+0x10 3+0x30";
const GROWS: &str = "100+100x40";

pub(crate) fn alerts() -> Vec<Alert> {
    let mut all = vec![
        poisoned(),
        no_space(),
        segments_run_out(),
        not_durable(),
        slow_syncs(),
        appends_refused(),
        sources_missing(),
    ];
    all.push(target_down());
    all.extend(["recorder", "recovery"].map(died));
    all.extend(integrity());
    all.extend(operations());
    all
}

fn failed(metric: &Descriptor) -> String {
    format!("{}{{outcome=\"failed\"}}", name(metric, Part::Operations))
}

/// Whether something was counted within ten minutes. An increase needs two scrapes, so what a process has counted before the first one of them,
/// as opening a log does, is told by its series being above 0 and new.
fn counted(counter: &str) -> String {
    format!("increase({counter}[10m]) > 0 or ({counter} > 0 unless {counter} offset 10m)")
}

/// A series of a metric as Prometheus has it.
fn series(metric: &Descriptor, part: Part, more: &str) -> String {
    let section = &metric.section;
    let comma = if more.is_empty() { "" } else { "," };
    format!(
        "{}{{{LOG},system=\"{}\",subsystem=\"{}\"{comma}{more}}}",
        name(metric, part),
        section.system(),
        section.subsystem
    )
}

/// The labels that series of a component have.
fn of_section(metric: &Descriptor) -> Vec<(&'static str, String)> {
    vec![("subsystem", metric.section.subsystem.to_string()), ("system", metric.section.system())]
}

fn with(
    mut labels: Vec<(&'static str, String)>,
    name: &'static str,
    value: &str,
) -> Vec<(&'static str, String)> {
    labels.push((name, value.to_owned()));
    labels
}

fn poisoned() -> Alert {
    let sync = metric("recorder.committer.sync");
    Alert {
        name: "WalPoisoned".to_owned(),
        expression: format!("{} > 0", failed(sync)),
        hold: 0,
        severity: "critical",
        summary: "A sync of the log {{ $labels.log }} has failed: it takes no more events.".to_owned(),
        description: "What was not durable may be lost. Close the recorder and open it again: that verifies the log and \
                      keeps what is good. Look at the disk first."
            .to_owned(),
        series: vec![(series(sync, Part::Operations, "outcome=\"failed\""), STAYS_ABOVE)],
        labels: with(of_section(sync), "outcome", "failed"),
    }
}

fn no_space() -> Alert {
    let failures = metric("recorder.segment_preparer.no_space.failures");
    Alert {
        name: "WalDiskFull".to_owned(),
        expression: counted(&name(failures, Part::Number)),
        hold: 0,
        severity: "critical",
        summary: "The disk has no room for the next segment of the log {{ $labels.log }}.".to_owned(),
        description: "Appends fail with WAL_FULL as soon as the segments that are ready are full. Make room, or lower the \
                      limits of retention."
            .to_owned(),
        series: vec![(series(failures, Part::Number, ""), RISES)],
        labels: of_section(failures),
    }
}

fn segments_run_out() -> Alert {
    let (depth, events) =
        (metric("recorder.segment_preparer.queue_depth"), metric("recorder.manager.events"));
    Alert {
        name: "WalSegmentsRunOut".to_owned(),
        expression: format!(
            "{} == 0 and ignoring (subsystem) rate({}[5m]) > 0",
            name(depth, Part::Number),
            name(events, Part::Number)
        ),
        hold: 5,
        severity: "warning",
        summary: "The log {{ $labels.log }} has no segment ready and is appended to.".to_owned(),
        description: "The disk does not keep up with preparing segments. Appends fail with WAL_BACKPRESSURE once the one \
                      in use is full."
            .to_owned(),
        series: vec![
            (series(depth, Part::Number, ""), "2+0x10 0+0x30"),
            (series(events, Part::Number, ""), GROWS),
        ],
        labels: of_section(depth),
    }
}

fn not_durable() -> Alert {
    let (last, durable) =
        (metric("recorder.manager.last_event_id"), metric("recorder.manager.durable_event_id"));
    let state = metric("recorder.source.state");
    let (last_name, durable_name) = (name(last, Part::Number), name(durable, Part::Number));
    Alert {
        name: "WalNotDurable".to_owned(),
        expression: format!(
            "({last_name} > {durable_name} and changes({durable_name}[10m]) == 0) unless ignoring (subsystem, state) \
             {}{{state!=\"live\"}} > 0",
            name(state, Part::Number)
        ),
        hold: 5,
        severity: "warning",
        summary: "Events of the log {{ $labels.log }} wait to become durable, and none does.".to_owned(),
        description:
            "A power cut would take them. Either nobody asks for durability (durable(), or syncs by time or \
                      volume), or the disk has stopped answering."
                .to_owned(),
        series: vec![
            (series(last, Part::Number, ""), "100+100x10 1100+0x30"),
            (series(durable, Part::Number, ""), "100+100x9 1000+0x31"),
            (series(state, Part::Number, "state=\"live\""), "1+0x40"),
            (series(state, Part::Number, "state=\"closed\""), "0+0x40"),
            (series(state, Part::Number, "state=\"dead\""), "0+0x40"),
        ],
        labels: of_section(last),
    }
}

/// A source whose process has ended without closing it, and that nobody has opened again since.
fn died(side: &str) -> Alert {
    let state = metric(&format!("{side}.source.state"));
    let is_recorder = side == "recorder";
    Alert {
        name: format!("Wal{}Died", camel(side)),
        expression: format!("{}{{state=\"dead\"}} > 0", name(state, Part::Number)),
        hold: 5,
        severity: if is_recorder { "critical" } else { "warning" },
        summary: format!(
            "The process of a {side} of the log {{{{ $labels.log }}}} has ended without closing it."
        ),
        description: format!(
            "{} What else is told of it is what it held then. Start it again with the same page, or serve the page no longer if it \
             is not to come back.",
            if is_recorder {
                "Nobody records there. Events that were appended are in the log."
            } else {
                "Nobody reads there."
            }
        ),
        series: vec![(series(state, Part::Number, "state=\"dead\""), "0+0x10 1+0x30")],
        labels: with(of_section(state), "state", "dead"),
    }
}

/// A process that serves its own metrics takes them along when it dies, so only its target can tell.
fn target_down() -> Alert {
    let names =
        ["recorder", "recovery"].map(|side| name(metric(&format!("{side}.source.state")), Part::Number));
    let scraped = names.each_ref().map(|name| format!("last_over_time({name}[1d])")).join(" or ");
    let target = "job=\"wal\",instance=\"engine\"";
    Alert {
        name: "WalTargetDown".to_owned(),
        expression: format!("up == 0 and on (job, instance) ({scraped})"),
        hold: 5,
        severity: "critical",
        summary: "{{ $labels.instance }}, which has served metrics of a log within a day, cannot be scraped.".to_owned(),
        description: "If it is the process that records or reads, it has ended or hangs: start it again. If it only serves \
                      pages of others, nothing tells of them until it is back."
            .to_owned(),
        series: vec![
            (format!("up{{{target}}}"), "1+0x10 0+0x30"),
            (format!("{}{{{target},{LOG},state=\"live\"}}", names[0]), "1+0x10 stale"),
            // Somebody else's, which never had a log.
            ("up{job=\"other\",instance=\"engine\"}".to_owned(), "1+0x10 0+0x30"),
        ],
        labels: vec![("job", "wal".to_owned()), ("instance", "engine".to_owned())],
    }
}

fn slow_syncs() -> Alert {
    let sync = metric("recorder.committer.sync");
    let name = name(sync, Part::Histogram);
    let bucket = |le: &str, more: &str| {
        let le = format!("le=\"{le}\"{more}");
        series(sync, Part::Histogram, &le).replacen(&name, &format!("{name}_bucket"), 1)
    };
    let other = ",zone=\"b\"";
    Alert {
        name: "WalSyncsAreSlow".to_owned(),
        expression: format!(
            "(histogram_quantile(0.99, rate({name}_bucket[10m])) or histogram_quantile(0.99, rate({name}[10m]))) > 1"
        ),
        hold: 5,
        severity: "warning",
        summary: "One sync in a hundred of the log {{ $labels.log }} takes longer than a second.".to_owned(),
        description: "That is how long durable() takes. Look at what else writes to the disk.".to_owned(),
        series: vec![
            (bucket("1.0", ""), "0+10x40"),
            (bucket("2.0", ""), "0+10x10 110+20x30"),
            (bucket("+Inf", ""), "0+10x10 110+20x30"),
            // Another one of the same name, whose many fast syncs hide nothing.
            (bucket("1.0", other), "0+1000x40"),
            (bucket("2.0", other), "0+1000x40"),
            (bucket("+Inf", other), "0+1000x40"),
        ],
        labels: of_section(sync),
    }
}

fn appends_refused() -> Alert {
    let append = metric("recorder.manager.append_event");
    Alert {
        name: "WalAppendsRefused".to_owned(),
        expression: counted(&failed(append)),
        hold: 0,
        severity: "warning",
        summary: "Appends to the log {{ $labels.log }} were refused.".to_owned(),
        description: "The error that append() has thrown says why: no room, an event that does not fit, or a log that is \
                      poisoned or closed."
            .to_owned(),
        series: vec![(series(append, Part::Operations, "outcome=\"failed\""), RISES)],
        labels: with(of_section(append), "outcome", "failed"),
    }
}

fn sources_missing() -> Alert {
    Alert {
        name: "WalMetricsMissing".to_owned(),
        expression: "wal_telemetry_source_errors > 0".to_owned(),
        hold: 5,
        severity: "warning",
        summary: "Logs whose metrics cannot be read: {{ $value }}.".to_owned(),
        description: "No other alert can fire for them. A scrape in classic text says at its top why."
            .to_owned(),
        series: vec![("wal_telemetry_source_errors{instance=\"engine\"}".to_owned(), "0+0x10 1+0x30")],
        labels: vec![("instance", "engine".to_owned())],
    }
}

/// One for each component that verifies.
fn integrity() -> Vec<Alert> {
    let mut checks: Vec<_> =
        CATALOGUE.iter().copied().filter(|metric| metric.name == "integrity.failures").collect();
    checks.dedup_by_key(|metric| &metric.section);
    let alert = |failures: &Descriptor| Alert {
        name: format!("Wal{}IntegrityFailures", camel(&failures.section.side)),
        expression: counted(&name(failures, Part::Number)),
        hold: 0,
        severity: "critical",
        summary: "Something in the log {{ $labels.log }} did not verify: {{ $labels.kind }}.".to_owned(),
        description: "flashstrike-wal verify says where, and what to do.".to_owned(),
        series: vec![(series(failures, Part::Number, "kind=\"block\""), RISES)],
        labels: with(of_section(failures), "kind", "block"),
    };
    checks.into_iter().map(alert).collect()
}

/// One for each operation that has none of its own.
fn operations() -> Vec<Alert> {
    let has_none = |metric: &&Descriptor| {
        ["recorder.committer.sync", "recorder.manager.append_event"]
            .iter()
            .all(|name| metric.full_name().strip_prefix("wal.") != Some(name))
    };
    let alert = |operation: &Descriptor| {
        let section = &operation.section;
        Alert {
            name: format!(
                "Wal{}{}{}Failed",
                camel(&section.side),
                camel(&section.subsystem),
                camel(&operation.name)
            ),
            expression: counted(&failed(operation)),
            hold: 0,
            severity: "warning",
            summary: format!(
                "{} of the log {{{{ $labels.log }}}}: {} failed.",
                section.title,
                operation.name.replace('_', " ")
            ),
            description: format!(
                "What that is: {} The error that was given or told says why.",
                operation.help
            ),
            series: vec![(series(operation, Part::Operations, "outcome=\"failed\""), RISES)],
            labels: with(of_section(operation), "outcome", "failed"),
        }
    };
    let operations = CATALOGUE.iter().copied().filter(|metric| metric.kind == Kind::Operation);
    operations.filter(has_none).map(alert).collect()
}

fn camel(name: &str) -> String {
    name.split(['_', '.']).map(|word| word[..1].to_uppercase() + &word[1..]).collect()
}
