//! The rules of containers, with the real Node.js and Python in real sandboxes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on may as well panic")]

use container::ContainerFactory;
use container::conformance::{self, Program, Subject};
use container::line::SessionLimits;
use oxiwhisk_container_process::{Config, Places, ProcessFactory, Settings, runtimes};
use std::path::PathBuf;
use std::sync::Arc;
use types::ByteSize;

const RESULT_LIMIT: ByteSize = ByteSize::mb(1);

/// A factory of its own with the machine's interpreters, and the default kind of a family.
async fn subject(family: &str, source: fn(Program) -> String) -> Subject {
    let dir = tempfile::tempdir().unwrap();
    let programs = ["/usr/bin/node", "/usr/local/bin/node", "/usr/bin/python3"];
    let interpreters = programs.map(PathBuf::from).into_iter().filter(|path| path.exists()).collect();
    let settings = Settings {
        config: Config::default(),
        runtimes: runtimes::Config { interpreters, search: false, ..runtimes::Config::default() },
        manifest: None,
        places: Places {
            run_dir: dir.path().join("run"),
            spawner: (env!("CARGO_BIN_EXE_oxiwhisk-spawner").into(), Vec::new()),
        },
        limits: SessionLimits { result: RESULT_LIMIT, logs: ByteSize::mb(10) },
        clock: base::clock::SystemClock::shared(),
    };
    let factory = ProcessFactory::open(settings).await.unwrap();
    let kind = factory.runtimes().resolve(&format!("{family}:default"));
    let kind = kind.expect("this machine has an interpreter of the family").kind.to_string();
    Subject {
        factory: Arc::new(factory),
        kind,
        source,
        flood: 50_000,
        result_limit: RESULT_LIMIT,
        guard: Box::new(dir),
    }
}

mod nodejs {
    async fn subject() -> container::conformance::Subject {
        super::subject("nodejs", super::conformance::nodejs).await
    }

    container::conformance!(subject);
}

mod python {
    async fn subject() -> container::conformance::Subject {
        super::subject("python", super::conformance::python).await
    }

    container::conformance!(subject);
}
