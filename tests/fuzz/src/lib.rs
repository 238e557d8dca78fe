//! Every parser that sees bytes from outside, as functions that take any bytes and panic when something is not as it
//! should be: `cargo fuzz` calls them from `fuzz/`, and the tests beside this file replay what it has found so far and
//! try random texts.
//!
//! Whole requests go through the real roles, joined in one process; what a function answers is a script. So routes,
//! queries, headers, bodies, web responses and the answers of conductors are tried where they are used.

mod answers;
mod nouns;
mod requests;
mod runtime;

pub use answers::{conductor, web};
pub use nouns::{entities, json, manifest, names};
pub use requests::requests;
pub use runtime::{classify, line};

/// A target: any bytes in.
pub type Target = fn(&[u8]);

/// Every target by its name, which is also the name of its corpus below `fuzz/corpus/`.
pub const TARGETS: [(&str, Target); 9] = [
    ("names", names),
    ("entities", entities),
    ("json", json),
    ("manifest", manifest),
    ("classify", classify),
    ("line", line),
    ("requests", requests),
    ("web", web),
    ("conductor", conductor),
];
