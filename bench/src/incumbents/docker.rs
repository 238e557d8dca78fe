//! A Docker daemon of our own, with an image that holds nothing but a static program; and the same program through crun
//! and bubblewrap.

use super::{Daemon, find, missing};
use oxiwhisk_test_e2e::time;
use serde_json::{Value, json};
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

/// How long the daemon may take.
const START_LIMIT: Duration = Duration::from_secs(60);
/// What the program does: `hello` says a word, `wait` waits.
const SOURCE: &str = "#include <unistd.h>\n\
    int main(int n, char **a) { if (n > 1) pause(); return write(1, \"hello\\n\", 6) != 6; }\n";
/// What an image is called.
const IMAGE: &str = "oxiwhisk-bench";

/// A directory with a static program as `/hello`, as the root of a container.
#[derive(Debug)]
pub struct Root {
    scratch: tempfile::TempDir,
}

impl Root {
    /// Builds the program.
    ///
    /// # Errors
    /// When there is no C compiler.
    pub fn build() -> io::Result<Root> {
        let scratch = tempfile::tempdir()?;
        let source = scratch.path().join("hello.c");
        fs::write(&source, SOURCE)?;
        let root = Root { scratch };
        for dir in ["proc", "dev", "sys"] {
            fs::create_dir_all(root.dir().join(dir))?;
        }
        let cc = find("cc", "build-essential")?;
        let status = Command::new(cc)
            .args(["-O2", "-static", "-o"])
            .arg(root.dir().join("hello"))
            .arg(source)
            .status()?;
        if status.success() { Ok(root) } else { Err(missing("cc cannot build static programs")) }
    }

    /// Where the program is as `hello`.
    #[must_use]
    pub fn dir(&self) -> PathBuf {
        self.scratch.path().join("rootfs")
    }

    /// Milliseconds of `crun run`.
    ///
    /// # Errors
    /// When crun is missing, or does not run it.
    pub fn crun_once(&self) -> io::Result<f64> {
        let crun = find("crun", "crun")?;
        let bundle = self.scratch.path();
        let config = bundle.join("config.json");
        if !config.exists() {
            let made = Command::new(&crun).arg("spec").current_dir(bundle).status()?;
            if !made.success() {
                return Err(missing("crun makes no bundle here"));
            }
            let mut spec: Value = serde_json::from_slice(&fs::read(&config)?)?;
            spec["process"]["terminal"] = json!(false);
            spec["process"]["args"] = json!(["/hello"]);
            spec["linux"]["resources"]["memory"] = json!({"limit": 128 << 20});
            spec["linux"]["resources"]["pids"] = json!({"limit": 64});
            fs::write(&config, spec.to_string())?;
        }
        // This crun refuses both versions of control groups side by side, so it sees only one of them.
        let script =
            "cd \"$0\"; u=/sys/fs/cgroup/unified; if [ -d $u ]; then umount $u; fi; exec \"$1\" run \"$2\"";
        let name = format!("oxiwhisk-bench-{}", std::process::id());
        let mut command = Command::new("unshare");
        command.args(["-m", "sh", "-c", script]).arg(bundle).arg(crun).arg(name);
        said_hello(&mut command)
    }

    /// Milliseconds of `bwrap` with all namespaces.
    ///
    /// # Errors
    /// When bubblewrap is missing, or does not run it.
    pub fn bwrap_once(&self) -> io::Result<f64> {
        let mut command = Command::new(find("bwrap", "bubblewrap")?);
        command.args(["--unshare-all", "--die-with-parent", "--ro-bind"]).arg(self.dir());
        command.args(["/", "--proc", "/proc", "--dev", "/dev", "/hello"]);
        said_hello(&mut command)
    }
}

/// Milliseconds until a program has said its word and ended.
fn said_hello(command: &mut Command) -> io::Result<f64> {
    let started = time::now();
    let output = command.stdin(Stdio::null()).output()?;
    let elapsed = started.elapsed();
    if output.stdout != b"hello\n" {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let program = command.get_program().to_string_lossy();
        return Err(missing(&format!("{program} does not run here: {}", said.trim())));
    }
    Ok(elapsed.as_secs_f64() * 1000.0)
}

/// A daemon with its own data and socket.
#[derive(Debug)]
pub struct Docker {
    // Ends before its directory goes.
    _daemon: Daemon,
    client: PathBuf,
    socket: PathBuf,
    _scratch: tempfile::TempDir,
}

