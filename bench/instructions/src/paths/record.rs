//! The record of an activation, made and written.

use super::LARGE;
use crate::counted::Counted;
use controller::measured;
use futures_util::FutureExt;
use http_body_util::BodyExt;
use rpc::{ActivationMessage, Phases, Run};
use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Duration;
use types::{ActivationResponse, StatusCode, json};

const WARM: u64 = 100;
const OPERATIONS: u64 = 1000;

/// A run that logged two lines.
fn run() -> Run {
    let micros = Duration::from_micros;
    let result = json::parse(r#"{"image":"cat.png","size":{"w":32,"h":32},"bytes":18342}"#);
    Run {
        began: 1_735_689_600_123,
        init: None,
        run: micros(2_340),
        timed_out: false,
        response: ActivationResponse {
            status: StatusCode::Success,
            result: Some(result.expect("JSON")),
            size: None,
        },
        logs: vec![
            "2025-01-01T00:00:00.123456789Z stdout: reading cat.png".to_owned(),
            "2025-01-01T00:00:00.123556789Z stdout: \"done\" after 2 ms".to_owned(),
        ],
        phases: Phases { queued: micros(12), run: micros(2_340), logs: micros(31), ..Phases::NONE },
    }
}

/// The record is made, and written as a blocking answer shows it.
pub(super) fn answer(counted: &mut Counted) {
    let message = ActivationMessage::for_tests();
    let mut runs: Vec<Run> = (0..WARM + OPERATIONS).map(|_| run()).collect();
    let body = measured::answer(&message.record(run())).collect().now_or_never();
    let bytes = body.expect("it is there").expect("all of it").to_bytes();
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.contains(r#""bytes":18342"#) && text.contains(r#""logs":[]"#), "{text}");
    let mut go = |operations| {
        for run in runs.drain(..operations) {
            black_box(measured::answer(&black_box(&message).record(run)));
        }
    };
    go(WARM as usize);
    counted.count(OPERATIONS, || go(OPERATIONS as usize));
}

/// The record is written as the embedded store writes it: a summary and all of it, with their checks.
pub(super) fn entry(counted: &mut Counted) {
    keep(counted, run(), WARM, OPERATIONS);
}

/// The same with a great result.
pub(super) fn large(counted: &mut Counted) {
    let result = Some(json::raw(&BTreeMap::from([("data", "x".repeat(LARGE))])));
    let response = ActivationResponse { status: StatusCode::Success, result, size: None };
    keep(counted, Run { response, ..run() }, 5, 20);
}

fn keep(counted: &mut Counted, run: Run, warm: u64, operations: u64) {
    let record = ActivationMessage::for_tests().record(run);
    let go = |operations| {
        for _ in 0..operations {
            let length = store_embedded::measured_record(black_box(&record)).expect("it can be written");
            assert!(black_box(length) > 500, "both texts are there");
        }
    };
    go(warm);
    counted.count(operations, || go(operations));
}
