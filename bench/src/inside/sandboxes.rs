//! The factory of sandboxes without a server: making and destroying them, stopping them and letting them go on.

use base::clock::SystemClock;
use container::line::SessionLimits;
use container::{Answer, Container, ContainerFactory as _, ContainerSpec, InitRequest, RunRequest};
use container_process::{Config, Places, ProcessFactory, Settings, runtimes};
use oxiwhisk_test_e2e::{server, time, zipped};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use types::{ActivationId, ByteSize};

/// How long the program may take for anything.
const LIMIT: Duration = Duration::from_secs(10);

/// A factory, and a program for its sandboxes. Everything goes with this value.
#[derive(Debug)]
pub struct Sandboxes {
    runtime: tokio::runtime::Runtime,
    factory: Arc<ProcessFactory>,
    code: bytes::Bytes,
    next: AtomicU64,
    _scratch: tempfile::TempDir,
}

impl Sandboxes {
    /// With the default settings of a server; the spawner is the server's.
    ///
    /// # Errors
    /// When this machine gives no sandboxes.
    pub fn open(program: &Path) -> io::Result<Sandboxes> {
        let runtime = tokio::runtime::Runtime::new()?;
        let scratch = tempfile::tempdir()?;
        let spawner = (server::binary(), vec!["spawner".to_owned()]);
        let settings = Settings {
            config: Config::default(),
            runtimes: runtimes::Config {
                interpreters: Vec::new(),
                search: false,
                ..runtimes::Config::default()
            },
            manifest: None,
            places: Places { run_dir: scratch.path().join("run"), spawner },
            limits: SessionLimits { result: ByteSize::mb(1), logs: ByteSize::mb(1) },
            clock: SystemClock::shared(),
        };
        let factory = runtime.block_on(ProcessFactory::open(settings)).map_err(io::Error::other)?;
        let code = zipped::base64(&std::fs::read(program)?).into();
        Ok(Sandboxes {
            runtime,
            factory: Arc::new(factory),
            code,
            next: AtomicU64::new(0),
            _scratch: scratch,
        })
    }

    /// Makes sandboxes, runs the program once in each and destroys them, so many at a time, and gives how many a second.
    ///
    /// # Errors
    /// When one cannot be made, or does not answer.
    pub fn rate(&self, at_once: usize, period: Duration) -> io::Result<f64> {
        let started = time::now();
        let lane = || async {
            let mut count = 0_u32;
            while started.elapsed() < period {
                self.loaded().await?.destroy().await;
                count += 1;
            }
            Ok::<_, io::Error>(count)
        };
        let count = self.runtime.block_on(async {
            let lanes: Vec<_> = (0..at_once).map(|_| lane()).collect();
            Ok::<_, io::Error>(futures_util::future::try_join_all(lanes).await?.into_iter().sum::<u32>())
        })?;
        Ok(f64::from(count) / started.elapsed().as_secs_f64())
    }

    /// Milliseconds of stopping a sandbox and letting it go on, once for each of `count` times; the program answers after.
    ///
    /// # Errors
    /// When one cannot be stopped.
    pub fn pauses(&self, count: usize) -> io::Result<Vec<f64>> {
        self.runtime.block_on(async {
            let container = self.loaded().await?;
            let mut times = Vec::new();
            for _ in 0..count {
                let started = time::now();
                container.pause().await?;
                container.resume().await?;
                times.push(started.elapsed().as_secs_f64() * 1000.0);
            }
            self.run(&*container).await?;
            container.destroy().await;
            Ok(times)
        })
    }

    /// A sandbox whose program has answered once.
    async fn loaded(&self) -> io::Result<Arc<dyn Container>> {
        let spec = ContainerSpec {
            name: format!("bench-{}", self.next.fetch_add(1, Ordering::Relaxed)),
            kind: "native:actionloop".into(),
            image: None,
            memory: ByteSize::mb(128),
        };
        let container = self.factory.create(spec).await.map_err(io::Error::other)?;
        let request = InitRequest {
            activation: ActivationId::from_bits(1),
            concurrency: 1,
            name: "bench".to_owned(),
            main: "main".to_owned(),
            binary: true,
            code: Some(self.code.clone()),
            environment: Vec::new(),
        };
        good(&container.init(request, LIMIT).await)?;
        self.run(&*container).await?;
        Ok(container)
    }

    async fn run(&self, container: &dyn Container) -> io::Result<()> {
        let request = RunRequest {
            activation: ActivationId::from_bits(1),
            value: types::json::parse("{}")?,
            context: Vec::new(),
            stream: None,
        };
        good(&container.run(request, LIMIT).await)
    }
}

impl Drop for Sandboxes {
    fn drop(&mut self) {
        self.runtime.block_on(self.factory.close());
    }
}

fn good(answer: &Answer) -> io::Result<()> {
    match answer {
        Answer::Reply { ok: true, .. } => Ok(()),
        other => Err(io::Error::other(format!("{other:?}"))),
    }
}
