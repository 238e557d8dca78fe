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
fn several_invokers_must_each_hold_the_greatest_action() {
    let memory = ("invoker.memory", "2 GB");
    assert_eq!(faults(&[memory, ("invoker.instances", "5")]), ["invoker.memory"]);
    assert_eq!(faults(&[memory, ("invoker.instances", "0")]), ["invoker.instances"]);
    let lean = ("controller.balancer", "lean");
    assert_eq!(faults(&[memory, ("invoker.instances", "2"), lean]), ["invoker.instances"]);
    assert_eq!(faults(&[("controller.managed_fraction", "1.5")]), ["controller.managed_fraction"]);
    let four = [memory, ("invoker.instances", "4"), ("controller.balancer", "sharding")];
    let overrides = four.map(|(key, text)| Override {
        key: key.to_owned(),
        text: text.to_owned(),
        option: "--set".to_owned(),
    });
    let (config, _) = Sources { overrides: overrides.into(), ..Sources::default() }.load::<Config>().unwrap();
    assert_eq!(config.controller.balancer, Balancer::Sharding);
    let limits = config.limits.to_system();
    let first = types::ContainerId(1);
    let invoker = config.invoker.to_role(&limits, Vec::new(), first, types::ByteSize::mb(64 << 10));
    assert_eq!(invoker.pool.memory, 512);
}

#[test]
fn lim_04_the_defaults_are_upstreams() {
    assert_eq!(Config::default().limits.to_system(), types::SystemLimits::default());
}
