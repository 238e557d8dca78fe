//! Everything at once: thousands of invocations of all kinds while functions and the whole server are killed.
//!
//! What must hold at the end: every activation id that a client was given has exactly one record; no activation ran
//! twice; a record that says success holds the result of just that invocation.
//!
//! Functions tell that they have begun by a datagram to a port of the test, because the record alone cannot show that
//! an activation ran a second time. For this the server of this test gives functions the machine's network.
//!
//! `OXIWHISK_CHAOS_INVOCATIONS` (default 10,000) and `OXIWHISK_CHAOS_SEED` change the run.

use oxiwhisk_test_e2e::api::id_of;
use oxiwhisk_test_e2e::{Api, Options, Response, Server, processes, server, time};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, UdpSocket};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, RwLock, RwLockReadGuard};
use std::time::Duration;

const INVOCATIONS: u64 = 10_000;
/// Clients that invoke at the same time.
const CLIENTS: u64 = 8;
/// How often the whole server is killed.
const SERVER_KILLS: u64 = 5;
/// Time between two kills of a function.
const FUNCTION_KILL_EVERY: Duration = Duration::from_millis(150);
/// How long all records may take to be there once the storm is over.
const SETTLE_LIMIT: Duration = Duration::from_secs(120);
/// How long all invocations may take.
const STORM_LIMIT: Duration = Duration::from_secs(15 * 60);

