//! Functions that try to get out.

use crate::world::{World, is_root};
use serde_json::{Value, json};

/// Tries each of a list of Python expressions or statements, and returns for each whether and how it failed.
const ATTEMPTS: &str = r#"
import os, sys, ctypes, socket, errno
libc = ctypes.CDLL(None, use_errno=True)
def call(*args):
    ctypes.set_errno(0)
    result = libc.syscall(*args)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
def main(args):
    answers = {}
    for attempt in args['attempts']:
        try:
            value = eval(attempt)
            answers[attempt] = 'got ' + repr(value)[:200]
        except OSError as error:
            answers[attempt] = errno.errorcode.get(error.errno, str(error))
        except Exception as error:
            answers[attempt] = type(error).__name__ + ': ' + str(error)
    return answers
"#;

async fn attempt(world: &World, attempts: &[String]) -> serde_json::Map<String, Value> {
    let function = world.python(ATTEMPTS).await;
    let answers = function.call(json!({ "attempts": attempts })).await;
    function.container.destroy().await;
    answers.as_object().unwrap().clone()
}

/// Each attempt must fail, with an error of the operating system.
async fn all_fail(world: &World, attempts: &[String]) {
    for (attempt, answer) in attempt(world, attempts).await {
        let answer = answer.as_str().unwrap();
        assert!(answer.starts_with('E'), "{attempt}: {answer}");
    }
}

