//! Functions that take too much.

use crate::world::{ENOUGH, World, is_root};
use container::Answer;
use oxiwhisk_container_process::Config;
use serde_json::json;
use types::ByteSize;

#[tokio::test(flavor = "multi_thread")]
async fn cls_11_too_much_memory_is_told_as_such() {
    if !is_root("cls_11_too_much_memory_is_told_as_such") {
        return;
    }
    let world = World::open().await;
    let code = "def main(a):\n  x = []\n  while True:\n    x.append(bytearray(1 << 20))";
    let function = world.python_with(code, ByteSize::mb(64)).await;
    assert_eq!(function.answer(json!({}), ENOUGH).await, Answer::OutOfMemory);
    function.container.destroy().await;
    // Files in memory count too.
    let config = Config { tmp: ByteSize::mb(512), ..Config::default() };
    world.factory.close().await;
    let world = World::with(config).await;
    let code = "def main(a):\n  f = open('/tmp/x', 'wb')\n  for _ in range(256):\n    f.write(b'x' * (1 << 20))\n  return {}";
    let function = world.python_with(code, ByteSize::mb(64)).await;
    assert_eq!(function.answer(json!({}), ENOUGH).await, Answer::OutOfMemory);
    world.factory.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fork_bomb_stays_in_its_sandbox() {
    if !is_root("a_fork_bomb_stays_in_its_sandbox") {
        return;
    }
    let world = World::with(Config { processes: 50, ..Config::default() }).await;
    let code = "import os, time\ndef main(a):\n  made = 0\n  while made < 5000:\n    try:\n      if os.fork() == 0:\n        time.sleep(1000)\n      made += 1\n    except BlockingIOError:\n      break\n  return {'made': made}";
    let bomb = world.python(code).await;
    let made = bomb.call(json!({})).await["made"].as_u64().unwrap();
    assert!((40..50).contains(&made), "{made}");
    // Beside it others go on.
    assert_eq!(
        world.try_python("import os\ndef main(a):\n  return {'ok': os.system('true')}").await["ok"],
        0
    );
    bomb.container.destroy().await;
    world.factory.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_disk_cannot_be_filled() {
    if !is_root("the_disk_cannot_be_filled") {
        return;
    }
    let config = Config { tmp: ByteSize::mb(8), tmp_files: 100, shm: ByteSize::mb(4), ..Config::default() };
    let world = World::with(config).await;
    let code = "import os, errno\ndef fill(path):\n  n = 0\n  try:\n    f = open(path, 'wb', buffering=0)\n    while n < 1000:\n      f.write(b'x' * (1 << 20))\n      n += 1\n  except OSError as e:\n    return [n, errno.errorcode[e.errno]]\ndef many(path):\n  try:\n    for n in range(100000):\n      open(path + str(n), 'w').close()\n  except OSError as e:\n    return [n, errno.errorcode[e.errno]]\ndef main(a):\n  shm = fill('/dev/shm/x')\n  many_files = many('/tmp/f')\n  for n in range(1000):\n    try: os.unlink('/tmp/f' + str(n))\n    except OSError: pass\n  return {'tmp': fill('/tmp/x'), 'shm': shm, 'many': many_files}";
    let value = world.try_python(code).await;
    assert_eq!(value["tmp"], json!([8, "ENOSPC"]));
    assert_eq!(value["shm"], json!([4, "ENOSPC"]));
    assert_eq!(value["many"][1], "ENOSPC");
    assert!(value["many"][0].as_u64().unwrap() < 100);
    world.factory.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pool_08_no_more_than_1024_files_are_open() {
    if !is_root("pool_08_no_more_than_1024_files_are_open") {
        return;
    }
    let world = World::open().await;
    let code = "import errno, resource\ndef main(a):\n  files = []\n  try:\n    for n in range(10000):\n      files.append(open('/dev/null'))\n  except OSError as e:\n    code = errno.errorcode[e.errno]\n    files = [] and files or [len(files), code]\n  try:\n    resource.setrlimit(resource.RLIMIT_NOFILE, (10000, 10000))\n    raised = True\n  except (ValueError, OSError):\n    raised = False\n  return {'files': files, 'raised': raised}";
    let value = world.try_python(code).await;
    assert_eq!(value["files"][1], "EMFILE");
    assert!((1000..1024).contains(&value["files"][0].as_u64().unwrap()), "{value}");
    assert_eq!(value["raised"], false);
    world.factory.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn processor_time_is_limited_where_asked_for() {
    if !is_root("processor_time_is_limited_where_asked_for") {
        return;
    }
    // A quarter of a GiB at one processor for each GiB.
    let world = World::with(Config { cpus_per_gb: 1.0, ..Config::default() }).await;
    let code = "import time\ndef main(a):\n  wall, cpu = time.monotonic(), time.process_time()\n  while time.monotonic() - wall < 2: pass\n  return {'share': (time.process_time() - cpu) / (time.monotonic() - wall)}";
    let share = world.python(code).await.call(json!({})).await["share"].as_f64().unwrap();
    assert!(share < 0.4, "{share}");
    world.factory.close().await;
}
