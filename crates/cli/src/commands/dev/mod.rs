//! `wsk dev`: watches code, updates actions on every save, runs them when asked, and shows the logs of all of them.
//!
//! What is wanted (`wanted`) is made anew from the files at every change, compared with what was made of them before, and
//! only what differs is sent. `changes` says when a change is over; `check` and `places` say where an error is.

mod changes;
mod check;
mod places;
mod report;
mod runs;
mod wanted;

use crate::commands::action::Flags;
use crate::commands::activation::{Seen, poll};
use crate::commands::project;
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use ::project::{Change, Entity, Existing, Kind, Step};
use changes::Changes;
use notify::event::{AccessKind, AccessMode, EventKind};
use notify::{RecursiveMode, Watcher as _};
use report::Report;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};
use wanted::Wanted;

/// How often the logs of activations that others cause are looked for.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);
/// How many changes may wait; further ones are looked at together, as one.
const PENDING: usize = 1024;

/// What is watched, and how it is run.
#[derive(Debug, clap::Args)]
pub(crate) struct Dev {
    /// A file, a directory, or the directory of a project
    #[arg(value_name = "PATH", default_value = ".", hide_default_value = true)]
    path: PathBuf,
    /// The name of the action, if it is not that of the file or directory
    #[arg(long)]
    name: Option<String>,
    /// Invoke the actions after each update, with their parameters
    #[arg(long)]
    invoke: bool,
    /// Delete at the end what was created
    #[arg(long)]
    clean: bool,
    /// The manifest of a project
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    #[command(flatten)]
    flags: Flags,
}

pub(crate) async fn run(arguments: &Dev, context: &Context) -> Outcome {
    let wanted = Wanted::of(arguments)?;
    let (sender, mut changed) = mpsc::channel::<PathBuf>(PENDING);
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // Reading a file is no change of it, and a full channel means that a look is due anyway.
        let read = |event: &notify::Event| {
            event.kind.is_access() && event.kind != EventKind::Access(AccessKind::Close(AccessMode::Write))
        };
        let paths = event.ok().filter(|event| !read(event)).map(|event| event.paths).unwrap_or_default();
        paths.into_iter().for_each(|path| drop(sender.try_send(path)));
    })
    .map_err(|error| Failure::general(format!("files cannot be watched: {error}")))?;
    for (directory, deep) in wanted.watched() {
        let mode = if deep { RecursiveMode::Recursive } else { RecursiveMode::NonRecursive };
        let watching = watcher.watch(&directory, mode);
        watching
            .map_err(|error| Failure::file(format!("{} cannot be watched: {error}", directory.display())))?;
    }
    let mut session = Session {
        report: Report::new(context),
        seen: Seen::since(poll::after_newest(context).await),
        context,
        arguments,
        wanted,
        made: None,
        created: Vec::new(),
        begun: false,
        told: None,
        away: false,
        last: None,
    };
    session.update(&BTreeSet::new()).await?;
    session.report.watching(&session.wanted);
    session.watch(&mut changed).await?;
    if arguments.clean { session.clean().await } else { Ok(()) }
}

/// What goes on.
struct Session<'a> {
    context: &'a Context,
    arguments: &'a Dev,
    report: Report<'a>,
    wanted: Wanted,
    /// What was made of the files; nothing where the server must be asked what it has.
    made: Option<Vec<Entity>>,
    /// What was not there before.
    created: Vec<Entity>,
    /// Which activations were shown.
    seen: Seen,
    /// Whether anything was made yet.
    begun: bool,
    /// What is wrong with the files, which is told once.
    told: Option<String>,
    /// Whether the server does not answer.
    away: bool,
    /// The action that was invoked last.
    last: Option<String>,
}

