//! `wsk activation logs`, also while they are written.

use super::One;
use crate::context::Context;
use crate::failure::{Because as _, Outcome};
use crate::output::Format;
use client::Error;
use futures_util::{StreamExt as _, pin_mut};
use serde_json::Value;
use std::time::Duration;

/// How long a server that cannot follow is left alone between two looks for the record.
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

/// Whose logs are shown, and how.
#[derive(Debug, clap::Args)]
pub(crate) struct Logs {
    #[command(flatten)]
    one: One,
    /// Leave out time and stream
    #[arg(short = 'r', long)]
    strip: bool,
    /// Show lines while they are written, until the activation ends
    #[arg(short, long)]
    follow: bool,
}

pub(super) async fn run(arguments: &Logs, context: &Context) -> Outcome {
    let rest = arguments.one.arguments("Unable to get logs for activation", 1, context).await?;
    let id = &rest[0];
    let what = format!("Unable to get logs for activation '{id}'");
    if arguments.follow {
        return follow(id, context, &mut |line| print(line, arguments.strip, context)).await.because(what);
    }
    let lines = context.client()?.activation_logs(id).await.because(what)?;
    context.show(&lines, || {
        lines.iter().for_each(|line| print(line, arguments.strip, context));
        Ok(())
    })
}

fn print(line: &str, strip: bool, context: &Context) {
    match context.format() {
        Format::Text | Format::Table => context.console.line(if strip { stripped(line) } else { line }),
        // A document for each line: the end of the list is not known.
        Format::Json | Format::Yaml => context.console.line(Value::from(line).to_string()),
    }
}

/// Shows the lines of an activation until it ends.
pub(crate) async fn follow(id: &str, context: &Context, show: &mut impl FnMut(&str)) -> Outcome {
    let pieces = match context.client()?.follow_logs(id).await {
        // A server that does not know activations under way has no record yet.
        Err(error) if error.status() == Some(404) => return wait(id, error, context, show).await,
        pieces => pieces?,
    };
    pin_mut!(pieces);
    let mut lines = Lines::default();
    while let Some(piece) = pieces.next().await {
        for line in lines.push(&piece?) {
            show(&line);
        }
    }
    lines.rest().iter().for_each(|line| show(line));
    Ok(())
}

/// Waits for the record of an activation, and shows its lines then. An id that was never given is told from one under
/// way by the absence of a record alone, so the wait has the length of the longest activation upstream allows by default.
async fn wait(id: &str, missing: Error, context: &Context, show: &mut impl FnMut(&str)) -> Outcome {
    const LONGEST: Duration = Duration::from_secs(300);
    let looks = async {
        loop {
            match context.client()?.activation_logs(id).await {
                Ok(lines) => break Outcome::Ok(lines),
                Err(error) if error.status() == Some(404) => tokio::time::sleep(BETWEEN_LOOKS).await,
                Err(error) => break Err(error.into()),
            }
        }
    };
    match tokio::time::timeout(LONGEST, looks).await {
        Ok(lines) => lines?.iter().for_each(|line| show(line)),
        Err(_) => return Err(missing.into()),
    }
    Ok(())
}

/// Lines from pieces that end anywhere. A server that does not know `follow` sends `{"logs": […]}` instead.
#[derive(Debug, Default)]
struct Lines {
    pending: Vec<u8>,
}

impl Lines {
    fn push(&mut self, piece: &[u8]) -> Vec<String> {
        self.pending.extend_from_slice(piece);
        if self.pending.starts_with(b"{\"logs\"") {
            return Vec::new();
        }
        let Some(end) = self.pending.iter().rposition(|byte| *byte == b'\n') else { return Vec::new() };
        let rest = self.pending.split_off(end + 1);
        let whole = std::mem::replace(&mut self.pending, rest);
        String::from_utf8_lossy(&whole).lines().map(str::to_owned).collect()
    }

    fn rest(self) -> Vec<String> {
        let document: Option<Value> = serde_json::from_slice(&self.pending).ok();
        if let Some(logs) = document.as_ref().and_then(|document| document["logs"].as_array()) {
            return logs.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        }
        String::from_utf8_lossy(&self.pending).lines().map(str::to_owned).collect()
    }
}

/// A line without the time and stream before it (LOG-12); any other line as it is.
pub(crate) fn stripped(line: &str) -> &str {
    let Some((time, rest)) = line.split_once('Z') else { return line };
    let is_time = time.len() > 20
        && time.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            10 => byte == b'T',
            13 | 16 => byte == b':',
            19 => byte == b'.',
            _ => byte.is_ascii_digit(),
        });
    if !is_time {
        return line;
    }
    let text = rest.trim_start_matches(' ');
    let text = text.strip_prefix("stdout:").or_else(|| text.strip_prefix("stderr:")).unwrap_or(rest);
    match text.strip_prefix(' ') {
        Some(text) if !text.is_empty() => text,
        _ => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_12_time_and_stream_are_left_out() {
        assert_eq!(stripped("2026-11-26T10:00:00.123456789Z stdout: a line"), "a line");
        assert_eq!(stripped("2026-11-26T10:00:00.123Z    stderr: x: y"), "x: y");
        assert_eq!(stripped("2026-11-26T10:00:00.123Z plain"), "plain");
        assert_eq!(stripped("no time Z stdout: x"), "no time Z stdout: x");
        assert_eq!(stripped(""), "");
    }

    #[test]
    fn lines_come_whole_from_any_pieces() {
        let mut lines = Lines::default();
        assert!(lines.push(b"one").is_empty());
        assert_eq!(lines.push(b" more\ntwo\nthr"), ["one more", "two"]);
        assert_eq!(lines.push(b"ee\n"), ["three"]);
        assert!(lines.rest().is_empty());
        let mut document = Lines::default();
        assert!(document.push(b"{\"logs\":[\"a\",\n").is_empty());
        assert!(document.push(b"\"b\"]}\n").is_empty());
        assert_eq!(document.rest(), ["a", "b"]);
    }
}
