//! Who stands between the controller and the invokers: the pull scheduler, or a feed for each invoker.

use crate::config::{Balancer, Config};
use base::clock::Clock;
use base::shutdown::Shutdown;
use controller::{Scheduling, Shard};
use engine::balance;
use rpc::{Epoch, LocalDirectory, SchedulerLink, SchedulerOperations};
use scheduler::{Feed, Feeds, Scheduler};
use std::sync::Arc;
use types::{InvokerId, SchedulerId};

/// What all roles are made with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Making<'a> {
    pub(super) config: &'a Config,
    pub(super) clock: &'a Arc<dyn Clock>,
    pub(super) directory: &'a Arc<LocalDirectory>,
    pub(super) shutdown: &'a Shutdown,
}

/// The schedulers of this process.
#[derive(Debug)]
pub(super) enum Schedulers {
    /// One for all invokers.
    Pull(Arc<Scheduler>),
    /// One for each invoker, in their order.
    Sharding(Feeds),
    /// The one invoker's.
    Lean(Feeds),
}

impl Schedulers {
    /// Those that the configuration asks for, for invokers with so much memory each (in MB).
    pub(super) fn make(making: &Making<'_>, memories: &[u64], containers: Option<u32>) -> Schedulers {
        let feeds = || Feeds((0..).zip(memories).map(|(number, _)| feed(making, number)).collect());
        match making.config.controller.balancer {
            Balancer::Pull => {
                let config = making.config.scheduler.to_role(containers);
                let scheduler = Scheduler::new(config, deps(making, 0), making.shutdown.watch());
                let link: Arc<dyn SchedulerLink> = scheduler.clone();
                making.directory.add_scheduler(SchedulerId(0), &link);
                Schedulers::Pull(scheduler)
            }
            Balancer::Sharding => Schedulers::Sharding(feeds()),
            Balancer::Lean => Schedulers::Lean(feeds()),
        }
    }

    /// Whom that invoker works for.
    pub(super) fn of(&self, invoker: InvokerId) -> SchedulerId {
        match self {
            Schedulers::Pull(_) => SchedulerId(0),
            Schedulers::Sharding(_) | Schedulers::Lean(_) => SchedulerId(invoker.0),
        }
    }

    /// Where the controller hands activations on to.
    pub(super) fn scheduling(&self, config: balance::Config, memories: &[u64]) -> Scheduling {
        match self {
            Schedulers::Pull(scheduler) => Scheduling::Pull(scheduler.clone()),
            Schedulers::Sharding(feeds) => {
                let shard = |((number, feed), memory): ((u32, &Arc<Feed>), &u64)| Shard {
                    invoker: InvokerId(number),
                    memory: *memory,
                    link: feed.clone(),
                    seen: feed.clone(),
                };
                let shards = (0..).zip(&feeds.0).zip(memories).map(shard).collect();
                Scheduling::Sharding { config, shards }
            }
            Schedulers::Lean(feeds) => match &*feeds.0 {
                [feed] => Scheduling::Lean(feed.clone()),
                _ => unreachable!("the configuration was checked"),
            },
        }
    }

    /// What operators see of them.
    pub(super) fn operations(&self) -> Arc<dyn SchedulerOperations> {
        match self {
            Schedulers::Pull(scheduler) => scheduler.clone(),
            Schedulers::Sharding(feeds) | Schedulers::Lean(feeds) => Arc::new(feeds.clone()),
        }
    }

    /// Takes nothing new from now on; what waits is still served.
    pub(super) fn drain(&self) {
        match self {
            Schedulers::Pull(scheduler) => scheduler.drain(),
            Schedulers::Sharding(feeds) | Schedulers::Lean(feeds) => {
                feeds.0.iter().for_each(|feed| feed.drain());
            }
        }
    }
}

fn feed(making: &Making<'_>, number: u32) -> Arc<Feed> {
    let config = making.config.scheduler.to_feed();
    let feed = Feed::new(config, deps(making, number), InvokerId(number), making.shutdown.watch());
    let link: Arc<dyn SchedulerLink> = feed.clone();
    making.directory.add_scheduler(SchedulerId(number), &link);
    feed
}

fn deps(making: &Making<'_>, number: u32) -> scheduler::Deps {
    scheduler::Deps {
        id: SchedulerId(number),
        // Queues live no longer than their only owner, so any number that grows with the starts tells owners apart.
        epoch: Epoch(making.clock.unix_millis()),
        clock: making.clock.clone(),
        directory: making.directory.clone(),
    }
}
