//! The form of log lines in records (LOG-03 to LOG-08).

use crate::{LogLine, LogStream, Logs};
use std::fmt::Write as _;
use types::ByteSize;

/// The lines of a record, in the order of their times (LOG-04), with what is to be said about the collection itself:
/// that it was cut at `limit` (LOG-05), that something went wrong (LOG-06), that the action broke down (LOG-07, where
/// `broke_down` is true for a developer error). Those stand at `now`, in nanoseconds since 1970.
///
/// With a limit of 0 nothing is kept (LOG-08).
#[must_use]
pub fn render(mut logs: Logs, limit: ByteSize, broke_down: bool, now: u64) -> Vec<String> {
    if limit.as_bytes() == 0 {
        return Vec::new();
    }
    logs.lines.sort_by_key(|line| line.unix_nanos);
    let mut lines: Vec<String> =
        logs.lines.iter().map(|line| entry(line.unix_nanos, line.stream, &line.text)).collect();
    let mut say = |text: &str| lines.push(entry(now, LogStream::Stderr, text));
    if logs.truncated {
        say(&format!(
            "Logs were truncated because the total bytes size exceeds the limit of {} bytes.",
            limit.as_bytes()
        ));
    }
    if logs.incomplete {
        say("There was an issue while collecting your logs. Data might be missing.");
    }
    if broke_down {
        say("The action did not initialize or run as expected. Log data might be missing.");
    }
    lines
}

/// What a line of a record takes beside its text: time, stream and line end. It counts against the limit, so that
/// empty lines are not free.
pub const LINE_OVERHEAD: u64 = 40;

/// Keeps what stands within the limit (LOG-05); the line that crosses it is cut.
pub fn cut(logs: &mut Logs, limit: ByteSize) {
    let (whole, room) = fitting(&logs.lines, limit);
    let Some(line) = logs.lines.get_mut(whole) else { return };
    let room = room.saturating_sub(LINE_OVERHEAD);
    line.text.truncate(line.text.floor_char_boundary(usize::try_from(room).unwrap_or(usize::MAX)));
    let kept = if line.text.is_empty() { whole } else { whole + 1 };
    logs.lines.truncate(kept);
    logs.truncated = true;
}

/// How many lines stand within the limit as they are.
#[must_use]
pub(crate) fn whole_lines(lines: &[LogLine], limit: ByteSize) -> usize {
    fitting(lines, limit).0
}

/// How many lines stand within the limit, and how much of it they leave.
fn fitting(lines: &[LogLine], limit: ByteSize) -> (usize, u64) {
    let mut room = limit.as_bytes();
    for (at, line) in lines.iter().enumerate() {
        match room.checked_sub(LINE_OVERHEAD + line.text.len() as u64) {
            Some(left) => room = left,
            None => return (at, room),
        }
    }
    (lines.len(), room)
}

/// One line: its time in 30 columns, its stream, its text (LOG-03).
#[must_use]
pub fn format(line: &LogLine) -> String {
    entry(line.unix_nanos, line.stream, &line.text)
}

fn entry(unix_nanos: u64, stream: LogStream, text: &str) -> String {
    let stream = match stream {
        LogStream::Stdout => "stdout",
        LogStream::Stderr => "stderr",
    };
    let mut line = String::with_capacity(40 + text.len());
    write_timestamp(&mut line, unix_nanos);
    line.push(' ');
    line.push_str(stream);
    line.push_str(": ");
    line.push_str(text);
    line
}

