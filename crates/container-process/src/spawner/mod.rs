//! The spawner: a small process with one thread that makes the first process of every sandbox.
//!
//! It exists because a process with many threads must not fork, and because what it is the parent of dies with it. It
//! must not wait for anything that a sandbox does: its loop only clones, answers and reaps. When the server is gone it
//! kills every sandbox, removes what the instance left on this machine, and ends.

mod first;
pub(crate) mod netlink;
mod seccomp;
mod sys;
mod view;

pub(crate) use view::ROOTLESS_ID;

use crate::instance::Instance;
use crate::wire::{self, Answer, Failure, Hello, Make};
use rustix::event::{PollFd, PollFlags, poll};
use seccomp::Filter;
use std::collections::BTreeSet;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::process::ExitCode;
use sys::Forked;

/// The most sandboxes that one spawner has at a time; more are refused.
const MAX_SANDBOXES: usize = 16_384;

/// What `oxiwhisk spawner` does: serves the socket that it got as standard input, until the server at its other end is
/// gone. Not meant to be started by people.
#[must_use]
pub fn main() -> ExitCode {
    // Service managers send these to every process of a service; it is the server that says when this one ends.
    sys::ignore_requests_to_end();
    let socket = match io::stdin().as_fd().try_clone_to_owned() {
        Ok(socket)
            if rustix::net::sockopt::socket_type(&socket) == Ok(rustix::net::SocketType::SEQPACKET) =>
        {
            socket
        }
        Ok(_) | Err(_) => {
            eprintln!(
                "oxiwhisk spawner is started by the server itself; there is nothing to be done with it by hand"
            );
            return ExitCode::FAILURE;
        }
    };
    match Spawner::start(socket) {
        Ok(Some(spawner)) => spawner.serve(),
        Ok(None) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

struct Spawner {
    socket: OwnedFd,
    /// Its file stays locked as long as this process lives, so that the next server waits until this one has cleaned
    /// up.
    instance: Instance,
    root: PathBuf,
    rootless: bool,
    filter: Filter,
    children: BTreeSet<i32>,
}

impl Spawner {
    /// Reads the first packet and makes the root of all sandboxes. `None`: the server is gone already.
    fn start(socket: OwnedFd) -> Result<Option<Spawner>, Failure> {
        let hello = wire::receive::<Hello>(socket.as_fd())
            .map_err(|error| Failure::new("read the greeting", &error))?;
        let Some((hello, fds)) = hello else { return Ok(None) };
        let made = Spawner::make(&hello);
        let answer = match &made {
            Ok(_) => Answer::Ready,
            Err(failure) => Answer::Unable(failure.clone()),
        };
        // A server that is gone by now is noticed by the loop.
        let _ = wire::send(socket.as_fd(), &answer, &[]);
        let (root, filter) = made?;
        let Hello { run_dir, rootless, .. } = hello;
        let missing = || Failure::new("keep the instance's file", &io::ErrorKind::NotFound.into());
        let file = fds.into_iter().next().ok_or_else(missing)?;
        let instance = Instance::adopt(&run_dir, file.into());
        Ok(Some(Spawner { socket, instance, root, rootless, filter, children: BTreeSet::new() }))
    }

    fn make(hello: &Hello) -> Result<(PathBuf, Filter), Failure> {
        let step = |action: &'static str| move |error: io::Error| Failure::new(action, &error);
        // What the server's umask was must not matter for the files that sandboxes see.
        rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
        let root = hello.run_dir.join("root");
        std::fs::create_dir_all(&root).map_err(step("make the directory of the root"))?;
        view::leave(hello.rootless).map_err(step("enter an own mount namespace"))?;
        view::build(&root, &hello.view).map_err(step("make the root of sandboxes"))?;
        let filter = Filter::compile().map_err(step("compile the filter of system calls"))?;
        Ok((root, filter))
    }

    /// Serves until the server is gone.
    fn serve(mut self) -> ExitCode {
        let Ok(signals) = sys::child_signals() else { return ExitCode::FAILURE };
        loop {
            let mut waits = [PollFd::new(&self.socket, PollFlags::IN), PollFd::new(&signals, PollFlags::IN)];
            match poll(&mut waits, None) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(_) => break,
            }
            let [asked, ended] = waits.map(|wait| !wait.revents().is_empty());
            if ended {
                drain(&signals);
                self.reap();
            }
            if asked && !self.answer() {
                break;
            }
        }
        self.end()
    }

    /// Takes one request. Whether there can be more.
    fn answer(&mut self) -> bool {
        match wire::receive::<Make>(self.socket.as_fd()) {
            Ok(Some((make, fds))) => {
                let id = make.id;
                let (answer, pidfd) = match self.clone_first(make, fds) {
                    Ok(pidfd) => (Answer::Made { id }, Some(pidfd)),
                    Err(failure) => (Answer::Refused { id, failure }, None),
                };
                let fds: Vec<_> = pidfd.iter().map(AsFd::as_fd).collect();
                wire::send(self.socket.as_fd(), &answer, &fds).is_ok()
            }
            Ok(None) => false,
            // Nothing but the server's own code writes here; what it cannot mean is a fault that only an end cures.
            Err(_) => false,
        }
    }

    fn clone_first(&mut self, make: Make, mut fds: Vec<OwnedFd>) -> Result<OwnedFd, Failure> {
        let refuse =
            |text: &str| Failure { action: "make a sandbox".to_owned(), errno: 0, text: text.to_owned() };
        if self.children.len() >= MAX_SANDBOXES {
            return Err(refuse("there are too many"));
        }
        if fds.len() < 1 + usize::from(make.unified) + usize::from(make.kept) {
            return Err(refuse("descriptors are missing"));
        }
        let socket = fds.remove(0);
        let unified = make.unified.then(|| fds.remove(0));
        let kept = make.kept.then(|| fds.remove(0));
        match sys::clone_into(sys::NEW_NAMESPACES, unified.as_ref().map(AsFd::as_fd)) {
            Ok(Forked::Child) => {
                let place = first::Place {
                    socket,
                    joins: fds,
                    root: &self.root,
                    rootless: self.rootless,
                    filter: &self.filter,
                };
                first::run(place, kept, &make.sandbox)
            }
            Ok(Forked::Parent { pid, pidfd }) => {
                self.children.insert(pid);
                pidfd.ok_or_else(|| refuse("the kernel gave no descriptor of the process"))
            }
            Err(error) => Err(Failure::new("clone the first process of a sandbox", &error)),
        }
    }

    fn reap(&mut self) {
        while let Ok(Some((pid, _))) = sys::wait_any(true) {
            self.children.remove(&pid);
        }
    }

    /// Kills every sandbox and removes what the instance left on this machine.
    fn end(mut self) -> ExitCode {
        for pid in &self.children {
            sys::kill(*pid);
        }
        // Frozen processes die only when they thaw, so that waiting for them comes after the sweep.
        self.instance.sweep();
        while !self.children.is_empty() {
            match sys::wait_any(false) {
                Ok(Some((pid, _))) => self.children.remove(&pid),
                Ok(None) | Err(_) => break,
            };
        }
        self.instance.sweep();
        ExitCode::SUCCESS
    }
}

fn drain(signals: &OwnedFd) {
    let mut buffer = [0u8; 1024];
    while matches!(rustix::io::read(signals, &mut buffer), Ok(length) if length > 0) {}
}
