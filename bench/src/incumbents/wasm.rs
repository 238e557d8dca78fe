//! Y5: a runtime of WebAssembly, as a program of our own that `bench/run` builds apart (`bench/wasm`).

use super::tool;
use std::io;
use std::process::Command;
use std::time::Duration;

/// What one round has shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Instances {
    /// Requests in a second that were answered by an instance of their own each, in one thread.
    pub rate: f64,
    /// Microseconds to make an instance and drop it again.
    pub micros: f64,
}

/// Measures for that long each.
///
/// # Errors
/// When the program is missing or fails.
pub fn measure(period: Duration) -> io::Result<Instances> {
    let program = tool("wasm/release/oxiwhisk-bench-wasm")?;
    let output = Command::new(program).arg(period.as_millis().to_string()).output()?;
    if !output.status.success() {
        return Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    read(&text).ok_or_else(|| io::Error::other(format!("not what was measured: {text}")))
}

fn read(text: &str) -> Option<Instances> {
    let (rate, micros) = text.trim().split_once(' ')?;
    Some(Instances { rate: rate.parse().ok()?, micros: micros.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_figures_are_read_and_nothing_else() {
        assert_eq!(read("125942.5 3.25\n"), Some(Instances { rate: 125_942.5, micros: 3.25 }));
        assert_eq!(read("125942.5\n"), None);
        assert_eq!(read("a b\n"), None);
    }
}
