//! Sandboxes that are made before anybody asks for one.

use crate::world::{World, create, eventually, is_root, processes};
use oxiwhisk_container_process::Config;
use serde_json::json;
use std::collections::BTreeSet;
use std::path::Path;
use types::ByteSize;

/// The slots of the sandboxes that there are, taken or not: those in which there are processes.
fn sandboxes(world: &World) -> BTreeSet<String> {
    let entries = std::fs::read_dir(world.run_dir().join("slots")).into_iter().flatten().flatten();
    let slots = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    slots.filter(|slot| !in_slot(slot, world).is_empty()).collect()
}

/// A line of `/proc/PID/cgroup` for each group of a process that this instance has made.
fn groups(process: &Path, world: &World) -> Vec<String> {
    let record = std::fs::read_to_string(world.run_dir().join("instance")).unwrap();
    let at = record.find("oxiwhisk_").expect("a group is on record");
    let mark = format!("/{}/", &record[at..at + "oxiwhisk_".len() + 8]);
    let text = std::fs::read_to_string(process.join("cgroup")).unwrap_or_default();
    text.lines().filter(|line| line.contains(&mark)).map(str::to_owned).collect()
}

fn in_slot(slot: &str, world: &World) -> Vec<u32> {
    let end = format!("/{slot}");
    processes(|process| groups(process, world).iter().any(|line| line.ends_with(&end)))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_ready_is_in_all_its_groups_and_used_once() {
    if !is_root("what_was_ready_is_in_all_its_groups_and_used_once") {
        return;
    }
    let world = World::with(Config { uid_first: 1_810_000_000, ..Config::default() }).await;
    let code = "import os\nseen = os.path.exists('/tmp/mark') or os.path.exists('/dev/shm/mark')\nopen('/tmp/mark', 'w').close()\nopen('/dev/shm/mark', 'w').close()\ndef main(a): return {'uid': os.getuid(), 'pid': os.getpid(), 'seen': seen, 'ipc': os.readlink('/proc/self/ns/ipc'), 'net': os.readlink('/proc/self/ns/net')}";
    let (mut slots, mut namespaces) = (BTreeSet::new(), BTreeSet::new());
    let mut alive = Vec::new();
    for _ in 0..4 {
        let function = world.python(code).await;
        let value = function.call(json!({})).await;
        assert_eq!((&value["seen"], &value["pid"]), (&json!(false), &json!(2)), "{value}");
        let slot = (value["uid"].as_u64().unwrap() - 1_810_000_001).to_string();
        namespaces.extend(["ipc", "net"].map(|kind| value[kind].as_str().unwrap().to_owned()));
        let members = in_slot(&slot, &world);
        // The first process and the program, both in every hierarchy that the instance uses.
        assert_eq!(members.len(), 2, "{members:?}");
        let of = |pid: &u32| {
            let lines = groups(&Path::new("/proc").join(pid.to_string()), &world);
            let end = format!("/{slot}");
            assert!(lines.iter().all(|line| line.ends_with(&end)), "{lines:?}");
            lines.len()
        };
        let record: serde_json::Value = {
            let text = std::fs::read_to_string(world.run_dir().join("instance")).unwrap();
            serde_json::Deserializer::from_str(&text).into_iter().next().unwrap().unwrap()
        };
        let hierarchies = record["cgroups"].as_array().unwrap().len();
        assert_eq!(members.iter().map(of).collect::<Vec<_>>(), [hierarchies; 2]);
        assert!(slots.insert(slot), "a slot was given out twice");
        alive.push(function);
    }
    assert_eq!(namespaces.len(), 8, "each has namespaces of its own: {namespaces:?}");
    world.factory.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn those_that_were_taken_are_replaced() {
    if !is_root("those_that_were_taken_are_replaced") {
        return;
    }
    let world = World::with(Config { ready_sandboxes: 2, ..Config::default() }).await;
    eventually("two are ready", || sandboxes(&world).len() == 2).await;
    // More than were ready, so that some are made on the path.
    let made = (0..5).map(|number| create(&world.factory, number, ByteSize::mb(128)));
    let containers = futures_util::future::join_all(made).await;
    eventually("two more than were taken", || sandboxes(&world).len() == containers.len() + 2).await;
    for container in containers {
        container.destroy().await;
    }
    eventually("two again", || sandboxes(&world).len() == 2).await;
    world.factory.close().await;
    assert_eq!(sandboxes(&world), BTreeSet::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn those_that_were_killed_are_not_given_out() {
    if !is_root("those_that_were_killed_are_not_given_out") {
        return;
    }
    let world = World::with(Config { ready_sandboxes: 2, ..Config::default() }).await;
    let ready = || sandboxes(&world);
    eventually("two are ready", || {
        ready().len() == 2 && ready().iter().all(|slot| in_slot(slot, &world).len() == 1)
    })
    .await;
    // The last of them may still be getting ready, and is then not counted among them; a kill serves as well.
    let killed = ready();
    for pid in killed.iter().flat_map(|slot| in_slot(slot, &world)) {
        let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    }
    eventually("both are dead", || killed.iter().all(|slot| in_slot(slot, &world).is_empty())).await;
    let value = world.try_python("def main(a): return {'x': 1}").await;
    assert_eq!(value["x"], 1);
    eventually("two others are ready", || {
        let now = ready();
        now.len() == 2 && now.iter().all(|slot| !in_slot(slot, &world).is_empty())
    })
    .await;
    world.factory.close().await;
}
