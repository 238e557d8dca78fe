//! What the server, its spawner and the first processes of sandboxes say to each other: one JSON text a packet over
//! local sockets that keep packets apart, with file descriptors beside it.
//!
//! All three are the same program, so that no form has to outlive a version.

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

/// The longest packet: a program with its environment. Less than what the kernel buffers on such a socket.
pub(crate) const MAX_PACKET: usize = 160 << 10;

/// The most descriptors that come with one packet: a socket, a network, and one for each cgroup hierarchy.
pub(crate) const MAX_FDS: usize = 12;

/// The first packet to the spawner. With it comes the instance's locked file, for the spawner to keep.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Hello {
    /// The directory of the instance, where it keeps what is to be swept.
    pub run_dir: PathBuf,
    /// The root that every sandbox gets.
    pub view: View,
    /// Whether this is not the superuser, so that the spawner must enter a user namespace.
    pub rootless: bool,
}

/// What of this machine's files a sandbox sees.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct View {
    /// Directories seen at the same path, read-only, in every sandbox.
    pub shared: Vec<PathBuf>,
    /// Directories that single sandboxes may ask for: only their mount points are made.
    pub optional: Vec<PathBuf>,
    /// Symbolic links at the root, with what they point to.
    pub links: BTreeMap<PathBuf, PathBuf>,
    /// Files of this machine that are copied to the same path.
    pub copied: Vec<PathBuf>,
    /// Files made by us, by path.
    pub files: BTreeMap<PathBuf, ViewFile>,
}

/// A file that is made for all sandboxes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ViewFile {
    /// What is in it.
    pub text: String,
    /// Whether it may be executed.
    pub executable: bool,
}

/// What the server asks of the spawner: the first process of a sandbox. With it come the first process' own socket,
/// the directory of a cgroup of version 2 where `unified` says so, a network of an earlier sandbox where `kept` says so,
/// and the `tasks` files to join.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Make {
    /// The number of the answer.
    pub id: u64,
    /// What is to be made.
    pub sandbox: SandboxSpec,
    /// Whether a directory of version 2 is among the descriptors.
    pub unified: bool,
    /// Whether a network namespace is among them: that of an earlier sandbox with the same addresses.
    pub kept: bool,
}

/// What a sandbox is like before anything runs in it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SandboxSpec {
    /// This machine's directory that is `/action` in it.
    pub action: PathBuf,
    /// The number of the user whose name its programs find.
    pub user: u32,
    /// The optional directories that it sees.
    pub mounts: Vec<PathBuf>,
    /// Its network.
    pub network: Network,
    /// The bytes that may lie in `/tmp`.
    pub tmp_bytes: u64,
    /// The files that may lie in `/tmp`.
    pub tmp_files: u64,
    /// The bytes that may lie in `/dev/shm`.
    pub shm_bytes: u64,
}

/// The network of a sandbox.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Network {
    /// That of this machine.
    Host,
    /// Its own loopback and nothing else.
    None,
    /// Its own, joined to this machine by a pair of interfaces.
    Outbound {
        /// The name of the interface on this machine's side.
        interface: String,
        /// This machine's address on it.
        host: std::net::Ipv4Addr,
        /// The sandbox' address.
        address: std::net::Ipv4Addr,
        /// The bits that both addresses have in common.
        prefix: u8,
        /// The largest packet.
        mtu: u32,
    },
}

/// What the spawner answers.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Answer {
    /// It is ready to make sandboxes.
    Ready,
    /// It cannot work at all; it ends.
    Unable(Failure),
    /// The first process of a sandbox was started. With it comes a descriptor of that process.
    Made {
        /// The number of the question.
        id: u64,
    },
    /// It was not.
    Refused {
        /// The number of the question.
        id: u64,
        /// Why.
        failure: Failure,
    },
}

/// What the server tells the first process of a sandbox: start the program. With it come the descriptors for commands,
/// results, standard output and standard error.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Start {
    /// What the machine is called in there.
    pub host_name: String,
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// Its whole environment.
    pub environment: Vec<(String, String)>,
    /// Where it reads commands.
    pub command_fd: i32,
    /// Where it writes results.
    pub result_fd: i32,
    /// Whom it runs as; `None` where only one user can be had.
    pub user: Option<Users>,
    /// Its limits.
    pub limits: Limits,
}

/// Whom the processes of a sandbox run as.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Users {
    /// The program; the group has the same number.
    pub program: u32,
    /// The first process, which must be out of the program's reach.
    pub first: u32,
}

/// The limits of each process of a sandbox.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Limits {
    /// Open files.
    pub open_files: u64,
    /// Processes of its user.
    pub processes: u64,
    /// Bytes of a file.
    pub file_bytes: u64,
}

