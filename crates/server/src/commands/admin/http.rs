//! Speaking to the admin API: one request, one answer, one connection.

use super::super::Exit;
use serde_json::Value;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

/// How long the server may take to be reached, and to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// A longer answer is none of the admin API's.
const LONGEST: u64 = 64 << 20;

/// The admin API of a server.
pub(crate) struct Client {
    /// `host:port`
    host: String,
    credential: String,
}

/// What the server said.
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// `null` where there is none.
    pub(crate) body: Value,
}

impl Answer {
    /// Whether it is what was asked for.
    pub(crate) fn is_good(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Why not.
    pub(crate) fn error(&self) -> String {
        match self.body["error"].as_str() {
            Some(text) => text.to_owned(),
            None => format!("status {}", self.status),
        }
    }
}

impl Client {
    /// The one at `url`, which begins with `http://`.
    pub(crate) fn new(url: &str, credential: String) -> Result<Client, Exit> {
        let place = url.strip_prefix("http://").ok_or_else(|| {
            let text = "the URL of the server begins with http://; where it is behind TLS, call it on its own machine";
            Exit::usage(text.to_owned())
        })?;
        let place = place.split('/').next().unwrap_or_default();
        if place.is_empty() {
            return Err(Exit::usage(format!("{url} names no server")));
        }
        // A colon behind the bracket of an IPv6 address, or the only one, comes before a port.
        let has_port = place.rsplit(']').next().is_some_and(|rest| rest.contains(':'));
        let host = if has_port { place.to_owned() } else { format!("{place}:80") };
        Ok(Client { host, credential })
    }

    /// Sends a request for what stands at `path` below `/admin/v1`.
    pub(crate) fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Answer, Exit> {
        let fault =
            |error: io::Error| Exit::failure(format!("cannot reach the server at {}: {error}", self.host));
        let answer = self.exchange(method, path, body).map_err(fault)?;
        match answer.status {
            401 => Err(Exit::failure(format!(
                "the server at {} does not take the operator's credential: {}",
                self.host,
                answer.error()
            ))),
            _ => Ok(answer),
        }
    }

    fn exchange(&self, method: &str, path: &str, body: Option<&Value>) -> io::Result<Answer> {
        let body = body.map(Value::to_string).unwrap_or_default();
        let kind = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
        // In HTTP/1.0 the answer comes in one piece, and ends with the connection.
        let head = format!(
            "{method} /admin/v1{path} HTTP/1.0\r\nHost: {}\r\nAuthorization: Bearer {}\r\n{kind}Content-Length: {}\r\n\r\n",
            self.host,
            self.credential,
            body.len()
        );
        let mut stream = self.connect()?;
        stream.write_all((head + &body).as_bytes())?;
        let mut answer = Vec::new();
        stream.take(LONGEST).read_to_end(&mut answer)?;
        parse(&answer)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "this is no answer of OxiWhisk"))
    }

    fn connect(&self) -> io::Result<TcpStream> {
        let mut last = io::Error::new(io::ErrorKind::NotFound, "it has no address");
        for address in self.host.to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, PATIENCE) {
                Ok(stream) => {
                    stream.set_read_timeout(Some(PATIENCE))?;
                    stream.set_write_timeout(Some(PATIENCE))?;
                    return Ok(stream);
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

/// A whole answer; `None`: it is none, or was cut off.
fn parse(answer: &[u8]) -> Option<Answer> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let (head, body) = (std::str::from_utf8(&answer[..end]).ok()?, &answer[end + 4..]);
    let mut lines = head.lines();
    let status = lines.next()?.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()?;
    let length = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    if length.is_some_and(|length| length != body.len()) {
        return None;
    }
    let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(body).ok()? };
    Some(Answer { status, body })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_whole_or_not_at_all() {
        let answer =
            parse(b"HTTP/1.0 404 Not Found\r\nContent-Length: 15\r\n\r\n{\"error\":\"why\"}").unwrap();
        assert_eq!((answer.status, answer.error().as_str()), (404, "why"));
        assert!(parse(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap().is_good());
        for bad in [
            &b"HTTP/1.0 200 OK\r\nContent-Length: 9\r\n\r\n{}"[..],
            b"HTTP/1.0 200 OK\r\n\r\n<html>",
            b"SSH-2.0\r\n\r\n",
            b"",
        ] {
            assert!(parse(bad).is_none());
        }
    }

    #[test]
    fn a_url_names_host_and_port() {
        for (url, host) in [
            ("http://localhost:3233", "localhost:3233"),
            ("http://localhost/", "localhost:80"),
            ("http://[::1]:3233/x", "[::1]:3233"),
            ("http://[::1]", "[::1]:80"),
        ] {
            assert_eq!(Client::new(url, String::new()).unwrap().host, host);
        }
        for bad in ["https://localhost", "localhost:3233", "http://"] {
            assert!(Client::new(bad, String::new()).is_err(), "{bad}");
        }
    }
}
