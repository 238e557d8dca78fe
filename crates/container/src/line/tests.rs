//! The session against a runtime that is a thread of the test. Real runtimes are driven in `container-process`.

use super::*;
use crate::LogStream;
use base::clock::TestClock;
use rustix::pipe::{PipeFlags, pipe_with};
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::sync::Arc;

const ENOUGH: Duration = Duration::from_secs(20);
const LIMIT: u64 = 100;

/// Whose calls all are, where nothing else is said.
const A: ActivationId = ActivationId::from_bits(1);

/// The runtime's ends.
struct Runtime {
    commands: BufReader<File>,
    results: File,
    stdout: File,
    stderr: File,
}

impl Runtime {
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.commands.read_line(&mut line).unwrap();
        line
    }
}

/// A session, and what its other side does until it returns, which ends the runtime.
fn session(dialect: Dialect, live: impl FnOnce(Runtime) + Send + 'static) -> LineSession {
    session_of(dialect, LIMIT, live)
}

/// The same with another limit of results.
fn session_of(dialect: Dialect, limit: u64, live: impl FnOnce(Runtime) + Send + 'static) -> LineSession {
    let pipe = || pipe_with(PipeFlags::CLOEXEC).unwrap();
    let (commands, command) = pipe();
    let (result, results) = pipe();
    let (stdout, stdout_end) = pipe();
    let (stderr, stderr_end) = pipe();
    std::thread::spawn(move || {
        live(Runtime {
            commands: BufReader::new(File::from(commands)),
            results: File::from(results),
            stdout: File::from(stdout_end),
            stderr: File::from(stderr_end),
        });
    });
    let limits = SessionLimits { result: ByteSize::bytes(limit), logs: ByteSize::bytes(1000) };
    LineSession::start(Pipes { command, result, stdout, stderr }, dialect, limits, TestClock::new()).unwrap()
}

/// Answers each command with what `answer` makes of it.
fn answering(dialect: Dialect, mut answer: impl FnMut(&str) -> String + Send + 'static) -> LineSession {
    session(dialect, move |mut runtime| {
        loop {
            let line = runtime.line();
            if line.is_empty() || runtime.results.write_all(answer(&line).as_bytes()).is_err() {
                return;
            }
        }
    })
}

fn request(value: &str) -> RunRequest {
    let value = types::json::parse(value).unwrap();
    RunRequest { activation: A, value, context: vec![("activation_id", "a\"b".into())], stream: None }
}

fn reply(ok: bool, body: &str) -> Answer {
    Answer::Reply { ok, body: Bytes::copy_from_slice(body.as_bytes()), cut_from: None }
}

fn texts(logs: &Logs, stream: LogStream) -> Vec<&str> {
    logs.lines.iter().filter(|line| line.stream == stream).map(|line| &*line.text).collect()
}

