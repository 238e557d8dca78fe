//! The npm packages `openwhisk` and `openwhisk-composer`, as they are on the registry.

use oxiwhisk_test_e2e::{Options, Server};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs a script of the folder `npm` against a server of its own; its last line is to be `last`.
fn run(script: &str, options: &Options, last: &str) {
    let server = Server::start(options);
    let folder = folder();
    assert!(folder.join("node_modules/openwhisk").exists(), "run npm ci in {}", folder.display());
    let done = Command::new("node")
        .arg(folder.join(script))
        .arg(format!("http://{}", server.address()))
        .output()
        .expect("node is installed");
    let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{out}{err}");
    assert!(out.ends_with(&format!("{last}\n")), "{out}{err}");
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("npm")
}

#[test]
fn cli_17_the_npm_client_manages_and_invokes_actions_of_all_kinds() {
    run("client.mjs", &Options::default(), "all kinds passed");
}

#[test]
fn the_npm_client_reaches_packages_sequences_triggers_rules_feeds_and_activations() {
    run("surface.mjs", &Options::default(), "the whole surface passed");
}

#[test]
fn feed_01_feed_02_feed_03_feed_04_the_npm_client_leads_the_whole_life_of_a_feed() {
    // The feed fires its trigger itself.
    let options = Options::default().argument("--set").argument("container.process.network.mode=host");
    run("feeds.mjs", &options, "the feed passed");
}

/// What the composer deploys needs the package `openwhisk` where it runs, as upstream's images have it.
#[test]
fn the_npm_composer_deploys_and_runs_compositions() {
    let packages = folder().join("node_modules").canonicalize().expect("npm ci was run");
    let options =
        Options::default().environment("OXIWHISK_RUNTIMES__NODE_MODULES", &packages.to_string_lossy());
    run("composer.mjs", &options, "all compositions passed");
}
