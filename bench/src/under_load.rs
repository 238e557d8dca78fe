//! A server under load for as long as somebody looks at it, for profiles.

use crate::platform::Platform;
use crate::settings::CONNECTIONS;
use clap::Args;
use std::io;
use std::path::Path;
use std::time::Duration;

/// What the load is.
#[derive(Debug, Args)]
pub struct Shape {
    /// A setting of the server, as `key=value`.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
    /// How many callers there are.
    #[arg(long, default_value_t = CONNECTIONS)]
    connections: usize,
    /// An action of Node.js, not a native one.
    #[arg(long)]
    node: bool,
    /// How many bytes more each call takes in and gives back.
    #[arg(long, default_value_t = 0)]
    bytes: usize,
}

/// Starts a server, warms an action up, writes the server's process id to `pid_file`, and keeps the server under load
/// for `period`. Answers what it did, in a sentence.
///
/// # Errors
/// What fails first.
pub fn serve(pid_file: &Path, period: Duration, shape: &Shape) -> io::Result<String> {
    let platform = Platform::with(0, &shape.settings)?;
    if shape.node {
        platform.put_node("action")?;
    } else {
        platform.put_native("action")?;
    }
    let members = format!(",\"data\":\"{}\"", "x".repeat(shape.bytes));
    let templates = [platform.template_with("action", &members)];
    platform.run(&templates, shape.connections, Duration::from_secs(1))?;
    std::fs::write(pid_file, platform.pid().to_string())?;
    let before = platform.cpu_time();
    let outcome = platform.run(&templates, shape.connections, period)?;
    let cost = crate::platform::micros_each(platform.cpu_time().saturating_sub(before), outcome.count);
    Ok(format!(
        "{:.0} activations/s from {} callers in {} containers, {cost:.1} µs of the platform's processor time each",
        outcome.rate,
        shape.connections,
        platform.processes(),
    ))
}
