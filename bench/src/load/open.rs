//! The open loop: requests have times at which they are to be sent, and latency counts from then, so that a server that
//! is late does not hide it by holding the generator up.

use super::{Connection, Lane, Outcome, Template, outcome};
use oxiwhisk_test_e2e::time;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::io::unix::AsyncFd;
use tokio::sync::{Mutex, mpsc};
use tokio::task::LocalSet;

/// Connections; one that waits for an answer is not there for the next request.
const CONNECTIONS: usize = 128;
/// Requests that may be late before the run has failed.
const BACKLOG: usize = 1 << 20;

type Jobs = Rc<Mutex<mpsc::Receiver<(u64, Instant)>>>;

/// Sends `rate` requests a second for `period`, at even distances, the templates in turn. The times of the outcome count
/// from the moment when a request was to be sent.
///
/// # Errors
/// The first answer that is wrong, or a connection that fails.
pub fn run_open(
    address: SocketAddr,
    templates: &[Template],
    rate: f64,
    period: Duration,
) -> io::Result<Outcome> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let (send, jobs) = mpsc::channel(BACKLOG);
        let jobs = Rc::new(Mutex::new(jobs));
        let mut tasks = Vec::new();
        for _ in 0..CONNECTIONS {
            let lane = Lane::new(Connection::open(address).await?);
            tasks.push(tokio::task::spawn_local(serve(lane, templates.to_vec(), jobs.clone())));
        }
        let started = time::now();
        let distance = Duration::from_secs_f64(1.0 / rate.max(1.0));
        let alarm = Alarm::new()?;
        let mut due = started;
        let mut number = 0;
        while due.duration_since(started) < period {
            let now = time::now();
            while due <= now {
                match send.try_send((number, due)) {
                    // The lanes live until this end is dropped, or have failed, which shows below.
                    Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => {}
                    Err(mpsc::error::TrySendError::Full(_)) => {
                        return Err(io::Error::other(format!("{BACKLOG} requests behind the schedule")));
                    }
                }
                number += 1;
                due += distance;
            }
            alarm.wait(due.saturating_duration_since(time::now())).await?;
        }
        drop(send);
        let mut lanes = Vec::new();
        for task in tasks {
            lanes.push(task.await.map_err(io::Error::other)??);
        }
        outcome(lanes, started.elapsed())
    })
}

async fn serve(mut lane: Lane, mut templates: Vec<Template>, jobs: Jobs) -> io::Result<Lane> {
    loop {
        let job = jobs.lock().await.recv().await;
        let Some((number, due)) = job else { return Ok(lane) };
        let index = usize::try_from(number % templates.len() as u64).unwrap_or(0);
        lane.call(&mut templates[index], number, due).await?;
    }
}

/// A timer finer than the runtime's own, which counts whole milliseconds.
struct Alarm(AsyncFd<OwnedFd>);

impl Alarm {
    fn new() -> io::Result<Alarm> {
        #[expect(unsafe_code, reason = "the standard library has no such timer")]
        // SAFETY: the call takes no pointers; the descriptor that it gives belongs to nobody else, and stays open for as
        // long as it is registered, because nothing takes it out of here.
        unsafe {
            let timer = libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_NONBLOCK | libc::TFD_CLOEXEC);
            if timer < 0 {
                return Err(io::Error::last_os_error());
            }
            Ok(Alarm(AsyncFd::register(OwnedFd::from_raw_fd(timer))?))
        }
    }

    async fn wait(&self, time: Duration) -> io::Result<()> {
        // No time at all would switch the timer off.
        let nanos = i64::from(time.subsec_nanos()).max(1);
        let zero = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        let value =
            libc::timespec { tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX), tv_nsec: nanos };
        let when = libc::itimerspec { it_interval: zero, it_value: value };
        let timer = self.0.get_ref().as_raw_fd();
        #[expect(unsafe_code, reason = "the standard library has no such timer")]
        // SAFETY: `when` lives throughout the call, and no old value is asked for.
        if unsafe { libc::timerfd_settime(timer, 0, &raw const when, std::ptr::null_mut()) } != 0 {
            return Err(io::Error::last_os_error());
        }
        // Setting it again takes back that it has rung, so nothing is to be read from it.
        self.0.readable().await?.clear_ready();
        Ok(())
    }
}
