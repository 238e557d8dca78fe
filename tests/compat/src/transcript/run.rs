//! Runs the commands of a transcript.

use super::compare::{Names, compare, fill};
use super::{Item, Step, Transcript};
use oxiwhisk_test_e2e::{GUEST, Options, Server, server};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Where the server is, as transcripts write it.
const WRITTEN: &str = "localhost:3233";

/// How many seconds a command may take.
const LIMIT: &str = "60";

/// Where a transcript runs: a home, a directory for its files, and a server, all of its own.
#[derive(Debug)]
pub struct Place {
    home: tempfile::TempDir,
    address: String,
    /// Whether `wsk` is our own.
    ours: bool,
    names: Names,
    // Goes with the place.
    _server: Option<Server>,
}

impl Place {
    /// Starts a server and makes the directories, with `wsk` found in `PATH`.
    ///
    /// # Panics
    /// When something of it cannot be made.
    #[must_use]
    pub fn new(wsk: &Path, transcript: &Transcript) -> Place {
        let told = |options: Options, setting: &String| options.argument("--set").argument(setting);
        let server = Server::start(&transcript.settings.iter().fold(Options::default(), told));
        let place = Place::at(server.address().to_string(), wsk, Some(server));
        if transcript.with_properties {
            let properties = format!("APIHOST=http://{}\nAUTH={GUEST}\n", place.address);
            std::fs::write(place.home.path().join(".wskprops"), properties).expect("a file can be written");
        }
        place
    }

    fn at(address: String, wsk: &Path, server: Option<Server>) -> Place {
        let home = tempfile::tempdir().expect("a temporary directory");
        for name in ["bin", "here"] {
            std::fs::create_dir(home.path().join(name)).expect("a directory can be made");
        }
        std::os::unix::fs::symlink(wsk, home.path().join("bin/wsk")).expect("a link can be made");
        let version = Command::new(wsk).arg("--version").stdin(Stdio::null()).output();
        // Upstream's has no such flag.
        let ours = version.is_ok_and(|output| output.status.success());
        Place { home, address, ours, names: Names::new(), _server: server }
    }

    /// Runs all commands and gives what was wrong, a paragraph for each.
    ///
    /// # Panics
    /// When a file cannot be written or no shell be started.
    #[must_use]
    pub fn run(&mut self, transcript: &Transcript) -> Vec<String> {
        let mut wrong = Vec::new();
        for item in &transcript.items {
            match item {
                Item::File { name, text } => {
                    let path = self.home.path().join("here").join(name);
                    std::fs::create_dir_all(path.parent().expect("it is in a directory"))
                        .and_then(|()| std::fs::write(&path, text))
                        .unwrap_or_else(|problem| panic!("{name}: {problem}"));
                }
                Item::Step(step) if step.ours && !self.ours => {}
                Item::Step(step) => {
                    let faults = self.take(step).err();
                    let place = format!("{}:{}: $ {}", transcript.path.display(), step.line, step.command);
                    wrong.extend(faults.map(|faults| format!("{place}\n{faults}")));
                }
            }
        }
        wrong
    }

    /// Runs one command.
    fn take(&mut self, step: &Step) -> Result<(), String> {
        let output = self.shell(&fill(&step.command, &self.names));
        let (stdout, stderr) = (self.written(&output.stdout), self.written(&output.stderr));
        let mut faults = String::new();
        let hints = step.stderr.iter().any(|(_, line)| line.starts_with("hint: "));
        let stderr = stderr.lines().filter(|line| hints || !line.starts_with("hint: "));
        let both = [
            ("stdout", &step.stdout, stdout.lines().collect::<Vec<_>>()),
            ("stderr", &step.stderr, stderr.collect()),
        ];
        for (stream, expected, printed) in both {
            if let Err(difference) = compare(expected, &printed, &mut self.names) {
                faults.push_str(&format!("{stream} (- expected, with its line; + printed):\n{difference}"));
            }
        }
        if output.status.code() != Some(step.code) {
            faults.push_str(&format!("{} where {} was expected\n", output.status, step.code));
        }
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }

    fn shell(&self, command: &str) -> Output {
        let home = self.home.path();
        let path = std::env::var("PATH").unwrap_or_default();
        Command::new("timeout")
            .args([LIMIT, "bash", "-c", &command.replace(WRITTEN, &self.address)])
            .current_dir(home.join("here"))
            .env_clear()
            .env("PATH", format!("{}:{path}", home.join("bin").display()))
            .envs([("HOME", home.as_os_str())])
            .envs([("LANG", "C.UTF-8"), ("TZ", "UTC")])
            .stdin(Stdio::null())
            .output()
            .expect("timeout and bash are there")
    }

    /// What was printed, as a transcript writes it.
    fn written(&self, printed: &[u8]) -> String {
        let home = self.home.path().display().to_string();
        String::from_utf8_lossy(printed).replace(&self.address, WRITTEN).replace(&home, "~")
    }
}

/// The `wsk` to test: `OXIWHISK_WSK`, or the one beside the server.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn wsk() -> PathBuf {
    if let Some(path) = std::env::var_os("OXIWHISK_WSK") {
        return PathBuf::from(path);
    }
    let path = server::binary().with_file_name("wsk");
    assert!(path.exists(), "{} is not there: cargo build -p oxiwhisk-cli", path.display());
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(text: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.md");
        std::fs::write(&path, text).unwrap();
        let transcript = Transcript::read(&path);
        let mut place = Place::at("127.0.0.1:9".to_owned(), Path::new("/bin/true"), None);
        let cut = |fault: String| fault.replace(&format!("{}/", folder.path().display()), "");
        place.run(&transcript).into_iter().map(cut).collect()
    }

    #[test]
    fn commands_have_the_files_the_home_and_the_ids_of_those_before() {
        let text = "```text sub/a.txt\nhello\n```\n```console\n$ cat sub/a.txt; echo oh >&2; exit 7\nhello\n! oh\n? 7\n\
            $ echo id $(printf 'a%.0s' {1..32})\nid {id:first}\n$ echo {first} | tr a b\nb[..]b\n$ pwd; cd; ls\n~/here\nbin\nhere\n\
            $ echo at localhost:3233 | grep -c 127.0.0.1:9\n1\n$ echo at 127.0.0.1:9\nat localhost:3233\n```\n";
        assert_eq!(taken(text), [""; 0]);
    }

    #[test]
    fn a_fault_says_file_line_and_difference() {
        let faults = taken("```console\n$ echo a; echo b >&2; exit 3\nb\n$ true\n```\n");
        let expected = "t.md:2: $ echo a; echo b >&2; exit 3\nstdout (- expected, with its line; + printed):\n\
            -   3 | b\n+     | a\nstderr (- expected, with its line; + printed):\n+     | b\n\
            exit status: 3 where 0 was expected\n";
        assert_eq!(faults, [expected]);
    }

    #[test]
    fn a_hint_is_compared_only_where_one_is_expected() {
        let said = "$ printf 'error: x\\nhint: y\\n' >&2";
        assert_eq!(taken(&format!("```console\n{said}\n! error: x\n```\n")), [""; 0]);
        assert_eq!(taken(&format!("```console\n{said}\n! error: x\n! hint: y\n```\n")), [""; 0]);
        assert_eq!(taken(&format!("```console\n{said}\n! error: x\n! hint: z\n```\n")).len(), 1);
    }
}
