//! Code in every form that clients send it in, in real sandboxes: executables, archives, images that stand for them, and
//! every interpreter of this machine.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on may as well panic")]

use container::line::SessionLimits;
use container::{Answer, Container, ContainerFactory, ContainerSpec, InitRequest, RunRequest};
use oxiwhisk_container_process::{Config, Places, ProcessFactory, Settings, runtimes};
use std::io::{Cursor, Write};
use std::sync::Arc;
use std::time::Duration;
use types::{ActivationId, ByteSize};
use zip::write::SimpleFileOptions;

/// Whose calls all are.
const ACTIVATION: ActivationId = ActivationId::from_bits(1);

const ENOUGH: Duration = Duration::from_secs(30);

struct World {
    factory: ProcessFactory,
    _dir: tempfile::TempDir,
}

impl World {
    async fn open() -> World {
        let dir = tempfile::tempdir().unwrap();
        let settings = Settings {
            config: Config::default(),
            runtimes: runtimes::Config::default(),
            manifest: None,
            places: Places {
                run_dir: dir.path().join("run"),
                spawner: (env!("CARGO_BIN_EXE_oxiwhisk-spawner").into(), Vec::new()),
            },
            limits: SessionLimits { result: ByteSize::mb(1), logs: ByteSize::mb(10) },
            clock: base::clock::SystemClock::shared(),
        };
        World { factory: ProcessFactory::open(settings).await.unwrap(), _dir: dir }
    }

    async fn container(&self, kind: &str, image: Option<&str>) -> Arc<dyn Container> {
        let kind = match self.factory.runtimes().resolve(kind) {
            Some(known) => known.kind.clone(),
            None => Arc::from(kind),
        };
        let spec = ContainerSpec {
            name: format!("native-{}", kind.replace([':', '.'], "-")),
            kind,
            image: image.map(Arc::from),
            memory: ByteSize::mb(256),
        };
        self.factory.create(spec).await.unwrap()
    }
}

