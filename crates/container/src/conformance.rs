//! What every implementation of [`Container`] must do, as one test for each rule.
//!
//! A back end's tests call [`conformance!`](crate::conformance) with an async function that makes a [`Subject`]. All
//! cases run the same program, in whatever language the back end has: its arguments say what it does.

#![expect(clippy::unwrap_used, reason = "a suite of tests: what fails here fails the test")]

use crate::classify::{self, AnswerLimits, Outcome};
use crate::{
    Answer, Container, ContainerFactory, ContainerSpec, ContextValue, CreateError, InitRequest, LogStream,
    Logs, RunRequest,
};
use bytes::Bytes;
use serde_json::{Value, json};
use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use types::{ActivationId, ByteSize, StatusCode};

/// Makes a test of each rule.
#[macro_export]
macro_rules! conformance {
    ($make:path) => {
        $crate::conformance!(@cases $make:
            code_is_loaded_once_and_runs_many_times
            values_come_back_as_they_went
            cls_02_to_cls_06_results_are_told_apart
            cls_07_code_that_cannot_be_loaded_says_so
            cls_08_loading_has_a_time_limit
            cls_09_a_run_has_a_time_limit
            cls_10_an_end_while_loading_is_seen
            cls_10_an_end_while_running_is_seen
            cls_12_a_result_has_a_greatest_size
            run_04_run_07_the_environment_is_set
            log_05_logs_have_a_greatest_size
            log_10_each_call_has_its_own_lines
            a_flood_of_output_neither_blocks_nor_piles_up
            a_paused_container_goes_on_where_it_was
            a_container_is_destroyed_once_whoever_asks
            destroying_ends_a_run_that_is_under_way
            a_kind_that_there_is_none_of_is_refused
            run_16_runs_overlap_and_their_answers_overtake_each_other
            log_10_runs_that_overlap_have_their_own_lines
            cls_09_a_run_that_takes_too_long_leaves_the_others_alone
            cls_10_an_end_is_the_end_of_all_runs
            what_a_call_logs_can_be_followed
        );
    };
    (@cases $make:path: $($case:ident)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            let subject = $make().await;
            $crate::conformance::$case(&subject).await;
        }
    )*};
}

/// A back end under test.
pub struct Subject {
    /// Makes the containers.
    pub factory: Arc<dyn ContainerFactory>,
    /// The kind that runs the program.
    pub kind: String,
    /// The program as that kind takes it.
    pub source: fn(Program) -> String,
    /// How many lines of 1,024 bytes are a flood.
    pub flood: u32,
    /// The greatest result that containers are made with.
    pub result_limit: ByteSize,
    /// Kept until the case is over.
    pub guard: Box<dyn Any + Send + Sync>,
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// What the code does while it is loaded. What it does when it is run is said by the argument `do`:
/// `count` answers `{"n": N}`, the number of runs so far; `error` answers `{"error": "sorry"}`; `scalar` answers 7;
/// `throw` fails; `exit` ends the process; `hang` never answers; `log` writes `text` and a line end to standard output
/// and `! ` before it to standard error; `flood` writes `lines` lines of 1,024 bytes to standard output; `env` answers
/// `{"value": V}`, the environment variable `name` or null; `wait` does what `log` does, waits for another run's `release`
/// (which lets `runs` go on), writes `text` once more to standard output, and answers `{}`; anything else answers the
/// arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// Loads.
    Good,
    /// Writes `loading` to standard output, and loads.
    Talks,
    /// Cannot be loaded.
    Broken,
    /// Ends the process.
    Exits,
    /// Is never done.
    Hangs,
}

/// The program in JavaScript.
#[must_use]
pub fn nodejs(program: Program) -> String {
    let head = match program {
        Program::Good => "",
        Program::Talks => "console.log('loading');",
        Program::Broken => "throw new Error('broken');",
        Program::Exits => "process.exit(1);",
        Program::Hangs => "for (;;) {}",
    };
    format!(
        "{head}
        let n = 0, free = 0;
        const waiting = [];
        function log(text) {{ console.log(text); console.error('! ' + text); }}
        function main(args) {{
            n += 1;
            switch (args.do) {{
                case 'count': return {{n}};
                case 'error': return {{error: 'sorry', more: 1}};
                case 'scalar': return 7;
                case 'throw': throw new Error('thrown');
                case 'exit': process.exit(3);
                case 'hang': for (;;) {{}}
                case 'log': log(args.text); return {{}};
                case 'wait':
                    log(args.text);
                    return new Promise((go) => free > 0 ? go(free--) : waiting.push(go))
                        .then(() => {{ console.log(args.text); return {{}} }});
                case 'release':
                    for (let i = 0; i < args.runs; i++) waiting.length > 0 ? waiting.shift()() : free++;
                    return {{}};
                case 'flood': {{
                    const line = 'x'.repeat(1023) + '\\n';
                    for (let i = 0; i < args.lines; i++) process.stdout.write(line);
                    return {{}};
                }}
                case 'env': {{ const value = process.env[args.name]; return {{value: value === undefined ? null : value}} }}
            }}
            return args;
        }}"
    )
}

