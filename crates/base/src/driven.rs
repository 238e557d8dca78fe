//! A machine that its callers run themselves, under its lock.
//!
//! Where a hop to another task would cost more than the decision, whoever has an event takes the lock, lets the machine
//! decide, and carries out the commands itself, without the lock. The commands of one machine are still carried out one
//! after another in the order in which they were decided: while one thread is at it, others leave theirs to it. So
//! carrying out a command may lead back to the same machine without a deadlock.

use crate::alarm::Armed;
use machine::{Instant, Machine};
use parking_lot::Mutex;
use std::fmt;

/// What stands around a driven machine.
pub trait Shell<M: Machine> {
    /// Carries out one command. It may drive this machine again; what comes of that is carried out afterwards.
    fn carry_out(&self, command: M::Command);

    /// Sees to it that [`Driven::tick`] is called at `deadline`; see [`crate::alarm::Alarm::arm`].
    fn wake_at(&self, armed: &Armed, deadline: Option<Instant>);
}

/// A machine, its lock, and the commands that are still to be carried out.
pub struct Driven<M: Machine> {
    state: Mutex<State<M>>,
    armed: Armed,
}

struct State<M: Machine> {
    machine: M,
    /// Decided, and not carried out yet.
    outbox: Vec<M::Command>,
    /// An empty vector whose memory is used again.
    spare: Vec<M::Command>,
    /// Whether a thread is carrying out commands; it will come back for the outbox.
    busy: bool,
}

impl<M: Machine> Driven<M> {
    /// The machine, at rest.
    pub const fn new(machine: M) -> Driven<M> {
        let state = State { machine, outbox: Vec::new(), spare: Vec::new(), busy: false };
        Driven { state: Mutex::new(state), armed: Armed::new() }
    }

    /// Hands over one event.
    pub fn handle(&self, now: Instant, event: M::Event, shell: &impl Shell<M>) {
        self.drive(shell, |machine, out| machine.handle(now, event, out));
    }

    /// Acts upon the deadlines up to `now`.
    pub fn tick(&self, now: Instant, shell: &impl Shell<M>) {
        self.armed.rung();
        self.drive(shell, |machine, out| machine.tick(now, out));
    }

    /// Looks at the machine without changing it.
    pub fn look<R>(&self, look: impl FnOnce(&M) -> R) -> R {
        look(&self.state.lock().machine)
    }

    /// Lets the machine take one step, and carries out what comes of it.
    pub fn drive<R>(&self, shell: &impl Shell<M>, step: impl FnOnce(&mut M, &mut Vec<M::Command>) -> R) -> R {
        let mut guard = self.state.lock();
        let state = &mut *guard;
        let result = step(&mut state.machine, &mut state.outbox);
        if state.busy {
            return result;
        }
        state.busy = true;
        while !guard.outbox.is_empty() {
            let state = &mut *guard;
            let mut batch = std::mem::replace(&mut state.outbox, std::mem::take(&mut state.spare));
            drop(guard);
            for command in batch.drain(..) {
                shell.carry_out(command);
            }
            guard = self.state.lock();
            guard.spare = batch;
        }
        guard.busy = false;
        let deadline = guard.machine.next_deadline();
        drop(guard);
        // Mostly the alarm is to ring before then anyway, and the shell has nothing to do.
        if self.armed.misses(deadline) {
            shell.wake_at(&self.armed, deadline);
        }
        result
    }
}

impl<M: Machine + fmt::Debug> fmt::Debug for Driven<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.state.try_lock() {
            Some(state) => state.machine.fmt(f),
            None => f.write_str("Driven(locked)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    /// Counts down from each number that it is given, one command a number.
    #[derive(Debug)]
    struct Countdown;

    impl Machine for Countdown {
        type Event = u32;
        type Command = u32;

        fn handle(&mut self, _: Instant, event: u32, out: &mut Vec<u32>) {
            out.push(event);
        }

        fn tick(&mut self, _: Instant, _: &mut Vec<u32>) {}

        fn next_deadline(&self) -> Option<Instant> {
            None
        }
    }

    /// Drives the machine from within a command.
    struct Recursive {
        machine: Arc<Driven<Countdown>>,
        seen: Mutex<Vec<u32>>,
    }

    impl Shell<Countdown> for Recursive {
        fn carry_out(&self, command: u32) {
            self.seen.lock().push(command);
            if command > 0 {
                self.machine.handle(Instant::ZERO, command - 1, self);
            }
        }

        fn wake_at(&self, _: &Armed, _: Option<Instant>) {}
    }

    #[test]
    fn a_command_may_lead_back_to_its_machine() {
        let shell = Recursive { machine: Arc::new(Driven::new(Countdown)), seen: Mutex::new(Vec::new()) };
        shell.machine.handle(Instant::ZERO, 3, &shell);
        assert_eq!(*shell.seen.lock(), [3, 2, 1, 0]);
    }

    #[test]
    fn every_command_is_carried_out_once_whoever_decided_it() {
        let shell = Recursive { machine: Arc::new(Driven::new(Countdown)), seen: Mutex::new(Vec::new()) };
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..1000).for_each(|_| shell.machine.handle(Instant::ZERO, 1, &shell)));
            }
        });
        let seen = shell.seen.lock();
        assert_eq!(seen.iter().filter(|&&command| command == 1).count(), 4000);
        assert_eq!(seen.len(), 8000);
    }
}
