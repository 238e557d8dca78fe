//! B23: whether to wait for a container or to create one. The scheduler's own queue is driven in virtual time, with containers
//! that are no more than the times they take, beside an oracle that knows for each activation which of both is shorter.

use crate::inside::note::Note;
use crate::virtual_time::{Agenda, Rng, seconds};
use engine::arbiter::{Answer, NamespaceView};
use engine::queue::decide::Rules;
use engine::queue::{Command, Event, Message as _, Queue, QueueConfig};
use machine::{Instant, Machine as _};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::Duration;
use types::{ActivationId, Attempt, ContainerId, ContainerRef, CreationId, InvokerId, Revision};

/// Mean runs, starts, and activations that come during a run: the grid.
pub const RUNS: [Duration; 5] = [
    Duration::from_millis(1),
    Duration::from_millis(10),
    Duration::from_millis(100),
    Duration::from_secs(1),
    Duration::from_secs(5),
];
/// How long a start takes.
pub const STARTS: [Duration; 4] =
    [Duration::from_millis(2), Duration::from_millis(20), Duration::from_millis(200), Duration::from_secs(1)];
/// How many activations run at a time, if none waits.
pub const LOADS: [f64; 3] = [0.5, 4.0, 32.0];

/// How often an action is called anew after all of its containers have gone; its queue knows more each time.
pub const EPISODES: u64 = 5;
/// Activations of an episode.
const ACTIVATIONS: u64 = 100;
/// Between two episodes. The queue stays.
const QUIET: Duration = Duration::from_secs(10);
/// To wake a paused container.
const RESUME: Duration = Duration::from_millis(1);
/// Containers that the namespace may have; more than are ever wanted.
const LIMIT: u32 = 10_000;

/// A point of the grid.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cell {
    /// The mean of a run.
    pub run: Duration,
    /// How long a start takes.
    pub start: Duration,
    /// How many activations run at a time, if none waits.
    pub load: f64,
}

/// All points.
pub fn grid() -> impl Iterator<Item = Cell> {
    RUNS.into_iter().flat_map(|run| {
        STARTS.into_iter().flat_map(move |start| LOADS.into_iter().map(move |load| Cell { run, start, load }))
    })
}

/// An activation: when it comes after the beginning of its episode, and how long it runs.
#[derive(Clone, Copy, Debug)]
struct Call {
    after: Duration,
    run: Duration,
}

impl Cell {
    /// Activations come at random; runs are from half to one and a half of their mean.
    fn calls(&self, seed: u64, episode: u64) -> Vec<Call> {
        let mut rng = Rng::new(seed.wrapping_mul(1_000_003).wrapping_add(episode));
        let mean = self.run.as_secs_f64();
        let mut after = 0.0;
        (0..ACTIVATIONS)
            .map(|_| {
                let call = Call { after: seconds(after), run: seconds(mean * rng.between(0.5, 1.5)) };
                after += rng.gap(mean / self.load);
                call
            })
            .collect()
    }
}

/// What came of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The mean time from submitting to the end.
    pub latency: Duration,
    /// How many containers were created in all of its episodes together; those that were woken do not count.
    pub created: u64,
}

/// What comes of a cell where each activation waits or has a container created, whatever is shorter for it. Who creates more
/// than one at a time for others can be better.
#[must_use]
pub fn oracle(cell: &Cell, seed: u64) -> Outcome {
    let mut sum = Duration::ZERO;
    let mut created = 0;
    for episode in 0..EPISODES {
        let mut free: BTreeSet<(Duration, usize)> = BTreeSet::new();
        for (number, Call { after, run }) in cell.calls(seed, episode).into_iter().enumerate() {
            let started = after + cell.start;
            let begin = match free.first() {
                Some((first, _)) if *first <= started => {
                    free.pop_first().map_or(started, |(at, _)| at.max(after))
                }
                _ => {
                    created += 1;
                    started
                }
            };
            free.insert((begin + run, number));
            sum += begin + run - after;
        }
    }
    Outcome { latency: mean(sum), created }
}

