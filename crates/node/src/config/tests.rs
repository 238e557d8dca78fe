use super::*;
use base::config::{Entry, Override, Sources, entries, variable};

fn keys() -> Vec<(String, Option<String>)> {
    let key = |entry| match entry {
        Entry::Key { key, default, .. } => Some((key, default)),
        Entry::Section { .. } => None,
    };
    entries::<Config>().into_iter().filter_map(key).collect()
}

#[test]
fn every_key_has_a_text_for_the_reference() {
    for entry in entries::<Config>() {
        let (key, doc) = match entry {
            Entry::Section { key, doc } | Entry::Key { key, doc, .. } => (key, doc),
        };
        assert!(doc.ends_with('.'), "the text of '{key}' is no sentence: '{doc}'");
    }
}

/// What no key understands: not a list either, because of the bracket, and not a path, because it is empty.
fn misfit(default: Option<&str>) -> &'static str {
    if default.is_some_and(|text| text.starts_with('[') || text.starts_with('{')) { "[" } else { "" }
}

#[test]
fn every_key_can_be_set_by_its_variable() {
    for (key, default) in keys() {
        let name = variable(&key);
        let environment = vec![(name.clone(), misfit(default.as_deref()).to_owned())];
        match (Sources { environment, ..Sources::default() }).load::<Config>() {
            Ok((_, origins)) => assert!(origins.contains_key(&key), "{name} is not looked at"),
            // It is the key that must be at fault, not the variable as one that nobody knows.
            Err(faults) => assert!(faults.0.iter().any(|fault| fault.key == key), "{name}: {faults}"),
        }
    }
}

#[test]
fn every_default_can_be_written_into_a_file() {
    let mut text = String::new();
    for (key, default) in keys() {
        if let Some(default) = default {
            text.push_str(&format!("{key} = {default}\n"));
        }
    }
    let sources = Sources { file: Some(("all.toml".to_owned(), text)), ..Sources::default() };
    assert_eq!(sources.load::<Config>().unwrap().0, Config::default());
}

fn faults(pairs: &[(&str, &str)]) -> Vec<String> {
    let overrides = pairs
        .iter()
        .map(|(key, text)| Override {
            key: (*key).to_owned(),
            text: (*text).to_owned(),
            option: "--set".to_owned(),
        })
        .collect();
    let sources = Sources { overrides, ..Sources::default() };
    sources.load::<Config>().unwrap_err().0.into_iter().map(|fault| fault.key).collect()
}

#[test]
fn limits_that_contradict_each_other_are_faults() {
    let pairs = [
        ("limits.timeout.min", "2 min"),
        ("limits.memory.std", "1 GB"),
        ("limits.logs.max", "1500 KB"),
        ("limits.concurrency.min", "0"),
        ("invoker.memory", "64 MB"),
        ("users", "{ x = \"key\" }"),
    ];
    let expected = [
        "limits.timeout.min",
        "limits.memory.std",
        "limits.logs.std",
        "limits.logs.max",
        "limits.concurrency.min",
        "users.x",
        "invoker.memory",
    ];
    assert_eq!(faults(&pairs), expected);
}

#[test]
fn lim_04_the_defaults_are_upstreams() {
    assert_eq!(Config::default().limits.to_system(), types::SystemLimits::default());
}
