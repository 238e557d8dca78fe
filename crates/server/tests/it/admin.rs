//! `oxiwhisk admin` against a running server: its texts and exit codes are those of `wskadmin`.

use crate::program::{Ended, Server, command, run_command};
use std::path::Path;
use types::AuthKey;

const NAMESPACES: &str = "/api/v1/namespaces";

/// A server and the directory that it shares with the operator's tool.
struct Place {
    dir: tempfile::TempDir,
    server: Server,
}

impl Place {
    fn start(arguments: &[&str]) -> Place {
        let dir = tempfile::tempdir().expect("a directory");
        let server = Server::start(dir.path(), arguments);
        Place { dir, server }
    }

    /// Runs `oxiwhisk admin` with the words of that line.
    fn admin(&self, line: &str) -> Ended {
        let words: Vec<&str> = line.split(' ').collect();
        let port = self.server.address.port().to_string();
        let dir = self.dir.path().to_str().expect("a path in UTF-8");
        let place = ["admin", "--port", &port, "--data-dir", dir];
        run_command(&mut command(&[&place[..], &words].concat()))
    }

    /// Runs it, and takes what it says for right only if it ends with that code.
    #[track_caller]
    fn says(&self, line: &str, code: i32, text: &str) {
        let ended = self.admin(line);
        assert_eq!((ended.code, ended.stdout.as_str()), (code, text), "{line}: {}", ended.stderr);
    }

    #[track_caller]
    fn key(&self, line: &str) -> String {
        let ended = self.admin(line);
        let key = ended.stdout.trim().to_owned();
        assert!(ended.code == 0 && AuthKey::parse(&key).is_some(), "{line}: {key} {}", ended.stderr);
        key
    }

    fn status(&self, key: &str) -> u16 {
        self.server.ask("GET", NAMESPACES, key, "").0
    }
}

/// Whether a text is in any file below a directory.
fn is_written(dir: &Path, text: &str) -> bool {
    std::fs::read_dir(dir).expect("a directory").flatten().any(|entry| {
        let path = entry.path();
        if path.is_dir() {
            return is_written(&path, text);
        }
        let bytes = std::fs::read(path).unwrap_or_default();
        memchr::memmem::find(&bytes, text.as_bytes()).is_some()
    })
}

#[test]
fn usr_02_usr_03_users_are_made_listed_blocked_and_deleted_as_with_wskadmin() {
    let place = Place::start(&[]);
    place.says("user create four", 2, "Subject name must be at least 5 characters\n");
    place.says("user create userA -u nope:x", 2, "authorization id is not a valid UUID\n");
    let uuid = "b5f0a4f6-5c4b-4a4e-8a3c-6a0a4c7f6f11";
    let short = "authorization key must be at least 64 characters long\n";
    place.says(&format!("user create userA -u {uuid}:short"), 2, short);

    let generated = place.key("user create userA -g");
    assert_eq!(place.status(&generated), 401, "it is kept nowhere");
    let forced = format!("{uuid}:{}", "k".repeat(64));
    assert_eq!(place.key(&format!("user create userA -u {forced}")), forced);
    assert_eq!(place.status(&forced), 200);
    place.says("user create userA", 1, "Namespace already exists\n");

    let space = place.key("user create userA -ns space1");
    assert_eq!(place.server.ask("GET", NAMESPACES, &space, ""), (200, "[\"space1\"]".to_owned()));
    place.says(&format!("user whois {space}"), 0, "subject: userA\nnamespace: space1\n");
    place.says(&format!("user whois {generated}"), 0, "Subject id is not recognized\n");

    let second = place.key("user create userB -ns space1");
    let (first_uuid, second_uuid) = (&space[..36], &second[..36]);
    place.says("user list space1", 0, &format!("{first_uuid}:(hashed)\tuserA\n"));
    let both = format!("{first_uuid}:(hashed)\tuserA\n{second_uuid}:(hashed)\tuserB\n");
    place.says("user list space1 -a", 0, &both);
    place.says("user list space1 -p 0", 2, "pick at least 1 identity to show\n");
    place.says("user list nobody", 0, "no identities found for namespace \"nobody\"\n");

    let reader = place.key("user create userC -ns space1 --rights READ");
    let path = "/api/v1/namespaces/_/triggers/t";
    assert_eq!(place.status(&reader), 200);
    assert_eq!(place.server.ask("PUT", path, &reader, "{}").0, 403);
    assert_eq!(place.server.ask("PUT", path, &space, "{}").0, 200);
    place.says("user delete userC", 0, "Subject deleted\n");

    place.says(
        "user block userA userB",
        0,
        "\"userA\" blocked successfully\n\"userB\" blocked successfully\n",
    );
    assert_eq!((place.status(&space), place.status(&second)), (401, 401));
    place.says("user create userA -r", 1, "The subject you want to edit is blocked\n");
    let missing =
        "Failed to unblock \"ghost\" (Subject \"ghost\" does not exist)\n\"userA\" unblocked successfully\n";
    place.says("user unblock ghost userA", 1, missing);
    assert_eq!(place.status(&space), 200);

    let renewed = place.key("user create userA -r");
    assert_eq!(renewed[..36], forced[..36]);
    assert_eq!((place.status(&forced), place.status(&renewed)), (401, 200));
    place.says("user create userA -r -s", 0, "");
    assert_eq!(place.status(&renewed), 401);

    let none = "Namespace \"space2\" does not exist for \"userA\"\n";
    place.says("user delete userA -ns space2", 1, none);
    place.says("user delete userA -ns space1", 0, "Namespace deleted\n");
    assert_eq!(place.status(&space), 401);
    place.says("user delete userA", 0, "Subject deleted\n");
    place.says("user delete userA", 1, "Failed to delete subject (Subject \"userA\" does not exist)\n");
    place.says("user get userA", 1, "Failed to get subject (Subject \"userA\" does not exist)\n");
}

