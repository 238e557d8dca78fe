//! `oxiwhisk-bench run [--rounds N] [--seconds S] [--starts N]`: measures, and prints the table of results.
//! The other subcommands are the yardsticks, which it starts itself.

use oxiwhisk_bench::suite::{self, Settings};
use oxiwhisk_bench::{cold, yardstick};
use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["http"] => yardstick::serve_http(),
        ["tcp"] => yardstick::serve_tcp(),
        ["starts", program] => cold::serve_starts(Path::new(program)),
        ["run", options @ ..] => run(options),
        _ => Err(io::Error::other("usage: oxiwhisk-bench run [--rounds N] [--seconds S] [--starts N]")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stdout, reason = "the table goes there")]
fn run(options: &[&str]) -> io::Result<()> {
    let mut settings = Settings { rounds: 5, period: Duration::from_secs(2), starts: 15 };
    for pair in options.chunks(2) {
        let [name, value] = pair else {
            return Err(io::Error::other(format!("{} needs a value", pair[0])));
        };
        let number: u32 =
            value.parse().map_err(|_| io::Error::other(format!("{name} needs a number, not {value}")))?;
        match *name {
            "--rounds" => settings.rounds = number.max(1) as usize,
            "--seconds" => settings.period = Duration::from_secs(u64::from(number.max(1))),
            "--starts" => settings.starts = number.max(1) as usize,
            other => return Err(io::Error::other(format!("no such option: {other}"))),
        }
    }
    println!("{}", suite::run(&settings)?);
    Ok(())
}
