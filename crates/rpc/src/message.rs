use bytes::Bytes;
use machine::Instant;
use serde_json::value::RawValue;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use types::json::{self, Raw};
use types::{
    ActionLimits, Activation, ActivationId, Attempt, ContainerId, ContainerRef, ControllerId,
    CreationFailure, CreationId, EntityName, EntityPath, Epoch, FullyQualifiedName, Identity, InvokerId,
    KeyTrace, Lock, NackReason, NamespaceId, QueueKey, Revision, SemVer, Subject, SystemLimits, TraceContext,
    TransactionId, UserLimits,
};

/// One activation on its way to a container.
#[derive(Clone, Debug)]
pub struct ActivationMessage {
    /// Its id.
    pub activation_id: ActivationId,
    /// The request that made it.
    pub transaction_id: TransactionId,
    /// Which queue it goes through.
    pub queue: Arc<QueueKey>,
    /// What is to be run.
    pub action: Arc<ExecutableAction>,
    /// Who invoked it.
    pub caller: Arc<Identity>,
    /// Who waits for its end.
    pub controller: ControllerId,
    /// Whether a client waits.
    pub blocking: bool,
    /// The arguments: a JSON object, default parameters merged in, without those for the environment (RUN-10).
    pub payload: Raw,
    /// The arguments for the environment at initialisation: a JSON object, if there are any (RUN-10).
    pub environment: Option<Raw>,
    /// Which members of both are locked, if any are (RUN-11).
    pub locks: Option<Arc<[Lock]>>,
    /// The activation that caused this one.
    pub cause: Option<ActivationId>,
    /// Its step in the trace of the request.
    pub trace: TraceContext,
    /// When the request came in, in milliseconds since 1970; `waitTime` counts from there (ATV-17).
    pub received: u64,
    /// When it was accepted, in microseconds since 1970; its phases count from there.
    pub accepted: u64,
    /// Whether its response may be sent in pieces, as [`Piece`]s, before its end.
    pub streams: bool,
    /// Whether the store holds an intent for it, so that its start must be noted there before it runs.
    pub journaled: bool,
}

impl ActivationMessage {
    /// The bytes that it holds on to, for byte limits.
    #[must_use]
    pub fn size(&self) -> u64 {
        (self.payload.get().len() + self.environment.as_ref().map_or(0, |e| e.get().len())) as u64 + 256
    }

    /// An activation of `/provider/pkg/hello` that `caller` invoked through the binding `/caller/bound`, for tests.
    #[doc(hidden)]
    #[must_use]
    pub fn for_tests() -> ActivationMessage {
        let name = EntityName::new("caller").expect("a name");
        let action = FullyQualifiedName::parse("provider/pkg/hello").expect("a name");
        ActivationMessage {
            activation_id: ActivationId::from_bits(7),
            transaction_id: TransactionId::new("transaction"),
            queue: Arc::new(QueueKey { namespace: name.clone(), action: action.clone() }),
            action: Arc::new(ExecutableAction {
                name: action,
                binding: EntityPath::parse("caller/bound").ok(),
                version: SemVer { major: 0, minor: 0, patch: 3 },
                revision: Revision(1),
                kind: Arc::from("nodejs:20"),
                image: None,
                limits: SystemLimits::default().standard(),
                provide_api_key: false,
                slots: 1,
                texts: Remembered::default(),
            }),
            caller: Arc::new(Identity {
                subject: Subject::new("somebody"),
                namespace: NamespaceId { name, uuid: Arc::from("uuid") },
                key: KeyTrace::default(),
                rights: Vec::new(),
                limits: UserLimits::default(),
            }),
            controller: ControllerId(0),
            blocking: true,
            payload: json::raw(&std::collections::BTreeMap::<String, ()>::new()),
            environment: None,
            locks: None,
            cause: None,
            trace: TraceContext::root(5, 6),
            received: 1_000,
            accepted: 1_000_000,
            streams: false,
            journaled: false,
        }
    }
}

/// What is needed to run one revision of an action; shared by all activations of it.
#[derive(Clone, Debug)]
pub struct ExecutableAction {
    /// The provider's own name.
    pub name: FullyQualifiedName,
    /// The package binding it was invoked through, as `ns/binding` (ATV-20).
    pub binding: Option<EntityPath>,
    /// Its version.
    pub version: SemVer,
    /// Its revision in the store, by which the code is found.
    pub revision: Revision,
    /// Its kind.
    pub kind: Arc<str>,
    /// The image, for `blackbox`.
    pub image: Option<Arc<str>>,
    /// Its limits.
    pub limits: ActionLimits,
    /// Whether its container gets the caller's key (RUN-09).
    pub provide_api_key: bool,
    /// How many activations one container runs at a time: the limit of the action, where its kind can do that (RUN-16).
    pub slots: u32,
    /// See [`ExecutableAction::texts`].
    pub texts: Remembered,
}

