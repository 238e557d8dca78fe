//! What is written about the workspace is true of it.

use crate::{crates, name, none, read};
use oxiwhisk_xtask::files;

#[test]
fn the_reference_of_the_configuration_is_up_to_date() {
    let there = read(oxiwhisk_xtask::CONFIG_REFERENCE);
    assert!(
        there == oxiwhisk_xtask::config_reference(),
        "{} is out of date; run `cargo run -p oxiwhisk-xtask`",
        oxiwhisk_xtask::CONFIG_REFERENCE
    );
}

#[test]
fn architecture_names_every_crate() {
    let text = read("ARCHITECTURE.md");
    let named = |name: &str| text.contains(&format!("`{name}`")) || text.contains(&format!("crates/{name}"));
    let broken: Vec<String> =
        crates().iter().map(|dir| name(dir).to_owned()).filter(|name| !named(name)).collect();
    none(&broken, "not in ARCHITECTURE.md");
}

/// Paths of the machine on which something was written mean nothing on another one.
#[test]
fn no_file_names_a_place_of_one_machine() {
    // In parts, so that this file does not break its own rule.
    let places = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/home/", "user/")];
    let mut broken = Vec::new();
    for file in files() {
        for (number, line) in file.text.lines().enumerate() {
            let found = places.iter().any(|place| {
                line.match_indices(place).any(|(at, _)| !continues_a_path(line[..at].chars().next_back()))
            });
            if found {
                broken.push(format!("{}:{}", file.path, number + 1));
            }
        }
    }
    none(&broken, "a path of one machine");
}

/// Whether what stands before a slash makes it a part of a longer, perhaps relative, path.
fn continues_a_path(before: Option<char>) -> bool {
    before.is_some_and(|c| c.is_alphanumeric() || "._-}$)>".contains(c))
}
