//! All roles in one process, joined by direct calls.

use crate::backends::{Factory, open_stores};
use crate::bootstrap::{StockIdentity, bootstrap, settle};
use crate::config::{Config, StoreKind};
use crate::front::{Front, Service};
use crate::keyfiles::Keys;
use crate::roles::schedulers::{Making, Schedulers};
use crate::{StartError, host, keyfiles};
use base::clock::{Clock, SystemClock};
use base::ids::IdSource;
use base::shutdown::{Phase, Shutdown};
use base::task::{OnPanic, spawn};
use container::{Probe, Verdict};
use controller::Controller;
use engine::pool::StemCells;
use invoker::Invoker;
use rpc::{ControllerLink, InvokerLink, InvokerOperations, LocalDirectory, Operated};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use store_embedded::Stores;
use types::{ContainerId, ControllerId, InvokerId, RuntimeManifest, SystemLimits};
use webhook_http::HttpWebhook;

/// There is one of them.
const CONTROLLER: ControllerId = ControllerId(0);

/// How long, at the end, containers may take to go and the store to write out. Everything that was accepted has ended
/// by then, and the next start removes what is left.
const CLEAN_UP: Duration = Duration::from_secs(5);

/// A running platform.
#[derive(Debug)]
pub struct Standalone {
    drain_timeout: Duration,
    controller: Arc<Controller>,
    schedulers: Schedulers,
    invokers: Vec<Arc<Invoker>>,
    factory: Factory,
    stores: Stores,
    announcement: Announcement,
}

/// What a person who started the platform wants to know.
#[derive(Clone, Debug)]
pub struct Announcement {
    /// Where it is served.
    pub address: SocketAddr,
    /// Where it keeps its files; `None`: everything is in memory.
    pub data_dir: Option<PathBuf>,
    /// The kinds that are offered.
    pub runtimes: RuntimeManifest,
    /// Who may use it.
    pub identities: Vec<StockIdentity>,
    /// What is not as it should be on the machine, and what to do about it; empty where all is well.
    pub degraded: Vec<String>,
}

impl Standalone {
    /// Starts the platform. The address is listened at first, and `GET /ping` answered; other requests wait for the rest.
    ///
    /// # Errors
    /// See [`StartError`]. What was started ends with `shutdown`.
    pub async fn start(mut config: Config, shutdown: &Shutdown) -> Result<Standalone, StartError> {
        let data_dir = match &config.server.data_dir {
            Some(dir) => dir.clone(),
            None => host::default_data_dir()?,
        };
        host::prepare_data_dir(&data_dir)
            .map_err(|source| StartError::DataDir { dir: data_dir.clone(), source })?;
        let front = Front::bind(&config.server)?;
        let address = front.address();
        // A port of 0 has become a real one.
        config.server.port = address.port();
        let service = Service::default();
        let serving = front.serve(service.clone(), shutdown.watch());
        spawn("rest api", OnPanic::Abort, serving);
        let clock = SystemClock::shared();
        let keys = keyfiles::keys(&config, &data_dir)?;
        let (stores, factory) = open_backends(&config, &data_dir, &clock).await?;
        let identities =
            bootstrap(&*stores.artifacts, &keys.secrets.keeper, &*clock, address, &config.users).await?;
        let settled = settle(&*stores.artifacts, &keys.secrets.keeper, clock.unix_millis()).await;
        settled.map_err(|error| StartError::Store(Box::new(error)))?;
        let runtimes = factory.port().runtimes().clone();
        let degraded = remedies(&factory.port().probes());
        // Executables run everywhere, but a machine without any language is hardly what its owner had in mind.
        let asked = config.runtimes.manifest.is_some();
        if runtimes.runtimes.keys().all(|family| !asked && family == "native") {
            factory.close().await;
            return Err(StartError::NoRuntime(degraded));
        }
        let kept = config.store.kind == StoreKind::Embedded;
        let data_dir = kept.then_some(data_dir);
        let announcement = Announcement { address, data_dir, runtimes, identities, degraded };
        let standalone = join(&config, keys, (stores, factory), clock, announcement, shutdown)?;
        standalone.open(&service).await;
        Ok(standalone)
    }

