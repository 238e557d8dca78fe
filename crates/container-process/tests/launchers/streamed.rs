//! Responses in pieces, with the launchers: one call at a time, and beside others.

use super::support::{Bare, ENOUGH, request, source, text};
use super::{default_of, launch};
use bytes::Bytes;
use container::line::Init;
use container::{Answer, Flow, ResponseStream, RunRequest, STREAM_WINDOW};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use types::ActivationId;

const NODEJS: &str = "let n = 0, closed = [];
    async function* chunks(args) {
        try {
            for (let i = 0; i < args.chunks; i++) {
                n = i + 1;
                yield args.binary ? new Uint8Array([255, i]) : `${i} \u{2603}\\n`;
                if (args.fail === i) throw new Error('broke off');
                if (args.hang === i) await new Promise(() => {});
            }
        } finally { closed.push(n) }
    }
    const { Readable } = require('stream');
    function main(args) {
        if (args.what === 'count') return {n, closed};
        if (args.what === 'readable') return {statusCode: 201, body: Readable.from(['a', 'b'])};
        if (args.what === 'large') return {body: (function* () { yield 'x'.repeat(100000) })()};
        if (args.what === 'number') return {body: (function* () { yield 7 })()};
        if (args.what === 'lists') return {body: [1, 2]};
        return {headers: {a: 'b'}, body: chunks(args)};
    }";

const PYTHON: &str = "import asyncio
n, closed = 0, []
def chunks(args):
    global n
    try:
        for i in range(args['chunks']):
            n = i + 1
            yield bytes([255, i]) if args.get('binary') else '%d \u{2603}\\n' % i
            if args.get('fail') == i: raise ValueError('broke off')
    finally:
        closed.append(n)
async def later():
    for chunk in 'ab':
        await asyncio.sleep(0)
        yield chunk
def main(args):
    what = args.get('what')
    if what == 'count': return {'n': n, 'closed': closed}
    if what == 'readable': return {'statusCode': 201, 'body': later()}
    if what == 'large': return {'body': iter(['x' * 100000])}
    if what == 'number': return {'body': iter([7])}
    if what == 'lists': return {'body': [1, 2]}
    return {'headers': {'a': 'b'}, 'body': chunks(args)}";

/// Keeps what comes.
#[derive(Debug)]
struct Keeper(mpsc::UnboundedSender<Result<Bytes, Bytes>>);

impl ResponseStream for Keeper {
    fn begin(&self, head: Bytes) {
        let _ = self.0.send(Err(head));
    }

    fn chunk(&self, bytes: Bytes) {
        let _ = self.0.send(Ok(bytes));
    }
}

/// A run whose response may come in pieces.
struct Run {
    request: RunRequest,
    came: mpsc::UnboundedReceiver<Result<Bytes, Bytes>>,
}

impl Run {
    #[expect(clippy::disallowed_methods, reason = "the window of the stream bounds it")]
    fn new(value: &str) -> Run {
        let (sender, came) = mpsc::unbounded_channel();
        Run { request: RunRequest { stream: Some(Arc::new(Keeper(sender))), ..request(value) }, came }
    }

    async fn head(&mut self) -> String {
        text(&self.came.recv().await.unwrap().unwrap_err())
    }

    async fn chunk(&mut self) -> Bytes {
        self.came.recv().await.unwrap().unwrap()
    }
}

async fn loaded(family: &str, concurrency: u32) -> Bare {
    let bare = launch(default_of(family));
    let code = if family == "nodejs" { NODEJS } else { PYTHON };
    let answer = bare.session.init(&Init { concurrency, ..source(code, "main", &[]) }, ENOUGH).await;
    assert!(matches!(answer, Answer::Reply { ok: true, .. }), "{answer:?}");
    bare
}

fn reply(answer: &Answer) -> (bool, serde_json::Value) {
    match answer {
        Answer::Reply { ok, body, .. } => (*ok, serde_json::from_slice(body).unwrap()),
        other => panic!("{other:?}"),
    }
}

const WAYS: [(&str, u32); 4] = [("nodejs", 1), ("nodejs", 3), ("python", 1), ("python", 3)];