/// The same where the queue decides by those rules.
///
/// # Errors
/// When an activation does not end by being run.
pub fn queue(cell: &Cell, rules: &Rules, seed: u64) -> io::Result<Outcome> {
    let mut bed = Bed::new(cell.start, rules);
    let mut sum = Duration::ZERO;
    for episode in 0..EPISODES {
        sum += bed.episode(&cell.calls(seed, episode), episode * ACTIVATIONS)?;
    }
    Ok(Outcome { latency: mean(sum), created: bed.made })
}

fn mean(sum: Duration) -> Duration {
    sum / u32::try_from(EPISODES * ACTIVATIONS).unwrap_or(1)
}

/// What is going to happen.
#[derive(Clone, Copy, Debug)]
enum Happening {
    Comes(u64),
    Created(CreationId, ContainerRef, Duration),
    Ends(ContainerRef, u64),
}

/// The queue and its containers.
struct Bed {
    queue: Queue<Note>,
    start: Duration,
    now: Instant,
    agenda: Agenda<Happening>,
    containers: BTreeSet<ContainerRef>,
    paused: BTreeSet<ContainerRef>,
    made: u64,
    used: u32,
    /// When each came that has not ended, and how long it runs.
    open: BTreeMap<u64, (Instant, Duration)>,
    /// The times of those that have ended, together.
    sum: Duration,
}

impl Bed {
    fn new(start: Duration, rules: &Rules) -> Bed {
        let config = QueueConfig { rules: rules.clone(), ..QueueConfig::default() };
        Bed {
            queue: Queue::new(config, 1),
            start,
            now: Instant::ZERO,
            agenda: Agenda::new(),
            containers: BTreeSet::new(),
            paused: BTreeSet::new(),
            made: 0,
            used: 0,
            open: BTreeMap::new(),
            sum: Duration::ZERO,
        }
    }

    /// Until all have ended and every container has gone; gives how long they took together.
    fn episode(&mut self, calls: &[Call], first: u64) -> io::Result<Duration> {
        let (begin, before) = (self.now, self.sum);
        for (number, call) in (first..).zip(calls) {
            self.agenda.at(begin + call.after, Happening::Comes(number));
            self.open.insert(number, (begin + call.after, call.run));
        }
        while let Some(next) = self.agenda.next_at() {
            let deadline = self.queue.next_deadline();
            let mut out = Vec::new();
            if let Some(deadline) = deadline.filter(|at| *at < next) {
                self.now = self.now.max(deadline);
                self.queue.tick(self.now, &mut out);
                if out.is_empty() && self.queue.next_deadline() == Some(deadline) {
                    return Err(io::Error::other("the queue does not act upon its deadline"));
                }
            } else if let Some((at, what)) = self.agenda.pop_due(next) {
                self.now = at;
                self.happen(what, &mut out)?;
            }
            self.carry_out(out)?;
        }
        if let Some(number) = self.open.keys().next() {
            return Err(io::Error::other(format!("activation {number} did not end")));
        }
        for container in std::mem::take(&mut self.containers) {
            self.handle(Event::Gone { container })?;
        }
        self.paused.clear();
        self.now += QUIET;
        Ok(self.sum - before)
    }

    fn happen(&mut self, what: Happening, out: &mut Vec<Command<Note>>) -> io::Result<()> {
        let event = match what {
            Happening::Comes(number) => {
                let taken = self.queue.submit(self.now, Note(number), out);
                return taken.map_err(|refusal| io::Error::other(format!("{refusal:?}")));
            }
            Happening::Created(creation, container, took) => {
                self.containers.insert(container);
                Event::Created { creation, container, revision: Revision(1), slots: 1, took }
            }
            Happening::Ends(container, number) => {
                let (came, run) = self.open.remove(&number).unwrap_or_default();
                self.sum += self.now - came;
                let activation = Note(number).id();
                Event::Finished { container, activation, init: None, run, healthy: true }
            }
        };
        self.queue.handle(self.now, event, out);
        Ok(())
    }

    fn handle(&mut self, event: Event<Note>) -> io::Result<()> {
        let mut out = Vec::new();
        self.queue.handle(self.now, event, &mut out);
        self.carry_out(out)
    }

