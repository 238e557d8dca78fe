//! What a function reaches over the network.

use crate::world::{World, is_root};
use container::{ContainerFactory, Verdict};
use oxiwhisk_container_process::{Config, NetworkConfig, NetworkMode};
use serde_json::{Value, json};
use std::net::{IpAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::process::Command;

const CONNECT: &str = r#"
import socket
def main(args):
    answers = {}
    for host, port in args['targets']:
        s = socket.socket(socket.AF_INET6 if ':' in host else socket.AF_INET)
        s.settimeout(3)
        try:
            s.connect((host, port))
            answers[host] = 'connected'
            s.sendall(b'hello')
        except OSError as error:
            answers[host] = type(error).__name__ + ' ' + str(error)
        s.close()
    return answers
"#;

/// The address that this machine has towards the outside.
fn outside_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("198.51.100.7:9").ok()?;
    Some(socket.local_addr().ok()?.ip())
}

fn has_outbound(world: &World) -> bool {
    let works = world
        .factory
        .probes()
        .iter()
        .any(|probe| probe.name == "network of sandboxes" && probe.verdict == Verdict::Works);
    // Where the tools are there and nothing comes of them, that is a fault and no lack.
    let tools = Path::new("/usr/sbin/nft").exists() && Path::new("/proc/sys/net/ipv4/ip_forward").exists();
    assert!(works || !tools, "{:?}", world.factory.probes());
    if !works {
        eprintln!("SKIPPED: this machine cannot give sandboxes a way to the outside");
    }
    works
}

fn network(mode: NetworkMode) -> Config {
    Config { network: NetworkConfig { mode, ..NetworkConfig::default() }, ..Config::default() }
}

/// A namespace that stands for the outside, with a server in it; removed when dropped.
struct Outside {
    name: String,
    server: std::process::Child,
}

impl Outside {
    /// At this address, behind a pair of interfaces.
    fn open(name: &str, third: u8) -> Outside {
        let run = |command: &str| {
            let words: Vec<&str> = command.split(' ').collect();
            let status = Command::new("ip").args(&words).status().unwrap();
            assert!(status.success(), "ip {command}");
        };
        let _ = Command::new("ip").args(["netns", "del", name]).stderr(std::process::Stdio::null()).status();
        let _ = Command::new("ip")
            .args(["link", "del", &format!("{name}h")])
            .stderr(std::process::Stdio::null())
            .status();
        run(&format!("netns add {name}"));
        run(&format!("link add {name}h type veth peer name {name}o netns {name}"));
        run(&format!("addr add 198.51.{third}.1/24 dev {name}h"));
        run(&format!("link set {name}h up"));
        run(&format!("-n {name} addr add 198.51.{third}.2/24 dev {name}o"));
        run(&format!("-n {name} link set {name}o up"));
        let serve = "import socket\ns = socket.create_server(('0.0.0.0', 7777))\nprint('up', flush=True)\nwhile True:\n  c, a = s.accept()\n  c.recv(10)\n  print(a[0], flush=True)";
        let server = Command::new("ip")
            .args(["netns", "exec", name, "/usr/bin/python3", "-c", serve])
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut outside = Outside { name: name.to_owned(), server };
        assert_eq!(outside.line(), "up\n");
        outside
    }

