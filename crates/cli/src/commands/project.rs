//! `wsk project`.

use crate::context::Context;
use crate::failure::Outcome;

/// What can be done with it.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Project {}

pub(crate) async fn run(command: Project, _context: &Context) -> Outcome {
    match command {}
}