/// The functions: each tells `nonce activation-id` to the port, logs its nonce, and answers with it. The scripts start no
/// other programs: a killed one would make a wrong answer of a function that lives.
const FUNCTIONS: [(&str, &str, &str); 4] = [
    (
        "chaos-node",
        "nodejs:default",
        "const socket = require('dgram').createSocket('udp4')\n\
         async function main({nonce, port, text}) {\n\
           const told = nonce + ' ' + process.env.__OW_ACTIVATION_ID\n\
           await new Promise(done => socket.send(told, port, '127.0.0.1', done))\n\
           console.log('ran ' + nonce)\n\
           return {nonce, length: [...text].length}\n\
         }",
    ),
    (
        "chaos-python",
        "python:default",
        "import os, socket\n\
         teller = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n\
         def main(args):\n\
         \x20   told = args['nonce'] + ' ' + os.environ['__OW_ACTIVATION_ID']\n\
         \x20   teller.sendto(told.encode(), ('127.0.0.1', args['port']))\n\
         \x20   print('ran ' + args['nonce'])\n\
         \x20   return {'nonce': args['nonce'], 'length': len(args['text'])}\n",
    ),
    (
        "chaos-loop",
        "native:actionloop",
        r#"#!/bin/bash
field() { [[ $line =~ \"$1\"\ *:\ *\"?([0-9a-z-]+) ]]; REPLY=${BASH_REMATCH[1]}; }
while IFS= read -r line; do
    field nonce; nonce=$REPLY; field activation_id; id=$REPLY; field port
    printf '%s %s' "$nonce" "$id" >"/dev/udp/127.0.0.1/$REPLY"
    echo "ran $nonce"; printf '{"nonce": "%s"}\n' "$nonce" >&3
done
"#,
    ),
    (
        "chaos-script",
        "native:skeleton",
        r#"#!/bin/bash
field() { [[ $line =~ \"$1\"\ *:\ *\"?([0-9a-z-]+) ]]; REPLY=${BASH_REMATCH[1]}; }
line=$1; field nonce; nonce=$REPLY; field port
printf '%s %s' "$nonce" "$__OW_ACTIVATION_ID" >"/dev/udp/127.0.0.1/$REPLY"
echo "ran $nonce"; printf '{"nonce": "%s"}\n' "$nonce"
"#,
    ),
];

/// Lets functions reach the test's own port.
const HOST_NETWORK: &str = "container.process.network.mode=host";
const POISONED: &str = "another thread has failed";

/// Numbers that look random and come from a seed (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// A text of all widths of UTF-8, most often short, sometimes long, without quotes and escapes.
    fn text(&mut self) -> String {
        let length = if self.below(20) == 0 { self.below(20_000) } else { self.below(100) };
        (0..length).map(|_| ['a', 'Z', '7', ' ', 'é', '√', '😀'][self.below(7) as usize]).collect()
    }
}

/// What the clients were told.
#[derive(Default)]
struct Ledger {
    /// The nonce and the text's length of every activation whose id a client was given.
    accepted: Mutex<BTreeMap<String, (String, usize)>>,
    /// Invocations of which no client knows what became of them: the connection broke first.
    unknown: AtomicU64,
    /// Invocations that were refused with a status and no id.
    refused: AtomicU64,
}

/// The server of the moment, and what its killer and its clients share.
struct World {
    options: Options,
    server: RwLock<Server>,
    reports: UdpSocket,
    ledger: Ledger,
    sent: AtomicU64,
    over: AtomicBool,
    functions_killed: AtomicU64,
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().expect("a number"))
}

#[test]
fn chaos_every_accepted_activation_has_one_record_and_runs_at_most_once() {
    let total = number("OXIWHISK_CHAOS_INVOCATIONS", INVOCATIONS);
    let seed = number("OXIWHISK_CHAOS_SEED", time::unix_millis());
    println!("OXIWHISK_CHAOS_SEED={seed} OXIWHISK_CHAOS_INVOCATIONS={total}");
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path());
    let started = time::now();
    let mut runs = Vec::new();
    std::thread::scope(|scope| {
        let collector = scope.spawn(|| world.collect());
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let world = &world;
                scope.spawn(move || world.invoke(total, Random(seed ^ (client << 56)), client))
            })
            .collect();
        let killers =
            [scope.spawn(|| world.kill_functions(Random(!seed))), scope.spawn(|| world.kill_servers(total))];
        let ended =
            time::poll(STORM_LIMIT, || clients.iter().all(|client| client.is_finished()).then_some(()));
        world.over.store(true, Ordering::Relaxed);
        assert!(
            ended.is_some(),
            "{} of {total} were sent in {STORM_LIMIT:?}",
            world.sent.load(Ordering::Relaxed)
        );
        for thread in clients.into_iter().chain(killers) {
            thread.join().expect("no client and no killer failed");
        }
        runs = collector.join().expect("the collector goes on until the end");
    });
    println!("the storm took {:?}", started.elapsed());
    world.judge(total, &runs);
}

impl World {
    fn new(dir: &Path) -> World {
        let options = Options { port: Some(server::free_port()), ..Options::in_dir(dir) };
        let options = options.argument("--set").argument(HOST_NETWORK);
        let server = Server::start(&options);
        let api = Api::guest(&server);
        for (name, kind, code) in FUNCTIONS {
            api.put(
                name,
                &json!({"exec": {"kind": kind, "code": code}, "limits": {"memory": 128, "timeout": 20_000}}),
            );
        }
        let reports = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        reports.set_read_timeout(Some(Duration::from_millis(200))).expect("a time-out");
        World {
            options,
            server: RwLock::new(server),
            reports,
            ledger: Ledger::default(),
            sent: AtomicU64::new(0),
            over: AtomicBool::new(false),
            functions_killed: AtomicU64::new(0),
        }
    }

    /// The server of the moment; waits while it is being started again.
    fn server(&self) -> RwLockReadGuard<'_, Server> {
        self.server.read().expect(POISONED)
    }

    /// One client: invokes until `total` invocations were sent by all of them.
    fn invoke(&self, total: u64, mut random: Random, client: u64) {
        let port = self.reports.local_addr().expect("a bound socket").port();
        let api = Api::guest(&self.server());
        loop {
            let number = self.sent.fetch_add(1, Ordering::Relaxed);
            if number >= total || self.over.load(Ordering::Relaxed) {
                return;
            }
            let (name, _, _) = FUNCTIONS[random.below(FUNCTIONS.len() as u64) as usize];
            let nonce = format!("{client}-{number}-{:x}", random.next());
            let text = random.text();
            let payload = json!({"nonce": nonce, "port": port, "text": text});
            let query = ["", "?blocking=true", "?blocking=true&result=true"][random.below(3) as usize];
            match api.try_send("POST", &format!("/actions/{name}{query}"), Some(&payload)) {
                Ok(answer) => self.note(&answer, &nonce, &text),
                Err(_) => {
                    self.ledger.unknown.fetch_add(1, Ordering::Relaxed);
                    api.reset();
                    drop(self.server());
                }
            }
        }
    }

    fn note(&self, answer: &Response, nonce: &str, text: &str) {
        let Some(id) = answer.header("x-openwhisk-activation-id") else {
            assert!(matches!(answer.status, 429 | 503), "{}: {}", answer.status, answer.text());
            self.ledger.refused.fetch_add(1, Ordering::Relaxed);
            return;
        };
        let body = answer.json();
        let result = body.pointer("/response/result").unwrap_or(&body);
        match answer.status {
            200 => assert_eq!(result["nonce"], nonce, "another invocation's answer: {body}"),
            202 => assert_eq!(id_of(&body), id),
            // The function or the platform was killed while it ran.
            _ => assert!(result["error"].is_string(), "{}: {body}", answer.status),
        }
        let length = text.chars().count();
        let before =
            self.ledger.accepted.lock().expect(POISONED).insert(id.to_owned(), (nonce.to_owned(), length));
        assert_eq!(before, None, "the id {id} was given twice");
    }

    /// Takes the functions' reports until nothing has come for some time after the end.
    fn collect(&self) -> Vec<(String, String)> {
        let mut runs = Vec::new();
        let mut buffer = [0; 256];
        loop {
            match self.reports.recv(&mut buffer) {
                Ok(length) => {
                    let text = String::from_utf8_lossy(&buffer[..length]);
                    let (nonce, id) = text.split_once(' ').expect("a report has two words");
                    runs.push((nonce.to_owned(), id.to_owned()));
                }
                Err(_) if self.over.load(Ordering::Relaxed) => return runs,
                Err(_) => {}
            }
        }
    }

    fn kill_functions(&self, mut random: Random) {
        while !self.over.load(Ordering::Relaxed) {
            std::thread::sleep(FUNCTION_KILL_EVERY);
            let server = self.server();
            let functions = processes::functions(server.pid());
            if let Some(victim) = functions.get(random.below(functions.len().max(1) as u64) as usize) {
                processes::signal(victim.pid, libc::SIGKILL);
                self.functions_killed.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Kills the server at even distances in the number of invocations, and starts it again on the same port and data.
    fn kill_servers(&self, total: u64) {
        for kill in 1..=SERVER_KILLS {
            while self.sent.load(Ordering::Relaxed) < kill * total / (SERVER_KILLS + 1) {
                if self.over.load(Ordering::Relaxed) {
                    return;
                }
                std::thread::sleep(Duration::from_millis(5));
            }
            let old = self.server().pid();
            processes::signal(old, libc::SIGKILL);
            let mut server = self.server.write().expect(POISONED);
            server.kill();
            *server = Server::start(&self.options);
            // Whole, so that no process by which it looks at the machine is taken for a function.
            Api::guest(&server).send("GET", "/actions?limit=1", None);
        }
    }

    fn judge(&self, total: u64, runs: &[(String, String)]) {
        let api = Api::guest(&self.server());
        let accepted = self.ledger.accepted.lock().expect(POISONED);
        let deadline = time::now() + SETTLE_LIMIT;
        let mut statuses: BTreeMap<String, u64> = BTreeMap::new();
        let mut errors: BTreeMap<String, u64> = BTreeMap::new();
        for (id, (nonce, length)) in accepted.iter() {
            let left = deadline.saturating_duration_since(time::now());
            let record =
                time::poll(left, || api.record_now(id)).unwrap_or_else(|| panic!("{id} has no record"));
            assert_eq!(record["activationId"], *id);
            assert!(record["end"].is_u64(), "{record:#}");
            let response = &record["response"];
            let status = response["status"].as_str().expect("a record has a status").to_owned();
            if status == "success" {
                assert_eq!(response["result"]["nonce"], *nonce, "another invocation's result: {record:#}");
                assert!(
                    matches!(&response["result"]["length"], Value::Null)
                        || response["result"]["length"] == *length
                );
                assert!(record["logs"].to_string().contains(&format!("ran {nonce}")), "{record:#}");
            }
            if let Some(error) = response["result"]["error"].as_str() {
                *errors.entry(error.to_owned()).or_default() += 1;
            }
            *statuses.entry(status).or_default() += 1;
        }
        let unknown = self.ledger.unknown.load(Ordering::Relaxed);
        let refused = self.ledger.refused.load(Ordering::Relaxed);
        eprintln!(
            "{total} sent: {} accepted ({statuses:?}), {refused} refused, {unknown} unknown; {} runs reported; {} functions \
             and {SERVER_KILLS} servers killed",
            accepted.len(),
            runs.len(),
            self.functions_killed.load(Ordering::Relaxed),
        );
        for (error, count) in errors {
            eprintln!("{count:6} {error}");
        }
        assert_eq!(accepted.len() as u64 + unknown + refused, total);
        every_record_is_listed_once(&api, accepted.keys());
        nothing_ran_twice(runs);
        let succeeded = statuses.get("success").copied().unwrap_or_default();
        assert!(
            succeeded * 10 >= total * 8,
            "only {succeeded} of {total} succeeded: the storm proved little"
        );
        assert!(runs.len() as u64 >= succeeded, "{succeeded} succeeded, {} told of it", runs.len());
    }
}

fn every_record_is_listed_once<'a>(api: &Api, accepted: impl Iterator<Item = &'a String>) {
    const PAGE: usize = 200;
    let mut listed = BTreeSet::new();
    for page in 0.. {
        let path = format!("/activations?limit={PAGE}&skip={}", page * PAGE);
        let items = api.send("GET", &path, None).json();
        let items = items.as_array().expect("a list");
        for item in items {
            let id = item["activationId"].as_str().expect("an id").to_owned();
            assert!(listed.insert(id), "two records: {item}");
        }
        if items.len() < PAGE {
            break;
        }
    }
    for id in accepted {
        assert!(listed.contains(id), "{id} is not listed");
    }
}

fn nothing_ran_twice(runs: &[(String, String)]) {
    let mut by_nonce = BTreeSet::new();
    let mut by_id = BTreeSet::new();
    for (nonce, id) in runs {
        assert!(by_nonce.insert(nonce), "the invocation {nonce} ran twice");
        assert!(by_id.insert(id), "the activation {id} ran twice");
    }
}
