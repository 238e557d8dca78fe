//! `wsk action`.

use crate::context::Context;
use crate::failure::Outcome;

/// What can be done with it.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Action {}

pub(crate) async fn run(command: Action, _context: &Context) -> Outcome {
    match command {}
}
