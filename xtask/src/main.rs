//! `cargo run -p oxiwhisk-xtask`: writes what is generated.

use std::process::ExitCode;

fn main() -> ExitCode {
    let path = oxiwhisk_xtask::root().join(oxiwhisk_xtask::CONFIG_REFERENCE);
    match std::fs::write(&path, oxiwhisk_xtask::config_reference()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cannot write {}: {error}", path.display());
            ExitCode::FAILURE
        }
    }
}
