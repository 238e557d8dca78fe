//! A small HTTP/1.1 client that sends just what it is told to, so that tests can also send what a well-behaved client
//! would not. It never sends a request twice: what became of a request that failed half-way stays unknown.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Longer than any blocking invocation waits (60 s), so that the server's answer comes first.
const TIMEOUT: Duration = Duration::from_secs(90);
/// Below the server's idle timeout, so that a kept connection is never one that the server is about to close.
const KEPT_FOR: Duration = Duration::from_secs(20);
/// A response is never larger than this.
const LARGEST_BODY: u64 = 256 * 1024 * 1024;

/// What is sent.
#[derive(Clone, Debug)]
pub struct Request {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

impl Request {
    /// A request without headers and body; `target` is path and query as they are to stand on the wire.
    #[must_use]
    pub fn new(method: &str, target: &str) -> Request {
        Request { method: method.to_owned(), target: target.to_owned(), headers: Vec::new(), body: None }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Request {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a body as it is, without a content type.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Request {
        self.body = Some(body.into());
        self
    }

    /// Adds a JSON body.
    #[must_use]
    pub fn json(self, body: &serde_json::Value) -> Request {
        self.header("Content-Type", "application/json").body(body.to_string())
    }
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// All headers in order, as they were written.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    /// The first header of that name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|problem| panic!("{problem} in an answer {}: {}", self.status, self.text()))
    }
}

/// A client of one server, with kept connections; threads may share it.
#[derive(Debug)]
pub struct Client {
    address: SocketAddr,
    idle: Mutex<Vec<(Connection, Instant)>>,
}

impl Client {
    /// A client that has not connected yet.
    #[must_use]
    pub fn new(address: SocketAddr) -> Client {
        Client { address, idle: Mutex::new(Vec::new()) }
    }

    /// Sends one request and reads its answer.
    ///
    /// # Errors
    /// When the connection fails or what comes is not HTTP; the server may have acted on the request or not.
    pub fn send(&self, request: &Request) -> io::Result<Response> {
        let mut connection = match self.kept() {
            Some(connection) => connection,
            None => Connection::open(self.address)?,
        };
        let (response, keep) = connection.exchange(request)?;
        if keep {
            self.pool().push((connection, crate::time::now()));
        }
        Ok(response)
    }

    /// Forgets all kept connections, as after a restart of the server.
    pub fn reset(&self) {
        self.pool().clear();
    }

    fn pool(&self) -> std::sync::MutexGuard<'_, Vec<(Connection, Instant)>> {
        self.idle.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn kept(&self) -> Option<Connection> {
        let mut pool = self.pool();
        while let Some((connection, since)) = pool.pop() {
            if since.elapsed() < KEPT_FOR {
                return Some(connection);
            }
        }
        None
    }
}

#[derive(Debug)]
struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    fn open(address: SocketAddr) -> io::Result<Connection> {
        let stream = TcpStream::connect_timeout(&address, Duration::from_secs(5))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        Ok(Connection { stream: BufReader::new(stream) })
    }

    fn exchange(&mut self, request: &Request) -> io::Result<(Response, bool)> {
        let sent = self.write(request);
        // A server may refuse a body that it has not read; its answer counts more than our broken pipe.
        let answer = self.read(request.method == "HEAD");
        match (sent, answer) {
            (_, Ok((response, keep))) => Ok((response, keep)),
            (Err(problem), Err(_)) | (Ok(()), Err(problem)) => Err(problem),
        }
    }

    fn write(&mut self, request: &Request) -> io::Result<()> {
        let mut head = format!("{} {} HTTP/1.1\r\n", request.method, request.target);
        let given = |wanted: &str| request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(wanted));
        if !given("host") {
            head.push_str("Host: localhost\r\n");
        }
        for (name, value) in &request.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some(body) = &request.body
            && !given("content-length")
            && !given("transfer-encoding")
        {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        head.push_str("\r\n");
        let mut message = head.into_bytes();
        message.extend_from_slice(request.body.as_deref().unwrap_or_default());
        let stream = self.stream.get_mut();
        stream.write_all(&message)?;
        stream.flush()
    }

    fn read(&mut self, bodiless: bool) -> io::Result<(Response, bool)> {
        let (status, headers) = loop {
            let head = self.head()?;
            // 1xx only says that the real answer is to come.
            if head.0 >= 200 {
                break head;
            }
        };
        let find = |wanted: &str| {
            headers
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
                .map(|(_, value)| value.as_str())
        };
        let keep = find("connection").is_none_or(|value| !value.eq_ignore_ascii_case("close"));
        let chunked = find("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked"));
        let length = find("content-length").map(str::parse::<u64>).transpose().map_err(io::Error::other)?;
        let bounded = chunked || length.is_some();
        let mut body = Vec::new();
        let empty = bodiless || status == 204 || status == 304;
        if !empty {
            match length {
                _ if chunked => self.chunks(&mut body)?,
                Some(length) => {
                    let read = (&mut self.stream).take(length.min(LARGEST_BODY)).read_to_end(&mut body)?;
                    if read as u64 != length {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                None => {
                    (&mut self.stream).take(LARGEST_BODY).read_to_end(&mut body)?;
                }
            }
        }
        Ok((Response { status, headers, body }, keep && (empty || bounded)))
    }

    fn head(&mut self) -> io::Result<(u16, Vec<(String, String)>)> {
        let first = self.line()?;
        let status = first
            .strip_prefix("HTTP/1.1 ")
            .and_then(|rest| rest.get(..3))
            .and_then(|code| code.parse().ok())
            .ok_or_else(|| io::Error::other(format!("not a status line: {first:?}")))?;
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Ok((status, headers));
            }
            let (name, value) =
                line.split_once(':').ok_or_else(|| io::Error::other(format!("not a header: {line:?}")))?;
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
    }

    fn chunks(&mut self, body: &mut Vec<u8>) -> io::Result<()> {
        loop {
            let line = self.line()?;
            let size = u64::from_str_radix(line.split(';').next().unwrap_or_default().trim(), 16)
                .map_err(io::Error::other)?;
            if size == 0 {
                while !self.line()?.is_empty() {}
                return Ok(());
            }
            (&mut self.stream).take(size).read_to_end(body)?;
            self.line()?;
        }
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        (&mut self.stream).take(64 * 1024).read_until(b'\n', &mut line)?;
        if line.pop() != Some(b'\n') {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        String::from_utf8(line).map_err(io::Error::other)
    }
}
