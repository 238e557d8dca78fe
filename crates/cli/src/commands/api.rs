//! `wsk api`.

use crate::context::Context;
use crate::failure::Outcome;

/// What can be done with it.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Api {}

pub(crate) async fn run(command: Api, _context: &Context) -> Outcome {
    match command {}
}
