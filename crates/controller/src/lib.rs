//! The REST API, entitlement and invocation.
//!
//! A request goes through [`api`] (what is asked for, by whom), [`entitlement`] (may they, and not too often) and
//! [`invoke`] (which action, with which arguments, and what came of it); a load balancer hands activations on. Warm,
//! nothing of this reads a store.
//!
//! This crate must not know back ends, sockets, or the other roles beyond the verbs of `rpc`.

mod api;
mod balancer;
mod cache;
mod callbacks;
mod config;
mod entities;
mod entitlement;
mod follow;
mod identities;
mod invoke;
mod observe;
mod pending;

/// Doors for `bench/gate`, which counts the instructions of parts of a request's path.
#[doc(hidden)]
pub mod measured {
    pub use crate::api::measured::read;
    pub use crate::invoke::measured::{Merge, answer, wish};
}

pub use api::Body;
pub use balancer::{Scheduling, Shard};
pub use config::{Config, Deps, Metrics, Operators, WaitOver};
pub use invoke::Recovered;

use balancer::LoadBalancer;
use base::clock::Clock;
use base::ids::IdSource;
use base::shutdown::{Phase, ShutdownWatch};
use base::task::{OnPanic, spawn};
use callbacks::Callbacks;
use entities::Entities;
use follow::Followers;
use identities::Identities;
use invoke::OnTheWay;
use observe::Observer;
use pending::{Gate, OpenActivations};
use rpc::Operated;
use secrets::Secrets;
use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;
use store::{ActivationStore, ArtifactStore, Cached};
use types::{Activation, ControllerId, Identity, RuntimeManifest};

/// How often overdue activations are looked for. Their deadlines are minutes away, so this need not be exact.
const SWEEP: Duration = Duration::from_secs(5);

/// One controller.
pub struct Controller {
    config: Config,
    id: ControllerId,
    clock: Arc<dyn Clock>,
    ids: Arc<IdSource>,
    runtimes: Arc<RuntimeManifest>,
    identities: Arc<Identities>,
    entities: Arc<Entities>,
    artifacts: Arc<dyn ArtifactStore>,
    activations: Arc<dyn ActivationStore>,
    secrets: Arc<Secrets>,
    balancer: Box<dyn LoadBalancer>,
    pending: OpenActivations,
    gate: Gate,
    fires: invoke::Fires,
    operated: Operated,
    on_the_way: OnTheWay,
    followers: Arc<Followers>,
    observer: Arc<Observer>,
    callbacks: Callbacks,
    info: api::Info,
    room: api::Room,
    this: Weak<Controller>,
}

impl Controller {
    /// A controller that serves at once; [`Controller::run`] must run beside it.
    #[must_use]
    pub fn new(config: Config, deps: Deps) -> Arc<Controller> {
        let Deps { artifacts, activations, scheduling, operated, clock, ids, runtimes, secrets, webhook, id } =
            deps;
        // Identities are read past the cache, so that a key that another process revoked goes in time (AUTH-17).
        let most_actions = config.metrics.as_ref().map(|metrics| metrics.most_actions);
        let observer = Arc::new(Observer::new(id, clock.clone(), most_actions));
        let (store, short) = (artifacts.clone(), secrets.short.clone());
        let identities = Identities::new(store.clone(), clock.clone(), short, &config, observer.clone());
        let identities = Arc::new(identities);
        let cached: Arc<dyn ArtifactStore> =
            Arc::new(Cached::new(artifacts, config.artifact_cache.as_bytes()));
        let entities = Arc::new(Entities::new(cached.clone(), runtimes.clone()));
        let watched = cache::Watched::new(cached, identities.clone(), entities.clone());
        let parts = callbacks::Parts {
            artifacts: store.clone(),
            activations: activations.clone(),
            webhook,
            secrets: secrets.clone(),
            clock: clock.clone(),
            ids: ids.clone(),
        };
        let callbacks = Callbacks::new(config.callbacks, parts);
        let info = api::Info::new(&config, &runtimes);
        let room = api::Room::new(config.body_memory);
        Arc::new_cyclic(|this| Controller {
            balancer: scheduling.into_balancer(clock.clone(), ids.clone()),
            config,
            id,
            clock,
            ids,
            runtimes,
            identities,
            entities,
            artifacts: Arc::new(watched),
            activations,
            secrets,
            pending: OpenActivations::new(),
            gate: Gate::default(),
            fires: invoke::Fires::new(),
            operated,
            on_the_way: OnTheWay::default(),
            followers: Arc::default(),
            observer,
            callbacks,
            info,
            room,
            this: this.clone(),
        })
    }

    /// The artifact store through which others in this process must write, so that what this controller remembers of
    /// a document goes when the document changes: a blocked subject is refused from the next request on (AUTH-03).
    #[must_use]
    pub fn artifacts(&self) -> Arc<dyn ArtifactStore> {
        self.artifacts.clone()
    }

    /// Ends activations whose acknowledgement never came, tries callbacks again, and watches over invokers where the
    /// balancer does, until the process stops. To be run
    /// as a task of its own.
    pub async fn run(&self, shutdown: ShutdownWatch) {
        let sweeping = async {
            loop {
                tokio::time::sleep(SWEEP).await;
                self.sweep();
            }
        };
        tokio::select! {
            () = shutdown.reached(Phase::Stopped) => {}
            () = self.callbacks.run(shutdown.clone()) => {}
            () = sweeping => {}
            () = self.supervise() => {}
        }
    }

    /// Goes on with something after its request was answered. Stopping waits for it as it waits for requests: see
    /// [`Controller::drain`].
    pub(crate) fn go_on<F, T>(&self, name: &'static str, task: F)
    where
        F: FnOnce(Arc<Controller>) -> T,
        T: Future<Output = ()> + Send + 'static,
    {
        // Whoever calls a method of it has one.
        let Some(this) = self.this.upgrade() else { return };
        let (pass, task) = (self.gate.go_on(), task(this));
        spawn(name, OnPanic::Log, async move {
            task.await;
            drop(pass);
        });
    }

    /// To be told of every record that ends an activation of `caller`, once, by whoever makes it or hears of it: events,
    /// metrics and callbacks come from here.
    pub(crate) fn ended(&self, caller: &Identity, record: &Activation) {
        self.observer.ended(caller, record);
        self.followers.ended(record);
        self.callbacks.ended(record.activation_id);
    }

    /// Takes no more invocations on: they are answered with 503 and a time to come back. Everything else is served.
    /// Returns when every activation that was accepted has ended, so the caller bounds the wait.
    pub async fn drain(&self) {
        self.gate.close();
        self.gate.emptied().await;
        self.pending.emptied().await;
        // Not before, so that whoever reads events hears of the last end.
        self.observer.close();
    }
}

impl fmt::Debug for Controller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Controller").field("id", &self.id).field("pending", &self.pending.len()).finish()
    }
}