/// What is said of an action in every activation of it.
#[derive(Debug)]
pub struct Texts {
    /// `/ns/[pkg/]name`, as the code sees it (RUN-08).
    pub absolute: Arc<str>,
    /// Its version.
    pub version: Arc<str>,
    /// For records, as are the others; in JSON.
    pub(crate) path: Raw,
    pub(crate) kind: Raw,
    pub(crate) limits: Raw,
    pub(crate) binding: Option<Raw>,
}

/// Texts that are made when they are first asked for. A copy of an action, which may be changed, makes its own.
#[derive(Debug, Default)]
pub struct Remembered {
    texts: OnceLock<Texts>,
    intent: OnceLock<Box<RawValue>>,
}

impl Clone for Remembered {
    fn clone(&self) -> Remembered {
        Remembered::default()
    }
}

impl ExecutableAction {
    /// What is said of it again and again.
    pub fn texts(&self) -> &Texts {
        self.texts.texts.get_or_init(|| Texts {
            absolute: Arc::from(format!("/{}", self.name)),
            version: Arc::from(self.version.to_string()),
            path: json::raw(&format_args!("{}", self.name)),
            kind: json::raw(&*self.kind),
            limits: json::raw(&self.limits),
            binding: self.binding.as_ref().map(json::raw),
        })
    }

    /// What the intent of each activation says of it: what `write` makes of it the first time.
    pub fn in_intents(&self, write: impl FnOnce(&ExecutableAction) -> Box<RawValue>) -> &RawValue {
        self.texts.intent.get_or_init(|| write(self))
    }
}

/// A request for the log lines of an activation that is under way. One [`Lines`] answers it, when there are some; where
/// the activation is not in a container, or ends first, nothing does. So whoever follows asks again after each answer, and
/// now and then without one. Lines are never sent to somebody who has not asked for them.
#[derive(Clone, Debug)]
pub struct Follow {
    /// Which activation.
    pub activation: ActivationId,
    /// Its queue.
    pub queue: Arc<QueueKey>,
    /// Who wants them.
    pub controller: ControllerId,
    /// A number by which that controller tells those who follow apart. While a request of theirs is open, further ones
    /// are passed over.
    pub follower: u64,
    /// How many lines they have.
    pub from: usize,
}

/// Log lines for somebody who follows.
#[derive(Clone, Debug)]
pub struct Lines {
    /// Who.
    pub follower: u64,
    /// How many lines stand before these.
    pub from: usize,
    /// Some lines, at least one (LOG-03).
    pub lines: Vec<String>,
}

/// A piece of the response of an activation that goes on.
#[derive(Clone, Debug)]
pub struct Piece {
    /// Which activation.
    pub activation: ActivationId,
    /// Where it runs: who is to be told how the response goes on.
    pub container: ContainerRef,
    /// What came.
    pub part: Part,
}

/// What a piece is.
#[derive(Clone, Debug)]
pub enum Part {
    /// The response begins. JSON: the result without its body.
    Head(Bytes),
    /// Bytes of its body. No more than [`STREAM_WINDOW`] come that were not answered by [`Flow::More`].
    Chunk(Bytes),
}

/// How many chunks of a response may be on their way to its reader.
pub const STREAM_WINDOW: usize = 8;

/// What the container of a response is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// One chunk was taken.
    More,
    /// Nobody takes any more.
    Stop,
}

/// From a scheduler to an invoker.
#[derive(Clone, Debug)]
pub enum Order {
    /// Run this in that container, which had credit.
    Dispatch {
        /// Where.
        container: ContainerId,
        /// The owner of the queue.
        epoch: Epoch,
        /// For which time.
        attempt: Attempt,
        /// What.
        message: Arc<ActivationMessage>,
    },
    /// Hand this activation back, unless it has started: `Nack` or `Started` answers.
    Recall {
        /// The queue.
        queue: Arc<QueueKey>,
        /// Where it is.
        container: ContainerId,
        /// Which.
        activation: ActivationId,
        /// The attempt.
        attempt: Attempt,
    },
    /// Provide a container: a paused one, a stem cell, or a new one.
    Create(CreateOrder),
    /// Tell a follower what this activation logs.
    Follow {
        /// Where it is.
        container: ContainerId,
        /// Who asks, and for what.
        follow: Follow,
    },
    /// Tell an activation how its response goes on.
    Flow {
        /// Where it is.
        container: ContainerId,
        /// Which.
        activation: ActivationId,
        /// How.
        flow: Flow,
    },
    /// Drop this container once it is idle.
    Remove {
        /// Which.
        container: ContainerId,
    },
    /// Pause this container if it is idle: it is more than is needed.
    Rest {
        /// Which.
        container: ContainerId,
    },
    /// Drop every container of the queue's action up to this revision, once it is idle.
    RemoveOutdated {
        /// The queue.
        queue: Arc<QueueKey>,
        /// Up to which revision, that one included.
        up_to: Revision,
    },
}

