//! A container from start to end.

use container::line::SessionLimits;
use container::{Answer, ContainerFactory, ContainerSpec, InitRequest, RunRequest};
use oxiwhisk_container_process::{Config, Places, ProcessFactory, Settings, runtimes};
use std::time::Duration;
use types::ByteSize;

#[tokio::test(flavor = "multi_thread")]
async fn a_function_runs() {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings {
        config: Config::default(),
        runtimes: runtimes::Config::default(),
        manifest: None,
        places: Places { run_dir: dir.path().join("run"), spawner: (env!("CARGO_BIN_EXE_oxiwhisk-spawner").into(), vec![]) },
        limits: SessionLimits { result: ByteSize::mb(1), logs: ByteSize::mb(10) },
        clock: base::clock::SystemClock::shared(),
    };
    let t = std::time::Instant::now();
    let factory = ProcessFactory::open(settings).await.unwrap();
    println!("open {:?}", t.elapsed());
    for p in factory.probes() { println!("{p:?}"); }
    println!("{:?}", factory.runtimes().kinds().collect::<Vec<_>>());
    for kind in ["nodejs:default", "python:default"] {
        let kind = factory.runtimes().resolve(kind).unwrap().kind.clone();
        let t = std::time::Instant::now();
        let container = factory.create(ContainerSpec { name: format!("c-{}", kind.replace(':', "-").replace('.', "_")), kind: kind.clone(), image: None, memory: ByteSize::mb(256), concurrency: 1 }).await.unwrap();
        println!("create {:?}", t.elapsed());
        let code = if kind.starts_with("node") { "function main(a) { console.log('hi'); return {a: a.x, me: require('os').hostname(), uid: process.getuid()}; }" } else { "import os\ndef main(a):\n  print('hi')\n  return {'a': a.get('x'), 'host': os.uname().nodename, 'ls': os.listdir('/'), 'uid': os.getuid(), 'env': dict(os.environ)}" };
        let answer = container.init(InitRequest { name: "x".into(), main: "main".into(), binary: false, code: Some(code.into()), environment: vec![] }, Duration::from_secs(5)).await;
        println!("init {:?} {:?}", t.elapsed(), answer);
        let answer = container.run(RunRequest { value: serde_json::from_str("{\"x\":1}").unwrap(), context: vec![("activation_id", "abc".into())] }, Duration::from_secs(5)).await;
        println!("run {:?} {:?}", t.elapsed(), answer);
        assert!(matches!(answer, Answer::Reply { ok: true, .. }));
        println!("{:?}", container.logs(ByteSize::mb(1)).await);
        let t = std::time::Instant::now();
        container.pause().await.unwrap();
        println!("pause {:?}", t.elapsed());
        container.resume().await.unwrap();
        container.destroy().await;
        println!("destroy {:?}", t.elapsed());
    }
    factory.close().await;
}
