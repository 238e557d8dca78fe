//! Every transcript of `wsk`, each in a directory and with a server of its own.
//!
//! `OXIWHISK_WSK` names another `wsk`. With upstream's own, blocks marked `ours` are left out.

use oxiwhisk_test_compat::transcript::{Place, Transcript, wsk};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("cli")
}

#[track_caller]
fn check(path: &Path) {
    let transcript = Transcript::read(path);
    let wrong = Place::new(&wsk(), &transcript).run(&transcript);
    assert!(wrong.is_empty(), "{} commands failed\n\n{}", wrong.len(), wrong.join("\n"));
}

macro_rules! transcripts {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                check(&folder().join(concat!(stringify!($name), ".md")));
            }
        )*

        #[test]
        fn every_transcript_is_run() {
            let run: BTreeSet<String> = [$(concat!(stringify!($name), ".md")),*].map(str::to_owned).into();
            let files = std::fs::read_dir(folder()).unwrap().flatten();
            let there: BTreeSet<String> = files
                .map(|file| file.file_name().to_string_lossy().into_owned())
                .filter(|name| name.ends_with(".md") && name != "README.md")
                .collect();
            assert_eq!(there, run);
        }
    };
}

#[test]
fn the_tour() {
    check(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/tour.md"));
}

transcripts! {
    action
    action_get
    action_web
    invoke
    invoke_queued
    activation
    api
    explain
    feed
    namespace
    output
    package
    project
    rule
    sdk
    property
    traces
    trigger
    usage
}
