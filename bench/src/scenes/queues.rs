//! Deciding which container gets which activation, beside queues that do nothing else, and brokers.

use super::Scene;
use crate::incumbents::{etcd::Etcd, nats::Nats, or_unavailable, redis::Redis};
use crate::inside::queues::{Queues, crossbeam_rate};
use crate::platform::Platform;
use crate::report::{Bound, Findings, Row, Side};
use crate::rounds::in_turn;
use crate::settings::{CONNECTIONS, Settings};
use std::io;
use std::time::Duration;

pub(super) const SCENE: Scene = Scene {
    name: "queues",
    metrics: &["B9", "B10", "B19", "Y7"],
    about: "decisions of the scheduler beside crossbeam, Redis and NATS",
    quick: false,
    run,
};

const MEMORY: &str = "memory of an idle server ÷ that of idle Redis, NATS and etcd together";
const IDLE: Duration = Duration::from_secs(2);
/// Queues, of which few get most activations.
const MANY: usize = 10_000;
/// Commands that Redis gets in one message where they are pipelined.
const PIPELINED: usize = 16;

fn run(settings: &Settings) -> io::Result<Findings> {
    let mut rows = decisions(settings)?;
    rows.extend(brokers(settings)?);
    rows.extend(or_unavailable("B19", MEMORY, memory())?);
    Ok(Findings { rows, ..Findings::default() })
}

/// What would be kept running for queues and coordination by others, each with nothing to do.
fn memory() -> io::Result<Vec<Row>> {
    let brokers = (Redis::start()?, Nats::start()?, Etcd::start(1)?);
    let platform = Platform::with_stem_cells(0)?;
    // Idleness has no condition to wait for.
    std::thread::sleep(IDLE);
    let theirs = brokers.0.resident_mib() + brokers.1.resident_mib() + brokers.2.resident_mib();
    let ours = Side::new("resident, without stem cells", "MiB", vec![platform.resident_mib()]);
    let theirs = Side::new("Redis, NATS and etcd", "MiB", vec![theirs]);
    Ok(vec![Row::ratio("B19", MEMORY, ours, theirs).aims(Bound::AtMost(0.5), Bound::AtMost(0.3))])
}

/// B9
fn decisions(settings: &Settings) -> io::Result<Vec<Row>> {
    let (mut one, mut many) = (Queues::new(1)?, Queues::new(MANY)?);
    let found = in_turn(settings.rounds, 3, |thing| match thing {
        0 => one.rate(settings.period),
        1 => many.rate(settings.period),
        _ => Ok(crossbeam_rate(settings.period)),
    })?;
    let side = |what: &str, thing: usize| Side::new(what, "/s", found[thing].clone());
    Ok(vec![
        Row::ratio(
            "B9",
            "activations that one queue decides about in process on one thread ÷ crossbeam's SegQueue, push and pop",
            side("one queue", 0),
            side("SegQueue", 2),
        )
        .aims(Bound::AtLeast(0.25), Bound::AtLeast(0.40)),
        Row::ratio(
            "B9",
            "the same of 10,000 queues by Zipf's law (1.1) ÷ one queue",
            side("10,000 queues", 1),
            side("one queue", 0),
        )
        .aims(Bound::AtLeast(0.7), Bound::AtLeast(0.9)),
    ])
}

/// B10: what it will be measured against.
fn brokers(settings: &Settings) -> io::Result<Vec<Row>> {
    const WHY: &str = "no scheduler in a process of its own";
    let against = |what: &str| format!("activations across processes ÷ {what}");
    let alone = |what: &str, side: Side, goal: f64, stretch: f64| {
        Row::not_built("B10", &against(what), WHY, Some(side))
            .aims(Bound::AtLeast(goal), Bound::AtLeast(stretch))
    };
    let redis = || {
        let redis = Redis::start()?;
        let found = in_turn(settings.rounds, 2, |thing| {
            redis.rate(CONNECTIONS, if thing == 0 { 1 } else { PIPELINED }, settings.period)
        })?;
        let [single, pipelined]: [Vec<f64>; 2] =
            found.try_into().map_err(|_| io::Error::other("two things"))?;
        Ok(vec![
            alone("Redis LPUSH and BRPOP", Side::new("Redis", "/s", single), 10.0, 15.0),
            alone("the same, 16 in a message", Side::new("Redis -P 16", "/s", pipelined), 1.0, 1.5),
        ])
    };
    let nats = || {
        let nats = Nats::start()?;
        let found = in_turn(settings.rounds, 1, |_| nats.rate(CONNECTIONS, settings.period))?;
        let requests = found.into_iter().next().unwrap_or_default();
        let side = Side::new("NATS", "/s", requests);
        Ok(vec![alone("requests over NATS to a queue group", side, 2.0, 4.0)])
    };
    let mut rows = or_unavailable("B10", &against("Redis LPUSH and BRPOP"), redis())?;
    rows.extend(or_unavailable("B10", &against("requests over NATS to a queue group"), nats())?);
    Ok(rows)
}