#[test]
fn usr_03_keys_are_shown_again_only_where_they_are_sealed_and_lie_nowhere_as_they_are() {
    for sealed in [false, true] {
        let place = Place::start(if sealed { &["--set", "keys.at_rest=sealed"] } else { &[] });
        let home = place.key("user create userA");
        let space = place.key("user create userA -ns space1");
        assert_eq!((place.status(&home), place.status(&space)), (200, 200));
        let (get, all) = (place.admin("user get userA"), place.admin("user get userA -a"));
        if sealed {
            assert_eq!((get.code, get.stdout), (0, format!("{home}\n")));
            assert_eq!(all.stdout, format!("userA\t{home}\nspace1\t{space}\n"));
            place.says("user get userA -ns space1", 0, &format!("{space}\n"));
            place.says("user list space1 -k", 0, &format!("{space}\n"));
        } else {
            assert_eq!(get.code, 1, "{}", get.stdout);
            assert!(
                get.stdout.starts_with("The key of \"userA\" for \"userA\" is kept as a hash"),
                "{}",
                get.stdout
            );
            let hashed = |key: &str| format!("{}:(hashed)", &key[..36]);
            assert_eq!(all.stdout, format!("userA\t{}\nspace1\t{}\n", hashed(&home), hashed(&space)));
        }
        place.says("user get userA -ns none", 1, "namespace \"none\" not found for \"userA\"\n");
        // An activation that gets a key, with and without somebody who waits.
        let action = "/api/v1/namespaces/_/actions/keyed";
        let body = r##"{"exec":{"kind":"native:skeleton","code":"#!/bin/sh\necho '{}'\n"},
            "annotations":[{"key":"provide-api-key","value":true}]}"##;
        assert_eq!(place.server.ask("PUT", action, &home, body).0, 200);
        assert_eq!(place.server.ask("POST", action, &home, "{}").0, 202);
        assert_eq!(place.server.ask("POST", &format!("{action}?blocking=true"), &home, "{}").0, 200);
        place.server.signal("TERM");
        let Place { dir, server } = place;
        assert_eq!(server.wait().code(), Some(0));
        for key in [&home, &space, &node::GUEST_KEY.to_owned(), &node::SYSTEM_KEY.to_owned()] {
            let secret = key.split(':').nth(1).unwrap();
            assert!(!is_written(dir.path(), secret), "sealed: {sealed}");
            // The search itself finds what is there.
            assert!(is_written(dir.path(), &key[..36]));
        }
    }
}

