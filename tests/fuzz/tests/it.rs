//! Replays every corpus, and tries texts at random.

use oxiwhisk_test_fuzz::{TARGETS, Target};
use proptest::prelude::*;
use std::path::{Path, PathBuf};

fn corpus(name: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(name);
    let files = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = files.map(|file| file.expect("a readable folder").path()).collect();
    files.sort();
    files
}

fn target(name: &str) -> Target {
    TARGETS.iter().find(|(other, _)| *other == name).expect("a target of that name").1
}

macro_rules! targets {
    ($($name:ident: $cases:literal $text:literal)*) => {
        $(
            mod $name {
                use super::*;

                #[test]
                fn what_was_found_before_holds() {
                    let files = corpus(stringify!($name));
                    assert!(!files.is_empty(), "a corpus has at least one input");
                    for file in files {
                        let data = std::fs::read(&file).expect("a readable file");
                        eprintln!("{}", file.display());
                        target(stringify!($name))(&data);
                    }
                }

                proptest! {
                    #![proptest_config(ProptestConfig::with_cases($cases))]

                    #[test]
                    fn texts_at_random_hold(text in $text) {
                        target(stringify!($name))(text.as_bytes());
                    }
                }
            }
        )*

        #[test]
        fn every_target_is_tried() {
            let tried = [$(stringify!($name)),*];
            assert_eq!(tried, TARGETS.map(|(name, _)| name));
        }
    };
}

targets! {
    names: 1000 "[/a-zA-Z0-9_@ .&:-]{0,40}"
    entities: 1000 r#"[{}\[\]":,a-z0-9 /.-]{0,60}"#
    json: 1000 r#"[{}\[\]":,a-z0-9\\ \n-]{0,40}"#
    manifest: 1000 r#"[{}\[\]":,a-z0-9 ]{0,60}"#
    classify: 1000 r#".([{}\[\]":,a-z0-9 ]|error){0,40}"#
    line: 200 r#".[+-][{}\[\]":,a-z0-9\n ]{0,100}"#
    requests: 100 r#"(GET|PUT|POST|DELETE) ~/(actions|packages|triggers|rules)/(action|package|trigger|rule|[a-z/%]{0,5})(\?[a-z=0-9&]{0,20})?\n\n[{}":,a-z0-9]{0,20}"#
    web: 100 r#"\{"(body|headers|statusCode|error|html)":[{}\[\]":a-z0-9]{0,20}\}"#
    conductor: 100 r#"(\{"(action|params|state|error)":[{}\[\]":a-z0-9/]{0,20}\}\n?){0,4}"#
}
