//! Transcripts: Markdown files with commands and what they print, run as tests.
//!
//! The form is described in `cli/README.md`. [`parse`] reads a file, [`run`] runs its commands in a directory and with a
//! server of their own, [`compare`] sees whether what was printed is what stands in the file.

mod compare;
mod parse;
mod run;

pub use parse::{Item, Step, Transcript};
pub use run::{Place, wsk};