fn texts(attempts: &[&str]) -> Vec<String> {
    attempts.iter().map(|text| (*text).to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_machines_files_are_out_of_reach() {
    if !is_root("the_machines_files_are_out_of_reach") {
        return;
    }
    let world = World::open().await;
    std::fs::write(world.dir.path().join("secret"), "data of the platform").unwrap();
    let mut attempts = texts(&[
        "open('/etc/shadow').read()",
        "os.listdir('/home')",
        "os.listdir('/sys')",
        "os.listdir('/var/lib')",
        "os.listdir('/boot')",
        "open('/proc/1/environ').read()",
        "open('/proc/1/mem', 'rb').read(1)",
        "os.listdir('/proc/1/root')",
        "os.listdir('/proc/1/fd')",
        "open('/proc/kcore', 'rb').read(1)",
        "open('/dev/mem', 'rb')",
        "open('/dev/vda', 'rb')",
        "os.mknod('/tmp/disk', 0o60666, os.makedev(254, 0))",
        "os.open('/tmp/../../../../etc/shadow', os.O_RDONLY)",
        "os.chroot('/tmp')",
    ]);
    for path in
        [world.dir.path().join("secret"), world.run_dir().join("instance"), world.run_dir().join("slots")]
    {
        attempts.push(format!("os.stat('{}')", path.display()));
    }
    all_fail(&world, &attempts).await;
    world.factory.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_but_tmp_and_shm_can_be_written() {
    if !is_root("nothing_but_tmp_and_shm_can_be_written") {
        return;
    }
    let world = World::open().await;
    let places =
        ["/", "/usr", "/usr/bin", "/etc", "/action", "/launchers", "/dev", "/run", "/var", "/proc", "/root"];
    let mut attempts: Vec<String> = places.iter().map(|place| format!("open('{place}/new', 'w')")).collect();
    attempts.extend(texts(&[
        "open('/launchers/python.py', 'a')",
        "open('/etc/passwd', 'a')",
        "open('/proc/sys/kernel/core_pattern', 'w')",
        "open('/proc/sysrq-trigger', 'w')",
        "os.unlink('/usr/bin/env')",
    ]));
    all_fail(&world, &attempts).await;
    let good = texts(&[
        "open('/tmp/x', 'w').write('x')",
        "open('/dev/shm/x', 'w').write('x')",
        "open('/dev/null', 'w').write('x')",
        "len(open('/dev/urandom', 'rb').read(8))",
        "os.getpid() > 1",
        "os.statvfs('/action').f_flag & os.ST_RDONLY or 1 / 0",
        "os.statvfs('/usr').f_flag & os.ST_RDONLY or 1 / 0",
        "__import__('pwd').getpwuid(os.getuid()).pw_name",
    ]);
    for (attempt, answer) in attempt(&world, &good).await {
        assert!(answer.as_str().unwrap().starts_with("got"), "{attempt}: {answer}");
    }
    world.factory.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_processes_are_neither_seen_nor_signalled() {
    if !is_root("other_processes_are_neither_seen_nor_signalled") {
        return;
    }
    let world = World::open().await;
    // Another sandbox runs beside it.
    let other = world.python("def main(a): return {}").await;
    let own = std::process::id();
    let attempts = texts(&[
        "os.kill(1, 9)",
        "os.kill(1, 0)",
        &format!("os.kill({own}, 0)"),
        &format!("os.stat('/proc/{own}')"),
        // Every process that there is but itself and the first one: none.
        "os.kill(-1, 9)",
    ]);
    all_fail(&world, &attempts).await;
    let seen = world
        .try_python(
            "import os\ndef main(a):\n  return {'seen': [p for p in os.listdir('/proc') if p.isdigit()], 'me': os.getpid()}",
        )
        .await;
    assert_eq!(seen["seen"].as_array().unwrap().len(), 1, "{seen}");
    other.call(json!({})).await;
    world.factory.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn there_are_no_privileges_to_be_had() {
    if !is_root("there_are_no_privileges_to_be_had") {
        return;
    }
    let world = World::open().await;
    let status = world
        .try_python("def main(a):\n  return {l.partition(':')[0]: l.partition(':')[2].strip() for l in open('/proc/self/status')}")
        .await;
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert_eq!(status[set], "0000000000000000", "{set}");
    }
    assert_eq!(status["NoNewPrivs"], "1");
    assert_eq!(status["Seccomp"], "2");
    assert_eq!(status["Groups"].as_str().unwrap().trim(), "");
    let uid: u32 = status["Uid"].as_str().unwrap().split('\t').next().unwrap().parse().unwrap();
    assert!(uid > 1_900_000_000, "{uid}");
    let x86 = cfg!(target_arch = "x86_64");
    let number = |x: i64, other: i64| if x86 { x } else { other };
    let attempts = vec![
        "os.setuid(0)".to_owned(),
        "os.setgroups([0])".to_owned(),
        // mount, umount2, pivot_root, unshare of a user namespace, setns, clone of one.
        format!("call({}, b'x', b'/tmp', b'tmpfs', 0, 0)", number(165, 40)),
        format!("call({}, b'/proc', 2)", number(166, 39)),
        format!("call({}, b'/tmp', b'/tmp')", number(155, 41)),
        format!("call({}, 0x10000000)", number(272, 97)),
        format!("call({}, 0, 0)", number(308, 268)),
        format!("call({}, 0x10000011, 0, 0, 0, 0)", number(56, 220)),
        format!("call({}, 0, 0)", 435),
        // ptrace, process_vm_readv, keyctl, add_key, bpf, perf_event_open, userfaultfd, io_uring_setup.
        format!("call({}, 16, 1, 0, 0)", number(101, 117)),
        format!("call({}, 1, 0, 0, 0, 0, 0)", number(310, 270)),
        format!("call({}, 0, -3, 0, 0, 0)", number(250, 219)),
        format!("call({}, b'user', b'x', b'y', 1, -3)", number(248, 217)),
        format!("call({}, 0, 0, 0)", number(321, 280)),
        format!("call({}, 0, 0, -1, -1, 0)", number(298, 241)),
        format!("call({}, 0)", number(323, 282)),
        format!("call({}, 8, 0)", 425),
        // fsopen, open_tree, move_mount, reboot, init_module, kexec_load, syslog, sethostname.
        format!("call({}, b'tmpfs', 0)", 430),
        format!("call({}, -100, b'/', 1)", 428),
        format!("call({}, -1, b'', -100, b'/tmp', 4)", 429),
        format!("call({}, 0xfee1dead, 672274793, 0x1234567, 0)", number(169, 142)),
        format!("call({}, 0, 0, b'')", number(175, 105)),
        format!("call({}, 0, 0, 0, 0)", number(246, 104)),
        format!("call({}, 3, 0, 0)", number(103, 116)),
        format!("call({}, b'x', 1)", number(170, 161)),
        "socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)".to_owned(),
        "socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)".to_owned(),
        "socket.socket(40, socket.SOCK_STREAM)".to_owned(),
        "socket.socket(38, socket.SOCK_SEQPACKET)".to_owned(),
    ];
    all_fail(&world, &attempts).await;
    world.factory.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_the_server_is_inherited() {
    if !is_root("nothing_of_the_server_is_inherited") {
        return;
    }
    let world = World::open().await;
    let found = world
        .try_python(
            "import os\ndef main(a):\n  return {'env': dict(os.environ), 'fds': {f: os.readlink('/proc/self/fd/'+f) for f in os.listdir('/proc/self/fd') if os.path.exists('/proc/self/fd/'+f)}, 'cwd': os.getcwd(), 'mask': os.umask(0)}",
        )
        .await;
    let environment = found["env"].as_object().unwrap();
    for (name, _) in
        std::env::vars().filter(|(name, _)| !["PATH", "HOME", "LANG", "PWD"].contains(&name.as_str()))
    {
        assert!(!environment.contains_key(&name), "{name}");
    }
    for (fd, target) in found["fds"].as_object().unwrap() {
        let target = target.as_str().unwrap();
        let harmless = target.starts_with("pipe:") || target == "/dev/null" || target.starts_with("/proc/");
        assert!(harmless && fd.parse::<u32>().unwrap() < 16, "{fd}: {target}");
    }
    assert_eq!(found["mask"], 0o022);
    world.factory.close().await;
}