impl Session<'_> {
    async fn watch(&mut self, changed: &mut mpsc::Receiver<PathBuf>) -> Outcome {
        let mut changes = Changes::default();
        let mut input = BufReader::new(tokio::io::stdin()).lines();
        let mut has_input = true;
        let mut look = tokio::time::interval(BETWEEN_LOOKS);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let due = changes.due();
            tokio::select! {
                Some(path) = changed.recv() => changes.add(path, Instant::now()),
                () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                    self.update(&changes.take()).await?;
                }
                line = input.next_line(), if has_input => match line {
                    Ok(Some(line)) if line.trim() == "q" => return Ok(()),
                    Ok(Some(line)) => self.command(line.trim()).await,
                    _ => has_input = false,
                },
                _ = look.tick() => self.look().await?,
                _ = tokio::signal::ctrl_c() => return Ok(()),
            }
        }
    }

    /// Makes what the files want now. Errors of the files are shown, and watching goes on.
    async fn update(&mut self, changed: &BTreeSet<PathBuf>) -> Outcome {
        let check = check::all(changed, self.made.is_none(), self.wanted.actions());
        let (errors, outcome) = tokio::join!(check, self.make());
        errors.iter().for_each(|error| self.report.misplaced(error));
        outcome
    }

    async fn make(&mut self) -> Outcome {
        let begun = Instant::now();
        let wanted = match self.wanted.entities() {
            Ok(wanted) => wanted,
            // A file may be gone for a moment, or a manifest half written.
            Err(failure) if self.is_under_way() => {
                if self.told.as_ref() != Some(&failure.message) {
                    self.report.failed("files", &failure);
                }
                self.told = Some(failure.message);
                return Ok(());
            }
            Err(failure) => return Err(failure),
        };
        self.told = None;
        let Some(plan) = self.plan(&wanted).await? else { return Ok(()) };
        let done = project::apply(plan, self.context.client()?, self.context).await;
        self.begun = true;
        let mut whole = true;
        for done in &done {
            let entity = &done.step.entity;
            if let Some(failure) = &done.failure {
                whole = false;
                if failure.is_of_network() {
                    self.went_away();
                } else {
                    self.report.failed(&entity.name, failure);
                }
            } else if done.step.change != Change::Unchanged {
                self.report.updated(done, begun.elapsed());
            }
            if done.step.change == Change::Create && done.failure.is_none() {
                self.created.push(entity.clone());
            }
        }
        // What was not made is made with the next change.
        self.made = whole.then_some(wanted);
        if self.arguments.invoke {
            for done in
                done.iter().filter(|done| done.made.is_some() && done.step.entity.kind == Kind::Action)
            {
                self.invoke(&done.step.entity.name, serde_json::json!({})).await;
            }
        }
        Ok(())
    }

    /// Whether anything was made: until then, errors end it all.
    fn is_under_way(&self) -> bool {
        self.begun
    }

    /// What is to be done: what differs from what was made, or where that is not known, from what the server has.
    async fn plan(&mut self, wanted: &[Entity]) -> Outcome<Option<Vec<Step>>> {
        if let Some(made) = &self.made {
            return Ok(Some(wanted::difference(made, wanted)));
        }
        let mut existing = Existing::default();
        match project::of_entities(wanted, &mut existing, self.context.client()?).await {
            Ok(()) => {
                self.away = false;
                Ok(Some(::project::plan(wanted, &existing, None)))
            }
            Err(failure) if failure.is_of_network() && self.is_under_way() => {
                self.went_away();
                Ok(None)
            }
            Err(failure) => Err(failure),
        }
    }

    fn went_away(&mut self) {
        if !self.away {
            self.report.said("the server does not answer; waiting for it");
        }
        self.away = true;
        self.made = None;
    }

    /// Shows what the actions logged that others invoked, and notices when the server goes and comes.
    async fn look(&mut self) -> Outcome {
        let records = runs::newer(self.seen.since, self.context).await;
        match records {
            Ok(records) => {
                if self.away {
                    self.report.said("the server is back");
                    self.away = false;
                    self.made = None;
                    self.update(&BTreeSet::new()).await?;
                }
                for record in self.seen.fresh(records) {
                    if self.wanted.has_action(&record) {
                        self.report.activation(&record, &self.wanted);
                    }
                }
            }
            Err(error) if error.status().is_none() => self.went_away(),
            // Anything else is told when something is done.
            Err(_) => {}
        }
        Ok(())
    }

    /// Carries out a line of input: `NAME {"json": 1}`, either alone, or nothing.
    async fn command(&mut self, line: &str) {
        match runs::parsed(line, &self.wanted, self.last.as_deref()) {
            Ok(runs::Input::Help) => self.report.help(&self.wanted),
            Ok(runs::Input::Invoke { name, payload }) => self.invoke(&name, payload).await,
            Err(text) => self.report.said(&text),
        }
    }

    async fn invoke(&mut self, name: &str, payload: serde_json::Value) {
        self.last = Some(name.to_owned());
        match runs::invoke(name, &payload, &mut self.seen, &self.report, &self.wanted, self.context).await {
            Ok(record) => self.report.result(name, &record, &self.wanted),
            Err(failure) => self.report.failed(name, &failure),
        }
    }

    async fn clean(&mut self) -> Outcome {
        let steps =
            self.created.drain(..).rev().map(|entity| Step { entity, change: Change::Delete }).collect();
        let done = project::apply(steps, self.context.client()?, self.context).await;
        match done.into_iter().find_map(|done| done.failure) {
            Some(failure) => Err(failure),
            None => Ok(()),
        }
    }
}
