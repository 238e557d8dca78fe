//! The load generator: kept connections in one thread, in a closed loop, or open: by a schedule that no answer delays.

mod open;

pub use open::run_open;

use crate::stats::percentile;
use oxiwhisk_test_e2e::time;
use std::cell::Cell;
use std::collections::HashSet;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::LocalSet;

/// Stands in a template where the number of the request is written.
const SLOT: &[u8] = b"0000000000000000";
const ID_HEADER: &[u8] = b"x-openwhisk-activation-id: ";
/// An answer must come within this time, or the run has failed.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);

/// A request that is sent again and again with another number in it.
#[derive(Clone, Debug)]
pub struct Template {
    bytes: Vec<u8>,
    slot: usize,
    /// Whether the answer is only that the request was accepted; it holds no number then.
    accepted: bool,
}

impl Template {
    /// A POST of `{"nonce": "…"}` between what `around` says.
    ///
    /// # Panics
    /// Never: the slot is in the template.
    #[must_use]
    pub fn post(target: &str, authorization: Option<&str>, around: (&str, &str)) -> Template {
        let slot = String::from_utf8_lossy(SLOT);
        Template::of(target, authorization, &format!("{}{{\"nonce\":\"{slot}\"}}{}", around.0, around.1))
    }

    /// A POST of an object with a nonce and with `members`, which begin with a comma or are empty.
    ///
    /// # Panics
    /// Never: the slot is in the template.
    #[must_use]
    pub fn with_members(target: &str, authorization: Option<&str>, members: &str) -> Template {
        let slot = String::from_utf8_lossy(SLOT);
        Template::of(target, authorization, &format!("{{\"nonce\":\"{slot}\"{members}}}"))
    }

    fn of(target: &str, authorization: Option<&str>, body: &str) -> Template {
        let authorization =
            authorization.map(|value| format!("Authorization: {value}\r\n")).unwrap_or_default();
        let text = format!(
            "POST {target} HTTP/1.1\r\nHost: localhost\r\n{authorization}Content-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let slot = memchr::memmem::find(text.as_bytes(), SLOT).expect("the slot is in the template");
        Template { bytes: text.into_bytes(), slot, accepted: false }
    }

    /// The same where the answer must be a 202 with an activation id.
    #[must_use]
    pub fn accepted(self) -> Template {
        Template { accepted: true, ..self }
    }

    fn number(&mut self, number: u64) -> &[u8] {
        let digits = format!("{number:016}");
        self.bytes[self.slot..self.slot + SLOT.len()].copy_from_slice(digits.as_bytes());
        &self.bytes[self.slot..self.slot + SLOT.len()]
    }
}

/// What a run has shown.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Answers in a second.
    pub rate: f64,
    /// Answers in all.
    pub count: u64,
    /// The median time to an answer, in microseconds.
    pub p50: f64,
    /// 99 of 100 answers took less than this, in microseconds.
    pub p99: f64,
    /// The activation ids in the answers, with the number of the request.
    pub ids: Vec<(String, u64)>,
}

/// Sends requests over that many connections for `period`, the templates in turn, and checks that every answer has
/// status 200 and holds the number of its request.
///
/// # Errors
/// The first answer that is wrong, or a connection that fails.
pub fn run(
    address: SocketAddr,
    templates: &[Template],
    connections: usize,
    period: Duration,
) -> io::Result<Outcome> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let turn = Rc::new(Cell::new(0_u64));
    let started = time::now();
    let lanes = LocalSet::new().block_on(&runtime, async {
        let mut tasks = Vec::new();
        for _ in 0..connections {
            let templates = templates.to_vec();
            let lane = lane(address, templates, turn.clone(), period);
            tasks.push(tokio::task::spawn_local(lane));
        }
        let mut lanes = Vec::new();
        for task in tasks {
            lanes.push(task.await.map_err(io::Error::other)??);
        }
        Ok::<_, io::Error>(lanes)
    })?;
    outcome(lanes, started.elapsed())
}

/// Sends each template once, all at the same time, over a connection each, and gives how long it took until the last
/// answer.
///
/// # Errors
/// The first answer that is wrong, or a connection that fails.
pub fn burst(address: SocketAddr, templates: &[Template]) -> io::Result<(Duration, Outcome)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let mut connections = Vec::new();
        for _ in templates {
            connections.push(Connection::open(address).await?);
        }
        let started = time::now();
        let calls = templates.iter().zip(connections).enumerate().map(|(number, (template, connection))| {
            let mut template = template.clone();
            tokio::task::spawn_local(async move {
                let mut lane = Lane::new(connection);
                lane.call(&mut template, number as u64, time::now()).await.map(|()| lane)
            })
        });
        let mut lanes = Vec::new();
        for call in calls.collect::<Vec<_>>() {
            lanes.push(call.await.map_err(io::Error::other)??);
        }
        let elapsed = started.elapsed();
        Ok((elapsed, outcome(lanes, elapsed)?))
    })
}

