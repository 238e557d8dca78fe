//! The table of `wsk activation list` (CLI-08).

use crate::console::Console;
use client::{Activation, WithKeyValues as _};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

/// The words for status codes.
pub(super) const STATUS: [&str; 4] = ["success", "application error", "developer error", "internal error"];

/// The table, or an empty line where there is nothing.
pub(super) fn table(records: &[Activation], zone: &TimeZone, console: Console) -> String {
    if records.is_empty() {
        return format!("{}\n", console.bold(""));
    }
    let kinds = width("Kind", records.iter().map(kind));
    let states = width(STATUS[0], records.iter().map(status));
    let header = format!(
        "{:<19} {:<32} {:<kinds$} {:<6}{:<10} {:<states$} {:<6}\n",
        "Datetime", "Activation ID", "Kind", "Start", "Duration", "Status", "Entity"
    );
    let row = |record: &Activation| {
        let start =
            Timestamp::from_millisecond(record.start).unwrap_or_default().to_zoned_datetime(zone.clone());
        let (time, id) = (start.strftime("%Y-%m-%d %H:%M:%S"), &record.activation_id);
        let (duration, entity) = (duration(record), entity(record));
        format!(
            "{time} {id:<32} {:<kinds$} {:<5} {duration:<10} {:<states$} {entity}\n",
            kind(record),
            if record.annotations.value("initTime").is_some() { "cold" } else { "warm" },
            status(record),
        )
    };
    console.bold(header) + &records.iter().map(row).collect::<String>()
}

fn width<'a>(least: &str, cells: impl Iterator<Item = &'a str>) -> usize {
    cells.map(str::len).chain([least.len()]).max().unwrap_or_default()
}

fn kind(record: &Activation) -> &str {
    record.annotations.value("kind").and_then(Value::as_str).unwrap_or("unknown")
}

fn status(record: &Activation) -> &'static str {
    usize::try_from(record.status_code).ok().and_then(|code| STATUS.get(code)).unwrap_or(&STATUS[0])
}

/// `namespace/name:version`, long parts cut in the middle.
fn entity(record: &Activation) -> String {
    let (namespace, name) = (cut(&record.namespace, 20), cut(&record.name, 30));
    format!("{namespace}/{name}:{}", cut(&record.version, 20))
}

/// A text of at most `most` characters, with `...` in its middle where it was longer.
fn cut(text: &str, most: usize) -> String {
    let letters: Vec<char> = text.chars().collect();
    if letters.len() <= most {
        return text.to_owned();
    }
    let end = letters.len() - most / 2 + 3;
    letters[..most.div_ceil(2)].iter().collect::<String>()
        + "..."
        + &letters[end..].iter().collect::<String>()
}

/// The time between start and end; none of what has no duration, as triggers.
fn duration(record: &Activation) -> String {
    if record.duration == 0 { "0s".to_owned() } else { written(record.end - record.start) }
}

/// Milliseconds as upstream's CLI writes them: `58ms`, `1.5s`, `2m3.25s`.
pub(super) fn written(milliseconds: i64) -> String {
    let seconds = |milliseconds: i64| format!("{}", milliseconds as f64 / 1000.0);
    match milliseconds {
        0 => "0s".to_owned(),
        1..1000 => format!("{milliseconds}ms"),
        1000..60_000 => format!("{}s", seconds(milliseconds)),
        60_000..3_600_000 => format!("{}m{}s", milliseconds / 60_000, seconds(milliseconds % 60_000)),
        3_600_000.. => {
            let rest = milliseconds % 3_600_000;
            format!("{}h{}m{}s", milliseconds / 3_600_000, rest / 60_000, seconds(rest % 60_000))
        }
        _ => format!("-{}", written(-milliseconds)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn cli_08_a_row_tells_kind_start_duration_status_and_entity() {
        let record: Activation = serde_json::from_value(json!({
            "namespace": "guest", "name": "a", "version": "0.0.2", "activationId": "b".repeat(32), "statusCode": 1,
            "start": 1_700_000_000_000_i64, "end": 1_700_000_001_500_i64, "duration": 1500,
            "annotations": [{"key": "kind", "value": "nodejs:20"}, {"key": "initTime", "value": 5}]
        }))
        .unwrap();
        let table = table(&[record], &TimeZone::UTC, Console::plain());
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(
            lines[0],
            "Datetime            Activation ID                    Kind      Start Duration   Status            Entity"
        );
        let id = "b".repeat(32);
        assert_eq!(
            lines[1],
            format!("2023-11-14 22:13:20 {id} nodejs:20 cold  1.5s       application error guest/a:0.0.2")
        );
    }

    #[test]
    fn durations_and_long_names_are_written_as_upstream_does() {
        for (milliseconds, text) in
            [(0, "0s"), (58, "58ms"), (1000, "1s"), (62_250, "1m2.25s"), (3_600_000, "1h0m0s"), (-5, "-5ms")]
        {
            assert_eq!(written(milliseconds), text);
        }
        assert_eq!(cut("abcdefghijklmnopqrstuvwxyz", 20), "abcdefghij...tuvwxyz");
        assert_eq!(cut("short", 20), "short");
    }
}
