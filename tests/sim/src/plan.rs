//! What a seed means: the cluster, its actions, its load, and what goes wrong when.

use crate::rng::Rng;
use engine::pool::{self, Reactive, StemCells};
use engine::proxy;
use engine::queue::QueueConfig;
use engine::queue::decide::{Rules, UpstreamRules};
use machine::Instant;
use std::sync::Arc;
use std::time::Duration;

/// The kind of runtime of every action.
pub(crate) const KIND: &str = "nodejs:20";

/// How long a paused container is kept; short, so that the end of a run is near.
const IDLE_CONTAINER: Duration = Duration::from_secs(30);

#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) invokers: Vec<pool::Config>,
    pub(crate) proxy: proxy::Config,
    pub(crate) queue: QueueConfig,
    /// The containers that each namespace may have.
    pub(crate) namespaces: Vec<Option<u32>>,
    pub(crate) actions: Vec<ActionPlan>,
    /// The delay of a message: least and most, in microseconds.
    pub(crate) delay: (u64, u64),
    pub(crate) faults: Faults,
    /// What happens from outside, by its time.
    pub(crate) happenings: Vec<(Instant, Happening)>,
    /// When faults end.
    pub(crate) calm: Instant,
}

#[derive(Clone, Debug)]
pub(crate) struct ActionPlan {
    pub(crate) namespace: usize,
    /// In MB.
    pub(crate) memory: u64,
    pub(crate) concurrency: u32,
    pub(crate) instances: Option<u32>,
    /// The duration of a run: least and most, in milliseconds.
    pub(crate) run: (u64, u64),
    /// The duration of `/init`, likewise.
    pub(crate) init: (u64, u64),
    /// Whether no container can ever be made for it.
    pub(crate) impossible: bool,
}

/// How often things go wrong, in percent, as long as faults are on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    pub(crate) creation_fails: u64,
    pub(crate) creation_is_slow: u64,
    pub(crate) init_fails: u64,
    pub(crate) run_fails: u64,
    pub(crate) container_dies: u64,
    pub(crate) freezer_fails: u64,
    pub(crate) logs_are_slow: u64,
}

#[derive(Clone, Debug)]
pub(crate) enum Happening {
    Invoke { action: usize },
    Update { action: usize },
    Delete { action: usize },
    Recreate { action: usize },
    SetLimit { namespace: usize, limit: Option<u32> },
    CrashInvoker { invoker: usize },
    DrainInvoker { invoker: usize },
    BreakLink { invoker: usize },
    CrashScheduler,
}

impl Plan {
    pub(crate) fn of(seed: u64) -> Plan {
        let mut rng = Rng::new(seed);
        let calm = Instant::ZERO + rng.millis(10_000, 40_000);
        let namespaces = (0..rng.between(1, 3)).map(|_| limit(&mut rng)).collect::<Vec<_>>();
        let actions = (0..rng.between(1, 6)).map(|_| action(&mut rng, namespaces.len())).collect::<Vec<_>>();
        let invokers = (0..rng.between(1, 3)).map(|_| invoker(&mut rng)).collect::<Vec<_>>();
        let mut plan = Plan {
            invokers,
            proxy: proxy::Config { idle_container: IDLE_CONTAINER, ..proxy::Config::default() },
            queue: queue(&mut rng),
            namespaces,
            actions,
            delay: rng.pick(&[(1, 50), (100, 2_000), (500, 200_000)]),
            faults: faults(&mut rng),
            happenings: Vec::new(),
            calm,
        };
        plan.load(&mut rng);
        plan.disturb(&mut rng);
        plan
    }

