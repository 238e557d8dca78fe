//! Whole runs in a world of named actions whose answers are written down.

mod conductors;
mod properties;
mod sequences;

use super::*;
use std::collections::{BTreeMap, VecDeque};

/// What has a name.
#[derive(Clone, Debug)]
pub(super) enum Thing {
    /// Answers these, the last one again and again; `error` in an answer makes it an application error.
    Simple(VecDeque<&'static str>),
    Sequence(Vec<&'static str>),
    /// Answers as [`Thing::Simple`] does, but decides what runs next.
    Conductor(VecDeque<String>),
    Forbidden,
    /// Cannot be looked up.
    Broken,
    /// Never ends.
    Silent,
    /// Is not taken by anybody.
    Refused,
}

/// One run of an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) action: String,
    pub(super) payload: Option<String>,
    pub(super) cause: ActivationId,
    pub(super) id: ActivationId,
    pub(super) wait: Duration,
}

/// Names and what they stand for; every run takes 10 ms, and the memory of an action is its name's length times 100.
#[derive(Clone, Debug, Default)]
pub(super) struct World {
    things: BTreeMap<String, Thing>,
    limit: u32,
    ids: u128,
    pub(super) runs: Vec<Run>,
    pub(super) ended: Vec<Finished<String>>,
}

pub(super) const WHOLE: ActivationId = ActivationId::from_bits(1);

impl World {
    pub(super) fn new(limit: u32) -> World {
        World { limit, ids: 1, ..World::default() }
    }

    pub(super) fn with(mut self, name: &str, thing: Thing) -> World {
        self.things.insert(format!("me/{name}"), thing);
        self
    }

    pub(super) fn simple(self, name: &str, answers: &[&'static str]) -> World {
        self.with(name, Thing::Simple(answers.iter().copied().collect()))
    }

    pub(super) fn sequence(self, name: &str, components: &[&'static str]) -> World {
        self.with(name, Thing::Sequence(components.to_vec()))
    }

    pub(super) fn conductor(self, name: &str, replies: &[&str]) -> World {
        self.with(name, Thing::Conductor(replies.iter().map(|reply| (*reply).to_owned()).collect()))
    }

    /// Runs what has that name to its end.
    pub(super) fn run(&mut self, name: &str, payload: Option<&str>) -> Finished<String> {
        let scope = Scope { limit: self.limit, caller: EntityName::new("me").unwrap() };
        let name = FullyQualifiedName::parse(&format!("me/{name}")).unwrap();
        let Event::Found(Part::Whole(whole)) = self.meaning(&name) else { panic!("{name} has no parts") };
        let whole = Whole { id: WHOLE, ..whole };
        let mut out = Vec::new();
        let payload = payload.map(|payload| json::parse(payload).unwrap());
        let mut composition = Composition::begin(scope, whole, payload, &mut out);
        let mut commands = VecDeque::from(out);
        let mut last = None;
        while let Some(command) = commands.pop_front() {
            let mut out = Vec::new();
            match command {
                Command::Find { name, .. } => composition.handle(self.meaning(&name), &mut out),
                Command::Invoke { action, payload, cause, wait } => {
                    for event in self.invoke(&action, payload, cause, wait) {
                        composition.handle(event, &mut out);
                    }
                }
                Command::Finish(finished) => {
                    self.ended.push(finished.clone());
                    last = Some(finished);
                }
            }
            commands.extend(out);
        }
        let last = last.expect("it ends");
        assert!(last.outermost);
        last
    }

    fn next_id(&mut self) -> ActivationId {
        self.ids += 1;
        ActivationId::from_bits(self.ids)
    }

    fn meaning(&mut self, name: &FullyQualifiedName) -> Event<String> {
        let (id, name) = (self.next_id(), name.to_string());
        let (timeout, memory) = (Duration::from_secs(7), memory(&name));
        let whole = |form| Part::Whole(Whole { action: name.clone(), id, began: 5, form });
        Event::Found(match self.things.get(&name) {
            None => return Event::Missing,
            Some(Thing::Forbidden) => return Event::Forbidden,
            Some(Thing::Broken) => return Event::Failed,
            Some(Thing::Simple(_) | Thing::Silent | Thing::Refused) => {
                Part::Simple { action: name, timeout, memory }
            }
            Some(Thing::Sequence(names)) => {
                let names =
                    names.iter().map(|name| FullyQualifiedName::parse(&format!("me/{name}")).unwrap());
                whole(Form::Sequence(names.collect()))
            }
            Some(Thing::Conductor(_)) => whole(Form::Conductor { timeout, memory }),
        })
    }

    fn invoke(
        &mut self,
        action: &str,
        payload: Option<Raw>,
        cause: ActivationId,
        wait: Duration,
    ) -> Vec<Event<String>> {
        let id = self.next_id();
        let payload = payload.map(|payload| payload.get().to_owned());
        let answer = match self.things.get_mut(action) {
            Some(Thing::Simple(answers)) => next_of(answers).to_owned(),
            Some(Thing::Conductor(replies)) => next_of(replies),
            Some(Thing::Silent) => {
                self.runs.push(Run { action: action.to_owned(), payload, cause, id, wait });
                return vec![Event::Handed(id), Event::TimedOut];
            }
            other => {
                assert!(matches!(other, Some(Thing::Refused)), "{action} cannot be run");
                return vec![Event::Failed];
            }
        };
        self.runs.push(Run { action: action.to_owned(), payload, cause, id, wait });
        vec![Event::Handed(id), Event::Ended { response: response(&answer), duration: 10 }]
    }

    /// The names of what ran, and with what.
    pub(super) fn seen(&self) -> Vec<(&str, &str)> {
        self.runs.iter().map(|run| (&run.action[3..], run.payload.as_deref().unwrap_or("-"))).collect()
    }

    pub(super) fn names(&self) -> Vec<&str> {
        self.runs.iter().map(|run| &run.action[3..]).collect()
    }

    /// The ids of the runs of that action.
    pub(super) fn ids_of(&self, action: &str) -> Vec<ActivationId> {
        self.runs.iter().filter(|run| run.action[3..] == *action).map(|run| run.id).collect()
    }
}

/// The first; the last one stays.
fn next_of<T: Clone>(answers: &mut VecDeque<T>) -> T {
    match answers.len() {
        0 | 1 => answers.front().expect("an answer").clone(),
        _ => answers.pop_front().expect("an answer"),
    }
}

pub(super) fn memory(name: &str) -> u64 {
    name.len() as u64 * 100
}

fn response(answer: &str) -> ActivationResponse {
    let result = json::parse(answer).unwrap();
    let fails = matches!(json::shape(answer), Some(Shape::Object { has_error: true }));
    let status = if fails { StatusCode::ApplicationError } else { StatusCode::Success };
    ActivationResponse { status, result: Some(result), size: Some(answer.len() as u64) }
}

pub(super) fn result(finished: &Finished<String>) -> &str {
    finished.response.result.as_ref().map_or("-", |result| result.get())
}

/// The error text of a result, and the status.
pub(super) fn error(finished: &Finished<String>) -> (StatusCode, String) {
    let members = json::members(result(finished)).unwrap();
    let text = members.iter().find(|(key, _)| key == "error").expect("an error").1.get();
    (finished.response.status, text.trim_matches('"').to_owned())
}
