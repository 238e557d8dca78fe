//! What runs next in a sequence or a composition, and what comes of the whole (sections SEQ and CON of the API rules).
//!
//! Both may have each other as parts, so what is under way is a stack. At any time exactly one answer is awaited: what a
//! name stands for, or how a part ended. Whoever carries the commands out says so by one event, and the next command
//! follows, until the outermost `Finish`.
//!
//! Nothing runs for ever: a sequence is given up when as many atomic actions ran as it may have (SEQ-13), a composition
//! when its conductors ran often enough (CON-10), counting with all compositions inside it, and neither nests deeper
//! than a sequence may be long.
//!
//! This module must not know how actions are found, what their own parameters are, or what a record looks like.

mod command;
mod event;
mod frame;
mod reply;

#[cfg(test)]
mod tests;

pub use command::{Command, Finished};
pub use event::{Event, Form, Part, Whole};

use frame::{Child, Drive, Frame};
use reply::{Reply, is_array, is_object, overlaid, part_name};
use std::time::Duration;
use types::json::{self, Raw, Shape};
use types::{ActivationId, ActivationResponse, EntityName, FullyQualifiedName, StatusCode};

/// What a part is granted beyond its own time limit (SEQ-10, CON-12).
const GRACE: Duration = Duration::from_secs(60);

/// SEQ-01, SEQ-13
pub const SEQUENCE_TOO_LONG: &str = "Too many actions in the sequence.";

/// SEQ-01, SEQ-11
pub const COMPONENT_MISSING: &str = "Sequence component does not exist.";

/// SEQ-12
const SEQUENCE_FAILED: &str = "Sequence failed.";

/// CON-10
const COMPOSITION_TOO_LONG: &str = "Too many actions in the composition.";

/// CON-12
const COMPOSITION_FAILED: &str = "Activation failure during composition.";

/// Where a sequence or composition runs.
#[derive(Clone, Debug)]
pub struct Scope {
    /// The greatest number of actions in a sequence.
    pub limit: u32,
    /// The caller's namespace.
    pub caller: EntityName,
}

/// A running sequence or composition. `A` is the shell's own form of an action.
#[derive(Clone, Debug)]
pub struct Composition<A> {
    scope: Scope,
    /// What is under way, the innermost last. Never more than the limit.
    frames: Vec<Frame<A>>,
    /// Of the outermost conductor on the stack; those inside share it (CON-11).
    counts: Counts,
    awaited: Awaited,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    /// Runs of conductors.
    conductors: u32,
    /// Parts that conductors named.
    parts: u32,
}

/// The one answer that is awaited.
#[derive(Clone, Debug)]
enum Awaited {
    /// None: it has ended.
    Nothing,
    /// What the name stands for. It will be given this payload.
    Meaning { name: FullyQualifiedName, payload: Option<Raw> },
    /// The end of an action, known by its id once it was handed on.
    End { id: Option<ActivationId>, memory: u64 },
}

enum Next<A> {
    Do(Command<A>),
    /// The innermost one has ended.
    Finish(ActivationResponse),
}

impl<A: Clone> Composition<A> {
    /// Begins; `payload` is an object or an array.
    pub fn begin(
        scope: Scope,
        whole: Whole<A>,
        payload: Option<Raw>,
        out: &mut Vec<Command<A>>,
    ) -> Composition<A> {
        let mut composition =
            Composition { scope, frames: Vec::new(), counts: Counts::default(), awaited: Awaited::Nothing };
        let next = composition.enter(whole, payload);
        composition.settle(next, out);
        composition
    }

    /// The parts of the outermost one that have ended, in their order (SEQ-14).
    #[must_use]
    pub fn parts(&self) -> &[ActivationId] {
        self.frames.first().map_or(&[], |frame| &frame.parts)
    }

    /// Takes one event and appends what is to be done about it. An event that answers nothing is passed over.
    pub fn handle(&mut self, event: Event<A>, out: &mut Vec<Command<A>>) {
        let next = match (event, std::mem::replace(&mut self.awaited, Awaited::Nothing)) {
            (Event::Found(part), Awaited::Meaning { payload, .. }) => self.found(part, payload),
            (Event::Missing, Awaited::Meaning { name, .. }) => self.missing(&name),
            (Event::Forbidden, Awaited::Meaning { name, .. }) => self.forbidden(&name),
            (Event::Handed(id), Awaited::End { memory, .. }) => {
                self.awaited = Awaited::End { id: Some(id), memory };
                return;
            }
            (Event::Ended { response, duration }, Awaited::End { id: Some(id), memory }) => {
                self.took(Child { id, response, duration, memory: Some(memory) })
            }
            (Event::TimedOut, Awaited::End { id: Some(id), .. }) => self.timed_out(id),
            (Event::Failed, Awaited::Meaning { .. } | Awaited::End { .. }) => self.failed(),
            (_, awaited) => {
                self.awaited = awaited;
                return;
            }
        };
        self.settle(next, out);
    }

