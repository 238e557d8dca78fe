//! What must not stay: after a stop, after the end of the spawner, and after the server was killed.

use crate::world::{ACTIVATION, ENOUGH, World, create, eventually, is_root, load, processes, settings};
use container::{Answer, Container, ContainerFactory};
use oxiwhisk_container_process::{Config, ProcessFactory};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use types::ByteSize;

/// Names the directory in which [`a_server_that_will_be_killed`] is to run.
const VARIABLE: &str = "OXIWHISK_TEST_SERVER_DIR";

const SLEEPER: &str = "import os, time\ndef main(a):\n  if os.fork() == 0:\n    os.setsid()\n    while True: time.sleep(1)\n  return {'uid': os.getuid()}";

/// What of an instance is on the machine: cgroups, interfaces, rules, mounts, directories, processes.
fn traces(run_dir: &Path, marks: &Marks) -> Vec<String> {
    let name = marks.name.as_str();
    let mut traces = Vec::new();
    let mut folders = vec![PathBuf::from("/sys/fs/cgroup")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                if entry.file_name().to_string_lossy().contains(name) {
                    traces.push(entry.path().display().to_string());
                }
                folders.push(entry.path());
            }
        }
    }
    for entry in std::fs::read_dir("/sys/class/net").unwrap().flatten() {
        if entry.file_name().to_string_lossy().contains(name) {
            traces.push(entry.path().display().to_string());
        }
    }
    let rules = Command::new("nft").args(["list", "tables"]).output();
    let rules = rules.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    traces.extend(rules.lines().filter(|line| line.contains(name)).map(str::to_owned));
    let routes = std::fs::read_to_string("/proc/net/route").unwrap();
    traces.extend(routes.lines().filter(|line| line.contains(&marks.route)).map(str::to_owned));
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let dir = run_dir.to_string_lossy();
    traces.extend(mounts.lines().filter(|line| line.contains(&*dir)).map(str::to_owned));
    let slots = run_dir.join("slots");
    traces.extend(slots.exists().then(|| slots.display().to_string()));
    let of_instance = processes(|process| {
        let groups = std::fs::read_to_string(process.join("cgroup")).unwrap_or_default();
        groups.contains(&format!("oxiwhisk_{name}"))
    });
    traces.extend(of_instance.iter().map(|pid| format!("process {pid}")));
    traces
}

/// What an instance is known by on the machine, from its record.
struct Marks {
    name: String,
    /// The line that its range of addresses has among the routes.
    route: String,
}

impl Marks {
    fn of(run_dir: &Path) -> Marks {
        let text = std::fs::read_to_string(run_dir.join("instance")).unwrap();
        let record: serde_json::Value = serde_json::from_str(&text).unwrap();
        let group = Path::new(record["cgroups"][0].as_str().expect("a cgroup is on record")).to_owned();
        let name = group.file_name().unwrap().to_str().unwrap().strip_prefix("oxiwhisk_").unwrap().to_owned();
        let range: std::net::Ipv4Addr =
            record["range"][0].as_str().expect("a range is on record").parse().unwrap();
        Marks { name, route: format!("*\t{:08X}\t", u32::from(range).swap_bytes()) }
    }
}