/// What the first process of a sandbox tells the server.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Report {
    /// The sandbox is made. With it comes its network namespace, where that is new and joined to this machine.
    Prepared,
    /// The program runs.
    Started,
    /// Making the sandbox or starting the program failed; the sandbox ends.
    Failed(Failure),
    /// The program exited with a code.
    Exited(i32),
    /// A signal ended the program.
    Signalled(i32),
}

/// What was tried and what came of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Failure {
    /// What was tried.
    pub action: String,
    /// The kernel's number for what came of it; 0 where it has none.
    pub errno: i32,
    /// The same in words.
    pub text: String,
}

impl Failure {
    /// From an error of the standard library.
    pub(crate) fn new(action: impl Into<String>, error: &io::Error) -> Failure {
        Failure { action: action.into(), errno: error.raw_os_error().unwrap_or(0), text: error.to_string() }
    }

    /// As an error of the standard library.
    pub(crate) fn into_error(self) -> io::Error {
        let kind = io::Error::from_raw_os_error(self.errno).kind();
        io::Error::new(kind, format!("{}: {}", self.action, self.text))
    }
}

/// Sends a packet.
///
/// # Errors
/// `WouldBlock` on a socket that does not block; `InvalidInput` for a packet that is too long.
pub(crate) fn send<T: Serialize>(
    socket: BorrowedFd<'_>,
    message: &T,
    fds: &[BorrowedFd<'_>],
) -> io::Result<()> {
    let text = serde_json::to_vec(message)?;
    if text.len() > MAX_PACKET {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!(
                "the program and its environment take {} bytes; at most {MAX_PACKET} are possible",
                text.len()
            ),
        ));
    }
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() && !control.push(SendAncillaryMessage::ScmRights(fds)) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "too many descriptors for one packet"));
    }
    rustix::net::sendmsg(socket, &[IoSlice::new(&text)], &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Receives a packet; `None` at the end.
///
/// # Errors
/// `WouldBlock` on a socket that does not block; `InvalidData` for what is no packet of ours.
pub(crate) fn receive<T: DeserializeOwned>(socket: BorrowedFd<'_>) -> io::Result<Option<(T, Vec<OwnedFd>)>> {
    let mut buffer = vec![0u8; next_packet(socket)?];
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received = loop {
        let mut parts = [IoSliceMut::new(&mut buffer)];
        match rustix::net::recvmsg(socket, &mut parts, &mut control, RecvFlags::CMSG_CLOEXEC) {
            Ok(received) => break received,
            Err(rustix::io::Errno::INTR) => {}
            Err(rustix::io::Errno::CONNRESET) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
    };
    let fds = control
        .drain()
        .filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(fds) => Some(fds),
            _ => None,
        })
        .flatten()
        .collect();
    if received.bytes == 0 {
        return Ok(None);
    }
    if received.flags.intersects(ReturnFlags::TRUNC | ReturnFlags::CTRUNC) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a packet was cut"));
    }
    let message = serde_json::from_slice(&buffer[..received.bytes])?;
    Ok(Some((message, fds)))
}

/// How long the next packet is, so that no more memory is touched than it takes: much of what this process touches once is
/// its own for good, and where it is the first of a sandbox, there are thousands of it. Waits for the packet.
fn next_packet(socket: BorrowedFd<'_>) -> io::Result<usize> {
    let look = RecvFlags::PEEK | RecvFlags::TRUNC;
    loop {
        match rustix::net::recv(socket, &mut [0u8; 0], look) {
            Ok((_, length)) => return Ok(length.min(MAX_PACKET)),
            Err(rustix::io::Errno::INTR) => {}
            // The end, which the next call says again.
            Err(rustix::io::Errno::CONNRESET) => return Ok(0),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Two joined sockets that keep packets apart.
pub(crate) fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
    Ok(socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?)
}

/// Borrows every descriptor of a list.
pub(crate) fn borrow(fds: &[OwnedFd]) -> Vec<BorrowedFd<'_>> {
    fds.iter().map(AsFd::as_fd).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_arrives_with_its_descriptors() {
        let (here, there) = pair().unwrap();
        let (read, write) = rustix::pipe::pipe().unwrap();
        send(here.as_fd(), &Report::Exited(3), &[write.as_fd()]).unwrap();
        drop(write);
        let (report, fds) = receive::<Report>(there.as_fd()).unwrap().unwrap();
        assert!(matches!(report, Report::Exited(3)));
        rustix::io::write(&fds[0], b"x").unwrap();
        let mut byte = [0];
        assert_eq!(rustix::io::read(&read, &mut byte).unwrap(), 1);
    }

    #[test]
    fn the_end_and_what_is_too_long_are_told_apart() {
        let (here, there) = pair().unwrap();
        let long = Report::Failed(Failure { action: "x".repeat(MAX_PACKET), errno: 0, text: String::new() });
        assert_eq!(send(here.as_fd(), &long, &[]).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        drop(here);
        assert!(receive::<Report>(there.as_fd()).unwrap().is_none());
    }
}