    /// Goes on until something is to be done, or all has ended.
    fn settle(&mut self, mut next: Next<A>, out: &mut Vec<Command<A>>) {
        loop {
            let response = match next {
                Next::Do(command) => return out.push(command),
                Next::Finish(response) => response,
            };
            let Some(frame) = self.frames.pop() else { return };
            let around = self.frames.last().map(|frame| frame.id);
            // A sequence in a sequence counts with it.
            if let (Some(ran), Some(Drive::Sequence(sequence))) =
                (frame.atoms(), self.frames.last_mut().map(|frame| &mut frame.drive))
            {
                sequence.atoms = ran;
            }
            let finished = frame.finished(response, around, self.frames.is_empty());
            let Finished { id, duration, memory, .. } = finished;
            let child = Child { id, response: finished.response.clone(), duration, memory };
            out.push(Command::Finish(finished));
            if self.frames.is_empty() {
                return;
            }
            next = self.took(child);
        }
    }

    /// Begins something that has parts.
    fn enter(&mut self, whole: Whole<A>, payload: Option<Raw>) -> Next<A> {
        let atoms = match (&whole.form, self.frames.last()) {
            (Form::Sequence(_), Some(around)) => around.atoms().unwrap_or_default(),
            _ => 0,
        };
        let conducts = matches!(whole.form, Form::Conductor { .. });
        if conducts && !self.frames.iter().any(Frame::is_conductor) {
            self.counts = Counts::default();
        }
        self.frames.push(Frame::new(whole, atoms));
        if conducts {
            return self.conduct(payload);
        }
        // What it is given counts as what came last, but for an error, which does not stop it (SEQ-07).
        self.advance(ActivationResponse { status: StatusCode::Success, result: payload, size: None })
    }

    /// A name stands for `part`.
    fn found(&mut self, part: Part<A>, payload: Option<Raw>) -> Next<A> {
        let depth = self.frames.len();
        let Some(frame) = self.frames.last_mut() else { return self.failed() };
        let is_conductor = matches!(&part, Part::Whole(Whole { form: Form::Conductor { .. }, .. }));
        let is_sequence = matches!(&part, Part::Whole(Whole { form: Form::Sequence(_), .. }));
        if matches!(part, Part::Whole(_)) && depth >= as_index(self.scope.limit) {
            return self.too_many();
        }
        match &mut frame.drive {
            // A conductor counts as one action, the actions of a sequence count themselves (SEQ-02).
            Drive::Sequence(sequence) => sequence.atoms += u32::from(!is_sequence),
            // A sequence counts as one part, a composition counts its own (CON-11).
            Drive::Conductor(_) => self.counts.parts += u32::from(!is_conductor),
        }
        let cause = frame.id;
        match part {
            Part::Simple { action, timeout, memory } => self.invoke(action, payload, cause, timeout, memory),
            Part::Whole(whole) => self.enter(whole, payload),
        }
    }

    fn invoke(
        &mut self,
        action: A,
        payload: Option<Raw>,
        cause: ActivationId,
        timeout: Duration,
        memory: u64,
    ) -> Next<A> {
        self.awaited = Awaited::End { id: None, memory };
        Next::Do(Command::Invoke { action, payload, cause, wait: timeout + GRACE })
    }

    fn find(&mut self, name: FullyQualifiedName, payload: Option<Raw>, checked: bool) -> Next<A> {
        self.awaited = Awaited::Meaning { name: name.clone(), payload };
        Next::Do(Command::Find { name, checked })
    }

    /// A part has ended.
    fn took(&mut self, child: Child) -> Next<A> {
        let Some(frame) = self.frames.last_mut() else { return self.failed() };
        frame.count(child.id, child.duration, child.memory);
        match &frame.drive {
            Drive::Sequence(_) if has_error(&child.response) => Next::Finish(child.response),
            Drive::Sequence(_) => self.advance(child.response),
            Drive::Conductor(_) if child.response.result.as_ref().is_some_and(is_array) => {
                Next::Finish(array_in_composition(child.id))
            }
            Drive::Conductor(conductor) if conductor.conducting => self.follow(child.response),
            Drive::Conductor(_) => self.conduct(child.response.result.filter(is_object)),
        }
    }

    /// The next component of the innermost sequence, after one that ended with `last` (SEQ-04, SEQ-05, SEQ-09).
    fn advance(&mut self, last: ActivationResponse) -> Next<A> {
        let Some(Drive::Sequence(sequence)) = self.frames.last_mut().map(|frame| &mut frame.drive) else {
            return self.failed();
        };
        let Some(name) = sequence.components.get(sequence.next).cloned() else { return Next::Finish(last) };
        if sequence.atoms >= self.scope.limit {
            return self.too_many();
        }
        sequence.next += 1;
        let payload = last.result.filter(|result| is_object(result) || is_array(result));
        self.find(name, payload, false)
    }