impl Docker {
    /// Starts the daemon and gives it the image.
    ///
    /// # Errors
    /// When it is missing, or does not start on this machine.
    pub fn start(root: &Root) -> io::Result<Docker> {
        let daemon = find("dockerd", "docker.io")?;
        let client = find("docker", "docker.io")?;
        let scratch = tempfile::tempdir()?;
        let dir = scratch.path();
        let socket = dir.join("docker.sock");
        let mut command = Command::new(daemon);
        for (name, value) in [
            ("--data-root", "data"),
            ("--exec-root", "exec"),
            ("--pidfile", "pid"),
            ("--config-file", "none"),
        ] {
            command.arg(name).arg(dir.join(value));
        }
        fs::write(dir.join("none"), "{}")?;
        command.args(["--bridge", "none", "--iptables=false", "--ip-forward=false", "--ip-masq=false"]);
        command.arg("--host").arg(format!("unix://{}", socket.display()));
        let daemon = Daemon::spawn(&mut command, 0)?;
        let docker = Docker { _daemon: daemon, client, socket, _scratch: scratch };
        let ready = time::poll(START_LIMIT, || docker.api("GET", "/_ping").ok());
        ready.ok_or_else(|| missing("dockerd does not start on this machine"))?;
        docker.import(root)?;
        Ok(docker)
    }

    fn import(&self, root: &Root) -> io::Result<()> {
        let mut tar =
            Command::new("tar").arg("-C").arg(root.dir()).args(["-c", "."]).stdout(Stdio::piped()).spawn()?;
        let image = tar.stdout.take().ok_or_else(|| io::Error::other("tar without output"))?;
        let done = self.docker(&["import", "-", IMAGE]).stdin(image).stdout(Stdio::null()).status()?;
        tar.wait()?;
        if done.success() { Ok(()) } else { Err(missing("docker takes no image here")) }
    }

    fn docker(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.client);
        command.arg("--host").arg(format!("unix://{}", self.socket.display())).args(arguments);
        command
    }

    /// Milliseconds of `docker run --rm`.
    ///
    /// # Errors
    /// When it does not run.
    pub fn run_once(&self) -> io::Result<f64> {
        said_hello(&mut self.docker(&[
            "run",
            "--rm",
            "--network",
            "none",
            "--memory",
            "128m",
            IMAGE,
            "/hello",
        ]))
    }

    /// `docker run --rm` in a second, one for each of that many callers at a time.
    ///
    /// # Errors
    /// When one does not run.
    pub fn run_rate(&self, at_once: usize, each: usize) -> io::Result<f64> {
        let started = time::now();
        std::thread::scope(|scope| {
            let run = || (0..each).try_for_each(|_| self.run_once().map(|_| ()));
            let callers: Vec<_> = (0..at_once).map(|_| scope.spawn(run)).collect();
            callers.into_iter().try_for_each(|caller| {
                caller.join().unwrap_or_else(|_| Err(io::Error::other("a caller ended badly")))
            })
        })?;
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        Ok((at_once * each) as f64 / started.elapsed().as_secs_f64())
    }

    /// Milliseconds of pausing a container and letting it go on, through the daemon's own interface over a kept
    /// connection, once for each of `count` times.
    ///
    /// # Errors
    /// When the daemon refuses.
    pub fn pauses(&self, count: usize) -> io::Result<Vec<f64>> {
        let arguments = ["run", "--detach", "--rm", "--network", "none", IMAGE, "/hello", "wait"];
        let output = self.docker(&arguments).output()?;
        let container = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if !output.status.success() {
            return Err(missing(String::from_utf8_lossy(&output.stderr).trim()));
        }
        let mut stream = UnixStream::connect(&self.socket)?;
        let mut call = |verb: &str| exchange(&mut stream, "POST", &format!("/containers/{container}/{verb}"));
        let mut times = Vec::new();
        let mut refused = 0;
        while times.len() < count {
            let started = time::now();
            match call("pause").and_then(|()| call("unpause")) {
                Ok(()) => times.push(started.elapsed().as_secs_f64() * 1000.0),
                // Now and then the daemon hears of a pause once more when that is over, and takes the container for paused
                // then. Such a round does not count.
                Err(error) if refused < count && error.to_string().contains("already paused") => {
                    refused += 1;
                    call("unpause").or_else(|error| match error.to_string() {
                        text if text.contains("not paused") => Ok(()),
                        _ => Err(error),
                    })?;
                }
                Err(error) => return Err(error),
            }
        }
        self.docker(&["rm", "--force", &container]).stdout(Stdio::null()).status()?;
        Ok(times)
    }

    fn api(&self, method: &str, path: &str) -> io::Result<()> {
        exchange(&mut UnixStream::connect(&self.socket)?, method, path)
    }
}

/// A call of the daemon's interface whose answer is a head alone, or a short one.
fn exchange(stream: &mut UnixStream, method: &str, path: &str) -> io::Result<()> {
    stream.write_all(format!("{method} {path} HTTP/1.1\r\nHost: docker\r\n\r\n").as_bytes())?;
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    while memchr::memmem::find(&answer, b"\r\n\r\n").is_none() {
        let length = stream.read(&mut buffer)?;
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        answer.extend_from_slice(&buffer[..length]);
    }
    if answer.starts_with(b"HTTP/1.1 20") {
        Ok(())
    } else {
        Err(io::Error::other(String::from_utf8_lossy(&answer).into_owned()))
    }
}
