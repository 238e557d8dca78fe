//! The function of the benchmarks: an executable for the ActionLoop convention that answers with its arguments. With a
//! member `millis` it sleeps so long before; with a member `since` it adds how many milliseconds after 1970 it began.

use serde::Deserialize;
use serde_json::value::RawValue;
use std::fs::File;
use std::io::{self, BufRead as _, Write as _};
use std::os::fd::FromRawFd as _;
use std::time::Duration;

#[derive(Deserialize)]
struct Call<'a> {
    #[serde(borrow)]
    value: &'a RawValue,
}

#[derive(Deserialize)]
struct Wishes {
    millis: Option<u64>,
    since: Option<f64>,
}

fn main() -> io::Result<()> {
    #[expect(unsafe_code, reason = "the convention gives a number, not a path")]
    // SAFETY: whoever starts this program opens file descriptor 3 for the answers, and nothing else here uses it.
    let mut answers = unsafe { File::from_raw_fd(3) };
    let mut calls = io::stdin().lock();
    let mut line = String::new();
    let mut answer = Vec::new();
    while calls.read_line(&mut line)? > 0 {
        let call: Call<'_> = serde_json::from_str(&line)?;
        let value = call.value.get();
        answer.clear();
        answer.extend_from_slice(value.as_bytes());
        // Most calls wish for nothing and need not be parsed for it.
        if memchr::memmem::find(value.as_bytes(), b"\"millis\"").is_some() {
            fulfil(value, &mut answer)?;
        }
        answer.push(b'\n');
        answers.write_all(&answer)?;
        line.clear();
    }
    Ok(())
}

fn fulfil(value: &str, answer: &mut Vec<u8>) -> io::Result<()> {
    let began = oxiwhisk_test_e2e::time::unix_millis();
    let wishes: Wishes = serde_json::from_str(value)?;
    std::thread::sleep(Duration::from_millis(wishes.millis.unwrap_or(0)));
    if wishes.since.is_some() {
        answer.pop();
        write!(answer, ",\"began\":{began}}}")?;
    }
    Ok(())
}
