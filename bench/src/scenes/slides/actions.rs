//! 1, 10 and 100 actions in turn. There is room for all their containers, but on ten invokers: a design that sends each
//! action to the invoker that its name hashes to has more actions than room on some of them while others have room left,
//! and removes and starts containers all the time.
//!
//! The slides say 14,000 activations a second with one action and 90 with a hundred, in other places 20,000 and 30.

use crate::designs::{self, Design};
use crate::load::Template;
use crate::platform::Platform;
use crate::report::{Bound, Curve, Findings, Line, Row, Side};
use crate::rounds::in_turn;
use crate::settings::{CONNECTIONS, Settings};
use crate::stats::Estimate;
use oxiwhisk_test_e2e::time;
use std::io;
use std::time::Duration;

/// How many actions are called in turn.
const COUNTS: [usize; 3] = [1, 10, 100];
/// As many as upstream had when it measured the same (apache/openwhisk#3501 had nine).
const INVOKERS: usize = 10;
/// Containers for which each has room: together a fifth more than there are actions.
const ROOM_EACH: usize = 12;
/// What each container may have, in MB.
const CONTAINER_MB: usize = 128;
const WHAT: &str =
    "rate of 100 Node.js actions in turn ÷ of one, 10 invokers with room for 12 containers each";
const STARTS: &str = "containers started for 1,000 activations of 100 Node.js actions in turn";
/// What a quick run has time for.
const QUICK: [&str; 2] = ["pull", "sharding"];
/// Counts orders of containers.
const STARTED: &str = "oxiwhisk_invoker_container_starts_total";

pub(super) fn run(settings: &Settings) -> io::Result<Findings> {
    let mut found = Findings::default();
    let mut lines = Vec::new();
    let compared = |design: &&Design| !settings.quick || QUICK.contains(&design.name);
    for design in designs::ALL.iter().filter(compared) {
        let id = format!("E1 {}", design.name);
        let measured = match start(design, &mut found.notes) {
            Ok(platform) => measure(settings, &platform)
                .map_err(|problem| io::Error::new(problem.kind(), format!("{}: {problem}", design.name)))?,
            Err(refusal) if refusal.kind() == io::ErrorKind::Unsupported => {
                found.rows.push(Row::not_built(&id, WHAT, &refusal.to_string(), None));
                continue;
            }
            Err(problem) => return Err(problem),
        };
        let rates = |index: usize| measured[index].iter().map(|round| round.rate).collect::<Vec<_>>();
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let points = (0..COUNTS.len()).map(|index| (COUNTS[index] as f64, Estimate::of(&rates(index))));
        lines.push(Line { name: design.name.to_owned(), points: points.collect() });
        let many = COUNTS.len() - 1;
        let ratio = Row::ratio(
            &id,
            WHAT,
            Side::new("a hundred", "/s", rates(many)),
            Side::new("one", "/s", rates(0)),
        );
        let starts = measured[many].iter().map(|round| round.starts).collect();
        let starts = Row::value(&id, STARTS, Side::new("a hundred in turn", "", starts));
        if design.name == designs::PULL.name {
            found.rows.push(ratio.aims(Bound::AtLeast(0.9), Bound::AtLeast(0.99)));
            found.rows.push(starts.aims(Bound::AtMost(0.0), Bound::AtMost(0.0)));
        } else {
            found.rows.extend([ratio, starts]);
        }
    }
    found.curves.push(Curve {
        name: "slides-actions".to_owned(),
        title: "Many actions: what the older design loses".to_owned(),
        x: "actions called in turn".to_owned(),
        y: "activations/s".to_owned(),
        logarithmic: (true, true),
        lines,
    });
    Ok(found)
}

/// A server with ten invokers; one that has no such setting has a single one with the room of all.
fn start(design: &Design, notes: &mut Vec<String>) -> io::Result<Platform> {
    let memory = |invokers: usize| format!("{} MB", invokers * ROOM_EACH * CONTAINER_MB);
    let several = [("invoker.instances", INVOKERS.to_string()), ("invoker.memory", memory(INVOKERS))];
    match design.start(&several) {
        Err(refusal) if refusal.kind() == io::ErrorKind::Unsupported => {
            let platform = design.start(&[("invoker.memory", memory(INVOKERS))])?;
            notes
                .push(format!("slides, {}: one invoker with all the memory, because {refusal}", design.name));
            Ok(platform)
        }
        other => other,
    }
}

/// What a round has shown.
struct Round {
    rate: f64,
    /// Containers started for each thousand activations.
    starts: f64,
}

/// For each of [`COUNTS`] the rounds.
fn measure(settings: &Settings, platform: &Platform) -> io::Result<Vec<Vec<Round>>> {
    let names: Vec<String> = (0..COUNTS[COUNTS.len() - 1]).map(|number| format!("action-{number}")).collect();
    for name in &names {
        platform.put_node(name)?;
    }
    let templates: Vec<Template> = names.iter().map(|name| platform.template(name)).collect();
    for name in &names {
        platform.warm(name)?;
    }
    in_turn(settings.rounds, COUNTS.len(), |index| {
        let set = &templates[..COUNTS[index]];
        settle(settings, platform, set)?;
        let before = platform.metric(STARTED)?;
        let outcome = platform.run(set, CONNECTIONS, settings.period)?;
        let starts = platform.metric(STARTED)? - before;
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        Ok(Round { rate: outcome.rate, starts: starts * 1000.0 / outcome.count.max(1) as f64 })
    })
}

/// Until the set has its containers, which others may have taken since its last turn: until each action was called twice and
/// nothing was started meanwhile. A design that starts containers again and again gets no more than some seconds.
fn settle(settings: &Settings, platform: &Platform, set: &[Template]) -> io::Result<()> {
    let limit = Duration::from_secs(if settings.quick { 2 } else { 15 });
    let started = time::now();
    let (mut seen, mut quiet) = (platform.metric(STARTED)?, 0);
    while started.elapsed() < limit && quiet < 2 * set.len() as u64 {
        quiet += platform.run(set, CONNECTIONS, Duration::from_millis(100))?.count;
        let now = platform.metric(STARTED)?;
        if now > seen {
            (seen, quiet) = (now, 0);
        }
    }
    Ok(())
}
