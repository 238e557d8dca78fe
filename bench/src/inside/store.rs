//! The embedded store of activations: accepting durably, and taking in records.

use crate::report::Figure;
use base::clock::{Clock, SystemClock};
use bytes::Bytes;
use oxiwhisk_test_e2e::time;
use std::cell::Cell;
use std::io;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use store::{Intent, Ticket};
use store_embedded::{Config, Stores, open};
use tokio::task::LocalSet;
use types::{Activation, ActivationId, ByteSize};

/// How many activations are under way at a time while records are taken in.
pub(crate) const TOGETHER: usize = 1000;
/// How many namespaces the records are of; one of them has half of all.
const NAMESPACES: u64 = 100;
/// The bytes of an intent: those that a call of a Node.js action with a small argument has.
pub const INTENT: usize = 600;

fn reopen(dir: &Path) -> io::Result<(Stores, Arc<dyn Clock>)> {
    let clock = SystemClock::shared();
    let retention_size = ByteSize::mb(100 << 10);
    let config = Config { dir: Some(dir.to_owned()), retention_size, ..Config::default() };
    Ok((open(&config, clock.clone()).map_err(io::Error::other)?, clock))
}

/// How many activations a second that many callers get accepted durably, each waiting for its own before the next.
///
/// # Errors
/// When the disk fails.
pub fn accepts(dir: &Path, callers: usize, period: Duration) -> io::Result<f64> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let (stores, _) = reopen(dir)?;
        let activations = stores.activations.clone();
        let next = Rc::new(Cell::new(1_u128));
        let body = Bytes::from(vec![b'x'; INTENT]);
        let started = time::now();
        let tasks: Vec<_> = (0..callers)
            .map(|_| {
                let (activations, next, body) = (activations.clone(), next.clone(), body.clone());
                tokio::task::spawn_local(async move {
                    while started.elapsed() < period {
                        let activation_id = ActivationId::from_bits(next.replace(next.get() + 1));
                        let intent = Intent { activation_id, body: body.clone() };
                        let ticket = activations.accept(intent).map_err(io::Error::other)?;
                        activations.durable(ticket).await.map_err(io::Error::other)?;
                    }
                    Ok::<_, io::Error>(())
                })
            })
            .collect();
        for task in tasks {
            task.await.map_err(io::Error::other)??;
        }
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        Ok((next.get() - 1) as f64 / started.elapsed().as_secs_f64())
    })
}

/// What taking in records has shown.
#[derive(Clone, Copy, Debug)]
pub struct Ingest {
    /// Records a second, until all are on the disk.
    pub rate: f64,
    /// What a record takes on the disk, in bytes, with everything that finds it again.
    pub bytes: f64,
}

/// Accepts, starts and stores every record, as a server does.
///
/// # Errors
/// When the disk fails.
pub fn ingest(dir: &Path, records: &[Arc<Activation>]) -> io::Result<Ingest> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (stores, _clock) = reopen(dir)?;
        let activations = &stores.activations;
        let mut last = Ticket::default();
        let started = time::now();
        for some in records.chunks(TOGETHER) {
            last = take_in(&stores, some).await?;
        }
        activations.durable(last).await.map_err(io::Error::other)?;
        let elapsed = started.elapsed();
        activations.flush().await.map_err(io::Error::other)?;
        let usage = stores.usage().map_err(io::Error::other)?;
        if usage.records != records.len() as u64 {
            let count = Figure(records.len() as f64, "").to_string();
            return Err(io::Error::other(format!("{} records are there of {count}", usage.records)));
        }
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let each = |whole: u64| whole as f64 / records.len() as f64;
        Ok(Ingest { rate: records.len() as f64 / elapsed.as_secs_f64(), bytes: each(usage.segment_bytes) })
    })
}

/// Accepts, starts and stores records that are under way at the same time, as a server does; answers the last ticket.
pub(crate) async fn take_in(stores: &Stores, records: &[Arc<Activation>]) -> io::Result<Ticket> {
    wait_for_room(stores).await?;
    let activations = &stores.activations;
    let body = Bytes::from(vec![b'x'; INTENT]);
    for record in records {
        let intent = Intent { activation_id: record.activation_id, body: body.clone() };
        activations.accept(intent).map_err(io::Error::other)?;
    }
    for record in records {
        activations.started(record.activation_id).map_err(io::Error::other)?;
    }
    let mut last = Ticket::default();
    for record in records {
        last = activations.store(record.clone()).map_err(io::Error::other)?;
    }
    Ok(last)
}

/// Waits while so much waits for the disk that the next thousand might not be taken.
async fn wait_for_room(stores: &Stores) -> io::Result<()> {
    let most = Config::default().pending_size.as_bytes() * 9 / 10;
    while stores.usage().map_err(io::Error::other)?.pending_bytes > most {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok(())
}

/// That many records as warm Node.js actions leave them; the last one begins about now.
///
/// # Errors
/// Never: the records are valid.
pub fn records(count: u64) -> io::Result<Vec<Arc<Activation>>> {
    let begin = time::unix_millis() - count;
    (0..count).map(|number| record(number, begin).map(Arc::new)).collect()
}

/// The namespace of a record. Half of all are of the first.
pub(crate) fn namespace(number: u64) -> String {
    format!("ns{}", if number.is_multiple_of(2) { 0 } else { number / 2 % NAMESPACES })
}

/// When a record's activation began: a thousand a second, the first at `begin`, in milliseconds since 1970.
pub(crate) const fn start(number: u64, begin: u64) -> u64 {
    begin + number
}

/// A record as a warm Node.js action leaves it, of about 1 KB.
pub(crate) fn record(number: u64, begin: u64) -> io::Result<Activation> {
    let (namespace, start) = (namespace(number), start(number, begin));
    let spread = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let id = ActivationId::from_bits(u128::from(start) << 80 | u128::from(spread));
    let action = number / 200 % 10;
    let text = format!(
        r#"{{"namespace":"{namespace}","name":"action{action}","version":"0.0.7","subject":"{namespace}",
        "activationId":"{id}","start":{start},"end":{end},"duration":{duration},
        "response":{{"result":{{"payload":"{spread:016x}{spread:064b}","list":[1,2,3,{number}]}},"size":180,
        "status":"success","success":true}},
        "logs":["2026-11-22T07:15:00.123456Z stdout: request {number} took {duration} ms",
        "2026-11-22T07:15:00.123789Z stdout: answer {spread:x}"],
        "annotations":[{{"key":"path","value":"{namespace}/pkg/action{action}"}},
        {{"key":"kind","value":"nodejs:20"}},{{"key":"waitTime","value":{wait}}},{{"key":"timeout","value":false}},
        {{"key":"limits","value":{{"timeout":60000,"memory":256,"logs":10,"concurrency":1}}}}],"publish":false}}"#,
        end = start + spread % 50,
        duration = spread % 50,
        wait = spread % 7,
    );
    Ok(serde_json::from_str(&text)?)
}
