use super::*;
use crate::runtimes::discover::kind;
use bytes::Bytes;
use std::io::Write as _;
use zip::write::SimpleFileOptions;

fn spec(name: &str) -> RuntimeSpec {
    RuntimeSpec { kind: kind(name, true), ..native::specs()[0].clone() }
}

fn request(code: &[u8], binary: bool) -> InitRequest {
    let code = if binary {
        Bytes::from(base64_simd::STANDARD.encode_to_string(code))
    } else {
        Bytes::copy_from_slice(code)
    };
    InitRequest {
        activation: types::ActivationId::from_bits(1),
        concurrency: 1,
        name: "a".to_owned(),
        main: "main".to_owned(),
        binary,
        code: Some(code),
        environment: Vec::new(),
    }
}

/// What an archive is to hold.
enum Entry<'a> {
    File(&'a str, u32, &'a [u8]),
    Directory(&'a str),
    Link(&'a str, &'a str),
}

use Entry::{Directory, File as Plain, Link};

fn zipped(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for entry in entries {
        match entry {
            Plain(name, mode, contents) => {
                zip.start_file(*name, SimpleFileOptions::default().unix_permissions(*mode)).unwrap();
                zip.write_all(contents).unwrap();
            }
            Directory(name) => zip.add_directory(*name, SimpleFileOptions::default()).unwrap(),
            Link(name, target) => zip.add_symlink(*name, *target, SimpleFileOptions::default()).unwrap(),
        }
    }
    zip.finish().unwrap().into_inner()
}

