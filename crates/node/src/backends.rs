//! The choice of back ends: the only place that names one.

use crate::StartError;
use crate::config::{Config, ContainerKind, StoreKind};
use base::clock::Clock;
use container::line::SessionLimits;
use container::{ContainerFactory, Probe};
use container_process::{Places, ProcessFactory, Settings};
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;
use store_embedded::Stores;
use types::{ByteSize, RuntimeManifest};

/// Where, below the data directory, the embedded store keeps its files.
const STORE_DIR: &str = "store";
/// Where, below the data directory, sandboxes have what lives no longer than the server.
const RUN_DIR: &str = "run";

/// Opens the stores. Not for the async threads.
pub(crate) fn open_stores(
    config: &Config,
    data_dir: &Path,
    clock: Arc<dyn Clock>,
) -> Result<Stores, StartError> {
    let mut embedded = config.store.embedded.clone();
    match config.store.kind {
        StoreKind::Memory => embedded.dir = None,
        StoreKind::Embedded => {
            let dir = embedded.dir.get_or_insert_with(|| data_dir.join(STORE_DIR));
            make_private(dir).map_err(|source| StartError::DataDir { dir: dir.clone(), source })?;
        }
    }
    store_embedded::open(&embedded, clock).map_err(|error| StartError::Store(Box::new(error)))
}

/// Makes a directory that only its owner can enter: the store holds keys and everybody's code.
fn make_private(dir: &Path) -> io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

/// What makes containers.
#[derive(Clone, Debug)]
pub(crate) enum Factory {
    /// Sandboxed processes.
    Process(Arc<ProcessFactory>),
}

/// Why nothing makes containers, and what was seen of the machine on the way.
#[derive(Debug)]
pub(crate) struct FactoryError {
    pub(crate) error: StartError,
    pub(crate) probes: Vec<Probe>,
}

impl Factory {
    /// Prepares it: looks for runtimes, and tries whether a container can be made.
    pub(crate) async fn open(
        config: &Config,
        data_dir: &Path,
        clock: Arc<dyn Clock>,
    ) -> Result<Factory, FactoryError> {
        let fault = |error| FactoryError { error, probes: Vec::new() };
        let manifest = read_manifest(config).map_err(fault)?;
        let limits = config.limits.to_system();
        let limits = SessionLimits { result: limits.payload, logs: ByteSize::mb(limits.logs.max) };
        match config.container.kind {
            ContainerKind::Process => {
                let places = Places::new(data_dir.join(RUN_DIR))
                    .map_err(|error| fault(StartError::Sandboxes(Box::new(error))))?;
                let mut runtimes = config.runtimes.to_search();
                runtimes.environment.push(("__OW_API_HOST".to_owned(), config.server.api_host()));
                let settings = Settings {
                    config: config.container.process.clone(),
                    runtimes,
                    manifest,
                    places,
                    limits,
                    clock,
                };
                let opened = ProcessFactory::open(settings).await;
                opened.map(|factory| Factory::Process(Arc::new(factory))).map_err(|mut error| {
                    let probes = std::mem::take(&mut error.probes);
                    FactoryError { error: StartError::Sandboxes(Box::new(error)), probes }
                })
            }
        }
    }

    /// The port.
    pub(crate) fn port(&self) -> Arc<dyn ContainerFactory> {
        match self {
            Factory::Process(factory) => factory.clone(),
        }
    }

    /// Removes every container and everything that was made for them.
    pub(crate) async fn close(&self) {
        match self {
            Factory::Process(factory) => factory.close().await,
        }
    }
}

/// The manifest of the operator, if there is one.
fn read_manifest(config: &Config) -> Result<Option<RuntimeManifest>, StartError> {
    let Some(path) = &config.runtimes.manifest else { return Ok(None) };
    let fault = |source: Box<dyn std::error::Error + Send + Sync>| StartError::Manifest {
        path: path.clone(),
        source,
    };
    let text = std::fs::read_to_string(path).map_err(|error| fault(error.into()))?;
    RuntimeManifest::parse(&text).map(Some).map_err(|error| fault(error.into()))
}