#[tokio::test]
async fn pieces_come_as_they_are_taken_and_no_more_of_them() {
    for (family, concurrency) in WAYS {
        let bare = loaded(family, concurrency).await;
        let mut run = Run::new(r#"{"chunks":40}"#);
        let request = run.request.clone();
        let activation = request.activation;
        let read = async {
            assert_eq!(run.head().await, r#"{"headers":{"a":"b"}}"#);
            for n in 0..STREAM_WINDOW {
                assert_eq!(text(&run.chunk().await), format!("{n} \u{2603}\n"));
            }
            // Until somebody takes them there are no more.
            assert!(tokio::time::timeout(Duration::from_millis(50), run.chunk()).await.is_err());
            for n in STREAM_WINDOW..40 {
                bare.session.flow(activation, Flow::More);
                assert_eq!(text(&run.chunk().await), format!("{n} \u{2603}\n"));
            }
            for _ in 0..STREAM_WINDOW {
                bare.session.flow(activation, Flow::More);
            }
        };
        let (answer, ()) = tokio::join!(bare.session.run(&request, ENOUGH), read);
        let expected = serde_json::json!({"headers": {"a": "b"}, "streamed": {"bytes": 10 * 6 + 30 * 7, "complete": true}});
        assert_eq!(reply(&answer), (true, expected), "{family} {concurrency}");
        // What was said too late is nobody's.
        assert_eq!(bare.result(r#"{"what":"lists"}"#).await, r#"{"body":[1,2]}"#, "{family}");
        bare.logs().await;
    }
}

#[tokio::test]
async fn a_response_that_nobody_takes_ends_its_run() {
    for (family, concurrency) in WAYS {
        let bare = loaded(family, concurrency).await;
        // The second waits for something that never comes, which only an asynchronous iteration can be woken from.
        for value in [r#"{"chunks":1000}"#, r#"{"chunks":2,"hang":0}"#] {
            let mut run = Run::new(if family == "python" { r#"{"chunks":1000}"# } else { value });
            let request = run.request.clone();
            let read = async {
                run.head().await;
                run.chunk().await;
                bare.session.flow(request.activation, Flow::Stop);
            };
            let (answer, ()) = tokio::join!(bare.session.run(&request, ENOUGH), read);
            let (ok, result) = reply(&answer);
            assert!(ok && result["streamed"]["complete"] == false, "{family} {concurrency} {result}");
            bare.logs().await;
        }
        let counted: serde_json::Value =
            serde_json::from_str(&bare.result(r#"{"what":"count"}"#).await).unwrap();
        assert!(counted["closed"][0].as_u64().unwrap() <= u64::from(STREAM_WINDOW) + 1, "{family} {counted}");
    }
}

#[tokio::test]
async fn a_failure_between_two_pieces_is_the_failure_of_the_run() {
    for (family, concurrency) in WAYS {
        let bare = loaded(family, concurrency).await;
        for (value, text) in
            [(r#"{"chunks":9,"fail":1}"#, "broke off"), (r#"{"what":"number"}"#, "must be text or bytes")]
        {
            let run = Run::new(value);
            let (ok, result) = reply(&bare.session.run(&run.request, ENOUGH).await);
            assert!(ok && result["error"].to_string().contains(text), "{family} {concurrency} {result}");
            bare.logs().await;
        }
    }
}

#[tokio::test]
async fn whoever_does_not_take_pieces_gets_the_whole() {
    for (family, concurrency) in WAYS {
        let bare = loaded(family, concurrency).await;
        let large = format!(r#"{{"body":"{}"}}"#, "x".repeat(100_000));
        for (value, expected) in [
            (
                r#"{"chunks":3}"#,
                "{\"headers\":{\"a\":\"b\"},\"body\":\"0 \u{2603}\\n1 \u{2603}\\n2 \u{2603}\\n\"}",
            ),
            (r#"{"chunks":2,"binary":true}"#, r#"{"headers":{"a":"b"},"body":"/wD/AQ=="}"#),
            (r#"{"what":"readable"}"#, r#"{"statusCode":201,"body":"ab"}"#),
            (r#"{"what":"large"}"#, &large),
        ] {
            assert_eq!(bare.result(value).await, expected, "{family} {concurrency}");
            bare.logs().await;
        }
        let failed: serde_json::Value =
            serde_json::from_str(&bare.result(r#"{"what":"number"}"#).await).unwrap();
        assert!(failed["error"].to_string().contains("must be text or bytes"), "{failed}");
    }
}

#[tokio::test]
async fn large_chunks_are_cut_and_binary_ones_stay_what_they_are() {
    for (family, concurrency) in WAYS {
        let bare = loaded(family, concurrency).await;
        for (value, expected) in [
            (r#"{"what":"large"}"#, vec![b'x'; 100_000]),
            (r#"{"chunks":2,"binary":true}"#, vec![255, 0, 255, 1]),
        ] {
            let mut run = Run::new(value);
            let answer = bare.session.run(&run.request, ENOUGH).await;
            assert!(reply(&answer).0, "{answer:?}");
            run.head().await;
            let mut bytes = Vec::new();
            while bytes.len() < expected.len() {
                let piece = run.chunk().await;
                assert!(piece.len() <= 32 << 10);
                bytes.extend_from_slice(&piece);
            }
            assert!(bytes == expected, "{family} {concurrency}");
            bare.logs().await;
        }
    }
}

#[tokio::test]
async fn cls_09_the_time_limit_holds_for_all_pieces_together() {
    for (family, concurrency) in WAYS {
        let bare = loaded(family, concurrency).await;
        let run =
            RunRequest { activation: ActivationId::from_bits(7), ..Run::new(r#"{"chunks":1000}"#).request };
        // Nobody takes more than the window.
        let answer = bare.session.run(&run, Duration::from_millis(300)).await;
        assert_eq!(answer, Answer::TimedOut, "{family} {concurrency}");
    }
}
