//! The commands, a module for each.

mod action;
mod activation;
mod api;
mod completion;
mod dev;
mod namespace;
mod package;
mod project;
mod property;
mod rule;
mod sdk;
mod trigger;

use crate::context::Context;
use crate::failure::Outcome;

/// What `wsk` can do.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// work with actions
    #[command(subcommand)]
    Action(action::Action),
    /// work with activations
    #[command(subcommand)]
    Activation(activation::Activation),
    /// work with APIs
    #[command(subcommand)]
    Api(api::Api),
    /// work with namespaces
    #[command(subcommand)]
    Namespace(namespace::Namespace),
    /// work with packages
    #[command(subcommand)]
    Package(package::Package),
    /// deploy a set of packages, actions, triggers and rules from a manifest
    #[command(subcommand)]
    Project(project::Project),
    /// work with whisk properties
    #[command(subcommand)]
    Property(property::Property),
    /// work with rules
    #[command(subcommand)]
    Rule(rule::Rule),
    /// work with the sdk
    #[command(subcommand)]
    Sdk(sdk::Sdk),
    /// work with triggers
    #[command(subcommand)]
    Trigger(trigger::Trigger),
    /// watch code, update actions on every save, run them and show their logs
    Dev(Box<dev::Dev>),
    /// make a script that completes the command line of a shell
    Completion(completion::Completion),
    /// list entities in the current namespace
    List(namespace::Get),
}

/// Carries a command out.
pub(crate) async fn run(command: Command, context: &Context) -> Outcome {
    match command {
        Command::Action(command) => action::run(command, context).await,
        Command::Activation(command) => activation::run(command, context).await,
        Command::Api(command) => api::run(command, context).await,
        Command::Namespace(command) => namespace::run(command, context).await,
        Command::Package(command) => package::run(command, context).await,
        Command::Project(command) => project::run(command, context).await,
        Command::Property(command) => property::run(command, context).await,
        Command::Rule(command) => rule::run(command, context).await,
        Command::Sdk(command) => sdk::run(command, context).await,
        Command::Trigger(command) => trigger::run(command, context).await,
        Command::Dev(arguments) => dev::run(&arguments, context).await,
        Command::Completion(arguments) => completion::run(&arguments, context),
        Command::List(arguments) => namespace::get(arguments, context).await,
    }
}
