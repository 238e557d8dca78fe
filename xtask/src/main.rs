//! `cargo run -p oxiwhisk-xtask`: writes what is generated. With `rules`: prints the rules of the API that no test holds.

use oxiwhisk_xtask::rules::Coverage;
use std::io::{self, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    let done = match std::env::args().nth(1).as_deref() {
        None => generate(),
        Some("rules") => print_rules(),
        Some(other) => Err(io::Error::other(format!("there is no `{other}`; there is `rules`"))),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn generate() -> io::Result<()> {
    let path = oxiwhisk_xtask::root().join(oxiwhisk_xtask::CONFIG_REFERENCE);
    std::fs::write(&path, oxiwhisk_xtask::config_reference())
        .map_err(|error| io::Error::other(format!("cannot write {}: {error}", path.display())))
}

fn print_rules() -> io::Result<()> {
    let coverage = Coverage::of_repository();
    let mut out = io::stdout().lock();
    for rule in coverage.uncovered() {
        writeln!(out, "{rule}")?;
    }
    Ok(())
}