/// The program in Python.
#[must_use]
pub fn python(program: Program) -> String {
    let head = match program {
        Program::Good => "",
        Program::Talks => "print('loading')",
        Program::Broken => "raise ValueError('broken')",
        Program::Exits => "sys.exit(1)",
        Program::Hangs => "while True: pass",
    };
    format!(
        "import os, sys, threading
{head}
n = 0
free = threading.Semaphore(0)
def log(text):
    print(text)
    print('! ' + text, file=sys.stderr)
def main(args):
    global n
    n += 1
    do = args.get('do') if isinstance(args, dict) else None
    if do == 'count': return {{'n': n}}
    if do == 'error': return {{'error': 'sorry', 'more': 1}}
    if do == 'scalar': return 7
    if do == 'throw': return os
    if do == 'exit': sys.exit(3)
    if do == 'hang':
        while True: pass
    if do == 'log':
        log(args['text'])
        return {{}}
    if do == 'wait':
        log(args['text'])
        free.acquire()
        print(args['text'])
        return {{}}
    if do == 'release':
        for _ in range(args['runs']): free.release()
        return {{}}
    if do == 'flood':
        for _ in range(args['lines']): print('x' * 1023)
        return {{}}
    if do == 'env': return {{'value': os.environ.get(args['name'])}}
    return args
"
    )
}

/// Longer than anything here takes.
const ENOUGH: Duration = Duration::from_secs(30);

/// The time limit of what never ends.
const SHORT: Duration = Duration::from_millis(500);

const LOG_LIMIT: ByteSize = ByteSize::mb(10);

/// Whose calls all are, where nothing else is said.
const ACTIVATION: ActivationId = ActivationId::from_bits(1);

impl Subject {
    async fn container(&self) -> Arc<dyn Container> {
        self.factory.create(self.spec(&self.kind)).await.unwrap()
    }

    fn spec(&self, kind: &str) -> ContainerSpec {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        ContainerSpec {
            name: format!("conformance-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)),
            kind: Arc::from(kind),
            image: None,
            memory: ByteSize::mb(256),
        }
    }

    fn init(&self, program: Program, concurrency: u32) -> InitRequest {
        InitRequest {
            activation: ACTIVATION,
            concurrency,
            name: "conformance".to_owned(),
            main: "main".to_owned(),
            binary: false,
            code: Some(Bytes::from((self.source)(program))),
            environment: vec![
                ("__OW_NAMESPACE".to_owned(), "guest".to_owned()),
                ("COLOUR".to_owned(), "blue ☃".to_owned()),
            ],
        }
    }

    /// A container that has loaded a program.
    async fn loaded(&self, program: Program) -> Loaded {
        self.loaded_for(program, 1).await
    }

    /// One that so many runs use at a time.
    async fn loaded_for(&self, program: Program, concurrency: u32) -> Loaded {
        let container = self.container().await;
        let answer = container.init(self.init(program, concurrency), ENOUGH).await;
        assert!(matches!(answer, Answer::Reply { ok: true, .. }), "{answer:?}");
        Loaded { container, result_limit: self.result_limit }
    }

    /// How an attempt to load a program ends.
    async fn failed_init(&self, program: Program, limit: Duration) -> (Arc<dyn Container>, Outcome) {
        let container = self.container().await;
        let answer = container.init(self.init(program, 1), limit).await;
        let limits =
            AnswerLimits { timeout: limit, payload: self.result_limit, truncation: self.result_limit };
        let took = if answer == Answer::TimedOut { limit } else { Duration::ZERO };
        (container, classify::init(&answer, took, &limits).unwrap_err())
    }
}

struct Loaded {
    container: Arc<dyn Container>,
    result_limit: ByteSize,
}

impl Loaded {
    async fn answer(&self, value: &Value, limit: Duration) -> Answer {
        self.answer_of(ACTIVATION, value, limit).await
    }

