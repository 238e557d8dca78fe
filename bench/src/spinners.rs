//! Something for each processor to do when nobody else has anything, so that it does not fall asleep: in a virtual machine
//! waking it takes longer than most of what is measured for a single caller.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// A thread of the idle class on each processor; ends with this value.
#[derive(Debug)]
pub struct Spinners {
    done: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Spinners {
    /// Starts them.
    ///
    /// # Errors
    /// When one cannot be started, or the idle class is not to be had.
    pub fn start() -> io::Result<Spinners> {
        let mut spinners = Spinners { done: Arc::default(), threads: Vec::new() };
        for processor in 0..std::thread::available_parallelism().map_or(1, std::num::NonZero::get) {
            let done = spinners.done.clone();
            let (tell, told) = std::sync::mpsc::channel();
            spinners.threads.push(std::thread::Builder::new().spawn(move || {
                let idle = become_idle(processor);
                let spins = idle.is_ok();
                // Whoever starts it waits for this.
                let _ = tell.send(idle);
                while spins && !done.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            })?);
            told.recv().map_err(io::Error::other)??;
        }
        Ok(spinners)
    }
}

impl Drop for Spinners {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// Puts this thread into the class that runs only when nothing else would, on that processor.
fn become_idle(processor: usize) -> io::Result<()> {
    let none = libc::sched_param { sched_priority: 0 };
    #[expect(unsafe_code, reason = "the standard library knows no classes of threads")]
    // SAFETY: both calls read one value each, which lives on this stack, and are about this thread alone.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(processor, &mut set);
        if libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set) != 0
            || libc::sched_setscheduler(0, libc::SCHED_IDLE, &raw const none) != 0
        {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}