    /// The next line that the server says.
    fn line(&mut self) -> String {
        use std::io::Read;
        let mut line = String::new();
        let output = self.server.stdout.as_mut().unwrap();
        let mut byte = [0];
        while !line.ends_with('\n') && output.read(&mut byte).unwrap() == 1 {
            line.push(char::from(byte[0]));
        }
        line
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
        let _ = Command::new("ip").args(["netns", "del", &self.name]).status();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_machine_and_other_sandboxes_are_out_of_reach() {
    if !is_root("the_machine_and_other_sandboxes_are_out_of_reach") {
        return;
    }
    let world = World::open().await;
    if !has_outbound(&world) {
        return;
    }
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let code = "import socket, fcntl, struct, threading\ndef main(a):\n  s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n  s.connect(('198.51.100.7', 9))\n  global server\n  server = socket.create_server(('0.0.0.0', 8080))\n  return {'address': s.getsockname()[0]}";
    let other = world.python(code).await;
    let neighbour = other.call(json!({})).await["address"].as_str().unwrap().to_owned();
    let function = world.python(CONNECT).await;
    let gateway = world
        .try_python("def main(a):\n  l = [l.split() for l in open('/proc/net/route')][1:]\n  g = [x[2] for x in l if x[1] == '00000000'][0]\n  return {'gateway': '.'.join(str(b) for b in bytes.fromhex(g)[::-1])}")
        .await["gateway"]
        .as_str()
        .unwrap()
        .to_owned();
    let mut targets = vec![
        json!(["127.0.0.1", port]),
        json!([gateway, port]),
        json!([neighbour, 8080]),
        json!(["169.254.169.254", 80]),
        json!(["::1", port]),
    ];
    if let Some(own) = outside_address() {
        targets.push(json!([own.to_string(), port]));
    }
    let answers = function.call(json!({ "targets": targets })).await;
    for (target, answer) in answers.as_object().unwrap() {
        assert_ne!(answer, "connected", "{target}");
    }
    listener.set_nonblocking(true).unwrap();
    assert!(listener.accept().is_err(), "somebody got through");
    world.factory.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_outside_is_reached_under_the_machines_address() {
    if !is_root("the_outside_is_reached_under_the_machines_address") {
        return;
    }
    let denied = Config {
        network: NetworkConfig { deny: vec!["198.51.21.0/24".to_owned()], ..NetworkConfig::default() },
        ..Config::default()
    };
    let world = World::with(denied).await;
    if !has_outbound(&world) {
        return;
    }
    let mut outside = Outside::open("owout", 20);
    let refused = Outside::open("owden", 21);
    let function = world.python(CONNECT).await;
    let targets = json!([["198.51.20.2", 7777], ["198.51.21.2", 7777]]);
    let answers = function.call(json!({ "targets": targets })).await;
    assert_eq!(answers["198.51.20.2"], "connected", "{answers}");
    assert_ne!(answers["198.51.21.2"], "connected");
    assert_eq!(outside.line(), "198.51.20.1\n", "the machine's own address is all that is seen");
    drop(refused);
    world.factory.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_network_in_which_nothing_was_sent_serves_another_sandbox() {
    if !is_root("only_a_network_in_which_nothing_was_sent_serves_another_sandbox") {
        return;
    }
    let world = World::with(Config { ready_sandboxes: 0, ..Config::default() }).await;
    if !has_outbound(&world) {
        return;
    }
    let seen = |then: &str| {
        format!(
            "import os, socket\ndef main(a):\n  tcp = open('/proc/net/tcp').read().splitlines()[1:]\n  net = os.readlink('/proc/self/ns/net')\n  {then}\n  return {{'net': net, 'tcp': tcp, 'uid': os.getuid()}}"
        )
    };
    let quiet = seen("pass");
    let within =
        seen("s = socket.create_server(('127.0.0.1', 0)); c = socket.create_connection(s.getsockname())");
    let outwards = seen("socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('198.51.100.7', 9))");
    let mut answers = Vec::new();
    for code in [&quiet, &within, &outwards, &quiet] {
        answers.push(world.try_python(code).await);
    }
    for answer in &answers {
        assert_eq!(answer["tcp"], json!([]), "connections of another sandbox are seen");
    }
    assert_eq!(answers[0]["net"], answers[1]["net"], "nothing was sent by the first");
    assert_ne!(answers[1]["net"], answers[2]["net"], "the second has sent to itself");
    assert_ne!(answers[2]["net"], answers[3]["net"], "the third has sent to the outside");
    let users = |range: std::ops::Range<usize>| {
        answers[range].iter().map(|answer| answer["uid"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(users(0..3), vec![answers[0]["uid"].clone(); 3]);
    assert_ne!(answers[3]["uid"], answers[2]["uid"], "its addresses are not given to another one at once");
    world.factory.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_network_there_is_only_the_own_loopback() {
    if !is_root("without_a_network_there_is_only_the_own_loopback") {
        return;
    }
    let world = World::with(network(NetworkMode::None)).await;
    let value = world
        .try_python("import socket\ndef main(a):\n  s = socket.create_server(('127.0.0.1', 0))\n  c = socket.create_connection(s.getsockname())\n  return {'names': [n for _, n in socket.if_nameindex()]}")
        .await;
    assert_eq!(value["names"], json!(["lo"]));
    world.factory.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_machines_own_network_is_there_where_asked_for() {
    if !is_root("the_machines_own_network_is_there_where_asked_for") {
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let world = World::with(network(NetworkMode::Host)).await;
    let answers: Value = world.python(CONNECT).await.call(json!({ "targets": [["127.0.0.1", port]] })).await;
    assert_eq!(answers["127.0.0.1"], "connected");
    world.factory.close().await;
}