#[test]
fn the_store_is_shown_without_keys() {
    let place = Place::start(&[]);
    place.key("user create alice");
    place.says("limits set alice --invocationsPerMinute 7", 0, "Limits successfully set for \"alice\"\n");
    let ids = |line: &str| -> Vec<String> {
        let shown: serde_json::Value = serde_json::from_str(&place.admin(line).stdout).expect("JSON");
        let rows = shown["rows"].as_array().expect("rows");
        assert_eq!(shown["total_rows"], rows.len(), "{line}");
        rows.iter().map(|row| row["id"].as_str().expect("an id").to_owned()).collect()
    };
    assert_eq!(ids("db get subjects --view limits"), ["limits:alice"]);
    assert_eq!(
        ids("db get subjects -w subjects"),
        ["subject:alice", "subject:guest", "subject:whisk.system"]
    );
    assert!(ids("db get whisks").is_empty());
    let docs = place.admin("db get subjects --docs").stdout;
    assert!(docs.contains(r#""invocationsPerMinute": 7"#) && docs.contains(r#""owner": true"#), "{docs}");
    assert!(!docs.contains("hash") && !docs.contains("authkey"), "{docs}");
    let wrong = place.admin("db get whisks --view subjects");
    assert_eq!(wrong.code, 2);
    assert!(wrong.stderr.contains("actions, packages, triggers, rules"), "{}", wrong.stderr);
}

#[test]
fn usr_04_limits_are_set_shown_and_deleted_as_with_wskadmin() {
    let place = Place::start(&[]);
    place.says("limits get space1", 0, "No limits found, default system limits apply\n");
    let set = "Limits successfully set for \"space1\"\n";
    place.says("limits set space1 --invocationsPerMinute 1 --allowedKinds nodejs:20 python", 0, set);
    place.says("limits set space1 --disableStoreActivations --maxActionMemory 256", 0, set);
    let shown = "invocationsPerMinute = 1\nallowedKinds = ['nodejs:20', 'python']\nstoreActivations = False\n\
                 maxActionMemory = 256\n";
    place.says("limits get space1", 0, shown);
    let key = place.key("user create userA -ns space1");
    let (_, limits) = place.server.ask("GET", "/api/v1/namespaces/_/limits", &key, "");
    assert!(
        limits.contains("\"invocationsPerMinute\":1,") && limits.contains("\"storeActivations\":false"),
        "{limits}"
    );
    let wrong = place.admin("limits set space1 --maxPayloadSize big");
    assert_eq!(wrong.code, 1);
    assert!(
        wrong.stdout.starts_with("Failed to set limits (") && wrong.stdout.contains("maxPayloadSize"),
        "{}",
        wrong.stdout
    );
    place.says("limits delete space1", 0, "Limits deleted\n");
    place.says(
        "limits delete space1",
        1,
        "Failed to delete limits (No limits found, default system limits apply)\n",
    );
}

#[test]
fn the_operator_needs_the_credential_of_the_server() {
    let place = Place::start(&["--set", &format!("admin.credential={}", "c".repeat(32))]);
    let url = format!("http://{}", place.server.address);
    let run = |arguments: &[&str], credential: Option<String>| {
        let mut command = command(&[&["admin", "--url", &url], arguments].concat());
        if let Some(credential) = credential {
            command.env("OXIWHISK_ADMIN__CREDENTIAL", credential);
        }
        run_command(&mut command)
    };
    let list = ["user", "list", "guest"];
    let good = run(&list, Some("c".repeat(32)));
    assert_eq!((good.code, good.stdout.contains("guest")), (0, true), "{}", good.stderr);
    let bad = run(&list, Some("d".repeat(32)));
    assert_eq!(bad.code, 1);
    assert!(bad.stderr.contains("does not take the operator's credential"), "{}", bad.stderr);
    let named = run(&[&["--credential", &"c".repeat(32)], &list[..]].concat(), None);
    assert_eq!(named.code, 0, "{}", named.stderr);
    let missing = run(&[&["--credential-file", "/nowhere"], &list[..]].concat(), None);
    assert!(missing.code == 1 && missing.stderr.contains("/nowhere"), "{}", missing.stderr);
    // A server that is not there.
    let gone = run_command(&mut command(&[
        "admin",
        "--url",
        "http://127.0.0.1:1",
        "--credential",
        "x",
        "user",
        "list",
        "a",
    ]));
    assert!(
        gone.code == 1 && gone.stderr.contains("cannot reach the server at 127.0.0.1:1"),
        "{}",
        gone.stderr
    );
}

#[test]
fn keys_cannot_be_handed_on_where_only_hashes_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().to_str().unwrap();
    let refused =
        run_command(&mut command(&["standalone", "--data-dir", dir, "--set", "keys.in_containers=own"]));
    assert_eq!(refused.code, 3, "{}", refused.stderr);
    assert!(
        refused.stderr.contains("keys.in_containers") && refused.stderr.contains("sealed"),
        "{}",
        refused.stderr
    );
}