    async fn answer_of(&self, activation: ActivationId, value: &Value, limit: Duration) -> Answer {
        let context = [("activation_id", "00ff"), ("deadline", "17"), ("namespace", "other")];
        let context = context.map(|(name, value)| (name, ContextValue::from(value))).into();
        self.container
            .run(RunRequest { activation, value: types::json::raw(value), context, stream: None }, limit)
            .await
    }

    async fn outcome(&self, value: Value) -> Outcome {
        self.outcome_within(value, ENOUGH).await
    }

    async fn outcome_within(&self, value: Value, limit: Duration) -> Outcome {
        let answer = self.answer(&value, limit).await;
        let limits =
            AnswerLimits { timeout: limit, payload: self.result_limit, truncation: ByteSize::bytes(3) };
        classify::run(&answer, Duration::ZERO, &limits)
    }

    /// The result of a run that succeeds.
    async fn result(&self, value: Value) -> Value {
        let outcome = self.outcome(value).await;
        assert_eq!(outcome.response.status, StatusCode::Success, "{outcome:?}");
        serde_json::from_str(outcome.response.result.unwrap().get()).unwrap()
    }

    async fn logs(&self) -> Logs {
        self.container.logs(ACTIVATION, LOG_LIMIT).await
    }

    /// What was logged, standard output first.
    async fn lines(&self) -> Vec<String> {
        self.lines_of(ACTIVATION).await
    }

    async fn lines_of(&self, activation: ActivationId) -> Vec<String> {
        let mut lines = self.container.logs(activation, LOG_LIMIT).await.lines;
        lines.sort_by_key(|line| line.stream == LogStream::Stderr);
        lines.into_iter().map(|line| line.text).collect()
    }
}

fn error_of(outcome: &Outcome) -> String {
    let result: Value = serde_json::from_str(outcome.response.result.as_ref().unwrap().get()).unwrap();
    result["error"].as_str().unwrap_or_else(|| panic!("{outcome:?}")).to_owned()
}

/// Waits for what must come soon.
async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(ENOUGH, future).await.unwrap_or_else(|_| panic!("not in time: {what}"))
}

pub async fn code_is_loaded_once_and_runs_many_times(subject: &Subject) {
    let loaded = subject.loaded(Program::Good).await;
    for n in 1..20 {
        assert_eq!(loaded.result(json!({"do": "count"})).await, json!({"n": n}));
    }
    loaded.container.destroy().await;
}

pub async fn values_come_back_as_they_went(subject: &Subject) {
    let loaded = subject.loaded(Program::Good).await;
    let whole = usize::try_from(subject.result_limit.as_bytes()).unwrap() - r#"{"x":""}"#.len();
    for value in [
        json!({}),
        json!({"a": null, "b": [null, [], {}], "c": true, "d": -1.5, "e": ""}),
        json!({"text": "☃ \u{0} \u{2028} \u{1f600} \"quoted\" \\ / \n\r\t é", "": {"\n": 1}}),
        json!({"n": [0, -1, 9_007_199_254_740_991_u64, 1e-300, 1.797e308]}),
        json!([1, "two", {"three": [3]}]),
        json!({ "x": "y".repeat(70_000) }),
        json!({ "x": "z".repeat(whole) }),
    ] {
        assert!(loaded.result(value.clone()).await == value, "{:.100}", value.to_string());
    }
    loaded.container.destroy().await;
}

