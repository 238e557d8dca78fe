//! `wsk rule`.

use crate::context::Context;
use crate::failure::Outcome;

/// What can be done with it.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Rule {}

pub(crate) async fn run(command: Rule, _context: &Context) -> Outcome {
    match command {}
}