    /// What to tell the person who started it.
    #[must_use]
    pub fn announcement(&self) -> &Announcement {
        &self.announcement
    }

    /// Ends what was accepted and takes nothing new, at most as long as the configuration says; then stops everything.
    /// Answers whether everything came to its end.
    pub async fn drain(self, shutdown: &Shutdown) -> bool {
        shutdown.advance(Phase::Draining);
        let ended = tokio::time::timeout(self.drain_timeout, self.controller.drain()).await.is_ok();
        if !ended {
            tracing::warn!("accepted activations are still under way; the next start ends them");
        }
        self.schedulers.drain();
        let clean_up = async {
            futures_util::future::join_all(self.invokers.iter().map(|invoker| invoker.drain())).await;
            self.factory.close().await;
        };
        if tokio::time::timeout(CLEAN_UP, clean_up).await.is_err() {
            tracing::warn!("containers are still there; the next start removes them");
        }
        let flushed = tokio::time::timeout(CLEAN_UP, self.stores.activations.flush()).await;
        if !matches!(flushed, Ok(Ok(()))) {
            tracing::warn!(?flushed, "store was not written out; the next start reads its journal");
        }
        shutdown.advance(Phase::Stopped);
        ended
    }

    /// Lets requests in, and takes up what an earlier process has left.
    async fn open(&self, service: &Service) {
        service.set(self.controller.clone());
        // The first one removes what an earlier process left behind, for all.
        for (number, invoker) in self.invokers.iter().enumerate() {
            if number == 0 {
                invoker.start().await;
            } else {
                invoker.open();
            }
        }
        let controller = self.controller.clone();
        spawn("recovery", OnPanic::Log, async move {
            let recovered = controller.recover().await;
            if recovered != controller::Recovered::default() {
                tracing::info!(?recovered, "took up what an earlier process had accepted");
            }
        });
    }
}

/// Opens what the roles stand on, all at once, because each takes its time.
async fn open_backends(
    config: &Config,
    data_dir: &Path,
    clock: &Arc<dyn Clock>,
) -> Result<(Stores, Factory), StartError> {
    let stores = async {
        let (config, data_dir, clock) = (config.clone(), data_dir.to_owned(), clock.clone());
        let opening = tokio::task::spawn_blocking(move || open_stores(&config, &data_dir, clock));
        opening.await.map_err(|panic| StartError::Store(Box::new(panic))).flatten()
    };
    let factory =
        async { Factory::open(config, data_dir, clock.clone()).await.map_err(|failure| failure.error) };
    // The first fault ends the start; the spawner removes what was made when this process has gone.
    tokio::try_join!(stores, factory)
}

