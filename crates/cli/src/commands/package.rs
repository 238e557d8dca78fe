//! `wsk package`.

use crate::context::Context;
use crate::failure::Outcome;

/// What can be done with it.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Package {}

pub(crate) async fn run(command: Package, _context: &Context) -> Outcome {
    match command {}
}
