//! `wsk trigger`.

use crate::context::Context;
use crate::failure::Outcome;

/// What can be done with it.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Trigger {}

pub(crate) async fn run(command: Trigger, _context: &Context) -> Outcome {
    match command {}
}
