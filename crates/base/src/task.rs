//! Tasks with a name and a failure policy; nothing dies silently.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
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
    tokio::spawn(Supervised { name, on_panic, future: Box::pin(future) })
}

/// Watches over each step of a task. A task that is dropped, because its runtime goes, has not panicked.
struct Supervised<F> {
    name: &'static str,
    on_panic: OnPanic,
    future: Pin<Box<F>>,
}

impl<F: Future<Output = ()>> Future for Supervised<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let guard = PanicGuard { name: self.name, on_panic: self.on_panic };
        let polled = self.future.as_mut().poll(context);
        std::mem::forget(guard);
        polled
    }
}

/// Dropped only when a step unwinds.
struct PanicGuard {
    name: &'static str,
    on_panic: OnPanic,
}

impl Drop for PanicGuard {
    fn drop(&mut self) {
        tracing::error!(task = self.name, "task panicked");
        if self.on_panic == OnPanic::Abort {
            std::process::abort();
        }
    }
}
