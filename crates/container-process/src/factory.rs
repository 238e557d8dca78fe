//! Joins runtimes and sandboxes to containers.

use crate::cgroup::Cgroups;
use crate::config::{Config, NetworkMode, Places};
use crate::container::{ProcessContainer, Serving};
use crate::instance::Instance;
use crate::network::{self, Outbound};
use crate::probes;
use crate::runtimes::{self, Found, LAUNCHER_DIR, RuntimeSpec};
use crate::sandbox::{Form, Link, Maker, Shared, Slots, contents};
use crate::wire::ViewFile;
use async_trait::async_trait;
use base::clock::Clock;
use container::line::SessionLimits;
use container::{Container, ContainerFactory, ContainerSpec, CreateError, Probe, Verdict};
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use types::RuntimeManifest;

/// What a factory is made with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What the operator says about sandboxes.
    pub config: Config,
    /// What the operator says about interpreters.
    pub runtimes: runtimes::Config,
    /// The kinds to be offered; `None`: everything that is found.
    pub manifest: Option<RuntimeManifest>,
    /// Where things lie.
    pub places: Places,
    /// How much of answers and logs is kept.
    pub limits: SessionLimits,
    /// The clock of log lines.
    pub clock: Arc<dyn Clock>,
}

/// Why there is no factory, and what was seen on the way.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub struct OpenError {
    text: String,
    /// What works on this machine and what does not, as far as it was looked at.
    pub probes: Vec<Probe>,
}

/// Makes containers that are sandboxed processes of this machine's own interpreters.
#[derive(Debug)]
pub struct ProcessFactory {
    found: Found,
    manifest: RuntimeManifest,
    probes: Vec<Probe>,
    serving: Arc<Serving>,
    maker: Arc<Maker>,
}

impl ProcessFactory {
    /// Takes the directory of the instance, removes what an earlier server left, starts the spawner and makes a first
    /// sandbox. Says once in the log what this machine cannot give.
    ///
    /// # Errors
    /// When another server uses the directory, when no sandbox can be made, or when isolation is required and
    /// incomplete; the probes say why.
    pub async fn open(settings: Settings) -> Result<ProcessFactory, OpenError> {
        let runtimes_config = settings.runtimes.clone();
        let search = tokio::task::spawn_blocking(move || runtimes::discover(&runtimes_config));
        let (config, dir) = (settings.config.clone(), settings.places.run_dir.clone());
        let ground = tokio::task::spawn_blocking(move || Ground::prepare(&config, &dir));
        let (found, ground) = tokio::join!(search, ground);
        let failed = |text: String| OpenError { text, probes: Vec::new() };
        let mut found = found.map_err(|error| failed(format!("cannot look for interpreters: {error}")))?;
        let ground = ground.map_err(|error| failed(format!("cannot prepare the machine: {error}")))?;
        let run_dir = settings.places.run_dir.display();
        let ground = ground.map_err(|error| failed(format!("cannot use {run_dir}: {error}")))?;
        if let Some(manifest) = &settings.manifest {
            found = found.restricted_to(manifest);
        }
        ProcessFactory::assemble(settings, found, ground).await
    }

    /// Ends every sandbox and removes everything that was made on this machine. No container can be made afterwards.
    pub async fn close(&self) {
        self.maker.clear().await;
        self.maker.shared.link.stop().await;
    }

    async fn assemble(settings: Settings, found: Found, ground: Ground) -> Result<ProcessFactory, OpenError> {
        let Settings { config, places, limits, clock, .. } = settings;
        let Ground { instance, cgroups, mut outbound, resolv_conf, rootless } = ground;
        let mut probes = probes::surroundings(&cgroups, resolv_conf.1, instance.dir());
        let optional: BTreeSet<&PathBuf> = found.specs.iter().flat_map(|spec| &spec.mounts).collect();
        let optional = optional.into_iter().cloned().collect();
        let view = contents::view(optional, launcher_files(), resolv_conf.0);
        let slots = Slots::new(config.max_sandboxes);
        let link = Link::new(instance.clone(), places, view, rootless);
        let way_out = Mutex::new(outbound.as_ref().ok().cloned());
        let shared =
            Shared { config: config.clone(), instance, cgroups, outbound: way_out, link, slots, rootless };
        let shared = Arc::new(shared);
        let tried = try_sandbox(&shared, &mut outbound).await;
        let mut isolation = vec![probes::namespaces(&tried)];
        isolation.extend(probes::isolation(rootless, &shared.cgroups, &outbound, &config));
        for probe in isolation.iter().filter(|probe| probe.verdict != Verdict::Works) {
            tracing::warn!(
                what = probe.name,
                detail = probe.detail,
                remedy = probe.remedy,
                "isolation is incomplete"
            );
        }
        let missing: Vec<String> = lacking(&isolation, config.require_isolation);
        isolation.append(&mut probes);
        let mut probes = isolation;
        probes.extend(found.probes.iter().cloned());
        if !missing.is_empty() {
            shared.link.stop().await;
            return Err(OpenError {
                text: format!("functions cannot be kept apart here: {}", missing.join("; ")),
                probes,
            });
        }
        let maker = Maker::new(shared);
        maker.expect(Form { network: config.network.mode, mounts: Vec::new() });
        let serving = Arc::new(Serving { limits, clock, code: config.code });
        Ok(ProcessFactory { manifest: found.manifest(), found, probes, serving, maker })
    }

