use super::{Entry, Setting, entries, variable};
use std::fmt::Write;

/// The reference of every key, as a page of Markdown.
#[must_use]
pub fn reference<T: Setting + Default>() -> String {
    let mut page = String::from("# Configuration\n");
    for entry in entries::<T>() {
        // Writing to a text does not fail.
        let _ = match entry {
            Entry::Section { key, doc } if key.is_empty() => writeln!(page, "\n{}", paragraphs(&doc)),
            Entry::Section { key, doc } => writeln!(page, "\n## `[{key}]`\n\n{}", paragraphs(&doc)),
            Entry::Key { key, kind, default, doc } => {
                let default = default.map_or_else(|| "not set".to_owned(), |text| format!("`{text}`"));
                let variable = variable(&key);
                let about = paragraphs(&doc);
                writeln!(
                    page,
                    "\n### `{key}`\n\n{about}\n\n- Value: {kind}\n- Default: {default}\n- Variable: `{variable}`"
                )
            }
        };
    }
    page
}

/// Doc comments are wrapped for the source; a page needs a line for each paragraph.
fn paragraphs(doc: &str) -> String {
    let lines: Vec<&str> = doc.lines().map(str::trim).collect();
    let paragraphs = lines.split(|line| line.is_empty()).map(|lines| lines.join(" "));
    paragraphs.filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n\n")
}
