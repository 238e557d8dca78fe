//! From one to 200 containers on one queue while another action is called. The slides say more than 50 s for 200
//! consumers on one topic, and everybody else waits meanwhile.

use crate::cold::Starter;
use crate::designs::PULL;
use crate::load;
use crate::platform::Platform;
use crate::report::{Bound, Findings, Row, Side};
use crate::rounds::in_turn;
use crate::scenes::function;
use crate::settings::Settings;
use oxiwhisk_test_e2e::time;
use std::io;
use std::time::Duration;

const CONTAINERS: usize = 200;
/// Processes that start the raw sandboxes: as many as this class of machine has processors.
const STARTERS: usize = 2;
/// How long each slow activation runs: longer than it takes to start all.
const RUN_MILLIS: u64 = 3000;
/// Room for all of them, by what they may take; native ones take little of it.
const MEMORY: &str = "32 GB";
/// How often the other action is called in a second.
const OTHERS: f64 = 100.0;

pub(super) fn run(settings: &Settings) -> io::Result<Findings> {
    let mut starters = (0..STARTERS).map(|_| Starter::new(&function())).collect::<io::Result<Vec<_>>>()?;
    let mut calm = Vec::new();
    let mut busy = Vec::new();
    let sides = in_turn(settings.rounds, 2, |side| {
        if side == 1 {
            return raw(&mut starters);
        }
        // A server for each round, because containers that nobody needs may stay.
        let platform = PULL.start(&[("invoker.memory", MEMORY.to_owned())])?;
        let other = platform.put_native("other").map(|()| [platform.template("other")])?;
        platform.run(&other, 1, settings.period)?;
        calm.push(load::run_open(platform.address(), &other, OTHERS, Duration::from_millis(RUN_MILLIS))?.p99);
        let (ready, p99) = grow(&platform)?;
        busy.push(p99);
        Ok(ready)
    })?;
    let mut sides = sides.into_iter();
    let (ours, theirs) = (sides.next().unwrap_or_default(), sides.next().unwrap_or_default());
    Ok(Findings {
        rows: vec![
            Row::ratio(
                "B27",
                "until 200 activations of one native action run at once ÷ 200 raw sandboxes, both processors",
                Side::new("from one container to 200", "ms", ours),
                Side::new("raw", "ms", theirs),
            )
            .aims(Bound::AtMost(1.5), Bound::AtMost(1.2)),
            Row::ratio(
                "B27",
                "99 of 100 calls of another action meanwhile (100 a second) ÷ alone",
                Side::new("meanwhile", "µs", busy),
                Side::new("alone", "µs", calm),
            )
            .aims(Bound::AtMost(1.1), Bound::AtMost(1.02)),
        ],
        ..Findings::default()
    })
}

/// Milliseconds until the last of 200 activations has begun, and the other action's p99 in microseconds.
fn grow(platform: &Platform) -> io::Result<(f64, f64)> {
    let name = "slow";
    platform.put_native(name)?;
    platform.warm(name)?;
    let other = [platform.template("other")];
    let slow =
        vec![platform.template_with(name, &format!(",\"millis\":{RUN_MILLIS},\"since\":1")); CONTAINERS];
    std::thread::scope(|scope| {
        let calls = || load::run_open(platform.address(), &other, OTHERS, Duration::from_millis(RUN_MILLIS));
        let meanwhile = scope.spawn(calls);
        let begun = time::unix_millis();
        let (_, outcome) = load::burst(platform.address(), &slow)?;
        let meanwhile =
            meanwhile.join().unwrap_or_else(|_| Err(io::Error::other("the load has panicked")))?;
        let mut last = begun;
        for (id, _) in &outcome.ids {
            let record = platform.api().record(id);
            let at = record["response"]["result"]["began"].as_u64();
            last = last.max(at.ok_or_else(|| io::Error::other(format!("no beginning in {record}")))?);
        }
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of a run")]
        Ok(((last - begun) as f64, meanwhile.p99))
    })
}

/// Milliseconds in which as many sandboxes have answered their first call, started on all processors; what it takes to end
/// them is not in it.
fn raw(starters: &mut [Starter]) -> io::Result<f64> {
    let each = CONTAINERS / starters.len();
    let sums = std::thread::scope(|scope| {
        let sum = |starter: &mut Starter| {
            (0..each).map(|_| starter.once().map(|raw| raw.groups)).sum::<io::Result<f64>>()
        };
        let threads: Vec<_> = starters.iter_mut().map(|starter| scope.spawn(move || sum(starter))).collect();
        let sums = threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|_| Err(io::Error::other("a starter has panicked"))));
        sums.collect::<io::Result<Vec<f64>>>()
    })?;
    Ok(sums.into_iter().fold(0.0, f64::max))
}
