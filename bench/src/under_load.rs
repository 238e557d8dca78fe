//! A server under load for as long as somebody looks at it, for profiles.

use crate::platform::Platform;
use crate::settings::CONNECTIONS;
use std::io;
use std::path::Path;
use std::time::Duration;

/// Starts a server, warms a native action up, writes the server's process id to `pid_file`, and keeps the server under load
/// for `period`. Answers what it did, in a sentence.
///
/// # Errors
/// What fails first.
pub fn serve(pid_file: &Path, period: Duration) -> io::Result<String> {
    let platform = Platform::with_stem_cells(0)?;
    platform.put_native("native")?;
    let templates = [platform.template("native")];
    platform.run(&templates, CONNECTIONS, Duration::from_secs(1))?;
    std::fs::write(pid_file, platform.pid().to_string())?;
    let before = platform.cpu_time();
    let outcome = platform.run(&templates, CONNECTIONS, period)?;
    let cost = crate::platform::micros_each(platform.cpu_time().saturating_sub(before), outcome.count);
    Ok(format!(
        "{:.0} activations/s from {CONNECTIONS} callers, {cost:.1} µs of the platform's processor time each",
        outcome.rate
    ))
}
