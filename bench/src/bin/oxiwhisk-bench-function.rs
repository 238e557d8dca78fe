//! The function of the benchmarks: an executable for the ActionLoop convention that answers with its arguments.

use serde::Deserialize;
use serde_json::value::RawValue;
use std::fs::File;
use std::io::{self, BufRead as _, Write as _};
use std::os::fd::FromRawFd as _;

#[derive(Deserialize)]
struct Call<'a> {
    #[serde(borrow)]
    value: &'a RawValue,
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
        answer.clear();
        answer.extend_from_slice(call.value.get().as_bytes());
        answer.push(b'\n');
        answers.write_all(&answer)?;
        line.clear();
    }
    Ok(())
}
