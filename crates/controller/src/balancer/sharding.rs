use super::{End, LoadBalancer, Supervisor};
use base::alarm::Armed;
use base::clock::Clock;
use base::driven::{Driven, Shell};
use base::ids::IdSource;
use engine::balance::{Balance, Command, Config, Event, Health, Member, Need, Request, Verdict};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use machine::Instant;
use parking_lot::Mutex;
use rpc::{ActivationMessage, Flow, Follow, Outcome, Refusal, SchedulerLink, SchedulerOperations};
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use tokio::sync::Notify;
use types::{ActivationId, ContainerRef, InvokerId, StatusCode};

/// One invoker that activations are pushed at.
#[derive(Clone, Debug)]
pub struct Shard {
    /// Which.
    pub invoker: InvokerId,
    /// Its memory for containers, in MB.
    pub memory: u64,
    /// Where its activations go.
    pub link: Arc<dyn SchedulerLink>,
    /// Whether the invoker is there: what it says to that link.
    pub seen: Arc<dyn SchedulerOperations>,
}

/// Pushes each activation at the invoker that a hash of its action names, or the next one with room (scheduler D1), and
/// watches over the invokers (D2).
pub(crate) struct Sharding {
    shards: Vec<Shard>,
    balance: Driven<Balance>,
    clock: Arc<dyn Clock>,
    ids: Arc<IdSource>,
    /// Invokers to be tested; each at most once.
    due: Mutex<BTreeSet<InvokerId>>,
    nudge: Notify,
}

impl Sharding {
    pub(crate) fn new(
        config: Config,
        shards: Vec<Shard>,
        clock: Arc<dyn Clock>,
        ids: Arc<IdSource>,
    ) -> Sharding {
        // The node that makes them has tried their container back end, so they need not show first that they work.
        let member = |shard: &Shard| Member { id: shard.invoker, memory: shard.memory, trusted: true };
        let members: Vec<Member> = shards.iter().map(member).collect();
        let balance = Driven::new(Balance::new(config, &members, clock.now()));
        Sharding { shards, balance, clock, ids, due: Mutex::default(), nudge: Notify::new() }
    }

    fn shard(&self, invoker: InvokerId) -> Option<&Shard> {
        self.shards.iter().find(|shard| shard.invoker == invoker)
    }

    fn tell(&self, event: Event) {
        self.balance.handle(self.clock.now(), event, self);
    }
}

impl LoadBalancer for Sharding {
    fn publish(&self, message: Arc<ActivationMessage>) -> Result<(), Refusal> {
        let activation = message.activation_id;
        let action = &message.action;
        let need = Need { action: message.queue.clone(), memory: action.limits.memory, slots: action.slots };
        let request =
            Request { activation, need, blackbox: action.image.is_some(), random: self.ids.random() };
        // An invoker that takes nothing is offline from then on, so that each can be met only once.
        for _ in &self.shards {
            let choice = self.balance.drive(self, |balance, _| balance.choose(request.clone()));
            let Some(shard) = choice.and_then(|choice| self.shard(choice.invoker)) else { break };
            match shard.link.submit(message.clone()) {
                Ok(()) => return Ok(()),
                Err(refusal) => {
                    self.tell(Event::Ended { activation, verdict: None });
                    if refusal != Refusal::NoInvokers {
                        return Err(refusal);
                    }
                    let (invoker, memory) = (shard.invoker, shard.memory);
                    self.tell(Event::Ping { invoker, enabled: false, memory });
                }
            }
        }
        Err(Refusal::NoInvokers)
    }

    fn ended(&self, activation: ActivationId, end: End<'_>) {
        self.tell(Event::Ended { activation, verdict: verdict(end) });
    }

    fn follow(&self, follow: Follow) {
        let invoker = self.balance.look(|balance| balance.invoker_of(follow.activation));
        if let Some(shard) = invoker.and_then(|invoker| self.shard(invoker)) {
            shard.link.follow(follow);
        }
    }

    fn flow(&self, container: ContainerRef, activation: ActivationId, flow: Flow) {
        if let Some(shard) = self.shard(container.invoker) {
            shard.link.flow(container, activation, flow);
        }
    }

    fn supervisor(&self) -> Option<&dyn Supervisor> {
        Some(self)
    }
}

impl Supervisor for Sharding {
    fn health(&self) -> Vec<(InvokerId, Health)> {
        self.balance.look(|balance| balance.health().collect())
    }

    fn overloads(&self) -> u64 {
        self.balance.look(Balance::overloads)
    }

    fn watch(&self) {
        for capacity in self.shards.iter().flat_map(|shard| shard.seen.invokers()) {
            let (invoker, enabled, memory) = (capacity.invoker, capacity.up, capacity.memory);
            self.tell(Event::Ping { invoker, enabled, memory });
        }
        self.balance.tick(self.clock.now(), self);
    }

    fn tests_due(&self) -> BoxFuture<'_, Vec<InvokerId>> {
        async {
            loop {
                let due = std::mem::take(&mut *self.due.lock());
                if !due.is_empty() {
                    return due.into_iter().collect();
                }
                // One that comes in between leaves a permit.
                self.nudge.notified().await;
            }
        }
        .boxed()
    }

    fn test(&self, invoker: InvokerId, message: Arc<ActivationMessage>) -> Result<(), Refusal> {
        let activation = message.activation_id;
        let shard = self.shard(invoker).ok_or(Refusal::NoInvokers)?;
        self.tell(Event::Testing { invoker, activation });
        shard.link.submit(message).inspect_err(|_| {
            self.tell(Event::Ended { activation, verdict: None });
        })
    }
}

impl Shell<Balance> for Sharding {
    fn carry_out(&self, command: Command) {
        match command {
            Command::Test { invoker } => {
                self.due.lock().insert(invoker);
                self.nudge.notify_one();
            }
            Command::Changed { invoker, health } => {
                tracing::warn!(%invoker, health = health.name(), "an invoker is another than it was");
            }
        }
    }

    // Its deadlines are seconds away, and it is looked at every second.
    fn wake_at(&self, _: &Armed, _: Option<Instant>) {}
}

/// What the end of an activation says about its invoker.
fn verdict(end: End<'_>) -> Option<Verdict> {
    let by_status = |status| match status {
        StatusCode::WhiskError => Verdict::SystemError,
        StatusCode::Success | StatusCode::ApplicationError | StatusCode::DeveloperError => Verdict::Success,
    };
    match end {
        End::GivenUp => Some(Verdict::Timeout),
        End::Heard(Outcome::Finished(record)) => Some(by_status(record.response.status)),
        End::Heard(Outcome::Dropped { status, .. }) => Some(by_status(*status)),
        // It waited too long because of what came before it.
        End::Heard(Outcome::Expired { .. }) => None,
    }
}

impl fmt::Debug for Sharding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sharding").field("shards", &self.shards).finish_non_exhaustive()
    }
}
