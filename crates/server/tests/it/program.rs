//! Running the program, and speaking to it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// How long anything may take on a machine that is busy with other tests.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// The program, without what the environment of the tests says.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_oxiwhisk"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("OXIWHISK_") {
            command.env_remove(name);
        }
    }
    command.args(arguments).stdin(Stdio::null());
    command
}

/// What a run that ends by itself says.
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

pub(crate) fn run(arguments: &[&str]) -> Ended {
    run_command(&mut command(arguments))
}

pub(crate) fn run_command(command: &mut Command) -> Ended {
    let Output { status, stdout, stderr } = command.output().expect("the program starts");
    let text = |bytes| String::from_utf8(bytes).expect("the program writes UTF-8");
    Ended { code: status.code().expect("an exit code"), stdout: text(stdout), stderr: text(stderr) }
}

/// A server that runs until it is stopped or dropped.
pub(crate) struct Server {
    child: Child,
    lines: Receiver<String>,
    pub(crate) banner: String,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts it on a free port, and waits until it has said all.
    pub(crate) fn start(data_dir: &Path, arguments: &[&str]) -> Server {
        let data_dir = data_dir.to_str().expect("a path in UTF-8");
        let all = ["standalone", "--port", "0", "--data-dir", data_dir];
        let mut child = command(&[&all[..], arguments].concat())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let stdout = BufReader::new(child.stdout.take().expect("standard output is a pipe"));
        let (send, lines) = channel();
        std::thread::spawn(move || {
            for line in stdout.lines() {
                let Ok(line) = line else { return };
                if send.send(line).is_err() {
                    return;
                }
            }
        });
        let mut banner = String::new();
        // The last line is the one for curl.
        while !banner.lines().last().is_some_and(|line| line.trim_start().starts_with("curl -u")) {
            let line = lines.recv_timeout(DEADLINE).expect("the server says that it is ready");
            banner.push_str(&line);
            banner.push('\n');
        }
        let url = banner.split("http://").nth(1).and_then(|rest| rest.split_whitespace().next());
        let port = url.and_then(|url| url.rsplit(':').next()).expect("an address in the first line");
        let address = SocketAddr::from(([127, 0, 0, 1], port.parse().expect("a port")));
        Server { child, lines, banner, address }
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let status = Command::new("kill").args(["-s", name, &id]).status().expect("kill runs");
        assert!(status.success(), "the server has gone already");
    }

    /// Waits for the end.
    pub(crate) fn wait(mut self) -> ExitStatus {
        // Standard output closes with the process.
        while self.lines.recv_timeout(DEADLINE).is_ok() {}
        self.child.wait().expect("the server ends")
    }

    /// Sends a request as the guest; the status and the body of the answer.
    pub(crate) fn ask(&self, method: &str, path: &str, key: &str, body: &str) -> (u16, String) {
        read_answer(self.send(method, path, key, body))
    }

    /// Sends a request and does not wait for the answer.
    pub(crate) fn send(&self, method: &str, path: &str, key: &str, body: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).expect("the server listens");
        stream.set_read_timeout(Some(DEADLINE)).expect("a time limit can be set");
        let length = body.len();
        let auth = base64(key);
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nauthorization: Basic {auth}\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n"
        );
        stream.write_all((head + body).as_bytes()).expect("the server reads");
        stream
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn read_answer(mut stream: TcpStream) -> (u16, String) {
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("the server answers");
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer but '{text}'"));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, body.to_owned())
}

/// A port that somebody listens at.
pub(crate) fn taken_port() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("a port").port();
    (listener, port)
}

fn base64(text: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in text.as_bytes().chunks(3) {
        let bits =
            chunk.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let index = (bits >> (18 - 6 * place)) & 63;
            out.push(if place <= chunk.len() { char::from(ALPHABET[index as usize]) } else { '=' });
        }
    }
    out
}