    /// The next run of the innermost conductor, with what its last run wanted to be given laid over the payload.
    fn conduct(&mut self, payload: Option<Raw>) -> Next<A> {
        let Some(frame) = self.frames.last_mut() else { return self.failed() };
        let Drive::Conductor(conductor) = &mut frame.drive else { return self.failed() };
        if self.counts.conductors > self.scope.limit.saturating_mul(2) {
            return Next::Finish(ActivationResponse::error(
                StatusCode::ApplicationError,
                COMPOSITION_TOO_LONG,
            ));
        }
        self.counts.conductors += 1;
        let payload = match conductor.state.take() {
            None => payload,
            Some(state) => Some(overlaid(payload.as_ref(), &state)),
        };
        conductor.conducting = true;
        let (timeout, memory) = (conductor.timeout, conductor.memory);
        let (action, cause) = (frame.action.clone(), frame.id);
        self.invoke(action, payload, cause, timeout, memory)
    }

    /// What the innermost conductor says (CON-02, CON-09).
    fn follow(&mut self, response: ActivationResponse) -> Next<A> {
        let frame = self.frames.last_mut();
        let Some(Drive::Conductor(conductor)) = frame.map(|frame| &mut frame.drive) else {
            return self.failed();
        };
        conductor.conducting = false;
        if !response.is_success() {
            return Next::Finish(response);
        }
        let reply = Reply::read(response.result.as_ref().map_or("{}", |result| result.get()));
        let Some(action) = reply.action else {
            let result = reply.params.or(response.result);
            return Next::Finish(ActivationResponse { result, size: None, ..response });
        };
        conductor.state = reply.state;
        match part_name(&action, &self.scope.caller) {
            None => {
                let text =
                    format!("Failed to parse action name from json value {action} during composition.");
                self.tell(&text)
            }
            Some(_) if self.counts.parts >= self.scope.limit => self.too_many(),
            Some(name) => self.find(name, reply.params, true),
        }
    }

    /// Runs the innermost conductor with an error as its payload (CON-06, CON-07, CON-10).
    fn tell(&mut self, text: &str) -> Next<A> {
        let error = ActivationResponse::error(StatusCode::ApplicationError, text);
        self.conduct(error.result)
    }

    /// SEQ-13, CON-10
    fn too_many(&mut self) -> Next<A> {
        if self.in_composition() {
            return self.tell(COMPOSITION_TOO_LONG);
        }
        Next::Finish(ActivationResponse::error(StatusCode::ApplicationError, SEQUENCE_TOO_LONG))
    }

    /// SEQ-11, CON-07
    fn missing(&mut self, name: &FullyQualifiedName) -> Next<A> {
        if self.in_composition() {
            return self.tell(&format!("Failed to resolve action with name '{name}' during composition."));
        }
        Next::Finish(ActivationResponse::error(StatusCode::ApplicationError, COMPONENT_MISSING))
    }

    /// CON-07
    fn forbidden(&mut self, name: &FullyQualifiedName) -> Next<A> {
        if self.in_composition() {
            let text = format!("Failed entitlement check for action with name '{name}' during composition.");
            return self.tell(&text);
        }
        self.failed()
    }

    /// SEQ-10, CON-12
    fn timed_out(&mut self, id: ActivationId) -> Next<A> {
        if let Some(frame) = self.frames.last_mut() {
            frame.count(id, 0, None);
        }
        let of_what = if self.in_composition() { "during composition" } else { "for sequence component" };
        let text = format!("Timeout reached when retrieving activation {id} {of_what}.");
        Next::Finish(ActivationResponse::error(StatusCode::WhiskError, &text))
    }

    /// SEQ-12, CON-12
    fn failed(&self) -> Next<A> {
        let text = if self.in_composition() { COMPOSITION_FAILED } else { SEQUENCE_FAILED };
        Next::Finish(ActivationResponse::error(StatusCode::WhiskError, text))
    }

    /// Whether the innermost one is a composition.
    fn in_composition(&self) -> bool {
        self.frames.last().is_some_and(Frame::is_conductor)
    }
}

/// Whether the result of a component stops its sequence (SEQ-06, SEQ-08).
fn has_error(response: &ActivationResponse) -> bool {
    let shape = response.result.as_ref().and_then(|result| json::shape(result.get()));
    !response.is_success() || matches!(shape, Some(Shape::Object { has_error: true }))
}

/// CON-16, DEF-07
fn array_in_composition(id: ActivationId) -> ActivationResponse {
    let text = format!(
        "Activation {id} answered with an array, but in a composition only objects can be passed on."
    );
    ActivationResponse::error(StatusCode::WhiskError, &text)
}

fn as_index(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}
