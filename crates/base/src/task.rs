//! Tasks with a name and a failure policy; nothing dies silently.

use std::future::Future;
use tokio::task::JoinHandle;

/// What the end of a task by panic means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnPanic {
    /// Say so and go on: one request, one container.
    Log,
    /// Say so and end the process: a part without which the others would wait for ever.
    Abort,
}

/// Starts a task.
#[expect(clippy::disallowed_methods, reason = "this is the one place that starts tasks")]
pub fn spawn<F>(name: &'static str, on_panic: OnPanic, future: F) -> JoinHandle<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    tokio::spawn(async move {
        let guard = PanicGuard { name, on_panic };
        future.await;
        std::mem::forget(guard);
    })
}

/// Dropped only when the task unwinds or is cancelled.
struct PanicGuard {
    name: &'static str,
    on_panic: OnPanic,
}

impl Drop for PanicGuard {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        tracing::error!(task = self.name, "task panicked");
        if self.on_panic == OnPanic::Abort {
            std::process::abort();
        }
    }
}