/// An order for one container.
#[derive(Clone, Debug)]
pub struct CreateOrder {
    /// Its number.
    pub creation: CreationId,
    /// The owner of the queue.
    pub epoch: Epoch,
    /// For which queue.
    pub queue: Arc<QueueKey>,
    /// For which action.
    pub action: Arc<ExecutableAction>,
    /// When the scheduler gives the order up, on its own clock.
    pub deadline: Instant,
    /// Whether the invoker is to make room for it, if there is none: nothing serves its queue.
    pub insists: bool,
    /// How many paused containers of an action the namespace keeps past their time.
    pub keep_count: u32,
    /// For how long.
    pub keep_timeout: Duration,
}

/// From an invoker to a scheduler.
#[derive(Clone, Debug)]
pub struct Report {
    /// Which queue it is about.
    pub queue: Arc<QueueKey>,
    /// What happened.
    pub kind: ReportKind,
}

/// What happened to a container, or to an activation in it.
#[derive(Clone, Debug)]
pub enum ReportKind {
    /// An order was carried out: the container is there and takes `slots` activations at a time.
    Created {
        /// Which order.
        creation: CreationId,
        /// The container.
        container: ContainerId,
        /// The revision it serves.
        revision: Revision,
        /// How many activations it takes at a time.
        slots: u32,
        /// How long it took to provide.
        took: Duration,
    },
    /// An order cannot be carried out.
    CreationFailed {
        /// Which order.
        creation: CreationId,
        /// Why.
        failure: CreationFailure,
    },
    /// The run begins now; from here on it must not be handed to another container.
    Started {
        /// The container.
        container: ContainerId,
        /// The activation.
        activation: ActivationId,
        /// The attempt.
        attempt: Attempt,
    },
    /// The run ended, its [`Ack`] is on its way, and the container has room for another activation.
    Finished {
        /// The container.
        container: ContainerId,
        /// The activation.
        activation: ActivationId,
        /// How long initialisation took, where there was one.
        init: Option<Duration>,
        /// How long the run took.
        run: Duration,
        /// Whether the container goes on; if not, `Gone` follows.
        healthy: bool,
    },
    /// The container did not start this activation and will not.
    Nack {
        /// The container.
        container: ContainerId,
        /// The activation.
        activation: ActivationId,
        /// The attempt.
        attempt: Attempt,
        /// Why.
        reason: NackReason,
    },
    /// The container takes nothing more for now, because it is being paused or removed. Dispatches that cross this
    /// report come back as `Nack`.
    Idle {
        /// The container.
        container: ContainerId,
        /// The revision it serves.
        revision: Revision,
        /// Whether it is kept, paused, and can be had again by a creation order.
        paused: bool,
    },
    /// The container is no more.
    Gone {
        /// The container.
        container: ContainerId,
    },
}

/// Why a queue does not take an activation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The queue holds as many activations, or as many bytes, as it may. 429.
    QueueFull,
    /// The namespace has no container and may not have one. 429.
    NamespaceThrottled,
    /// The namespace's limit is zero (CLS-18).
    NoCapacity,
    /// The scheduler is going down; another one will take it.
    ShuttingDown,
    /// No invoker can run it. 503.
    NoInvokers,
}

/// From whoever ended an activation to the controller that waits for it.
#[derive(Clone, Debug)]
pub struct Ack {
    /// Which one.
    pub activation_id: ActivationId,
    /// How it ended.
    pub outcome: Outcome,
}

/// How an activation ended.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It was run, or at least tried; the record has been handed to the store.
    Finished(Arc<Activation>),
    /// It was dropped because it had waited for as long as anything may: the load's fault. Whoever gets this makes the
    /// record.
    Expired {
        /// Whose fault it counts as.
        status: types::StatusCode,
        /// The text of the record.
        error: String,
    },
    /// It was dropped before it ran; whoever gets this makes the record.
    Dropped {
        /// Whose fault it counts as.
        status: types::StatusCode,
        /// The text of the record.
        error: String,
    },
}

/// How an invoker stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvokerCapacity {
    /// Which.
    pub invoker: InvokerId,
    /// Whether it takes orders.
    pub up: bool,
    /// The memory that it has for containers, in MB.
    pub memory: u64,
    /// What of that no busy or starting container holds, in MB.
    pub free: u64,
    /// What of that nobody holds, so that nothing has to be evicted for it, in MB.
    pub unused: u64,
    /// How many creation orders of this scheduler it had received by then.
    pub orders: u64,
    /// What it can do that others cannot.
    pub tags: Vec<String>,
}
