//! The process: its arguments, its signals, and what it prints.
//!
//! This crate must not decide anything about activations; it hands its arguments to `node`.

mod args;
mod banner;
mod commands;

use args::{Arguments, Command, with_long_namespace};
use clap::Parser;
use std::process::ExitCode;

/// An activation makes and drops some dozens of small pieces of memory, often on two threads, which this allocator does
/// with fewer instructions than the system's. It is built not to ask for huge pages, with which an idle server would hold
/// twice the memory.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = Arguments::parse_from(with_long_namespace(std::env::args_os()));
    match arguments.command {
        Command::Standalone(args) => commands::standalone::run(&args),
        Command::Doctor(args) => commands::doctor::run(&args),
        Command::Admin(args) => commands::admin::run(&args),
        Command::CheckConfig { file } => commands::config::check(file),
        Command::ConfigReference => commands::config::reference(),
        Command::Spawner => node::spawner(),
    }
}