/// What the lanes have seen, together.
fn outcome(lanes: Vec<Lane>, elapsed: Duration) -> io::Result<Outcome> {
    let mut times: Vec<u64> = lanes.iter().flat_map(|lane| lane.nanos.iter().copied()).collect();
    times.sort_unstable();
    let ids: Vec<(String, u64)> = lanes.into_iter().flat_map(|lane| lane.ids).collect();
    let unique: HashSet<&str> = ids.iter().map(|(id, _)| id.as_str()).collect();
    if unique.len() != ids.len() {
        return Err(io::Error::other("an activation id came twice"));
    }
    let count = times.len() as u64;
    Ok(Outcome {
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        rate: count as f64 / elapsed.as_secs_f64(),
        count,
        p50: percentile(&times, 0.5) / 1000.0,
        p99: percentile(&times, 0.99) / 1000.0,
        ids,
    })
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    async fn open(address: SocketAddr) -> io::Result<Connection> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Connection { stream, buffer: Vec::with_capacity(64 * 1024) })
    }
}

struct Lane {
    connection: Connection,
    nanos: Vec<u64>,
    ids: Vec<(String, u64)>,
}

impl Lane {
    fn new(connection: Connection) -> Lane {
        Lane { connection, nanos: Vec::new(), ids: Vec::new() }
    }

    /// Sends one request and checks its answer; the time counts from `since`.
    async fn call(&mut self, template: &mut Template, number: u64, since: Instant) -> io::Result<()> {
        let wanted = template.number(number).to_vec();
        let Connection { stream, buffer } = &mut self.connection;
        stream.write_all(&template.bytes).await?;
        let answer = tokio::time::timeout(ANSWER_LIMIT, read(stream, buffer)).await;
        let (head, body) = answer.map_err(io::Error::from)??;
        self.nanos.push(u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX));
        let right = if template.accepted {
            head.starts_with(b"HTTP/1.1 202") && find_header(head, ID_HEADER).is_some()
        } else {
            head.starts_with(b"HTTP/1.1 200") && memchr::memmem::find(body, &wanted).is_some()
        };
        if !right {
            let said = format!("{}{}", String::from_utf8_lossy(head), String::from_utf8_lossy(body));
            return Err(io::Error::other(format!("not the answer to request {number}: {said}")));
        }
        if let Some(at) = find_header(head, ID_HEADER) {
            self.ids.push((String::from_utf8_lossy(&head[at..at + 32]).into_owned(), number));
        }
        Ok(())
    }
}

async fn lane(
    address: SocketAddr,
    mut templates: Vec<Template>,
    turn: Rc<Cell<u64>>,
    period: Duration,
) -> io::Result<Lane> {
    let mut lane = Lane::new(Connection::open(address).await?);
    let started = time::now();
    while started.elapsed() < period {
        let number = turn.replace(turn.get() + 1);
        let index = usize::try_from(number % templates.len() as u64).unwrap_or(0);
        lane.call(&mut templates[index], number, time::now()).await?;
    }
    Ok(lane)
}

/// Reads one answer with a Content-Length.
async fn read<'a>(stream: &mut TcpStream, buffer: &'a mut Vec<u8>) -> io::Result<(&'a [u8], &'a [u8])> {
    buffer.clear();
    let head = loop {
        if stream.read_buf(buffer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if let Some(end) = memchr::memmem::find(buffer, b"\r\n\r\n") {
            break end + 4;
        }
    };
    let at = find_header(&buffer[..head], b"content-length: ")
        .ok_or_else(|| io::Error::other("an answer without Content-Length"))?;
    let digits = buffer[at..].iter().take_while(|byte| byte.is_ascii_digit());
    let length = digits.fold(0, |sum, digit| sum * 10 + usize::from(digit - b'0'));
    while buffer.len() < head + length {
        if stream.read_buf(buffer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok((&buffer[..head], &buffer[head..head + length]))
}

/// Where the value of a header begins; `name` is in lower case and ends in `: `.
fn find_header(head: &[u8], name: &[u8]) -> Option<usize> {
    let starts = memchr::memchr_iter(b'\n', head).map(|end| end + 1);
    let mut found = starts.filter(|start| head[*start..].len() >= name.len());
    found
        .find(|start| head[*start..*start + name.len()].eq_ignore_ascii_case(name))
        .map(|start| start + name.len())
}
