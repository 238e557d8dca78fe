//! A server under load for as long as somebody looks at it, for profiles.

use crate::platform::Platform;
use crate::scenes::{Rules, put_talking};
use crate::settings::CONNECTIONS;
use clap::{Args, ValueEnum};
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
    /// What is called.
    #[arg(long, value_enum, default_value_t = What::Native)]
    what: What,
    /// How many bytes more each call takes in and gives back.
    #[arg(long, default_value_t = 0)]
    bytes: usize,
}

/// What is called: at once again by each caller, or by a schedule what only needs to be accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum What {
    /// A native action.
    Native,
    /// An action of Node.js.
    Node,
    /// An action of Node.js that logs a line.
    Logs,
    /// A trigger with ten rules, 40 times a second.
    Rules,
    /// The actions of those rules by themselves, 400 a second.
    Accepted,
}

/// Starts a server, warms an action up, writes the server's process id to `pid_file`, and keeps the server under load
/// for `period`. Answers what it did, in a sentence.
///
/// # Errors
/// What fails first.
pub fn serve(pid_file: &Path, period: Duration, shape: &Shape) -> io::Result<String> {
    let platform = Platform::with(0, &shape.settings)?;
    match shape.what {
        What::Native => platform.put_native("action")?,
        What::Node => platform.put_node("action")?,
        What::Logs => put_talking(&platform, "action"),
        What::Rules | What::Accepted => {
            let rules = Rules::put(&platform)?;
            std::fs::write(pid_file, platform.pid().to_string())?;
            let cost = if shape.what == What::Rules { rules.fires(period) } else { rules.calls(period) }?;
            return Ok(format!("{cost:.1} µs of the platform's processor time for ten activations"));
        }
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
