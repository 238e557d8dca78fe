//! Counts lines, words and bytes of a text and names its most frequent words.
//!
//! An executable for the ActionLoop convention: one JSON object with the arguments under `value` arrives on a line of
//! standard input; one JSON object on a line of file descriptor 3 is the answer; what goes to standard output and
//! standard error is the log.

use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, Write};
use std::os::fd::FromRawFd;

#[derive(Deserialize)]
struct Request {
    value: Arguments,
}

#[derive(Deserialize)]
struct Arguments {
    text: String,
    #[serde(default = "three")]
    top: usize,
}

fn three() -> usize {
    3
}

#[derive(Serialize)]
#[serde(untagged)]
enum Answer {
    Counts { lines: usize, words: usize, bytes: usize, top: Vec<(String, usize)> },
    Failed { error: String },
}

fn count(arguments: &Arguments) -> Answer {
    let text = &arguments.text;
    let mut seen: HashMap<String, usize> = HashMap::new();
    for word in text.split_whitespace() {
        let word = word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
        if !word.is_empty() {
            *seen.entry(word).or_default() += 1;
        }
    }
    let mut top: Vec<(String, usize)> = seen.into_iter().collect();
    top.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    top.truncate(arguments.top);
    Answer::Counts { lines: text.lines().count(), words: text.split_whitespace().count(), bytes: text.len(), top }
}

fn main() -> io::Result<()> {
    // SAFETY: the platform opens file descriptor 3 for the answers, and nothing else here uses it.
    let mut answers = unsafe { File::from_raw_fd(3) };
    for line in io::stdin().lock().lines() {
        let answer = match serde_json::from_str::<Request>(&line?) {
            Ok(request) => {
                println!("counting {} bytes", request.value.text.len());
                count(&request.value)
            }
            Err(problem) => Answer::Failed { error: problem.to_string() },
        };
        let mut line = serde_json::to_vec(&answer)?;
        line.push(b'\n');
        answers.write_all(&line)?;
    }
    Ok(())
}
