//! What counts depend on beside the code.

use serde::{Deserialize, Serialize};
use std::process::Command;

/// Where counts were taken. Two that differ cannot be compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Environment {
    /// The compiler.
    pub(crate) rustc: String,
    /// The processor's architecture and the system.
    pub(crate) target: String,
    /// What its processor can do, as far as libraries choose their code by that.
    pub(crate) processor: String,
    /// The C library, whose allocator and copying are counted too.
    pub(crate) libc: String,
    /// What counts.
    pub(crate) valgrind: String,
}

impl Environment {
    /// The one of this machine.
    ///
    /// # Errors
    /// When a tool is missing.
    pub(crate) fn here() -> Result<Environment, String> {
        Ok(Environment {
            rustc: said_by("rustc", "--version")?,
            target: format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
            processor: processor().to_owned(),
            libc: said_by("getconf", "GNU_LIBC_VERSION")?,
            valgrind: said_by("valgrind", "--version")?,
        })
    }

    /// What is different here from there, for people.
    pub(crate) fn differences(&self, here: &Environment) -> Vec<String> {
        let pairs = [
            (&self.rustc, &here.rustc),
            (&self.target, &here.target),
            (&self.processor, &here.processor),
            (&self.libc, &here.libc),
            (&self.valgrind, &here.valgrind),
        ];
        let different = pairs.into_iter().filter(|(there, here)| there != here);
        different.map(|(there, here)| format!("{here} here, {there} there")).collect()
    }
}

#[cfg(target_arch = "x86_64")]
fn processor() -> &'static str {
    if std::arch::is_x86_feature_detected!("avx2") { "avx2" } else { "no avx2" }
}

#[cfg(not(target_arch = "x86_64"))]
fn processor() -> &'static str {
    "any"
}

fn said_by(program: &str, argument: &str) -> Result<String, String> {
    let output = Command::new(program).arg(argument).output();
    let output = output.map_err(|error| format!("cannot run {program}: {error}"))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
