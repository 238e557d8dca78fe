//! Y0: bytes to a process that sends them back, and back: the least that any exchange can take.

use crate::stats::percentile;
use crate::yardstick::tell_port;
use oxiwhisk_test_e2e::time;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

/// What the bytes go through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// TCP over the loopback interface.
    Tcp,
    /// A Unix socket.
    Unix,
    /// A pipe for each direction.
    Pipe,
}

impl Way {
    /// All of them.
    pub const ALL: [Way; 3] = [Way::Tcp, Way::Unix, Way::Pipe];

    /// What it is called.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Way::Tcp => "TCP",
            Way::Unix => "a Unix socket",
            Way::Pipe => "pipes",
        }
    }
}

/// A process that sends bytes back; ends with this value.
#[derive(Debug)]
pub struct Echo {
    child: Child,
    channel: Channel,
}

#[derive(Debug)]
enum Channel {
    Tcp(TcpStream),
    Unix(UnixStream),
    Pipe(ChildStdin, ChildStdout),
}

impl Echo {
    /// Starts it and connects.
    ///
    /// # Errors
    /// When it cannot be started or does not answer.
    pub fn start(way: Way) -> io::Result<Echo> {
        let mut command = Command::new(std::env::current_exe()?);
        match way {
            Way::Tcp => {
                let mut child =
                    command.args(["serve", "tcp"]).stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
                let mut line = String::new();
                let out = child.stdout.take().ok_or_else(|| io::Error::other("no output"))?;
                io::BufRead::read_line(&mut io::BufReader::new(out), &mut line)?;
                let port: u16 = line.trim().parse().map_err(io::Error::other)?;
                let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
                stream.set_nodelay(true)?;
                Ok(Echo { child, channel: Channel::Tcp(stream) })
            }
            Way::Unix => {
                let (ours, theirs) = UnixStream::pair()?;
                let theirs = std::os::fd::OwnedFd::from(theirs);
                let child =
                    command.args(["serve", "pipe"]).stdin(theirs.try_clone()?).stdout(theirs).spawn()?;
                Ok(Echo { child, channel: Channel::Unix(ours) })
            }
            Way::Pipe => {
                let mut child =
                    command.args(["serve", "pipe"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
                let missing = || io::Error::other("a process without pipes");
                let input = child.stdin.take().ok_or_else(missing)?;
                let output = child.stdout.take().ok_or_else(missing)?;
                Ok(Echo { child, channel: Channel::Pipe(input, output) })
            }
        }
    }

    /// Sends `bytes` bytes back and forth for `period`.
    ///
    /// # Errors
    /// When the connection fails.
    pub fn measure(&mut self, bytes: usize, period: Duration) -> io::Result<Trips> {
        match &mut self.channel {
            Channel::Tcp(stream) => exchange(&mut &*stream, &mut &*stream, bytes, period),
            Channel::Unix(stream) => exchange(&mut &*stream, &mut &*stream, bytes, period),
            Channel::Pipe(input, output) => exchange(input, output, bytes, period),
        }
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How long round trips took, in microseconds.
#[derive(Clone, Copy, Debug)]
pub struct Trips {
    /// The shortest.
    pub least: f64,
    /// The median.
    pub p50: f64,
    /// 99 of 100 were shorter.
    pub p99: f64,
}

fn exchange(
    input: &mut impl Write,
    output: &mut impl Read,
    bytes: usize,
    period: Duration,
) -> io::Result<Trips> {
    let message = vec![b'x'; bytes];
    let mut buffer = vec![0; bytes];
    let mut times = Vec::new();
    let started = time::now();
    while started.elapsed() < period {
        let sent = time::now();
        input.write_all(&message)?;
        output.read_exact(&mut buffer)?;
        times.push(u64::try_from(sent.elapsed().as_nanos()).unwrap_or(u64::MAX));
    }
    times.sort_unstable();
    let micros = |share| percentile(&times, share) / 1000.0;
    Ok(Trips { least: micros(0.0), p50: micros(0.5), p99: micros(0.99) })
}

/// The process at the other end of TCP connections.
///
/// # Errors
/// When it cannot listen.
pub fn serve_tcp() -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    tell_port(listener.local_addr()?)?;
    loop {
        let (stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        send_back(&mut &stream, &mut &stream)?;
    }
}

/// The process at the other end of pipes, or of a socket in their place.
///
/// # Errors
/// When it cannot write.
pub fn serve_pipe() -> io::Result<()> {
    // The standard library's own output waits for the ends of lines.
    let output = std::fs::File::from(std::os::fd::AsFd::as_fd(&io::stdout()).try_clone_to_owned()?);
    let input = std::fs::File::from(std::os::fd::AsFd::as_fd(&io::stdin()).try_clone_to_owned()?);
    send_back(&mut &input, &mut &output)
}

fn send_back(input: &mut impl Read, output: &mut impl Write) -> io::Result<()> {
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = input.read(&mut buffer) {
        output.write_all(&buffer[..length])?;
    }
    Ok(())
}
