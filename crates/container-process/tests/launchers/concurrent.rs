//! RUN-16 and LOG-10 with the launchers: many calls at a time in one process.

use super::support::{Bare, ENOUGH, request, source, text};
use super::{launch, specs};
use container::line::Init;
use container::{Answer, LogStream, RunRequest};
use oxiwhisk_container_process::runtimes::RuntimeSpec;
use types::{ActivationId, ByteSize};

/// Starts a launcher that takes four calls at a time.
async fn loaded(spec: &RuntimeSpec, code: &str) -> Bare {
    let bare = launch(spec);
    let init = Init { concurrency: 4, ..source(code, "main", &[]) };
    let answer = bare.session.init(&init, ENOUGH).await;
    assert!(matches!(answer, Answer::Reply { ok: true, .. }), "{}: {answer:?}", spec.kind.kind);
    bare
}

/// A run whose activation has this number.
async fn run(bare: &Bare, number: u128, value: &str) -> (bool, String) {
    let request = RunRequest { activation: ActivationId::from_bits(number), ..request(value) };
    match bare.session.run(&request, ENOUGH).await {
        Answer::Reply { ok, body, .. } => (ok, text(&body)),
        other => panic!("{number}: {other:?}"),
    }
}

async fn lines(bare: &Bare, number: u128) -> Vec<String> {
    let logs = bare.session.logs(ActivationId::from_bits(number), ByteSize::mb(1)).await;
    assert!(!logs.truncated && !logs.incomplete);
    let stream = |stream| if stream == LogStream::Stdout { "out" } else { "err" };
    logs.lines.iter().map(|line| format!("{} {}", stream(line.stream), line.text)).collect()
}

#[tokio::test]
async fn run_16_log_10_nodejs_functions_interleave_and_their_lines_do_not() {
    let code = "const turn = () => new Promise(setImmediate);
        let here = 0;
        async function main({name, all, what}) {
            here += 1;
            process.stdout.write(name + ' is ');
            while (here < all) await turn();
            process.stdout.write(Buffer.from('here\\n'), () => console.error('written by', name));
            await turn();
            setTimeout(() => console.log('after', name), 0);
            await new Promise(done => setTimeout(done, 5));
            console.log('open end of ' + name + '\\nx');
            process.stdout.write('y');
            if (what === 'throw') throw new Error(name);
            return {name};
        }";
    for spec in specs("nodejs") {
        let bare = loaded(spec, code).await;
        let value = |name: &str, what: &str| format!(r#"{{"name":"{name}","all":3,"what":"{what}"}}"#);
        let (a, b, c) = (value("a", ""), value("b", "throw"), value("c", ""));
        let (a, b, c) = tokio::join!(run(&bare, 1, &a), run(&bare, 2, &b), run(&bare, 3, &c));
        assert_eq!((a, c), ((true, r#"{"name":"a"}"#.to_owned()), (true, r#"{"name":"c"}"#.to_owned())));
        assert!(b.0 && b.1.starts_with(r#"{"error":{"name":"Error","message":"b""#), "{b:?}");
        for (number, name) in [(1, "a"), (2, "b"), (3, "c")] {
            let expected = [
                "out NAME is here",
                "err written by NAME",
                "out after NAME",
                "out open end of NAME",
                "out x",
                "out y",
            ];
            assert_eq!(lines(&bare, number).await, expected.map(|line| line.replace("NAME", name)));
        }
    }
}

#[tokio::test]
async fn log_10_what_goes_past_the_nodejs_launcher_goes_to_the_call_that_ends_next() {
    let code = "const { execSync } = require('child_process');
        function main({name}) {
            console.log(name);
            execSync('echo from a child; echo to stderr >&2', {stdio: ['ignore', 'inherit', 'inherit']});
            return {};
        }";
    let bare = loaded(specs("nodejs")[0], code).await;
    for name in ["a", "b"] {
        run(&bare, 1, &format!(r#"{{"name":"{name}"}}"#)).await;
        assert_eq!(lines(&bare, 1).await, [&format!("out {name}"), "out from a child", "err to stderr"]);
    }
}

#[tokio::test]
async fn run_16_log_10_python_functions_run_in_threads_and_their_lines_stay_apart() {
    let code = "import logging, sys, threading
logging.basicConfig(stream=sys.stderr, format='%(message)s', level=logging.INFO)
here = threading.Barrier(3)
def main(args):
    name = args['name']
    print(name, 'is ', end='')
    here.wait()
    print('here')
    logging.info('logged by %s', name)
    here.wait()
    sys.stdout.write('x\\ny')
    if args['what'] == 'throw': raise ValueError(name)
    if args['what'] == 'scalar': return 7
    return {'name': name}";
    for spec in specs("python") {
        let bare = loaded(spec, code).await;
        let value = |name: &str, what: &str| format!(r#"{{"name":"{name}","what":"{what}"}}"#);
        let (a, b, c) = (value("a", ""), value("b", "throw"), value("\u{2603}", "scalar"));
        let (a, b, c) = tokio::join!(run(&bare, 1, &a), run(&bare, 2, &b), run(&bare, 3, &c));
        assert_eq!(a, (true, r#"{"name":"a"}"#.to_owned()));
        assert_eq!(b, (true, r#"{"error":"b"}"#.to_owned()));
        assert_eq!(c, (false, r#"{"error":"The action did not return a dictionary or array."}"#.to_owned()));
        for (number, name) in [(1, "a"), (2, "b"), (3, "\u{2603}")] {
            let lines = lines(&bare, number).await;
            let expected =
                ["out NAME is here", "err logged by NAME", "out x"].map(|line| line.replace("NAME", name));
            assert_eq!(lines[..3], expected);
            assert!(lines.contains(&"out y".to_owned()), "{lines:?}");
            assert_eq!(lines.iter().any(|line| line == "err ValueError: b"), number == 2, "{lines:?}");
        }
    }
}

#[tokio::test]
async fn run_16_log_10_python_coroutines_share_a_loop() {
    let code = "import asyncio
event = None
async def main(args):
    global event
    print(args['name'], 'begins')
    if event is None:
        event = asyncio.Event()
        await event.wait()
    else:
        event.set()
    await asyncio.to_thread(print, args['name'], 'in a thread') if hasattr(asyncio, 'to_thread') else print(args['name'], 'in a thread')
    return args";
    for spec in specs("python") {
        let bare = loaded(spec, code).await;
        let (a, b) = tokio::join!(run(&bare, 1, r#"{"name":"a"}"#), run(&bare, 2, r#"{"name":"b"}"#));
        assert!(a.0 && b.0, "{a:?} {b:?}");
        for (number, name) in [(1, "a"), (2, "b")] {
            let expected = [format!("out {name} begins"), format!("out {name} in a thread")];
            assert_eq!(lines(&bare, number).await, expected);
        }
    }
}

#[tokio::test]
async fn arguments_that_a_launcher_cannot_read_are_the_failure_of_their_own_call() {
    let bare = loaded(specs("python")[0], "def main(args): return args").await;
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let (failed, fine) = tokio::join!(run(&bare, 1, &deep), run(&bare, 2, r#"{"a":1}"#));
    assert!(!failed.0 && failed.1.contains("the arguments cannot be read"), "{failed:?}");
    assert_eq!(fine, (true, r#"{"a":1}"#.to_owned()));
}