/// `2016-10-12T10:11:12.123456789Z`: exactly 30 characters until the year 2554, where the nanoseconds end.
fn write_timestamp(into: &mut String, unix_nanos: u64) {
    const DAY: u64 = 86_400;
    let (seconds, nanos) = (unix_nanos / 1_000_000_000, unix_nanos % 1_000_000_000);
    let (year, month, day) = civil(seconds / DAY);
    let (hour, minute, second) = (seconds % DAY / 3600, seconds % 3600 / 60, seconds % 60);
    // Writing to a text cannot fail.
    let _ = write!(into, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{nanos:09}Z");
}

/// Year, month and day of the Gregorian calendar, from days since 1970-01-01.
///
/// Years are taken to begin in March, so that the leap day is a year's last; an era is the 400 years (146,097 days)
/// after which the calendar repeats.
fn civil(days_since_1970: u64) -> (u64, u64, u64) {
    const FROM_YEAR_0_MARCH: u64 = 719_468;
    const ERA: u64 = 146_097;
    let days = days_since_1970 + FROM_YEAR_0_MARCH;
    let (era, day_of_era) = (days / ERA, days % ERA);
    let leap_days = day_of_era / 1460 + day_of_era / 146_096;
    let year_of_era = (day_of_era - leap_days + day_of_era / 36_524) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Five months from March have 153 days together, and so do the next five.
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(unix_nanos: u64, text: &str) -> LogLine {
        LogLine { unix_nanos, stream: LogStream::Stdout, text: text.to_owned() }
    }

    #[test]
    fn log_03_log_12_def_11_the_time_takes_thirty_columns() {
        let text = format(&line(1_476_267_072_123_456_789, "hello"));
        assert_eq!(text, "2016-10-12T10:11:12.123456789Z stdout: hello");
        assert_eq!(format(&line(0, "")), "1970-01-01T00:00:00.000000000Z stdout: ");
    }

    #[test]
    fn days_are_dates() {
        // From 1970 to 2200 by counting, through the leap years of the Gregorian rule.
        let (mut year, mut month, mut day) = (1970, 1, 1);
        for days in 0..84_000 {
            assert_eq!(civil(days), (year, month, day));
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let length = match month {
                2 => 28 + u64::from(leap),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            day += 1;
            if day > length {
                (month, day) = (month + 1, 1);
            }
            if month > 12 {
                (year, month) = (year + 1, 1);
            }
        }
        assert!(year >= 2199);
    }

    #[test]
    fn log_04_lines_stand_in_the_order_of_their_times() {
        let logs = Logs { lines: vec![line(2, "b"), line(1, "a"), line(2, "c")], ..Logs::default() };
        let seen = render(logs, ByteSize::mb(1), false, 9);
        let texts: Vec<_> = seen.iter().map(|line| &line[39..]).collect();
        assert_eq!(texts, ["a", "b", "c"]);
    }

    #[test]
    fn log_05_log_06_log_07_log_08_what_is_said_of_the_collection() {
        let logs = Logs { truncated: true, incomplete: true, ..Logs::default() };
        let stamp = "1970-01-01T00:00:00.000000009Z stderr: ";
        assert_eq!(
            render(logs.clone(), ByteSize::mb(1), true, 9),
            [
                format!(
                    "{stamp}Logs were truncated because the total bytes size exceeds the limit of 1048576 bytes."
                ),
                format!("{stamp}There was an issue while collecting your logs. Data might be missing."),
                format!(
                    "{stamp}The action did not initialize or run as expected. Log data might be missing."
                ),
            ]
        );
        assert!(render(logs, ByteSize::bytes(0), true, 9).is_empty(), "LOG-08");
    }

    #[test]
    fn log_05_the_line_that_crosses_the_limit_is_cut() {
        let cut_at = |limit| {
            let mut logs = Logs { lines: vec![line(1, "abc"), line(2, "d\u{e9}f")], ..Logs::default() };
            cut(&mut logs, ByteSize::bytes(limit));
            (logs.lines.into_iter().map(|line| line.text).collect::<Vec<_>>(), logs.truncated)
        };
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        assert_eq!(cut_at(87), (texts(&["abc", "d\u{e9}f"]), false));
        assert_eq!(cut_at(86), (texts(&["abc", "d\u{e9}"]), true));
        assert_eq!(cut_at(85), (texts(&["abc", "d"]), true));
        assert_eq!(cut_at(83), (texts(&["abc"]), true));
        assert_eq!(cut_at(0), (texts(&[]), true));
    }
}
