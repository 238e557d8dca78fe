//! Every conversation, each against a server of its own.

use oxiwhisk_test_compat::{Conversation, Host, play};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("conversations")
}

#[track_caller]
fn check(name: &str) {
    let conversation = Conversation::read(&folder().join(format!("{name}.toml")));
    let Some(host) = Host::for_conversation(&conversation) else { return };
    let wrong = play(&conversation, &host);
    let steps = conversation.steps.len();
    assert!(
        wrong.is_empty(),
        "{}: {} of {steps} steps failed\n\n{}",
        conversation.title,
        wrong.len(),
        wrong.join("\n")
    );
}

macro_rules! conversations {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                check(stringify!($name));
            }
        )*

        #[test]
        fn every_file_is_played() {
            let played: BTreeSet<String> = [$(concat!(stringify!($name), ".toml")),*].map(str::to_owned).into();
            let files = std::fs::read_dir(folder()).unwrap().flatten();
            let there: BTreeSet<String> = files
                .map(|file| file.file_name().to_string_lossy().into_owned())
                .filter(|name| name.ends_with(".toml"))
                .collect();
            assert_eq!(there, played);
        }
    };
}

conversations! {
    actions
    actions_kinds
    activations
    better
    bindings
    conductors
    errors
    feeds
    identities
    invocation
    limits
    lists
    logs
    names
    namespaces
    operators
    packages
    results
    rules
    runtime
    sequences
    throttles
    transport
    triggers
    web
    web_composed
    web_http
    web_raw
}
