//! `wsk api`.

use crate::context::Context;
use crate::failure::Outcome;

/// What can be done with it.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Api {}

pub(crate) async fn run(command: Api, _context: &Context) -> Outcome {
    match command {}
}

/// Creates a route of the API gateway.
pub(crate) async fn create_route(
    route: &project::ApiRoute,
    client: &client::Client,
    context: &Context,
) -> Outcome {
    let _ = (client, context);
    Err(crate::failure::Failure::general(format!("api {}: not available", route.api)))
}
