//! A container from its start to its end.

use crate::world::{ENOUGH, World, eventually, is_root, load, processes};
use container::{Answer, ContainerFactory};
use oxiwhisk_container_process::Config;
use serde_json::json;
use std::time::Duration;
use types::ByteSize;

#[tokio::test(flavor = "multi_thread")]
async fn a_function_runs_many_times_and_keeps_its_state() {
    if !is_root("a_function_runs_many_times_and_keeps_its_state") {
        return;
    }
    let world = World::open().await;
    let function =
        world.python("import os\nn = 0\ndef main(a):\n  global n\n  n += 1\n  return {'n': n, 'host': os.uname().nodename}").await;
    for n in 1..=3 {
        let value = function.call(json!({})).await;
        assert_eq!(value["n"], n);
        assert_eq!(value["host"], function.container.name());
    }
    world.factory.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_container_does_nothing_until_it_is_resumed() {
    if !is_root("a_paused_container_does_nothing_until_it_is_resumed") {
        return;
    }
    let world = World::open().await;
    let function = world.python("def main(a): return {'x': 1}").await;
    function.container.pause().await.unwrap();
    assert_eq!(function.answer(json!({}), Duration::from_millis(50)).await, Answer::TimedOut);
    function.container.resume().await.unwrap();
    let function = world.python("def main(a): return {'x': 1}").await;
    for _ in 0..20 {
        function.container.pause().await.unwrap();
        function.container.resume().await.unwrap();
        assert_eq!(function.call(json!({})).await["x"], 1);
    }
    // Also what is paused can be destroyed.
    function.container.pause().await.unwrap();
    tokio::time::timeout(ENOUGH, function.container.destroy()).await.unwrap();
    world.factory.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cls_10_the_reason_of_an_end_is_told() {
    if !is_root("cls_10_the_reason_of_an_end_is_told") {
        return;
    }
    let world = World::open().await;
    for (code, expected) in [("os._exit(3)", "exit code 3"), ("os.kill(os.getpid(), 9)", "signal 9")] {
        let function = world.python(&format!("import os\ndef main(a):\n  {code}")).await;
        let answer = function.answer(json!({}), ENOUGH).await;
        assert!(matches!(&answer, Answer::Exited { detail } if detail == expected), "{answer:?}");
        tokio::time::timeout(ENOUGH, function.container.ended()).await.unwrap();
        function.container.destroy().await;
    }
    world.factory.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_outlives_its_container() {
    if !is_root("nothing_outlives_its_container") {
        return;
    }
    // Users of its own, because the other tests that run meanwhile have processes too.
    let world = World::with(Config { uid_first: 1_800_000_000, ..Config::default() }).await;
    let code = "import os, time\ndef main(a):\n  for _ in range(5):\n    if os.fork() == 0:\n      os.setsid()\n      if os.fork() == 0:\n        for fd in range(3, 16):\n          try: os.close(fd)\n          except OSError: pass\n        while True: time.sleep(1)\n      os._exit(0)\n  return {'uid': os.getuid()}";
    let function = world.python(code).await;
    let uid = function.call(json!({})).await["uid"].as_u64().unwrap();
    let of_user = || {
        processes(|dir| {
            let status = std::fs::read_to_string(dir.join("status")).unwrap_or_default();
            status.lines().any(|line| line.starts_with(&format!("Uid:\t{uid}\t")))
        })
    };
    eventually("six processes", || of_user().len() == 6).await;
    function.container.destroy().await;
    assert_eq!(of_user(), Vec::<u32>::new());
    tokio::time::timeout(ENOUGH, function.container.ended()).await.unwrap();
    // A second call does nothing.
    function.container.destroy().await;
    world.factory.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_that_is_dropped_is_destroyed() {
    if !is_root("a_container_that_is_dropped_is_destroyed") {
        return;
    }
    let world = World::open().await;
    let function = world.python("import os\ndef main(a): return {'uid': os.getuid()}").await;
    let uid = function.call(json!({})).await["uid"].as_u64().unwrap();
    let slot = (uid - 1_900_000_001).to_string();
    let has_groups = || world.groups().iter().any(|group| group.ends_with(&slot));
    assert!(has_groups());
    drop(function);
    eventually("its groups are gone", || !has_groups()).await;
    world.factory.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_are_made_at_once() {
    if !is_root("many_are_made_at_once") {
        return;
    }
    let world = World::open().await;
    let made = (0..12).map(|n| crate::world::create(&world.factory, 1000 + n, ByteSize::mb(128)));
    let containers = futures_util::future::join_all(made).await;
    for container in &containers {
        load(&**container, "def main(a): return {}").await;
    }
    for container in containers {
        container.destroy().await;
    }
    world.factory.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_kind_is_the_developers_fault() {
    if !is_root("an_unknown_kind_is_the_developers_fault") {
        return;
    }
    let world = World::open().await;
    let spec = container::ContainerSpec {
        name: "x".to_owned(),
        kind: "cobol:1".into(),
        image: None,
        memory: ByteSize::mb(128),
    };
    let error = world.factory.create(spec).await.unwrap_err();
    assert!(matches!(error, container::CreateError::Developer(_)), "{error:?}");
    world.factory.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_gives_up_on_a_container_leaves_nothing() {
    if !is_root("who_gives_up_on_a_container_leaves_nothing") {
        return;
    }
    // Without any that is ready, every one is made on the path.
    let world = World::with(Config { ready_sandboxes: 0, ..Config::default() }).await;
    for micros in [0, 50, 200, 1000, 3000, 8000, 15_000] {
        let made = crate::world::create(&world.factory, 1, ByteSize::mb(128));
        let _ = tokio::time::timeout(Duration::from_micros(micros), made).await;
    }
    eventually("no groups are left", || world.groups().is_empty()).await;
    world.factory.close().await;
}