pub async fn cls_02_to_cls_06_results_are_told_apart(subject: &Subject) {
    let loaded = subject.loaded(Program::Good).await;
    let error = loaded.outcome(json!({"do": "error"})).await;
    assert_eq!(error.response.status, StatusCode::ApplicationError);
    assert_eq!(error.response.result.unwrap().get(), r#"{"error":"sorry"}"#);
    assert_eq!(loaded.result(json!({"do": "count"})).await, json!({"n": 2}), "it goes on");
    for what in ["scalar", "throw"] {
        let loaded = subject.loaded(Program::Good).await;
        let outcome = loaded.outcome(json!({ "do": what })).await;
        assert_eq!(outcome.response.status, StatusCode::DeveloperError, "{what}");
        loaded.container.destroy().await;
    }
    loaded.container.destroy().await;
}

pub async fn cls_07_code_that_cannot_be_loaded_says_so(subject: &Subject) {
    let (container, outcome) = subject.failed_init(Program::Broken, ENOUGH).await;
    assert_eq!(outcome.response.status, StatusCode::DeveloperError);
    assert!(error_of(&outcome).contains("broken"), "{outcome:?}");
    container.destroy().await;
}

pub async fn cls_08_loading_has_a_time_limit(subject: &Subject) {
    let (container, outcome) = subject.failed_init(Program::Hangs, SHORT).await;
    let text = "The action exceeded its time limits of 500 milliseconds during initialization.";
    assert_eq!(error_of(&outcome), text);
    container.destroy().await;
    soon("the end of a destroyed container", container.ended()).await;
}

pub async fn cls_09_a_run_has_a_time_limit(subject: &Subject) {
    let loaded = subject.loaded(Program::Good).await;
    loaded.result(json!({"do": "count"})).await;
    let outcome = loaded.outcome_within(json!({"do": "hang"}), SHORT).await;
    assert_eq!(error_of(&outcome), "The action exceeded its time limits of 500 milliseconds.");
    loaded.container.destroy().await;
    soon("the end of a destroyed container", loaded.container.ended()).await;
}

pub async fn cls_10_an_end_while_loading_is_seen(subject: &Subject) {
    let (container, outcome) = subject.failed_init(Program::Exits, ENOUGH).await;
    assert_eq!(error_of(&outcome), "The action did not initialize and exited unexpectedly.");
    soon("the end of a container that exited", container.ended()).await;
    container.destroy().await;
}

pub async fn cls_10_an_end_while_running_is_seen(subject: &Subject) {
    let loaded = subject.loaded(Program::Good).await;
    let outcome = loaded.outcome(json!({"do": "exit"})).await;
    let text = "The action did not produce a valid response and exited unexpectedly.";
    assert_eq!(error_of(&outcome), text);
    soon("the end of a container that exited", loaded.container.ended()).await;
    loaded.container.destroy().await;
}

pub async fn cls_12_a_result_has_a_greatest_size(subject: &Subject) {
    let loaded = subject.loaded(Program::Good).await;
    let limit = subject.result_limit.as_bytes();
    let length = usize::try_from(limit).unwrap() + 1 - r#"{"x":""}"#.len();
    let outcome = loaded.outcome(json!({ "x": "y".repeat(length) })).await;
    assert_eq!(outcome.response.status, StatusCode::ApplicationError);
    let text = format!(
        "The action produced a response that exceeded the allowed length: {} > {limit} bytes. The truncated response was: {{\"x",
        limit + 1
    );
    assert_eq!(error_of(&outcome), text);
    assert_eq!(loaded.result(json!({"do": "count"})).await, json!({"n": 2}), "it goes on");
    loaded.container.destroy().await;
}

pub async fn run_04_run_07_the_environment_is_set(subject: &Subject) {
    let loaded = subject.loaded(Program::Good).await;
    for (name, value) in [
        ("COLOUR", json!("blue ☃")),
        ("__OW_ACTIVATION_ID", json!("00ff")),
        ("__OW_DEADLINE", json!("17")),
        ("__OW_NAMESPACE", json!("other")),
        ("NOT_THERE", Value::Null),
    ] {
        let result = loaded.result(json!({"do": "env", "name": name})).await;
        assert_eq!(result, json!({ "value": value }), "{name}");
    }
    loaded.container.destroy().await;
}

pub async fn log_05_logs_have_a_greatest_size(subject: &Subject) {
    let loaded = subject.loaded(Program::Good).await;
    loaded.result(json!({"do": "log", "text": "x".repeat(500)})).await;
    let logs = loaded.container.logs(ACTIVATION, ByteSize::bytes(300)).await;
    assert!(logs.truncated);
    assert!(logs.lines.iter().map(|line| line.text.len()).sum::<usize>() <= 300);
    loaded.result(json!({"do": "log", "text": "short"})).await;
    assert_eq!(loaded.lines().await, ["short", "! short"], "the next call starts afresh");
    loaded.container.destroy().await;
}

pub async fn log_10_each_call_has_its_own_lines(subject: &Subject) {
    let loaded = subject.loaded(Program::Talks).await;
    assert_eq!(loaded.lines().await, ["loading"]);
    for n in 0..50 {
        let text = format!("line {n} ☃");
        loaded.result(json!({"do": "log", "text": text})).await;
        let logs = loaded.logs().await;
        assert!(!logs.truncated && !logs.incomplete);
        assert!(logs.lines.iter().all(|line| line.unix_nanos > 1_600_000_000_000_000_000));
        let mut texts: Vec<_> = logs.lines.into_iter().map(|line| (line.stream, line.text)).collect();
        texts.sort_by_key(|(stream, _)| *stream == LogStream::Stderr);
        let marked = format!("! {text}");
        assert_eq!(texts, [(LogStream::Stdout, text), (LogStream::Stderr, marked)]);
    }
    loaded.result(json!({})).await;
    assert!(loaded.lines().await.is_empty());
    loaded.container.destroy().await;
}

pub async fn a_flood_of_output_neither_blocks_nor_piles_up(subject: &Subject) {
    let loaded = subject.loaded(Program::Good).await;
    loaded.result(json!({"do": "flood", "lines": subject.flood})).await;
    let limit = ByteSize::mb(1);
    let logs = loaded.container.logs(ACTIVATION, limit).await;
    assert!(logs.truncated);
    assert!(logs.lines.iter().map(|line| line.text.len() as u64).sum::<u64>() <= limit.as_bytes());
    loaded.result(json!({"do": "log", "text": "after"})).await;
    assert_eq!(loaded.lines().await, ["after", "! after"]);
    loaded.container.destroy().await;
}

pub async fn a_paused_container_goes_on_where_it_was(subject: &Subject) {
    let loaded = subject.loaded(Program::Good).await;
    for n in 1..4 {
        assert_eq!(loaded.result(json!({"do": "count"})).await, json!({"n": n}));
        loaded.container.pause().await.unwrap();
        loaded.container.resume().await.unwrap();
    }
    loaded.container.pause().await.unwrap();
    soon("destroying a paused container", loaded.container.destroy()).await;
    soon("the end of a destroyed container", loaded.container.ended()).await;
}

pub async fn a_container_is_destroyed_once_whoever_asks(subject: &Subject) {
    let container = subject.container().await;
    soon("two at the same time", async { tokio::join!(container.destroy(), container.destroy()) }).await;
    soon("a third time", container.destroy()).await;
    soon("the end of a destroyed container", container.ended()).await;
}

pub async fn destroying_ends_a_run_that_is_under_way(subject: &Subject) {
    let loaded = subject.loaded(Program::Good).await;
    let value = json!({"do": "hang"});
    let run = loaded.answer(&value, ENOUGH);
    let destroy = async {
        // Long enough for the run to begin, as a rule; the rule holds if it has not.
        tokio::time::sleep(Duration::from_millis(50)).await;
        loaded.container.destroy().await;
    };
    let (answer, ()) = soon("the end of the run", async { tokio::join!(run, destroy) }).await;
    assert!(matches!(answer, Answer::Exited { .. }), "{answer:?}");
}

pub async fn a_kind_that_there_is_none_of_is_refused(subject: &Subject) {
    let refused = subject.factory.create(subject.spec("cobol:85")).await;
    assert!(matches!(refused, Err(CreateError::Developer(_))), "{refused:?}");
}

/// A run that waits; the number is its activation, and stands in its text.
async fn waiting(loaded: &Loaded, number: u128) -> Answer {
    let value = json!({"do": "wait", "text": format!("text {number}")});
    loaded.answer_of(ActivationId::from_bits(number), &value, ENOUGH).await
}

fn is_empty_object(answer: &Answer) -> bool {
    matches!(answer, Answer::Reply { ok: true, body, .. } if body == "{}")
}

pub async fn run_16_runs_overlap_and_their_answers_overtake_each_other(subject: &Subject) {
    let loaded = subject.loaded_for(Program::Good, 3).await;
    assert_eq!(loaded.result(json!({"do": "count"})).await, json!({"n": 1}));
    loaded.logs().await;
    let release = async {
        let released = loaded.answer(&json!({"do": "release", "runs": 2}), ENOUGH).await;
        assert!(is_empty_object(&released), "{released:?}");
        loaded.logs().await;
        loaded.result(json!({"x": "y".repeat(300_000)})).await
    };
    // None of them can end without the others.
    let all = async { tokio::join!(waiting(&loaded, 2), waiting(&loaded, 3), release) };
    let (first, second, large) = soon("runs that need each other", all).await;
    assert!(is_empty_object(&first) && is_empty_object(&second), "{first:?} {second:?}");
    assert_eq!(large["x"].as_str().map(str::len), Some(300_000));
    loaded.container.destroy().await;
}

pub async fn log_10_runs_that_overlap_have_their_own_lines(subject: &Subject) {
    let loaded = subject.loaded_for(Program::Talks, 4).await;
    let release = json!({"do": "release", "runs": 3});
    let release = loaded.answer(&release, ENOUGH);
    let all = async { tokio::join!(waiting(&loaded, 2), waiting(&loaded, 3), waiting(&loaded, 4), release) };
    soon("runs that need each other", all).await;
    for number in 2..=4 {
        let text = format!("text {number}");
        let lines = loaded.lines_of(ActivationId::from_bits(number)).await;
        assert_eq!(lines, [text.clone(), text.clone(), format!("! {text}")]);
    }
    assert_eq!(loaded.lines().await, ["loading"], "of the activation that brought the code");
    loaded.container.destroy().await;
}

pub async fn cls_09_a_run_that_takes_too_long_leaves_the_others_alone(subject: &Subject) {
    let loaded = subject.loaded_for(Program::Good, 3).await;
    let (of_late, of_other) = (ActivationId::from_bits(2), ActivationId::from_bits(3));
    let late = json!({"do": "wait", "text": "late"});
    let other = waiting(&loaded, 3);
    tokio::pin!(other);
    let too_long = loaded.answer_of(of_late, &late, SHORT);
    tokio::select! {
        biased;
        answer = &mut other => panic!("nobody has released it: {answer:?}"),
        answer = too_long => assert_eq!(answer, Answer::TimedOut),
    }
    assert_eq!(loaded.lines_of(of_late).await, ["late", "! late"]);
    let both = async { tokio::join!(other, loaded.container.destroy()) };
    let (other, ()) = soon("the end of the other", both).await;
    assert!(matches!(other, Answer::Exited { .. }), "{other:?}");
    assert_eq!(loaded.lines_of(of_other).await, ["text 3", "! text 3"]);
}

pub async fn cls_10_an_end_is_the_end_of_all_runs(subject: &Subject) {
    let loaded = subject.loaded_for(Program::Good, 3).await;
    let exit = async {
        for number in [2, 3] {
            soon("what a run that waits logs", followed(&loaded, number)).await;
        }
        loaded.answer(&json!({"do": "exit"}), ENOUGH).await
    };
    let all = async { tokio::join!(waiting(&loaded, 2), waiting(&loaded, 3), exit) };
    let (first, second, exit) = soon("the end of all", all).await;
    for answer in [first, second, exit] {
        assert!(matches!(answer, Answer::Exited { .. }), "{answer:?}");
    }
    assert_eq!(loaded.lines_of(ActivationId::from_bits(2)).await, ["text 2", "! text 2"]);
    loaded.container.destroy().await;
}

/// Follows a run that waits until both its lines have come.
async fn followed(loaded: &Loaded, number: u128) {
    let mut seen = 0;
    // Nothing comes back before the run has begun.
    while seen < 2 {
        seen += loaded.container.follow(ActivationId::from_bits(number), seen, LOG_LIMIT).await.len();
        tokio::task::yield_now().await;
    }
}

pub async fn what_a_call_logs_can_be_followed(subject: &Subject) {
    for concurrency in [1, 2] {
        let loaded = subject.loaded_for(Program::Good, concurrency).await;
        let follow = async {
            // It waits still, so the lines come before its end. Those of others are not among them.
            followed(&loaded, 2).await;
            let of_others = loaded.container.follow(ActivationId::from_bits(9), 0, LOG_LIMIT).await;
            assert!(of_others.is_empty(), "{of_others:?}");
            let limit = ByteSize::bytes(50);
            assert!(loaded.container.follow(ActivationId::from_bits(2), 1, limit).await.is_empty(), "LOG-05");
        };
        let both = async {
            tokio::select! {
                biased;
                answer = waiting(&loaded, 2) => panic!("nobody has released it: {answer:?}"),
                () = follow => {}
            }
        };
        soon("the lines of a run that waits", both).await;
        loaded.container.destroy().await;
    }
}