    fn form(&self, runtime: &RuntimeSpec) -> Form {
        let config = &self.maker.shared.config;
        Form { network: config.network.mode_of(&runtime.kind.kind), mounts: runtime.mounts.clone() }
    }
}

#[async_trait]
impl ContainerFactory for ProcessFactory {
    fn runtimes(&self) -> &RuntimeManifest {
        &self.manifest
    }

    fn probes(&self) -> Vec<Probe> {
        self.probes.clone()
    }

    async fn create(&self, spec: ContainerSpec) -> Result<Arc<dyn Container>, CreateError> {
        let runtime = self.found.spec(&spec.kind, spec.image.as_deref())?.clone();
        let platform = |action: &'static str| {
            let kind = spec.kind.clone();
            move |source: io::Error| CreateError::Platform { action: format!("{action} ({kind})"), source }
        };
        let form = self.form(&runtime);
        let sandbox = self.maker.take(&form, spec.memory).await.map_err(platform("make a sandbox"))?;
        let made =
            ProcessContainer::make(spec.name.clone(), runtime, sandbox.clone(), self.serving.clone()).await;
        match made {
            Ok(container) => Ok(Arc::new(container)),
            Err(error) => {
                sandbox.destroy().await;
                Err(platform("start the runtime")(error))
            }
        }
    }

    /// Nothing: what an earlier server left was removed before this factory began.
    async fn sweep(&self) {}
}

/// What is on the machine before the spawner starts.
struct Ground {
    instance: Arc<Instance>,
    cgroups: Cgroups,
    outbound: Result<Outbound, String>,
    resolv_conf: (String, bool),
    rootless: bool,
}

impl Ground {
    fn prepare(config: &Config, dir: &Path) -> io::Result<Ground> {
        let instance = Arc::new(Instance::open(dir)?);
        instance.sweep();
        let cgroups = Cgroups::open(&instance);
        let wanted = config.network.mode == NetworkMode::Outbound
            || config.network.kinds.values().any(|mode| *mode == NetworkMode::Outbound);
        let outbound = match wanted {
            true => Outbound::open(&config.network, &instance).map_err(|error| error.to_string()),
            false => Err("not asked for".to_owned()),
        };
        let resolv_conf = network::resolv_conf(&config.network);
        Ok(Ground {
            instance,
            cgroups,
            outbound,
            resolv_conf,
            rootless: !rustix::process::geteuid().is_root(),
        })
    }
}

/// Makes a sandbox and removes it again. Where only the way to the outside fails, goes on without.
async fn try_sandbox(shared: &Arc<Shared>, outbound: &mut Result<Outbound, String>) -> io::Result<()> {
    let form = |network| Form { network, mounts: Vec::new() };
    if outbound.is_ok() {
        match shared.make(&form(NetworkMode::Outbound)).await {
            Ok(sandbox) => {
                sandbox.destroy().await;
                return Ok(());
            }
            Err(error) => {
                *outbound = Err(error.to_string());
                *shared.outbound.lock() = None;
            }
        }
    }
    shared.make(&form(NetworkMode::None)).await?.destroy().await;
    Ok(())
}

/// What is missing for a start, in words.
fn lacking(isolation: &[Probe], required: bool) -> Vec<String> {
    let least = if required { Verdict::Degraded } else { Verdict::Broken };
    let lacking = isolation.iter().filter(|probe| probe.verdict >= least);
    lacking.map(|probe| format!("{}: {} ({})", probe.name, probe.detail, probe.remedy)).collect()
}

fn launcher_files() -> BTreeMap<PathBuf, ViewFile> {
    let file = |launcher: &runtimes::Launcher| {
        let text = String::from_utf8_lossy(launcher.contents).into_owned();
        (Path::new(LAUNCHER_DIR).join(launcher.name), ViewFile { text, executable: launcher.executable })
    };
    runtimes::launchers().iter().map(file).collect()
}