    /// A trickle for every action, and bursts.
    fn load(&mut self, rng: &mut Rng) {
        for action in 0..self.actions.len() {
            for _ in 0..rng.between(0, 30) {
                let at = rng.instant(self.calm);
                self.happenings.push((at, Happening::Invoke { action }));
            }
        }
        for _ in 0..rng.between(0, 4) {
            let (action, start) = (rng.below(self.actions.len()), rng.instant(self.calm));
            let within = rng.pick(&[1, 1_000, 3_000]);
            for _ in 0..rng.between(5, 60) {
                self.happenings.push((start + rng.millis(0, within), Happening::Invoke { action }));
            }
        }
    }

    /// Each seed has some kinds of disturbances, so that rare ones are not always drowned by frequent ones.
    fn disturb(&mut self, rng: &mut Rng) {
        let (actions, namespaces, invokers) =
            (self.actions.len(), self.namespaces.len(), self.invokers.len());
        for kind in 0..6 {
            if !rng.percent(40) {
                continue;
            }
            for _ in 0..rng.between(1, 4) {
                let at = rng.instant(self.calm);
                let (action, invoker) = (rng.below(actions), rng.below(invokers));
                let happening = match kind {
                    0 => Happening::Update { action },
                    1 => {
                        let back = at + rng.millis(100, 20_000);
                        self.happenings.push((back, Happening::Recreate { action }));
                        Happening::Delete { action }
                    }
                    2 => Happening::SetLimit { namespace: rng.below(namespaces), limit: limit(rng) },
                    3 => Happening::CrashInvoker { invoker },
                    4 if rng.percent(50) => Happening::DrainInvoker { invoker },
                    4 => Happening::BreakLink { invoker },
                    _ => Happening::CrashScheduler,
                };
                self.happenings.push((at, happening));
            }
        }
    }
}

fn limit(rng: &mut Rng) -> Option<u32> {
    match rng.below(10) {
        0 => Some(0),
        1..=5 => Some(rng.between(1, 6) as u32),
        _ => None,
    }
}

fn action(rng: &mut Rng, namespaces: usize) -> ActionPlan {
    let run = rng.pick(&[(1, 5), (5, 50), (100, 400), (1_000, 3_000), (1, 8_000)]);
    ActionPlan {
        namespace: rng.below(namespaces),
        memory: rng.pick(&[128, 128, 256, 512]),
        concurrency: rng.pick(&[1, 1, 1, 2, 4]),
        instances: rng.pick(&[None, None, None, Some(1), Some(2)]),
        run,
        init: rng.pick(&[(1, 10), (50, 200), (500, 2_000)]),
        impossible: rng.percent(4),
    }
}

fn invoker(rng: &mut Rng) -> pool::Config {
    let mut stem_cells = Vec::new();
    for memory in [128, 256] {
        if rng.percent(40) {
            let rule = Reactive {
                min: rng.below(2) as u32,
                max: 3,
                ttl: Duration::from_secs(20),
                threshold: 2,
                increment: 1,
            };
            let reactive = rng.percent(50).then_some(rule);
            stem_cells.push(StemCells {
                kind: Arc::from(KIND),
                memory,
                initial: rng.below(3) as u32,
                reactive,
            });
        }
    }
    pool::Config {
        memory: rng.pick(&[512, 512, 768, 1_024, 2_048, 8_192]),
        stem_cells,
        promotion: rng.percent(30),
        check_interval: Duration::from_secs(rng.between(5, 60)),
        ..pool::Config::default()
    }
}

fn queue(rng: &mut Rng) -> QueueConfig {
    let mut config = QueueConfig::default();
    if rng.percent(25) {
        config.rules = Rules::Upstream(UpstreamRules::default());
    }
    if rng.percent(20) {
        config.max_waiting = 10;
    }
    config
}

fn faults(rng: &mut Rng) -> Faults {
    let mut sometimes = |most| if rng.percent(40) { rng.between(1, most) } else { 0 };
    Faults {
        creation_fails: sometimes(60),
        creation_is_slow: sometimes(30),
        init_fails: sometimes(30),
        run_fails: sometimes(20),
        container_dies: sometimes(50),
        freezer_fails: sometimes(30),
        logs_are_slow: sometimes(30),
    }
}