/// Makes the roles and lets them know each other.
fn join(
    config: &Config,
    keys: Keys,
    (stores, factory): (Stores, Factory),
    clock: Arc<dyn Clock>,
    announcement: Announcement,
    shutdown: &Shutdown,
) -> Result<Standalone, StartError> {
    let limits = config.limits.to_system();
    let ids = Arc::new(IdSource::new(clock.clone()));
    let directory = LocalDirectory::new();

    let making = Making { config, clock: &clock, directory: &directory, shutdown };
    let invoker_configs = invoker_configs(&making, &limits, &announcement.runtimes)?;
    let memories: Vec<u64> = invoker_configs.iter().map(|config| config.pool.memory).collect();
    let schedulers = Schedulers::make(&making, &memories, limits.concurrent_invocations);
    let make = |(number, invoker_config): (u32, invoker::Config)| {
        let id = InvokerId(number);
        let deps = invoker::Deps {
            id,
            schedulers: vec![schedulers.of(id)],
            clock: clock.clone(),
            directory: directory.clone(),
            artifacts: stores.artifacts.clone(),
            activations: stores.activations.clone(),
            secrets: keys.secrets.clone(),
            factory: factory.port(),
        };
        let invoker = Invoker::new(invoker_config, deps, shutdown.watch());
        let link: Arc<dyn InvokerLink> = invoker.clone();
        directory.add_invoker(id, &link);
        invoker
    };
    let invokers: Vec<Arc<Invoker>> = (0..).zip(invoker_configs).map(make).collect();

    let controller_deps = controller::Deps {
        artifacts: stores.artifacts.clone(),
        activations: stores.activations.clone(),
        scheduling: schedulers.scheduling(config.controller.to_balance(&limits), &memories),
        operated: Operated {
            scheduler: Some(schedulers.operations()),
            invokers: invokers.iter().cloned().map(|one| one as Arc<dyn InvokerOperations>).collect(),
        },
        clock,
        ids,
        runtimes: Arc::new(announcement.runtimes.clone()),
        secrets: keys.secrets,
        webhook: Arc::new(HttpWebhook::new(config.callbacks.to_client(config.server.host))),
        id: CONTROLLER,
    };
    let loopback = announcement.address.ip().is_loopback();
    let controller_config = controller::Config {
        admin: Some(keys.admin),
        operators: config.operators.to_role(loopback),
        metrics: config.metrics.to_role(loopback),
        durable_answers: config.invoker.durable_answers,
        callbacks: config.callbacks.to_engine(),
        keeping: config.activations.to_keeping(),
        extra_logging: config.activations.extra_logging,
        namespace_defaults: config.limits.namespace_defaults.to_limits(),
        ..config.controller.to_role(limits)
    };
    let controller = Controller::new(controller_config, controller_deps);
    let controller_link: Arc<dyn ControllerLink> = controller.clone();
    directory.add_controller(CONTROLLER, &controller_link);
    let sweeping = controller.clone();
    let stop = shutdown.watch();
    spawn("controller", OnPanic::Abort, async move { sweeping.run(stop).await });

    let drain_timeout = config.server.drain_timeout;
    Ok(Standalone { drain_timeout, controller, schedulers, invokers, factory, stores, announcement })
}

/// How each invoker behaves.
fn invoker_configs(
    making: &Making<'_>,
    limits: &SystemLimits,
    offered: &RuntimeManifest,
) -> Result<Vec<invoker::Config>, StartError> {
    let Making { config, clock, .. } = making;
    // Ids of containers must be above all of earlier starts; no start makes a million a second.
    let first_container = ContainerId(clock.unix_millis() * 1000);
    let stem_cells = stem_cells(config, offered)?;
    let keeping = config.activations.to_keeping();
    let each = config.invoker.to_role(limits, stem_cells, first_container, host::memory());
    let (instances, memory, least) = (config.invoker.instances, each.pool.memory, limits.memory.max);
    if memory < least {
        return Err(StartError::InvokerMemory { instances, each: memory, least });
    }
    Ok((0..instances).map(|_| invoker::Config { keeping, ..each.clone() }).collect())
}

/// The stem cells of the manifest and of the configuration.
fn stem_cells(config: &Config, offered: &RuntimeManifest) -> Result<Vec<StemCells>, StartError> {
    let mut all = StemCells::of(offered).map_err(|error| StartError::Manifest {
        path: config.runtimes.manifest.clone().unwrap_or_default(),
        source: error.into(),
    })?;
    let more = config.runtimes.stem_cells(offered, config.limits.memory.std.as_mb());
    all.extend(more.map_err(|kind| StartError::StemCells {
        kind,
        offered: offered.kinds().collect::<Vec<_>>().join(", "),
    })?);
    Ok(all)
}

/// What is broken and what to do about it, one line for each.
fn remedies(probes: &[Probe]) -> Vec<String> {
    let broken = probes.iter().filter(|probe| probe.verdict != Verdict::Works && !probe.remedy.is_empty());
    broken.map(|probe| format!("{}: {}; {}", probe.name, probe.detail, probe.remedy)).collect()
}
