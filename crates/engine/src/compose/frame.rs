//! One sequence or composition on the stack.

use super::command::Finished;
use super::event::{Form, Whole};
use std::sync::Arc;
use std::time::Duration;
use types::json::Raw;
use types::{ActivationId, ActivationResponse, FullyQualifiedName};

/// What has parts and has not ended.
#[derive(Clone, Debug)]
pub(super) struct Frame<A> {
    pub(super) action: A,
    pub(super) id: ActivationId,
    began: u64,
    pub(super) drive: Drive,
    pub(super) parts: Vec<ActivationId>,
    duration: u64,
    memory: Option<u64>,
}

/// How its parts are found.
#[derive(Clone, Debug)]
pub(super) enum Drive {
    Sequence(Sequence),
    Conductor(Conductor),
}

#[derive(Clone, Debug)]
pub(super) struct Sequence {
    pub(super) components: Arc<[FullyQualifiedName]>,
    /// The place of the component that comes next.
    pub(super) next: usize,
    /// How many atomic actions have run, those of the sequences around it included (SEQ-13).
    pub(super) atoms: u32,
}

#[derive(Clone, Debug)]
pub(super) struct Conductor {
    pub(super) timeout: Duration,
    pub(super) memory: u64,
    /// Whether the conductor itself is running, and not the part that it named.
    pub(super) conducting: bool,
    /// What it wants to be given the next time.
    pub(super) state: Option<Raw>,
}

/// A part that has ended.
#[derive(Clone, Debug)]
pub(super) struct Child {
    pub(super) id: ActivationId,
    pub(super) response: ActivationResponse,
    pub(super) duration: u64,
    /// `None`: nothing of it has run.
    pub(super) memory: Option<u64>,
}

impl<A> Frame<A> {
    /// Something that begins; `atoms` have run in the sequences around it.
    pub(super) fn new(whole: Whole<A>, atoms: u32) -> Frame<A> {
        let Whole { action, id, began, form } = whole;
        let (drive, memory) = match form {
            Form::Sequence(components) => (Drive::Sequence(Sequence { components, next: 0, atoms }), None),
            Form::Conductor { timeout, memory } => {
                let conductor = Conductor { timeout, memory, conducting: false, state: None };
                (Drive::Conductor(conductor), Some(memory))
            }
        };
        Frame { action, id, began, drive, parts: Vec::new(), duration: 0, memory }
    }

    pub(super) fn is_conductor(&self) -> bool {
        matches!(self.drive, Drive::Conductor(_))
    }

    /// How many atomic actions have run, if it is a sequence.
    pub(super) fn atoms(&self) -> Option<u32> {
        match &self.drive {
            Drive::Sequence(sequence) => Some(sequence.atoms),
            Drive::Conductor(_) => None,
        }
    }

    /// Notes a part (SEQ-14, SEQ-16, CON-13).
    pub(super) fn count(&mut self, id: ActivationId, duration: u64, memory: Option<u64>) {
        self.parts.push(id);
        self.duration = self.duration.saturating_add(duration);
        self.memory = self.memory.max(memory);
    }

    /// Its end. `around` is the activation that it is a part of, `outermost` whether it is the whole.
    pub(super) fn finished(
        self,
        response: ActivationResponse,
        around: Option<ActivationId>,
        outermost: bool,
    ) -> Finished<A> {
        Finished {
            conductor: self.is_conductor(),
            action: self.action,
            id: self.id,
            cause: around,
            outermost,
            began: self.began,
            response,
            parts: self.parts,
            duration: self.duration,
            memory: self.memory,
        }
    }
}
