//! The one interface between decisions and input/output.
//!
//! A [`Machine`] decides; the shell around it waits for one event, hands it over together with the time, and carries
//! out the commands that come back. A machine never waits, never reads a clock and never draws a random number, so the
//! same code runs in unit tests, in the simulator and in production.
//!
//! This crate must not depend on anything.

mod instant;
mod timers;

pub use instant::Instant;
pub use timers::Timers;

/// A pure state machine: event in, commands out.
pub trait Machine {
    /// What can happen to it: a closed enum in a file of its own.
    type Event;
    /// What it can ask for: a closed enum in a file of its own.
    type Command;

    /// Takes one event at the time `now` and appends to `out` what is to be done about it, in order.
    ///
    /// `now` never goes backwards from one call to the next. Every deadline up to `now` is acted upon as well, so a
    /// shell needs no event that means "time has passed": it may call [`Machine::tick`].
    fn handle(&mut self, now: Instant, event: Self::Event, out: &mut Vec<Self::Command>);

    /// Acts upon every deadline that `now` has reached.
    fn tick(&mut self, now: Instant, out: &mut Vec<Self::Command>);

    /// When [`Machine::tick`] is due next. `None`: not before the next event.
    fn next_deadline(&self) -> Option<Instant>;
}
