//! `wsk activation`.

use crate::context::Context;
use crate::failure::Outcome;

/// What can be done with it.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Activation {}

pub(crate) async fn run(command: Activation, _context: &Context) -> Outcome {
    match command {}
}