/// A container with a process in it that does not want to end.
async fn sleeper(factory: &ProcessFactory, number: u32) -> std::sync::Arc<dyn Container> {
    let container = create(factory, number, ByteSize::mb(128)).await;
    load(&*container, SLEEPER).await;
    let value = types::json::parse("{}").unwrap();
    let answer = container
        .run(
            container::RunRequest { activation: ACTIVATION, value, context: Vec::new(), stream: None },
            ENOUGH,
        )
        .await;
    assert!(matches!(answer, Answer::Reply { ok: true, .. }), "{answer:?}");
    container
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_leaves_nothing() {
    if !is_root("a_stop_leaves_nothing") {
        return;
    }
    let world = World::open().await;
    let marks = Marks::of(&world.run_dir());
    let running = sleeper(&world.factory, 1).await;
    let paused = sleeper(&world.factory, 2).await;
    paused.pause().await.unwrap();
    assert!(traces(&world.run_dir(), &marks).len() > 3);
    world.factory.close().await;
    assert_eq!(traces(&world.run_dir(), &marks), Vec::<String>::new());
    tokio::time::timeout(ENOUGH, running.ended()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_leaves_nothing_although_the_directory_was_removed() {
    if !is_root("a_stop_leaves_nothing_although_the_directory_was_removed") {
        return;
    }
    let world = World::open().await;
    let marks = Marks::of(&world.run_dir());
    let _running = sleeper(&world.factory, 1).await;
    std::fs::remove_dir_all(world.run_dir()).unwrap();
    world.factory.close().await;
    assert_eq!(traces(&world.run_dir(), &marks), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn containers_end_with_the_spawner_and_another_one_serves() {
    if !is_root("containers_end_with_the_spawner_and_another_one_serves") {
        return;
    }
    let world = World::open().await;
    let marks = Marks::of(&world.run_dir());
    let running = sleeper(&world.factory, 1).await;
    // The one process of this test that is the spawner: our child, which the sandboxes are children of.
    let own = std::process::id();
    let root = format!("{}", world.run_dir().display());
    let spawners = processes(|process| {
        let status = std::fs::read_to_string(process.join("status")).unwrap_or_default();
        let mounts = std::fs::read_to_string(process.join("mounts")).unwrap_or_default();
        status.contains(&format!("PPid:\t{own}\n")) && mounts.contains(&root)
    });
    assert_eq!(spawners.len(), 1);
    let pid = rustix::process::Pid::from_raw(i32::try_from(spawners[0]).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    tokio::time::timeout(ENOUGH, running.ended()).await.unwrap();
    running.destroy().await;
    // One that was ready may have gone with the spawner; what is asked for now is made by the next one.
    let mut tries = 0;
    let next = loop {
        let kind = world.factory.runtimes().resolve("python:default").unwrap().kind.clone();
        let spec = container::ContainerSpec {
            name: format!("n{tries}"),
            kind,
            image: None,
            memory: ByteSize::mb(128),
        };
        match world.factory.create(spec).await {
            Ok(container) => break container,
            Err(error) if tries < 10 => eprintln!("try {tries}: {error:?}"),
            Err(error) => panic!("{error:?}"),
        }
        tries += 1;
    };
    load(&*next, SLEEPER).await;
    world.factory.close().await;
    assert_eq!(traces(&world.run_dir(), &marks), Vec::<String>::new());
}

/// Not a test: the server of the tests below, in a process of its own.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "started by other tests"]
async fn a_server_that_will_be_killed() {
    let Ok(dir) = std::env::var(VARIABLE) else { return };
    let factory = ProcessFactory::open(settings(dir.into(), Config::default())).await.unwrap();
    let _running = sleeper(&factory, 1).await;
    let paused = sleeper(&factory, 2).await;
    paused.pause().await.unwrap();
    println!("\nserving");
    std::future::pending::<()>().await;
}

struct Server {
    process: std::process::Child,
}

impl Server {
    fn start(run_dir: &Path) -> Server {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["leftovers::a_server_that_will_be_killed", "--exact", "--ignored", "--nocapture"])
            .env(VARIABLE, run_dir)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap() == "serving"), "the server serves");
        // The rest of its output must not block it.
        std::thread::spawn(move || lines.count());
        Server { process }
    }

    fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_kill_of_the_server_its_spawner_cleans_up() {
    if !is_root("after_a_kill_of_the_server_its_spawner_cleans_up") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let run_dir = dir.path().join("run");
    let server = Server::start(&run_dir);
    let marks = Marks::of(&run_dir);
    assert!(traces(&run_dir, &marks).len() > 5);
    server.kill();
    eventually("nothing is left", || traces(&run_dir, &marks).is_empty()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pool_10_after_a_kill_of_everything_the_next_start_cleans_up() {
    if !is_root("pool_10_after_a_kill_of_everything_the_next_start_cleans_up") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let run_dir = dir.path().join("run");
    let server = Server::start(&run_dir);
    let marks = Marks::of(&run_dir);
    // Spawner and server at once: nobody is left to clean up.
    let parent = server.process.id();
    for pid in processes(|process| {
        std::fs::read_to_string(process.join("status"))
            .unwrap_or_default()
            .contains(&format!("PPid:\t{parent}\n"))
    }) {
        let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
        let _ = server.process.id();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    }
    server.kill();
    let before = traces(&run_dir, &marks);
    assert!(!before.is_empty(), "there is something to be swept");
    let factory = ProcessFactory::open(settings(run_dir.clone(), Config::default())).await.unwrap();
    assert_eq!(Marks::of(&run_dir).name, marks.name);
    let container = sleeper(&factory, 1).await;
    container.destroy().await;
    factory.close().await;
    assert_eq!(traces(&run_dir, &marks), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_instance_is_left_alone() {
    if !is_root("a_live_instance_is_left_alone") {
        return;
    }
    let first = World::open().await;
    let running = sleeper(&first.factory, 1).await;
    let second = World::open().await;
    second.factory.close().await;
    let value = types::json::parse("{}").unwrap();
    let answer = running
        .run(
            container::RunRequest { activation: ACTIVATION, value, context: Vec::new(), stream: None },
            ENOUGH,
        )
        .await;
    assert!(matches!(answer, Answer::Reply { ok: true, .. }), "{answer:?}");
    let again = ProcessFactory::open(settings(first.run_dir(), Config::default())).await;
    let error = again.map(drop).unwrap_err().to_string();
    assert!(error.contains("another server"), "{error}");
    first.factory.close().await;
}