fn tarred(entries: &[Entry<'_>]) -> Vec<u8> {
    let packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    let mut tar = tar::Builder::new(packer);
    for entry in entries {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(0);
        let (name, contents): (&str, &[u8]) = match entry {
            Plain(name, mode, contents) => {
                header.set_mode(*mode);
                header.set_size(contents.len() as u64);
                (name, contents)
            }
            Directory(name) => {
                header.set_entry_type(tar::EntryType::Directory);
                (name, &[])
            }
            Link(name, target) => {
                header.set_entry_type(tar::EntryType::Symlink);
                header.set_link_name(target).unwrap();
                (name, &[])
            }
        };
        // Names are written as they are: the library would refuse those that lead out.
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        tar.append(&header, contents).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

fn place(kind: &str, code: &[u8], binary: bool) -> (tempfile::TempDir, Result<(), PlaceError>) {
    // The directory is one level down, so that what gets out is seen.
    let outer = tempfile::tempdir().unwrap();
    let action = outer.path().join("action");
    fs::create_dir(&action).unwrap();
    let placed = place_code(&spec(kind), &request(code, binary), &action, ByteSize::mb(64));
    (outer, placed)
}

fn refused(kind: &str, code: &[u8]) -> String {
    let (outer, placed) = place(kind, code, true);
    let names: Vec<_> = fs::read_dir(outer.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["action"], "something got out");
    match placed.unwrap_err() {
        PlaceError::Developer(text) => text,
        PlaceError::Platform(error) => panic!("{error}"),
    }
}

#[test]
fn archives_keep_their_tree_and_what_can_be_executed() {
    let entries = [
        Plain("package.json", 0o600, b"{}"),
        Directory("empty/"),
        Plain("node_modules/x/cli.js", 0o755, b"#!"),
        Link("node_modules/.bin/x", "../x/cli.js"),
        Plain("./sub/../index.js", 0o4777, b"code"),
    ];
    for archive in [zipped(&entries), tarred(&entries)] {
        let (outer, placed) = place("nodejs:20", &archive, true);
        placed.unwrap();
        let action = outer.path().join("action");
        let mode = |name: &str| fs::metadata(action.join(name)).unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode("package.json"), 0o644);
        assert_eq!(mode("node_modules/x/cli.js"), 0o755);
        assert_eq!(mode("index.js"), 0o755, "no setuid, and others cannot write");
        assert_eq!(mode("node_modules"), 0o755);
        assert!(action.join("empty").is_dir());
        assert_eq!(fs::read(action.join("node_modules/.bin/x")).unwrap(), b"#!");
    }
}

#[test]
fn no_name_leads_out() {
    for name in ["../evil", "/evil", "a/../../evil", ".."] {
        for archive in [zipped(&[Plain(name, 0o644, b"x")]), tarred(&[Plain(name, 0o644, b"x")])] {
            let text = refused("nodejs:20", &archive);
            let start = format!("Initialization has failed due to: {BROKEN}");
            assert!(text.starts_with(&start), "{name}: {text}");
        }
    }
}

#[test]
fn no_link_leads_out_and_none_is_followed() {
    for links in [
        vec![Link("l", "/etc/passwd")],
        vec![Link("l", "../x")],
        vec![Link("a/l", "../../x")],
        vec![Link("d", "."), Link("e", "d/.."), Link("e/evil", "x")],
        vec![Link("d", "sub"), Plain("d/file", 0o644, b"x")],
        vec![Link("l", "x"), Link("l/m", "y")],
    ] {
        refused("python:3.11", &zipped(&links));
        refused("python:3.11", &tarred(&links));
    }
}

#[test]
fn size_and_ratio_are_bounded() {
    // 40 MB of zeros take 40 KB: less than the limit, but more than the ratio allows.
    let bomb = vec![0; 40 << 20];
    assert!(refused("nodejs:20", &zipped(&[Plain("a", 0o644, &bomb)])).contains("too large"));
    assert!(refused("nodejs:20", &tarred(&[Plain("a", 0o644, &bomb)])).contains("too large"));
    let fine = vec![0; 30 << 20];
    let (_outer, placed) = place("nodejs:20", &zipped(&[Plain("a", 0o644, &fine)]), true);
    placed.unwrap();
}

#[test]
fn what_is_no_archive_is_said_so() {
    let unsupported = format!("Initialization has failed due to: {UNSUPPORTED}");
    assert_eq!(refused("nodejs:20", b"just some text"), unsupported);
    let mut cut = zipped(&[Plain("index.js", 0o644, &[7; 1000])]);
    cut.truncate(cut.len() / 2);
    assert!(refused("nodejs:20", &cut).starts_with(&format!("Initialization has failed due to: {BROKEN}")));
    let mut cut = tarred(&[Plain("index.js", 0o644, &[7; 1000])]);
    cut.truncate(cut.len() / 2);
    assert!(refused("nodejs:20", &cut).starts_with(&format!("Initialization has failed due to: {BROKEN}")));
    let twice = [Plain("a", 0o644, b""), Plain("a/b", 0o644, b"")];
    refused("nodejs:20", &zipped(&twice));
}

#[test]
fn executables_come_alone_or_in_archives() {
    let script = b"#!/bin/sh\necho";
    let archived = zipped(&[Plain("exec", 0o644, script), Plain("data", 0o644, b"d")]);
    for (code, binary) in [(script.to_vec(), false), (script.to_vec(), true), (archived, true)] {
        let (outer, placed) = place(native::ACTION_LOOP, &code, binary);
        placed.unwrap();
        let program = outer.path().join("action/exec");
        assert_eq!(fs::read(&program).unwrap(), script);
        assert_eq!(fs::metadata(&program).unwrap().permissions().mode() & 0o777, 0o755);
    }
    assert!(refused(native::SKELETON, &zipped(&[Plain("other", 0o755, b"#!")])).starts_with(NO_BINARY));
    assert!(refused(native::SKELETON, b"echo hello").starts_with(NO_BINARY));
}

#[test]
fn source_texts_stay_in_the_request() {
    let (outer, placed) = place("python:3.11", b"def main(args): return {}", false);
    placed.unwrap();
    assert_eq!(fs::read_dir(outer.path().join("action")).unwrap().count(), 0);
}
