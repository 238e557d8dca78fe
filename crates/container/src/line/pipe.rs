//! This server's end of a pipe. Watching takes memory and calls to the kernel, so pipes are watched only where somebody
//! waits for them.

use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use tokio::io::Interest;
use tokio::io::unix::{AsyncFd, AsyncFdRegisterError};

/// How much is read at a time. Most answers and logs fit.
pub(super) const CHUNK: usize = 8 << 10;

/// A pipe that never makes anybody wait.
#[derive(Debug)]
pub(super) enum Pipe {
    Unwatched(OwnedFd),
    Watched(AsyncFd<OwnedFd>),
}

impl Pipe {
    /// Where it cannot be watched it stays as it is.
    pub(super) fn watched(self, interest: Interest) -> Pipe {
        match self {
            Pipe::Unwatched(pipe) => match watched(pipe, interest) {
                Ok(pipe) => Pipe::Watched(pipe),
                Err(error) => Pipe::Unwatched(error.into_parts().0),
            },
            Pipe::Watched(_) => self,
        }
    }

    pub(super) fn unwatched(self) -> Pipe {
        match self {
            Pipe::Watched(pipe) => Pipe::Unwatched(pipe.into_inner()),
            Pipe::Unwatched(_) => self,
        }
    }
}

impl AsFd for Pipe {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Pipe::Unwatched(pipe) => pipe.as_fd(),
            Pipe::Watched(pipe) => pipe.as_fd(),
        }
    }
}

/// What a read goes into first. It lies on the stack of whoever reads, so that nobody holds one who rests.
pub(super) const fn chunk() -> [MaybeUninit<u8>; CHUNK] {
    [MaybeUninit::uninit(); CHUNK]
}

/// Has a pipe watched that never makes anybody wait.
#[expect(unsafe_code, reason = "the event loop is given a descriptor of the kernel's")]
pub(super) fn watched(
    pipe: OwnedFd,
    interest: Interest,
) -> Result<AsyncFd<OwnedFd>, AsyncFdRegisterError<OwnedFd>> {
    // SAFETY: an `OwnedFd` names the same open descriptor for as long as it lives, and it lives in the `AsyncFd`.
    unsafe { AsyncFd::register_with_interest(pipe, interest) }
}
