//! The hot paths.

mod line;
mod platform;
mod queue;
mod record;
mod request;

use crate::counted::Counted;
use crate::report;
use std::time::Duration;

/// Goes a path often enough for a mean, after it has gone it often enough to be warm. It is to panic where the path does
/// not do what it should: what is wrong may well be fast.
type Path = fn(&mut Counted);

/// By name.
const PATHS: [(&str, Path); 15] = [
    ("answer", record::answer),
    ("detached", platform::detached),
    ("fire", platform::fire),
    ("invoke", platform::invoke),
    ("invoke-large", platform::invoke_large),
    ("line", line::call),
    ("line-large", line::large),
    ("merge", request::merge),
    ("queue", queue::one),
    ("queue-backlog", queue::backlog),
    ("queue-busy", queue::busy),
    ("queues", platform::queues),
    ("record", record::entry),
    ("record-large", record::large),
    ("request", request::read),
];

/// Their names.
pub(crate) fn names() -> Vec<&'static str> {
    PATHS.iter().map(|(name, _)| *name).collect()
}

/// Goes one of them and says how often and with how many allocations.
///
/// # Errors
/// When there is none of that name.
pub(crate) fn go(name: &str) -> Result<(), String> {
    let (_, path) = PATHS.iter().find(|(known, _)| *known == name).ok_or(format!("no path '{name}'"))?;
    let mut counted = Counted::default();
    path(&mut counted);
    report::went(counted.operations, counted.allocations);
    Ok(())
}

/// One thread whose clock stands still, so that no timer comes at another moment than the last time.
fn runtime() -> tokio::runtime::Runtime {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.expect("a runtime starts")
}

/// How long a text is that makes a payload or a result a great one, in bytes: with the rest of it, less than the limit.
const LARGE: usize = 1_000_000;

/// How long a run is said to have taken.
const RUN: Duration = Duration::from_millis(2);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baseline::chance;

    /// Without callgrind: that each path does what it should, and allocates as often each time.
    #[test]
    fn every_path_can_be_gone_and_allocates_the_same_each_time() {
        for (name, path) in PATHS {
            let go = || {
                let mut counted = Counted::default();
                path(&mut counted);
                (counted.operations, counted.allocations as f64 / counted.operations as f64)
            };
            let ((operations, allocations), (again, allocations_again)) = (go(), go());
            assert!(operations >= 20 && operations == again, "{name}: {operations}, {again}");
            let difference = (allocations - allocations_again).abs();
            assert!(difference < chance(name), "{name}: {allocations}, {allocations_again}");
        }
    }
}