    fn carry_out(&mut self, commands: Vec<Command<Note>>) -> io::Result<()> {
        for command in commands {
            match command {
                Command::Dispatch { container, attempt, message } => {
                    self.dispatch(container, attempt, message)?
                }
                Command::Create(request) => self.create(request.creation),
                Command::Request(request) => {
                    self.used += request.want;
                    let namespace = NamespaceView { limit: Some(LIMIT), used: self.used };
                    let answer = Answer { granted: request.want, denied: None, namespace };
                    self.handle(Event::Tokens(answer))?;
                }
                Command::Release { count } => self.used = self.used.saturating_sub(count),
                Command::Rest { container } => {
                    self.paused.insert(container);
                    self.handle(Event::Idle { container, paused: true })?;
                }
                Command::Remove { container } => {
                    self.paused.remove(&container);
                    self.containers.remove(&container);
                    self.handle(Event::Gone { container })?;
                }
                // What is on its way comes all the same, and nothing is lost that could be recalled.
                Command::Withdraw { .. }
                | Command::Insist { .. }
                | Command::Recall { .. }
                | Command::RemoveOutdated { .. } => {}
                other => return Err(io::Error::other(format!("the queue gives up: {other:?}"))),
            }
        }
        Ok(())
    }

    fn dispatch(&mut self, container: ContainerRef, attempt: Attempt, message: Note) -> io::Result<()> {
        let activation: ActivationId = message.id();
        let run = self.open.get(&message.0).map_or(Duration::ZERO, |(_, run)| *run);
        self.agenda.at(self.now + run, Happening::Ends(container, message.0));
        self.handle(Event::Started { container, activation, attempt })
    }

    /// A paused container is woken, else one is made.
    fn create(&mut self, creation: CreationId) {
        let (container, took) = match self.paused.pop_last() {
            Some(container) => (container, RESUME),
            None => {
                self.made += 1;
                (ContainerRef { invoker: InvokerId(0), container: ContainerId(self.made) }, self.start)
            }
        };
        self.agenda.at(self.now + took, Happening::Created(creation, container, took));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::queue::decide::{PredictiveRules, UpstreamRules};

    const SLOW_START: Cell =
        Cell { run: Duration::from_millis(10), start: Duration::from_secs(1), load: 0.5 };

    #[test]
    fn the_oracle_waits_where_a_start_takes_longer_and_creates_where_a_run_does() {
        // One container is enough, and the first activation has to wait for it.
        let waits = oracle(&SLOW_START, 1);
        assert!(
            waits.latency >= Duration::from_millis(10) && waits.latency < Duration::from_secs(1),
            "{waits:?}"
        );
        assert!(waits.created < 3 * EPISODES, "{waits:?}");
        let long = Cell { run: Duration::from_secs(5), start: Duration::from_millis(2), load: 32.0 };
        let creates = oracle(&long, 1);
        assert!((4.5..5.5).contains(&creates.latency.as_secs_f64()), "{creates:?}");
        assert!(creates.created > 30 * EPISODES, "{creates:?}");
    }

    #[test]
    fn every_activation_of_the_grid_ends_by_either_rules_and_twice_the_same() {
        for rules in [Rules::default(), Rules::Upstream(UpstreamRules::default())] {
            for cell in grid() {
                let outcome = queue(&cell, &rules, 1).unwrap();
                assert!(outcome.latency >= cell.run / 2, "{cell:?}: {outcome:?}");
                assert_eq!(outcome, queue(&cell, &rules, 1).unwrap());
            }
        }
    }

    #[test]
    fn a_queue_that_creates_late_is_worse() {
        let late = PredictiveRules { least_gain: Duration::from_secs(30), ..PredictiveRules::default() };
        // Were a start no longer than a few runs, containers would follow the arrivals all the same.
        let cell = Cell { run: Duration::from_millis(10), start: Duration::from_millis(200), load: 4.0 };
        let (now, then) = (queue(&cell, &Rules::default(), 3), queue(&cell, &Rules::Predictive(late), 3));
        assert!(then.unwrap().latency > now.unwrap().latency * 2);
    }

    #[test]
    fn neither_short_runs_nor_short_starts_make_the_queue_wait_long_or_create_many_more() {
        for cell in grid() {
            let (ours, best) = (queue(&cell, &Rules::default(), 1).unwrap(), oracle(&cell, 1));
            assert!(ours.latency < best.latency * 5 / 2, "{cell:?}: {ours:?}, {best:?}");
            assert!(ours.created < best.created * 5 / 2, "{cell:?}: {ours:?}, {best:?}");
        }
    }
}
