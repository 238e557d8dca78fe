//! `wsk sdk`.

use crate::context::Context;
use crate::failure::Outcome;

/// What can be done with it.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Sdk {}

pub(crate) async fn run(command: Sdk, _context: &Context) -> Outcome {
    match command {}
}