fn zipped(files: &[(&str, u32, &str)]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, mode, contents) in files {
        zip.start_file(*name, SimpleFileOptions::default().unix_permissions(*mode)).unwrap();
        zip.write_all(contents.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

async fn init(container: &dyn Container, code: Option<&[u8]>, binary: bool) -> Answer {
    let code = code.map(|code| match binary {
        true => base64_simd::STANDARD.encode_to_string(code).into(),
        false => bytes::Bytes::copy_from_slice(code),
    });
    let request = InitRequest {
        activation: ACTIVATION,
        concurrency: 1,
        name: "a".to_owned(),
        main: "main".to_owned(),
        binary,
        code,
        environment: vec![("COLOUR".to_owned(), "blue".to_owned())],
    };
    container.init(request, ENOUGH).await
}

async fn run(container: &dyn Container, value: &str) -> String {
    let value = types::json::parse(value).unwrap();
    let context = vec![("activation_id", "00ff".into())];
    match container.run(RunRequest { activation: ACTIVATION, value, context, stream: None }, ENOUGH).await {
        Answer::Reply { ok, body, .. } => {
            format!("{}{}", if ok { '+' } else { '-' }, String::from_utf8_lossy(&body))
        }
        other => panic!("{other:?} with {:?}", container.logs(ACTIVATION, ByteSize::mb(1)).await),
    }
}

fn is_loaded(answer: &Answer) -> bool {
    matches!(answer, Answer::Reply { ok: true, .. })
}

const LOOP: &str = "#!/bin/sh\nread -r word < data\nwhile read -r line; do echo got it; printf '{\"data\":\"%s %s\"}\\n' $word $COLOUR >&3; done\n";

#[tokio::test(flavor = "multi_thread")]
async fn proxy_05_an_executable_in_an_archive_has_its_files_beside_it() {
    let world = World::open().await;
    for (kind, image) in [("native:default", None), ("blackbox", Some("openwhisk/actionloop-base"))] {
        let container = world.container(kind, image).await;
        let code = zipped(&[("exec", 0o644, LOOP), ("data", 0o644, "hello\n")]);
        let answer = init(&*container, Some(&code), true).await;
        assert!(is_loaded(&answer), "{answer:?}");
        for _ in 0..3 {
            assert_eq!(run(&*container, "{}").await, r#"+{"data":"hello blue"}"#);
            assert_eq!(container.logs(ACTIVATION, ByteSize::mb(1)).await.lines[0].text, "got it");
        }
        container.destroy().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn proxy_08_a_shell_script_runs_anew_for_each_run() {
    let world = World::open().await;
    let script = "#!/bin/sh\necho \"as $(id -u)\"\necho \"{\\\"got\\\":$1,\\\"env\\\":\\\"$COLOUR $__OW_ACTIVATION_ID\\\"}\"\n";
    for (kind, image, binary) in [
        ("native:skeleton", None, false),
        ("native:skeleton", None, true),
        ("blackbox", Some("openwhisk/dockerskeleton:nightly"), false),
    ] {
        let container = world.container(kind, image).await;
        let answer = init(&*container, Some(script.as_bytes()), binary).await;
        assert!(is_loaded(&answer), "{answer:?}");
        assert_eq!(run(&*container, r#"{"a":1}"#).await, r#"+{"got":{"a":1},"env":"blue 00ff"}"#);
        let logs = container.logs(ACTIVATION, ByteSize::mb(1)).await;
        assert!(logs.lines[0].text.starts_with("as ") && logs.lines.len() == 1, "{logs:?}");
        container.destroy().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_without_code_answers_as_a_stub() {
    let world = World::open().await;
    let container = world.container("blackbox", Some("openwhisk/dockerskeleton")).await;
    assert!(is_loaded(&init(&*container, None, false).await));
    assert!(run(&*container, "{}").await.contains("This is a stub action."));
    container.destroy().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_executed_is_the_developers_fault() {
    let world = World::open().await;
    for (code, binary) in [
        (b"echo no interpreter".to_vec(), false),
        (b"#!/no/such/interpreter\n".to_vec(), false),
        (b"\x7fELF and then nothing".to_vec(), true),
        (zipped(&[("other", 0o755, LOOP)]), true),
    ] {
        let container = world.container("native:default", None).await;
        let answer = init(&*container, Some(&code), binary).await;
        assert!(matches!(answer, Answer::Reply { ok: false, .. } | Answer::Exited { .. }), "{answer:?}");
        container.destroy().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn proxy_03_proxy_07_archives_for_interpreters() {
    let world = World::open().await;
    let javascript = zipped(&[
        ("package.json", 0o644, r#"{"main":"lib/a.js"}"#),
        (
            "lib/a.js",
            0o644,
            "const dep = require('dep'); exports.main = args => ({at: dep.at, cwd: process.cwd()})",
        ),
        ("node_modules/dep/index.js", 0o644, "exports.at = 1"),
    ]);
    let python = zipped(&[
        (
            "__main__.py",
            0o644,
            "import os\nimport dep\ndef main(args): return {'at': dep.at, 'cwd': os.getcwd()}",
        ),
        ("virtualenv/bin/activate_this.py", 0o644, ""),
        ("virtualenv/lib/python3.11/site-packages/dep.py", 0o644, "at = 1"),
    ]);
    for (kind, code) in [("nodejs:default", javascript), ("python:default", python)] {
        let container = world.container(kind, None).await;
        let answer = init(&*container, Some(&code), true).await;
        assert!(is_loaded(&answer), "{answer:?}");
        assert_eq!(run(&*container, "{}").await, r#"+{"at":1,"cwd":"/action"}"#);
        container.destroy().await;
        let broken = world.container(kind, None).await;
        let Answer::Reply { ok: false, body, .. } = init(&*broken, Some(b"PK\x03\x04"), true).await else {
            panic!("it loaded");
        };
        let text = String::from_utf8_lossy(&body).into_owned();
        assert!(text.contains("There was an error uncompressing the action archive."), "{text}");
        broken.destroy().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_interpreter_of_this_machine_runs_in_a_sandbox() {
    let world = World::open().await;
    let kinds: Vec<String> = world.factory.runtimes().kinds().map(str::to_owned).collect();
    assert!(kinds.iter().any(|kind| kind.starts_with("nodejs:")));
    for kind in kinds.iter().filter(|kind| !kind.starts_with("native:")) {
        let container = world.container(kind, None).await;
        let code = match kind.starts_with("python:") {
            true => "import ssl, json, hashlib\ndef main(args): return args",
            false => "require('crypto'); function main(args) { return args }",
        };
        let answer = init(&*container, Some(code.as_bytes()), false).await;
        assert!(
            is_loaded(&answer),
            "{kind}: {answer:?} {:?}",
            container.logs(ACTIVATION, ByteSize::mb(1)).await
        );
        assert_eq!(run(&*container, r#"{"a":[1]}"#).await, r#"+{"a":[1]}"#, "{kind}");
        container.destroy().await;
    }
}
