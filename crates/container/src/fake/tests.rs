//! The fake keeps the contract too, where a script stands in for the program.

use super::*;
use crate::conformance::{Program, Subject};
use base::clock::SystemClock;
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::Duration;

const RESULT_LIMIT: u64 = 1 << 20;

/// Does what the suite's program does.
#[derive(Debug, Default)]
struct Interpreter {
    /// By container.
    containers: Mutex<HashMap<String, Memory>>,
}

/// What a program remembers.
#[derive(Debug)]
struct Memory {
    environment: HashMap<String, String>,
    runs: u64,
    /// A permit for each run that may go on.
    free: Arc<Semaphore>,
}

impl Script for Interpreter {
    fn create(&self, spec: &ContainerSpec) -> (Duration, Result<(), CreateError>) {
        let known = &*spec.kind == "nodejs:20";
        let refused =
            || CreateError::Developer(format!("The runtime '{}' is not available here.", spec.kind));
        (Duration::from_millis(1), if known { Ok(()) } else { Err(refused()) })
    }

    fn init(&self, spec: &ContainerSpec, request: &InitRequest) -> Reaction {
        let environment = request.environment.iter().cloned().collect();
        let memory = Memory { environment, runs: 0, free: Arc::new(Semaphore::new(0)) };
        self.containers.lock().insert(spec.name.clone(), memory);
        match request.code.as_deref() {
            Some(b"Talks") => Reaction::reply(true, "").log(LogStream::Stdout, "loading"),
            Some(b"Broken") => Reaction::reply(false, r#"{"error":"broken"}"#),
            Some(b"Exits") => Reaction::exits(),
            Some(b"Hangs") => Reaction::hangs(),
            _ => Reaction::reply(true, ""),
        }
    }

    fn run(&self, spec: &ContainerSpec, request: &RunRequest) -> Reaction {
        let mut containers = self.containers.lock();
        let Memory { environment, runs, free } = containers.get_mut(&spec.name).expect("it was initialised");
        for (name, value) in &request.context {
            environment.insert(format!("__OW_{}", name.to_uppercase()), value.to_string());
        }
        *runs += 1;
        let value: Value = serde_json::from_str(request.value.get()).expect("arguments are JSON");
        let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
        match text("do").as_str() {
            "count" => Reaction::reply(true, &json!({ "n": *runs }).to_string()),
            "error" => Reaction::reply(true, r#"{"error":"sorry","more":1}"#),
            "scalar" => Reaction::reply(true, "7"),
            "throw" => Reaction::reply(false, ""),
            "exit" => Reaction::exits(),
            "hang" => Reaction::hangs(),
            "log" => Reaction::reply(true, "{}")
                .log(LogStream::Stdout, &text("text"))
                .log(LogStream::Stderr, &format!("! {}", text("text"))),
            "wait" => Reaction::reply(true, "{}")
                .log_first(LogStream::Stdout, &text("text"))
                .log_first(LogStream::Stderr, &format!("! {}", text("text")))
                .with_permit(free.clone())
                .log(LogStream::Stdout, &text("text")),
            "release" => {
                free.add_permits(usize::try_from(value["runs"].as_u64().unwrap_or(0)).unwrap_or_default());
                Reaction::reply(true, "{}")
            }
            "flood" => (0..value["lines"].as_u64().unwrap_or(0))
                .fold(Reaction::reply(true, "{}"), |said, _| said.log(LogStream::Stdout, &"x".repeat(1023))),
            "env" => Reaction::reply(true, &json!({ "value": environment.get(&text("name")) }).to_string()),
            _ => match request.value.get() {
                long if long.len() as u64 > RESULT_LIMIT => Reaction::of(Answer::Reply {
                    ok: true,
                    body: Bytes::copy_from_slice(&long.as_bytes()[..1 << 20]),
                    cut_from: Some(long.len() as u64),
                }),
                value => Reaction::reply(true, value),
            },
        }
    }
}

#[expect(clippy::unused_async, reason = "other back ends take time to be made")]
async fn make() -> Subject {
    Subject {
        factory: FakeFactory::new(
            RuntimeManifest::for_tests(),
            SystemClock::shared(),
            Interpreter::default(),
        ),
        kind: "nodejs:20".to_owned(),
        source: |program: Program| format!("{program:?}"),
        flood: 2000,
        result_limit: ByteSize::bytes(RESULT_LIMIT),
        guard: Box::new(()),
    }
}

crate::conformance!(make);

#[tokio::test]
#[should_panic(expected = "initialised twice")]
async fn the_contract_is_watched_over() {
    let factory = FakeFactory::new(RuntimeManifest::for_tests(), SystemClock::shared(), Echo);
    let spec = ContainerSpec {
        name: "a".to_owned(),
        kind: Arc::from("nodejs:20"),
        image: None,
        memory: ByteSize::mb(128),
    };
    let container = factory.create(spec).await.unwrap();
    let init = || InitRequest {
        activation: ActivationId::from_bits(1),
        concurrency: 1,
        name: "a".to_owned(),
        main: "main".to_owned(),
        binary: false,
        code: None,
        environment: Vec::new(),
    };
    container.init(init(), Duration::from_secs(1)).await;
    container.init(init(), Duration::from_secs(1)).await;
}
