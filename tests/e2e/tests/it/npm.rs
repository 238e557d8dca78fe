//! The npm package `openwhisk`, as it is on the registry.

use oxiwhisk_test_e2e::{Options, Server};
use std::path::Path;
use std::process::Command;

#[test]
fn the_npm_client_manages_and_invokes_actions_of_all_kinds() {
    let server = Server::start(&Options::default());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("npm");
    assert!(folder.join("node_modules/openwhisk").exists(), "run npm ci in {}", folder.display());
    let done = Command::new("node")
        .arg(folder.join("client.mjs"))
        .arg(format!("http://{}", server.address()))
        .output()
        .expect("node is installed");
    let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{out}{err}");
    assert!(out.ends_with("all kinds passed\n"), "{out}{err}");
}
