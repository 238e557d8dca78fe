//! Without the rights of the superuser: less is kept apart, and that is said; the rest works.

use crate::world::{Function, create, is_root, load, settings};
use container::Verdict;
use oxiwhisk_container_process::{Config, ProcessFactory};
use serde_json::json;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::process::Command;
use types::ByteSize;

/// Names the directory in which [`a_server_of_an_ordinary_user`] is to run.
const VARIABLE: &str = "OXIWHISK_TEST_ROOTLESS_DIR";

/// Nobody in particular.
const USER: u32 = 65_534;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "started by another test, as an ordinary user"]
async fn a_server_of_an_ordinary_user() {
    let Ok(dir) = std::env::var(VARIABLE) else { return };
    let strict = Config { require_isolation: true, ..Config::default() };
    let refused = ProcessFactory::open(settings(dir.clone().into(), strict)).await.map(drop).unwrap_err();
    assert!(refused.to_string().contains("own user for each sandbox"), "{refused}");
    assert!(refused.probes.iter().any(|probe| probe.verdict == Verdict::Degraded));
    let factory = ProcessFactory::open(settings(dir.into(), Config::default())).await.unwrap();
    let container = create(&factory, 1, ByteSize::mb(256)).await;
    let code = "import os\ndef main(a):\n  try:\n    os.listdir(a['dir'])\n    seen = True\n  except OSError:\n    seen = False\n  caps = [l.split()[1] for l in open('/proc/self/status') if l.startswith('Cap')]\n  return {'uid': os.getuid(), 'pids': [p for p in os.listdir('/proc') if p.isdigit()], 'caps': caps, 'seen': seen, 'root': sorted(os.listdir('/'))}";
    load(&*container, code).await;
    let function = Function { container };
    let value = function.call(json!({ "dir": std::env::temp_dir().join("x").display().to_string() })).await;
    assert_eq!(value["uid"], 1000, "{value}");
    assert_eq!(value["seen"], false);
    for set in value["caps"].as_array().unwrap() {
        assert_eq!(set, "0000000000000000", "{value}");
    }
    // Of the same user, so that the first process is seen as well; nothing of the machine is.
    assert!(value["pids"].as_array().unwrap().len() <= 2, "{value}");
    function.container.destroy().await;
    factory.close().await;
}

#[test]
fn an_ordinary_user_gets_sandboxes_too() {
    if !is_root("an_ordinary_user_gets_sandboxes_too, which becomes an ordinary user,") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    chown(dir.path(), Some(USER), Some(USER)).unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["rootless::a_server_of_an_ordinary_user", "--exact", "--ignored"])
        .env(VARIABLE, dir.path().join("run"))
        .uid(USER)
        .gid(USER)
        .output();
    let output = match output {
        Ok(output) => output,
        Err(error) => {
            eprintln!("SKIPPED: this program cannot be started by an ordinary user: {error}");
            return;
        }
    };
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}
