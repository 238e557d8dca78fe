//! A factory of its own for each test, and Python functions to look around with.

use container::line::SessionLimits;
use container::{Answer, Container, ContainerFactory, ContainerSpec, InitRequest, RunRequest};
use oxiwhisk_container_process::{Config, Places, ProcessFactory, Settings, runtimes};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use types::{ActivationId, ByteSize};

/// Longer than anything here takes, and short enough to wait for when it is wrong.
pub(crate) const ENOUGH: Duration = Duration::from_secs(30);

/// Whose calls all are.
pub(crate) const ACTIVATION: ActivationId = ActivationId::from_bits(1);

/// A factory in a directory of its own.
pub(crate) struct World {
    pub factory: ProcessFactory,
    pub dir: tempfile::TempDir,
    next: AtomicU32,
}

/// Whether this process may do what servers usually may. Says so when not.
pub(crate) fn is_root(test: &str) -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        eprintln!("SKIPPED: {test} needs the superuser");
    }
    root
}

/// Settings with the machine's Python only, so that a start is quick.
pub(crate) fn settings(run_dir: PathBuf, config: Config) -> Settings {
    let interpreters = ["/usr/bin/python3.11", "/usr/bin/python3", "/usr/bin/node"];
    let interpreters = interpreters.map(PathBuf::from).into_iter().filter(|path| path.exists()).collect();
    Settings {
        config,
        runtimes: runtimes::Config { interpreters, search: false, ..runtimes::Config::default() },
        manifest: None,
        places: Places { run_dir, spawner: (env!("CARGO_BIN_EXE_oxiwhisk-spawner").into(), Vec::new()) },
        limits: SessionLimits { result: ByteSize::mb(1), logs: ByteSize::mb(10) },
        clock: base::clock::SystemClock::shared(),
    }
}

impl World {
    pub(crate) async fn open() -> World {
        World::with(Config::default()).await
    }

    pub(crate) async fn with(config: Config) -> World {
        let dir = tempfile::tempdir().unwrap();
        let factory = ProcessFactory::open(settings(dir.path().join("run"), config)).await.unwrap();
        World { factory, dir, next: AtomicU32::new(1) }
    }

    pub(crate) fn run_dir(&self) -> PathBuf {
        self.dir.path().join("run")
    }

    /// The directories of the groups of all sandboxes, taken or not; the last of what goes when one is destroyed.
    pub(crate) fn groups(&self) -> Vec<PathBuf> {
        let text = std::fs::read_to_string(self.run_dir().join("instance")).unwrap();
        let record: Value = serde_json::Deserializer::from_str(&text).into_iter().next().unwrap().unwrap();
        let parents = record["cgroups"].as_array().unwrap().iter().map(|dir| dir.as_str().unwrap());
        let entries = parents.flat_map(|dir| std::fs::read_dir(dir).into_iter().flatten().flatten());
        entries.filter(|entry| entry.file_type().unwrap().is_dir()).map(|entry| entry.path()).collect()
    }

    /// A container with this Python source in it, whose `main` is the function.
    pub(crate) async fn python(&self, code: &str) -> Function {
        self.python_with(code, ByteSize::mb(256)).await
    }

    pub(crate) async fn python_with(&self, code: &str, memory: ByteSize) -> Function {
        let container = create(&self.factory, self.next.fetch_add(1, Ordering::Relaxed), memory).await;
        load(&*container, code).await;
        Function { container }
    }

    /// Runs this Python source once.
    pub(crate) async fn try_python(&self, code: &str) -> Value {
        let function = self.python(code).await;
        let value = function.call(Value::Object(serde_json::Map::new())).await;
        function.container.destroy().await;
        value
    }
}

/// A container of the default Python.
pub(crate) async fn create(factory: &ProcessFactory, number: u32, memory: ByteSize) -> Arc<dyn Container> {
    let kind = factory.runtimes().resolve("python:default").expect("this machine has a Python").kind.clone();
    let spec = ContainerSpec { name: format!("test-{number}"), kind, image: None, memory };
    factory.create(spec).await.unwrap()
}

/// Gives a container its code, which must load.
pub(crate) async fn load(container: &dyn Container, code: &str) {
    let request = InitRequest {
        activation: ACTIVATION,
        concurrency: 1,
        name: "test".to_owned(),
        main: "main".to_owned(),
        binary: false,
        code: Some(code.to_owned().into()),
        environment: Vec::new(),
    };
    let answer = container.init(request, ENOUGH).await;
    assert!(matches!(&answer, Answer::Reply { ok: true, .. }), "{answer:?}");
}

/// A Python function in a container.
pub(crate) struct Function {
    pub container: Arc<dyn Container>,
}

impl Function {
    /// Runs it; it must answer.
    pub(crate) async fn call(&self, arguments: Value) -> Value {
        match self.answer(arguments, ENOUGH).await {
            Answer::Reply { ok: true, body, .. } => serde_json::from_slice(&body).unwrap(),
            other => panic!("{other:?} with {:?}", self.container.logs(ACTIVATION, ByteSize::mb(1)).await),
        }
    }

    /// Runs it, whatever it does.
    pub(crate) async fn answer(&self, arguments: Value, limit: Duration) -> Answer {
        let value = types::json::parse(&arguments.to_string()).unwrap();
        self.container
            .run(RunRequest { activation: ACTIVATION, value, context: Vec::new(), stream: None }, limit)
            .await
    }
}

/// Waits until something holds.
pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let start = tokio::time::Instant::now();
    while !holds() {
        assert!(start.elapsed() < ENOUGH, "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The numbers of the processes of this machine for whose directory in `/proc` something holds. Those that have ended
/// and that nobody has asked about yet do not count.
pub(crate) fn processes(holds: impl Fn(&Path) -> bool) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let number = |entry: std::fs::DirEntry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
        let ended = stat.rsplit(')').next()?.trim_start().starts_with('Z');
        (!ended && holds(&entry.path())).then_some(pid)
    };
    entries.filter_map(number).collect()
}
