//! How many runs a second one runtime takes through a `LineSession`, over plain pipes and without a sandbox.
//!
//! `cargo run --release -p oxiwhisk-container-process --example pingpong -- [SECONDS] [ROUNDS]`
//!
//! All variants are measured in turn, several rounds, because a machine's speed changes while one looks; the figures
//! of one round can be compared with each other.

#[path = "../tests/launchers/support.rs"]
#[expect(dead_code, clippy::unwrap_used, reason = "the tests use more of it, and may panic")]
mod support;

use container::Answer;
use container::line::Dialect;
use oxiwhisk_container_process::runtimes::{Config, RuntimeSpec, discover};
use std::path::Path;
use std::time::Duration;
use support::{Bare, ENOUGH};

const VARIANTS: [(&str, &str, &str); 7] = [
    ("nodejs", "sync", "function main(args) { return {n: args.n} }"),
    ("nodejs", "async", "async function main(args) { return {n: args.n} }"),
    ("nodejs", "with a timer", "setInterval(() => {}, 1000); function main(args) { return {n: args.n} }"),
    ("nodejs", "one line of log", "function main(args) { console.log('hello'); return {n: args.n} }"),
    ("python", "sync", "def main(args): return {'n': args['n']}"),
    ("python", "async", "async def main(args): return {'n': args['n']}"),
    ("python", "one line of log", "def main(args):\n    print('hello')\n    return {'n': args['n']}"),
];

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<u64>());
    let seconds = arguments.next().and_then(Result::ok).unwrap_or(1);
    let rounds = arguments.next().and_then(Result::ok).unwrap_or(3);
    let found = discover(&Config::default()).specs;
    for round in 1..=rounds {
        eprintln!("round {round}");
        for (family, what, code) in VARIANTS {
            let spec = found.iter().find(|spec| spec.family() == family && spec.kind.default);
            let Some(spec) = spec else {
                continue;
            };
            let (rate, median) = measure(spec, code, Duration::from_secs(seconds)).await;
            eprintln!("  {:12} {what:16} {rate:7.0} runs/s, median {median:5.1} us", spec.kind.kind);
        }
    }
}

/// Runs a second, and the median of their times in microseconds.
async fn measure(spec: &RuntimeSpec, code: &str, time: Duration) -> (f64, f64) {
    let bare = start(spec);
    let init = bare.session.init(&support::source(code, "main", &[]), ENOUGH).await;
    assert!(matches!(init, Answer::Reply { ok: true, .. }), "{init:?}");
    let mut request = support::request(r#"{"n":1}"#);
    let begun = tokio::time::Instant::now();
    let mut times = Vec::new();
    while begun.elapsed() < time {
        let id = request.context.iter_mut().find(|(name, _)| *name == "activation_id");
        id.expect("an id").1 = format!("{:032x}", times.len()).into();
        let before = tokio::time::Instant::now();
        let answer = bare.session.run(&request, ENOUGH).await;
        times.push(before.elapsed());
        assert!(matches!(answer, Answer::Reply { ok: true, .. }), "{answer:?}");
        bare.logs().await;
    }
    let rate = times.len() as f64 / begun.elapsed().as_secs_f64();
    times.sort();
    (rate, times[times.len() / 2].as_secs_f64() * 1e6)
}

fn start(spec: &RuntimeSpec) -> Bare {
    let launchers = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../runtimes");
    let mut argv = spec.argv.clone();
    let file = if spec.family() == "nodejs" { "nodejs/launcher.js" } else { "python/launcher.py" };
    *argv.last_mut().expect("a launcher") = launchers.join(file).to_string_lossy().into_owned();
    Bare::start(&argv, &spec.environment, (spec.command_fd, spec.result_fd), Dialect::Launcher)
}
