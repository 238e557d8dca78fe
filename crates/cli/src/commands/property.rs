//! `wsk property`.

use crate::context::Context;
use crate::failure::Outcome;

/// What can be done with it.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Property {}

pub(crate) async fn run(command: Property, _context: &Context) -> Outcome {
    match command {}
}
