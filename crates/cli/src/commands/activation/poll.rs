//! `wsk activation poll` (CLI-09).

use crate::args;
use crate::context::{Context, OWN_NAMESPACE, qualified};
use crate::failure::Outcome;
use crate::listing::ALL;
use crate::output::{Format, pretty};
use client::{Activation, ActivationFilter, Page};
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;

/// How long between two looks.
const BETWEEN_LOOKS: Duration = Duration::from_secs(2);
/// How far each look reaches back behind the newest that was seen, in milliseconds: records come in the order in which
/// activations end, and are asked for by when they began.
const LOOK_BACK: i64 = 120_000;

/// Whose logs are shown, and since when.
#[derive(Debug, clap::Args)]
pub(crate) struct Poll {
    #[arg(value_name = "NAMESPACE | ACTION_NAME")]
    rest: Vec<String>,
    /// Stop after SECONDS
    #[arg(short, long, value_name = "SECONDS", default_value_t = 0, hide_default_value = true)]
    exit: u64,
    /// Begin SECONDS ago
    #[arg(long, value_name = "SECONDS", default_value_t = 0, hide_default_value = true)]
    since_seconds: i64,
    /// Begin MINUTES ago
    #[arg(long, value_name = "MINUTES", default_value_t = 0, hide_default_value = true)]
    since_minutes: i64,
    /// Begin HOURS ago
    #[arg(long, value_name = "HOURS", default_value_t = 0, hide_default_value = true)]
    since_hours: i64,
    /// Begin DAYS ago
    #[arg(long, value_name = "DAYS", default_value_t = 0, hide_default_value = true)]
    since_days: i64,
}

pub(super) async fn run(arguments: &Poll, context: &Context) -> Outcome {
    args::at_most(&arguments.rest, 1, "An optional namespace is the only valid argument.")?;
    let name = arguments.rest.first().map(|name| qualified(name)).transpose()?;
    let name = name.map(|name| name.entity()).filter(|name| !name.is_empty());
    let text = context.format() == Format::Text;
    if text {
        context.console.line("Enter Ctrl-c to exit.");
    }
    let begin = begin(arguments, context).await?;
    let end = (arguments.exit > 0).then(|| Instant::now() + Duration::from_secs(arguments.exit));
    if text {
        context.console.line("Polling for activation logs");
    }
    let mut seen = Seen::since(begin);
    let poll = async {
        loop {
            let filter =
                ActivationFilter { name: name.clone(), since: Some(seen.since), upto: None, docs: true };
            // A server that does not answer now may answer at the next look.
            if let Ok(records) = context.client()?.list_activations(OWN_NAMESPACE, &filter, ALL).await {
                seen.fresh(records).iter().for_each(|record| print(record, context));
            }
            if end.is_some_and(|end| Instant::now() >= end) {
                return Ok(());
            }
            let next = Instant::now() + BETWEEN_LOOKS;
            tokio::time::sleep_until(end.map_or(next, |end| end.min(next))).await;
        }
    };
    tokio::select! {
        outcome = poll => outcome,
        _ = tokio::signal::ctrl_c() => {
            context.console.line("Poll terminated");
            Ok(())
        }
    }
}

/// When to begin, in milliseconds since 1970: as the flags say, or after what there is now.
async fn begin(arguments: &Poll, context: &Context) -> Outcome<i64> {
    let hours = arguments.since_days * 24 + arguments.since_hours;
    let seconds = (hours * 60 + arguments.since_minutes) * 60 + arguments.since_seconds;
    let now = Timestamp::now().as_millisecond();
    if seconds != 0 {
        return Ok(now - seconds * 1000);
    }
    Ok(after_newest(context).await)
}

/// After what there is now, by the clock of the server where it tells one.
pub(crate) async fn after_newest(context: &Context) -> i64 {
    let now = Timestamp::now().as_millisecond();
    let Ok(client) = context.client() else { return now };
    let page = Page { limit: 1, skip: 0 };
    let newest = client.list_activations(OWN_NAMESPACE, &ActivationFilter::default(), page).await;
    newest.ok().and_then(|newest| newest.first().map(|record| record.start + 1)).unwrap_or(now)
}

fn print(record: &Activation, context: &Context) {
    if context.format() != Format::Text {
        return context.console.line(serde_json::to_string(record).unwrap_or_default());
    }
    context.console.line(format!("\nActivation: '{}' ({})", record.name, record.activation_id));
    context.console.line(pretty(&record.logs));
}

/// What was shown already.
#[derive(Debug)]
pub(crate) struct Seen {
    /// Nothing older is shown.
    begin: i64,
    /// From where the next look begins.
    pub(crate) since: i64,
    ids: BTreeSet<String>,
}

impl Seen {
    /// Nothing that began before `begin`, in milliseconds since 1970, is shown.
    pub(crate) fn since(begin: i64) -> Seen {
        Seen { begin, since: begin, ids: BTreeSet::new() }
    }

    /// It is shown by somebody else.
    pub(crate) fn mark(&mut self, id: &str) -> bool {
        self.ids.insert(id.to_owned())
    }

    /// Those that were not shown yet, newest first, as the server lists them.
    pub(crate) fn fresh(&mut self, records: Vec<Activation>) -> Vec<Activation> {
        let newest = records.iter().map(|record| record.start).max().unwrap_or(self.since);
        self.since = self.since.max(newest - LOOK_BACK).max(self.begin);
        records.into_iter().filter(|record| self.ids.insert(record.activation_id.clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(id: &str, start: i64) -> Activation {
        Activation { activation_id: id.to_owned(), start, ..Activation::default() }
    }

    #[test]
    fn cli_09_no_activation_is_shown_twice_and_late_ones_are_not_missed() {
        let mut seen = Seen { begin: 1000, since: 1000, ids: BTreeSet::new() };
        let ids = |records: Vec<Activation>| {
            records.into_iter().map(|record| record.activation_id).collect::<Vec<_>>()
        };
        assert_eq!(ids(seen.fresh(vec![record("b", 500_000), record("a", 2000)])), ["b", "a"]);
        // One that began before `b` and ended after it is still within what is looked at.
        assert!(seen.since <= 400_000 && seen.since > 1000);
        assert_eq!(ids(seen.fresh(vec![record("b", 500_000), record("late", 400_000)])), ["late"]);
    }
}
