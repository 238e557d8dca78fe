//! Archives and sources in the form in which they travel in an action.

use base64::Engine as _;
use std::io::{Cursor, Write as _};
use zip::write::SimpleFileOptions;

/// A zip of these files as base64; the file `exec` may be executed.
///
/// # Panics
/// When memory is not enough.
#[must_use]
pub fn base64_zip(files: &[(&str, &str)]) -> String {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in files {
        let mode = if *name == "exec" { 0o755 } else { 0o644 };
        let options = SimpleFileOptions::default().unix_permissions(mode);
        archive.start_file(*name, options).expect("a file in memory");
        archive.write_all(text.as_bytes()).expect("a file in memory");
    }
    base64(&archive.finish().expect("a file in memory").into_inner())
}

/// Bytes as base64.
#[must_use]
pub fn base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