#[tokio::test]
async fn a_command_is_one_line_whatever_is_in_the_value() {
    let session = answering(Dialect::Launcher, |line| format!("+{line}"));
    let answer = session.run(&request("{\n\"a\" :\n1.50}"), ENOUGH).await;
    assert_eq!(answer, reply(true, r#"{"value":{"a":1.50},"activation_id":"a\"b"}"#));
    let environment = [("K".to_owned(), "v\n".to_owned())];
    let init = Init {
        name: "n",
        main: "m",
        code: Some("c\n"),
        folder: None,
        environment: &environment,
        concurrency: 1,
        activation: A,
    };
    let answer = session.init(&init, ENOUGH).await;
    assert_eq!(answer, reply(true, r#"{"init":{"name":"n","main":"m","code":"c\n","env":{"K":"v\n"}}}"#));
}

#[tokio::test]
async fn between_calls_no_buffer_is_held() {
    let session = answering(Dialect::Launcher, |line| format!("+{}\n", line.len()));
    // The second does not fit into the pipe at once.
    for length in [10, 1 << 20] {
        let value = format!("\"{}\"", "x".repeat(length));
        let answer = session.run(&request(&value), ENOUGH).await;
        assert!(matches!(answer, Answer::Reply { ok: true, .. }), "{answer:?}");
        assert_eq!(session.turns.lock().await.as_ref().map(Wire::held), Some(0), "{length}");
    }
}

#[tokio::test]
async fn the_first_byte_of_a_launchers_answer_says_whether_it_succeeded() {
    let mut answers = ["+{}\n", "-{\"error\":1}\n", "\n", "what\n", "+\n"].into_iter();
    let session = answering(Dialect::Launcher, move |_| answers.next().unwrap().to_owned());
    for expected in [
        reply(true, "{}"),
        reply(false, r#"{"error":1}"#),
        reply(false, ""),
        reply(false, "what"),
        reply(true, ""),
    ] {
        assert_eq!(session.run(&request("{}"), ENOUGH).await, expected);
    }
}

#[tokio::test]
async fn cls_12_an_answer_is_cut_at_the_limit_exactly_and_the_rest_counted() {
    for (dialect, mark) in [(Dialect::Launcher, "+"), (Dialect::ActionLoop, "")] {
        for length in [1, LIMIT - 1, LIMIT, LIMIT + 1, 8191, 8192, 8193, 300_000] {
            let body = format!("[{}]", "1".repeat(usize::try_from(length).unwrap().saturating_sub(2)));
            let body = if length == 1 { "[".to_owned() } else { body };
            let line = format!("{mark}{body}\n");
            let session = answering(dialect, move |_| line.clone());
            for _ in 0..2 {
                let answer = session.run(&request("{}"), ENOUGH).await;
                let Answer::Reply { body: kept, cut_from, .. } = answer else {
                    panic!("{answer:?}");
                };
                assert_eq!(cut_from, (length > LIMIT).then_some(length), "{dialect:?}");
                let whole = dialect == Dialect::Launcher || length > 1;
                if whole {
                    let expected = usize::try_from(length.min(LIMIT)).unwrap();
                    assert_eq!(kept, body.as_bytes()[..expected], "{dialect:?} {length}");
                }
            }
        }
    }
}

#[tokio::test]
async fn cls_12_long_answers_are_whole_and_cut_at_the_limit_exactly() {
    const GREAT: usize = 400_000;
    let lengths =
        [8191, 8192, 8193, 65_535, 65_536, 65_537, 80_000, GREAT - 1, GREAT, GREAT + 1, 2_000_000, 10];
    // Each byte differs from those around it, so that none can be lost or doubled unseen.
    let body =
        |length: usize| -> String { (0..length).map(|at| char::from(b'a' + (at % 23) as u8)).collect() };
    let session = session_of(Dialect::Launcher, GREAT as u64, move |mut runtime| {
        for length in lengths {
            let written = format!("+{}\n", body(length));
            if runtime.line().is_empty() || runtime.results.write_all(written.as_bytes()).is_err() {
                return;
            }
        }
    });
    for length in lengths {
        let answer = session.run(&request("{}"), ENOUGH).await;
        let Answer::Reply { ok: true, body: kept, cut_from } = answer else { panic!("{answer:?}") };
        assert_eq!(cut_from, (length > GREAT).then_some(length as u64));
        assert!(kept == body(length.min(GREAT)), "{length}");
    }
}

#[tokio::test]
async fn what_stands_behind_a_long_line_is_the_next_one() {
    #[derive(Debug, Default)]
    struct Lengths(parking_lot::Mutex<Vec<usize>>);
    impl crate::ResponseStream for Lengths {
        fn begin(&self, _: Bytes) {}

        fn chunk(&self, bytes: Bytes) {
            self.0.lock().push(bytes.len());
        }
    }
    let session = session_of(Dialect::Launcher, 1 << 20, |mut runtime| {
        runtime.line();
        // Four letters are three bytes.
        let chunk = |letters: usize| format!("c{}\n", "A".repeat(letters));
        let written = [chunk(80_000), chunk(4), chunk(120_000), chunk(9000), "+{}\n".to_owned()].concat();
        runtime.results.write_all(written.as_bytes()).unwrap();
        runtime.line();
    });
    let lengths = Arc::new(Lengths::default());
    let request = RunRequest { stream: Some(lengths.clone()), ..request("{}") };
    assert_eq!(session.run(&request, ENOUGH).await, reply(true, "{}"));
    assert_eq!(*lengths.0.lock(), [60_000, 3, 90_000, 6750]);
}

#[tokio::test]
async fn an_answer_may_come_in_pieces_and_before_the_command_was_read() {
    let letters: String = ('a'..='z').cycle().take(1 << 20).collect();
    let value = format!("[\"{letters}\"]");
    let command = format!("{{\"value\":{value},\"activation_id\":\"a\\\"b\"}}\n");
    let expected = command.clone();
    let session = session(Dialect::Launcher, move |mut runtime| {
        // More than a pipe holds, while the command, which is more than a pipe holds too, has not been read.
        for _ in 0..100 {
            runtime.stderr.write_all(&[b'e'; 4000]).unwrap();
        }
        runtime.results.write_all(b"+{\"early\"").unwrap();
        let line = runtime.line();
        assert!(line == expected, "all of it came, in its order");
        for piece in [":", "\"", &line.len().to_string(), "\"", "}", "\n"] {
            runtime.results.write_all(piece.as_bytes()).unwrap();
        }
    });
    let answer = session.run(&request(&value), ENOUGH).await;
    assert_eq!(answer, reply(true, &format!(r#"{{"early":"{}"}}"#, command.len())));
    assert!(session.logs(A, ByteSize::bytes(1000)).await.truncated);
}

#[tokio::test]
async fn cls_10_the_end_of_the_runtime_ends_the_call() {
    let session = session(Dialect::Launcher, |mut runtime| {
        runtime.line();
        runtime.stdout.write_all(b"last words").unwrap();
        runtime.results.write_all(b"+{\"half").unwrap();
    });
    for _ in 0..3 {
        let answer = session.run(&request("{}"), ENOUGH).await;
        assert_eq!(answer, Answer::Exited { detail: "closed its result pipe".to_owned() });
    }
    let logs = session.logs(A, ByteSize::bytes(1000)).await;
    assert_eq!(texts(&logs, LogStream::Stdout), ["last words"]);
}

#[tokio::test]
async fn an_answer_that_was_written_before_the_end_still_counts() {
    let session = session(Dialect::Launcher, |mut runtime| {
        runtime.results.write_all(b"+{}\n").unwrap();
    });
    // The command may find that nobody reads any more.
    let value = format!("[\"{}\"]", "x".repeat(1 << 20));
    assert_eq!(session.run(&request(&value), ENOUGH).await, reply(true, "{}"));
}

#[tokio::test]
async fn cls_09_after_a_call_that_took_too_long_the_session_is_spent() {
    let session = session(Dialect::Launcher, |mut runtime| {
        runtime.stdout.write_all(b"before\n").unwrap();
        runtime.line();
        // Until the session is gone.
        runtime.line();
    });
    assert_eq!(session.run(&request("{}"), Duration::from_millis(50)).await, Answer::TimedOut);
    assert_eq!(texts(&session.logs(A, ByteSize::bytes(1000)).await, LogStream::Stdout), ["before"]);
    assert!(matches!(session.run(&request("{}"), ENOUGH).await, Answer::Exited { .. }));
}

#[tokio::test]
async fn a_call_that_is_dropped_leaves_nothing_to_be_mistaken_for_the_next_answer() {
    let (dropped, given_up) = std::sync::mpsc::channel::<()>();
    let session = answering(Dialect::Launcher, move |_| {
        // The answer comes once nobody waits for it any more.
        let _ = given_up.recv();
        "+{\"late\":true}\n".to_owned()
    });
    let call = tokio::time::timeout(Duration::from_millis(10), session.run(&request("{}"), ENOUGH)).await;
    assert!(call.is_err());
    drop(dropped);
    let answer = session.run(&request("{}"), ENOUGH).await;
    assert_eq!(answer, Answer::Exited { detail: "the call before was given up".to_owned() });
}

#[tokio::test]
async fn log_10_all_that_was_written_before_the_answer_is_of_this_call() {
    let session = session(Dialect::Launcher, |mut runtime| {
        for n in 0.. {
            if runtime.line().is_empty() {
                return;
            }
            runtime.stdout.write_all(format!("a {n}\r\nb\n\npart").as_bytes()).unwrap();
            runtime.stderr.write_all(b"caf\xc3").unwrap();
            runtime.results.write_all(b"+{}\n").unwrap();
        }
    });
    for n in 0..200 {
        assert_eq!(session.run(&request("{}"), ENOUGH).await, reply(true, "{}"));
        let logs = session.logs(A, ByteSize::bytes(1000)).await;
        assert_eq!(texts(&logs, LogStream::Stdout), [&format!("a {n}"), "b", "", "part"]);
        assert_eq!(texts(&logs, LogStream::Stderr), ["caf\u{fffd}"]);
        assert!(!logs.truncated && !logs.incomplete);
    }
}

#[tokio::test]
async fn log_05_no_more_is_kept_than_logs_may_have() {
    let session = session(Dialect::Launcher, |mut runtime| {
        for output in [vec![b'\n'; 100_000], vec![b'x'; 100_000], b"short\n".to_vec()] {
            runtime.line();
            runtime.stdout.write_all(&output).unwrap();
            runtime.results.write_all(b"+{}\n").unwrap();
        }
    });
    // Empty lines are not free; a line that is too long is cut.
    for (lines, length, truncated) in [(25, 0, true), (1, 960, true), (1, 5, false)] {
        session.run(&request("{}"), ENOUGH).await;
        let logs = session.logs(A, ByteSize::bytes(1000)).await;
        assert_eq!((logs.lines.len(), logs.truncated), (lines, truncated));
        assert!(logs.lines.iter().all(|line| line.text.len() == length));
    }
}

#[tokio::test]
async fn closed_streams_are_no_failure() {
    let session = session(Dialect::Launcher, |runtime| {
        let Runtime { mut commands, mut results, stdout, stderr } = runtime;
        drop((stdout, stderr));
        let mut line = String::new();
        while commands.read_line(&mut line).unwrap() > 0 {
            results.write_all(b"+{}\n").unwrap();
        }
    });
    for _ in 0..3 {
        assert_eq!(session.run(&request("{}"), ENOUGH).await, reply(true, "{}"));
    }
    assert_eq!(session.logs(A, ByteSize::bytes(1000)).await, Logs::default());
}

/// Has many calls at a time agreed on; `live` begins after that.
async fn many(live: impl FnOnce(Runtime) + Send + 'static) -> LineSession {
    let session = session(Dialect::Launcher, move |mut runtime| {
        assert!(runtime.line().contains(r#""concurrency":3"#));
        runtime.stdout.write_all(b"loading\n").unwrap();
        runtime.results.write_all(b"+{}\n").unwrap();
        live(runtime);
    });
    let init = Init {
        name: "n",
        main: "m",
        code: Some("c"),
        folder: None,
        environment: &[],
        concurrency: 3,
        activation: A,
    };
    assert_eq!(session.init(&init, ENOUGH).await, reply(true, "{}"));
    session
}

fn request_of(number: u128) -> RunRequest {
    RunRequest { activation: ActivationId::from_bits(number), ..request("{}") }
}

#[tokio::test]
async fn run_16_answers_and_lines_find_their_calls_by_number() {
    let session = many(|mut runtime| {
        let lines = [runtime.line(), runtime.line()];
        assert_eq!(lines[0], "{\"number\":1,\"value\":{},\"activation_id\":\"a\\\"b\"}\n");
        // What is no line of a launcher is passed over.
        runtime.results.write_all(b"\n+\nwhat\n+x {}\n+99 {}\no\n+1\n?1 x\n").unwrap();
        runtime.stderr.write_all(b"from a child\n").unwrap();
        runtime.results.write_all(b"o1 a b\ne2 caf\xc3\no1 \n+2 {\"second\"").unwrap();
        runtime.results.write_all(b":1}\n-1 {\"error\":1}\n+1 {}\n").unwrap();
        runtime.line();
    })
    .await;
    let (second, first) = (request_of(2), request_of(1));
    let (first, second) = tokio::join!(session.run(&first, ENOUGH), session.run(&second, ENOUGH));
    assert_eq!((first, second), (reply(false, r#"{"error":1}"#), reply(true, r#"{"second":1}"#)));
    let logs = session.logs(ActivationId::from_bits(2), ByteSize::bytes(1000)).await;
    assert_eq!(texts(&logs, LogStream::Stderr), ["caf\u{fffd}", "from a child"]);
    let logs = session.logs(A, ByteSize::bytes(1000)).await;
    assert_eq!(texts(&logs, LogStream::Stdout), ["loading", "a b", ""]);
}

#[tokio::test]
async fn cls_12_an_answer_with_a_number_is_cut_at_the_limit_exactly_too() {
    let session = many(|mut runtime| {
        for number in 1.. {
            if runtime.line().is_empty() {
                return;
            }
            let body = "1".repeat(usize::try_from(LIMIT).unwrap() + number - 1);
            runtime.results.write_all(format!("+{number} {body}\n").as_bytes()).unwrap();
        }
    })
    .await;
    for cut in [None, Some(LIMIT + 1), Some(LIMIT + 2)] {
        let Answer::Reply { body, cut_from, .. } = session.run(&request_of(1), ENOUGH).await else {
            panic!("no reply");
        };
        assert_eq!((body.len() as u64, cut_from), (LIMIT, cut));
    }
}

#[tokio::test]
async fn log_05_many_calls_together_keep_no_more_than_a_few_would() {
    let session = many(|mut runtime| {
        for number in 1..=20 {
            runtime.line();
            let lines = format!("o{number} {}\n", "x".repeat(60)).repeat(9);
            runtime.results.write_all(format!("{lines}+{number} {{}}\n").as_bytes()).unwrap();
        }
    })
    .await;
    let mut kept = 0;
    for number in 1..=20 {
        session.run(&request_of(number), ENOUGH).await;
    }
    for number in 1..=20 {
        let logs = session.logs(ActivationId::from_bits(number), ByteSize::bytes(1000)).await;
        let whole = logs.lines.iter().filter(|line| line.text.len() == 60).count();
        assert!(logs.truncated != (whole == 9), "{number}");
        kept += whole;
    }
    assert_eq!(kept, 80, "eight times a thousand bytes");
}

#[tokio::test]
async fn a_command_that_the_pipe_does_not_take_at_once_is_sent_all_the_same() {
    let session = many(|mut runtime| {
        let (first, second) = (runtime.line(), runtime.line());
        let answer = format!("+1 {}\n+2 {}\n", first.len(), second.len());
        runtime.results.write_all(answer.as_bytes()).unwrap();
    })
    .await;
    let large = request(&format!("[\"{}\"]", "x".repeat(1 << 20)));
    let small = request_of(2);
    let (first, second) = tokio::join!(session.run(&large, ENOUGH), session.run(&small, ENOUGH));
    let lengths = [large, small].map(|request| {
        let mut line = Vec::new();
        message::write_run(&mut line, &request, Some(1));
        line.len().to_string()
    });
    assert_eq!([first, second], [reply(true, &lengths[0]), reply(true, &lengths[1])]);
}
