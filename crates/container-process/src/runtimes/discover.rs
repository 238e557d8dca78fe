//! Which interpreters this machine has.
//!
//! They are looked for in the directories of `PATH`, in the usual places, and where version managers keep theirs. A
//! script of that name is passed over: version managers put such stand-ins before the real program, and they cost more
//! than the interpreter's own start. Every program that is left is run once, with an empty environment, and says
//! itself what it is.

use super::{Found, LAUNCHER_DIR, RuntimeSpec, Start, native};
use container::{Probe, Verdict};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use types::{ImageName, RuntimeKind};

/// What the operator says about interpreters.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Programs that are offered beside those that are found, such as `/opt/node-22/bin/node`. Of two with the same
    /// kind the one that stands here first is taken.
    pub interpreters: Vec<PathBuf>,
    /// Whether interpreters are looked for; without, only those above are offered.
    pub search: bool,
    /// A directory of npm packages that every function of Node.js can require.
    pub node_modules: Option<PathBuf>,
    /// What functions find in their environment from the start, beside what their runtime needs (RUN-05).
    pub environment: Vec<(String, String)>,
}

impl Default for Config {
    fn default() -> Config {
        Config { interpreters: Vec::new(), search: true, node_modules: None, environment: Vec::new() }
    }
}

/// How long an interpreter may take to say its version.
const PATIENCE: Duration = Duration::from_secs(5);

/// The most programs that are asked; more of them on one machine are some mistake.
const MAX_CANDIDATES: usize = 64;

/// One language whose interpreters are looked for.
#[derive(Debug)]
struct Language {
    /// The family of its kinds.
    family: &'static str,
    /// What its users call it.
    name: &'static str,
    /// Whether a file of that name may be an interpreter of it.
    is_named: fn(&str) -> bool,
    /// How many parts of the version name the kind.
    precision: usize,
    /// The least version that the launcher runs on.
    least: [u32; 2],
    /// What the interpreter is started with.
    arguments: &'static [&'static str],
    /// The launcher's name in [`LAUNCHER_DIR`].
    launcher: &'static str,
    /// How to get it.
    remedy: &'static str,
    /// Where version managers keep theirs, below the home directory; `*` stands for any one name.
    managed: &'static [&'static str],
}

static LANGUAGES: [Language; 2] = [
    Language {
        family: "nodejs",
        name: "Node.js",
        is_named: |name| matches!(name, "node" | "nodejs"),
        precision: 1,
        least: [16, 0],
        arguments: &[],
        launcher: "nodejs.js",
        remedy: "apt-get install nodejs",
        managed: &[
            ".nvm/versions/node/*/bin",
            ".volta/tools/image/node/*/bin",
            ".local/share/fnm/node-versions/*/installation/bin",
            ".local/share/mise/installs/node/*/bin",
            ".asdf/installs/nodejs/*/bin",
        ],
    },
    Language {
        family: "python",
        name: "Python",
        is_named: |name| {
            name.strip_prefix("python3").is_some_and(|version| {
                version.is_empty()
                    || version
                        .strip_prefix('.')
                        .is_some_and(|minor| minor.bytes().all(|b| b.is_ascii_digit()))
            })
        },
        precision: 2,
        least: [3, 7],
        // Neither the environment nor `site` has a say: they can cost more than all the rest of the start.
        arguments: &["-S", "-I"],
        launcher: "python.py",
        remedy: "apt-get install python3",
        managed: &[
            ".pyenv/versions/*/bin",
            ".local/share/uv/python/*/bin",
            ".local/share/mise/installs/python/*/bin",
            ".asdf/installs/python/*/bin",
        ],
    },
];

/// Where interpreters usually are, the distribution's own first: it starts fastest, and all it needs lies in `/usr`.
const USUAL: [&str; 4] = ["/usr/bin", "/bin", "/usr/local/bin", "/usr/local/n/versions/node/*/bin"];

/// An interpreter that said what it is.
#[derive(Debug)]
struct Interpreter {
    language: &'static Language,
    path: PathBuf,
    version: Vec<u32>,
}

/// Looks for interpreters. Runs each that it finds once, to learn its version; may take some hundred milliseconds.
#[must_use]
pub fn discover(config: &Config) -> Found {
    let (mut found, mut specs) = (Found::default(), Vec::new());
    // All are asked before the first answer is waited for, so that the slowest alone counts.
    let asked = LANGUAGES.each_ref().map(|language| (language, ask(candidates(language, config))));
    for (language, asked) in asked {
        let mut known = answers(language, asked);
        known.retain(|interpreter| interpreter.version.as_slice() >= &language.least[..]);
        let default = best(&known, config).map(Interpreter::kind);
        if known.is_empty() {
            found.probes.push(missing(language));
        }
        // By kind, the first of each: candidates came in the order in which they are preferred.
        let mut kinds: BTreeMap<Vec<u32>, Interpreter> = BTreeMap::new();
        for interpreter in known {
            kinds.entry(interpreter.kind_version()).or_insert(interpreter);
        }
        for interpreter in kinds.into_values() {
            let is_default = default.as_deref() == Some(&*interpreter.kind());
            found.probes.push(interpreter.probe());
            specs.push(interpreter.spec(is_default));
        }
    }
    if let Some(packages) = &config.node_modules {
        found.probes.push(share_packages(packages, &mut specs));
    }
    specs.extend(native::specs());
    for spec in &mut specs {
        spec.environment.extend(config.environment.iter().cloned());
    }
    found.specs = specs.into_iter().map(Arc::new).collect();
    found.probes.push(Probe {
        name: "runtime native".to_owned(),
        verdict: Verdict::Works,
        detail: "executables run by themselves".to_owned(),
        remedy: String::new(),
    });
    found
}

/// The one that is meant by `FAMILY:default`: the first that stands in the configuration, else the distribution's own,
/// else the newest.
fn best<'a>(known: &'a [Interpreter], config: &Config) -> Option<&'a Interpreter> {
    let configured = |interpreter: &Interpreter| {
        config.interpreters.iter().any(|path| path.canonicalize().is_ok_and(|real| real == interpreter.path))
    };
    let preferred = known.first().filter(|first| configured(first) || first.path.starts_with("/usr/bin"));
    preferred.or_else(|| known.iter().max_by(|a, b| a.version.cmp(&b.version)))
}

fn missing(language: &Language) -> Probe {
    let [major, minor] = language.least;
    Probe {
        name: format!("runtime {}", language.family),
        verdict: Verdict::Degraded,
        detail: format!("no {} of version {major}.{minor} or later was found", language.name),
        remedy: language.remedy.to_owned(),
    }
}

/// Shows a directory of npm packages to every function of Node.js.
fn share_packages(packages: &Path, specs: &mut [RuntimeSpec]) -> Probe {
    for spec in specs.iter_mut().filter(|spec| spec.family() == "nodejs") {
        if !is_seen_anyway(packages) {
            spec.mounts.push(packages.to_owned());
        }
        spec.environment.push(("NODE_PATH".to_owned(), packages.to_string_lossy().into_owned()));
    }
    let (verdict, remedy) = match packages.is_dir() {
        true => (Verdict::Works, String::new()),
        false => (Verdict::Degraded, format!("npm install --prefix {} PACKAGE", packages.display())),
    };
    let detail = match verdict {
        Verdict::Works => format!("{} is there for every function", packages.display()),
        Verdict::Degraded | Verdict::Broken => format!("{} is no directory", packages.display()),
    };
    Probe { name: "packages of Node.js".to_owned(), verdict, detail, remedy }
}

/// The real programs that may be interpreters of a language, the preferred first, each once.
fn candidates(language: &Language, config: &Config) -> Vec<PathBuf> {
    let mut real = Vec::new();
    for path in &config.interpreters {
        if path.file_name().and_then(|name| name.to_str()).is_some_and(language.is_named) {
            add(&mut real, path);
        }
    }
    if config.search {
        let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let managed = language.managed.iter().map(|place| home.join(place));
        let places = USUAL.iter().map(PathBuf::from).chain(std::env::split_paths(&path)).chain(managed);
        for directory in places.flat_map(|place| expand(&place)) {
            let mut names = names_in(&directory, language.is_named);
            names.sort();
            for name in names {
                add(&mut real, &directory.join(name));
            }
        }
    }
    real.truncate(MAX_CANDIDATES);
    real
}

/// Adds what `path` leads to, if that is a program of the machine and not there yet.
fn add(real: &mut Vec<PathBuf>, path: &Path) {
    const ELF: [u8; 4] = *b"\x7fELF";
    let Ok(target) = path.canonicalize() else {
        return;
    };
    let mut magic = [0; 4];
    let read = File::open(&target).and_then(|mut file| file.read_exact(&mut magic));
    if read.is_ok() && magic == ELF && !real.contains(&target) {
        real.push(target);
    }
}

/// The directories that a path with at most one part `*` means.
fn expand(place: &Path) -> Vec<PathBuf> {
    let text = place.to_string_lossy();
    let Some((before, after)) = text.split_once("/*/") else {
        return vec![place.to_owned()];
    };
    let names = names_in(Path::new(before), |_| true);
    names.into_iter().map(|name| Path::new(before).join(name).join(after)).collect()
}

fn names_in(directory: &Path, wanted: fn(&str) -> bool) -> Vec<String> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok()).filter(|name| wanted(name)).collect()
}

/// Starts all of them.
fn ask(candidates: Vec<PathBuf>) -> Vec<(PathBuf, Child)> {
    candidates.into_iter().filter_map(|path| start(&path).map(|child| (path, child))).collect()
}

fn start(path: &Path) -> Option<Child> {
    let mut command = Command::new(path);
    // Asked so, an interpreter answers before it has even started itself.
    command.arg("--version").env_clear().current_dir("/");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    command.spawn().ok()
}

fn answers(language: &'static Language, asked: Vec<(PathBuf, Child)>) -> Vec<Interpreter> {
    let answer = |(path, child): (PathBuf, Child)| {
        // One that was killed, or was too slow on a busy machine, is asked once more: without it the actions of its kind
        // would fail until the next start.
        let version = answer_of(child).or_else(|| answer_of(start(&path)?))?;
        Some(Interpreter { language, path, version })
    };
    asked.into_iter().filter_map(answer).collect()
}

/// The version that a program says, once it has ended well.
fn answer_of(mut child: Child) -> Option<Vec<u32>> {
    const STEP: Duration = Duration::from_millis(1);
    let mut waited = Duration::ZERO;
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if waited < PATIENCE => {
                std::thread::sleep(STEP);
                waited += STEP;
            }
            Ok(None) | Err(_) => {
                let _ = child.kill();
                let _ = child.wait();
                return None;
            }
        }
    };
    let mut text = String::new();
    child.stdout.take()?.take(256).read_to_string(&mut text).ok()?;
    if status.success() { version_in(&text) } else { None }
}

/// The version in `v20.1.3`, `Python 3.11.2` or `Python 3.14.0rc1`.
fn version_in(text: &str) -> Option<Vec<u32>> {
    let word = text.split_whitespace().last()?.trim_start_matches('v');
    let number = |part: &str| part[..part.bytes().take_while(u8::is_ascii_digit).count()].parse().ok();
    let parts = word.split('.').map(number).collect::<Option<Vec<u32>>>()?;
    (parts.len() == 3).then_some(parts)
}

impl Interpreter {
    fn kind_version(&self) -> Vec<u32> {
        self.version[..self.language.precision].to_vec()
    }

    fn kind(&self) -> String {
        format!("{}:{}", self.language.family, dotted(&self.kind_version()))
    }

    fn probe(&self) -> Probe {
        Probe {
            name: format!("runtime {}", self.kind()),
            verdict: Verdict::Works,
            detail: format!("{} {}", self.path.display(), dotted(&self.version)),
            remedy: String::new(),
        }
    }

    fn spec(&self, default: bool) -> RuntimeSpec {
        let language = self.language;
        let mut argv = vec![self.path.to_string_lossy().into_owned()];
        argv.extend(language.arguments.iter().map(|&argument| argument.to_owned()));
        argv.push(format!("{LAUNCHER_DIR}/{}", language.launcher));
        let mounts = mounts(&self.path);
        let bin = mounts.first().and(self.path.parent());
        RuntimeSpec {
            kind: RuntimeKind { concurrent: true, streams: true, ..kind(&self.kind(), default) },
            version: self.version.clone(),
            argv,
            environment: environment(bin),
            mounts,
            command_fd: 3,
            result_fd: 4,
            start: Start::Ahead,
            offered: true,
        }
    }
}

/// What an interpreter at `path` needs of this machine beyond what every sandbox has: the directory that it was
/// installed into.
fn mounts(path: &Path) -> Vec<PathBuf> {
    match path.parent().and_then(Path::parent) {
        Some(prefix) if !is_seen_anyway(path) && prefix != Path::new("/") => {
            // What is built by Nix finds its libraries all over the store.
            let store = Path::new("/nix/store");
            vec![if prefix.starts_with(store) { store.to_owned() } else { prefix.to_owned() }]
        }
        Some(_) | None => Vec::new(),
    }
}

/// Whether every sandbox sees it.
fn is_seen_anyway(path: &Path) -> bool {
    ["/usr", "/bin", "/lib"].iter().any(|shared| path.starts_with(shared))
}

/// The environment that every program starts with.
pub(super) fn environment(bin: Option<&Path>) -> Vec<(String, String)> {
    const PATH: &str = "/usr/local/bin:/usr/bin:/bin";
    let path = bin.map_or(PATH.to_owned(), |bin| format!("{}:{PATH}", bin.display()));
    [("PATH", path.as_str()), ("HOME", "/tmp"), ("LANG", "C.UTF-8")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}

/// A kind without a manifest's details.
pub(super) fn kind(name: &str, default: bool) -> RuntimeKind {
    RuntimeKind {
        kind: Arc::from(name),
        default,
        deprecated: false,
        require_main: false,
        image: ImageName::default(),
        attached: None,
        stem_cells: Vec::new(),
        sentinelled_logs: None,
        concurrent: false,
        streams: false,
    }
}

fn dotted(version: &[u32]) -> String {
    version.iter().map(u32::to_string).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stand_ins_are_passed_over_and_links_are_followed() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        std::fs::write(path("python3"), "#!/bin/sh\n").unwrap();
        std::os::unix::fs::symlink("/proc/self/exe", path("python3.11")).unwrap();
        std::os::unix::fs::symlink(path("python3.11"), path("python3.12")).unwrap();
        std::os::unix::fs::symlink("nowhere", path("python3.13")).unwrap();
        let mut real = Vec::new();
        for name in ["python3", "python3.11", "python3.12", "python3.13"] {
            add(&mut real, &path(name));
        }
        assert_eq!(real, [std::env::current_exe().unwrap().canonicalize().unwrap()]);
    }

    #[test]
    fn names_of_interpreters() {
        let [node, python] = &LANGUAGES;
        assert!((node.is_named)("node") && !(node.is_named)("node-gyp"));
        for good in ["python3", "python3.7", "python3.13"] {
            assert!((python.is_named)(good), "{good}");
        }
        for bad in ["python", "python2.7", "python3-config", "python3.11-config", "python3.11-gdb.py"] {
            assert!(!(python.is_named)(bad), "{bad}");
        }
    }

    #[test]
    fn a_program_that_says_no_version_is_none() {
        let ask = |command: &str| {
            let mut shell = Command::new("/bin/sh");
            shell.args(["-c", command]).stdout(Stdio::piped());
            answer_of(shell.spawn().unwrap())
        };
        assert_eq!(ask("echo v20.1.3"), Some(vec![20, 1, 3]));
        assert_eq!(ask("echo Python 3.14.0rc1"), Some(vec![3, 14, 0]));
        for bad in ["echo 20", "echo a.b.c", "echo 1.2.3; exit 1", "true"] {
            assert_eq!(ask(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_lies_outside_the_shared_directories_is_mounted() {
        assert!(mounts(Path::new("/usr/bin/node")).is_empty());
        assert!(mounts(Path::new("/bin/node")).is_empty());
        assert_eq!(mounts(Path::new("/opt/n/bin/node")), [PathBuf::from("/opt/n")]);
        assert_eq!(mounts(Path::new("/nix/store/x/bin/node")), [PathBuf::from("/nix/store")]);
    }

    #[test]
    fn the_default_is_configured_or_the_distributions_or_the_newest() {
        let known = |paths: &[(&str, u32)]| -> Vec<Interpreter> {
            let interpreter = |(path, minor): &(&str, u32)| Interpreter {
                language: &LANGUAGES[1],
                path: PathBuf::from(path),
                version: vec![3, *minor, 0],
            };
            paths.iter().map(interpreter).collect()
        };
        let default =
            |paths: &[(&str, u32)], config: &Config| best(&known(paths), config).map(Interpreter::kind);
        let plain = Config::default();
        let own = [("/usr/bin/python3.9", 9), ("/opt/b", 12)];
        assert_eq!(default(&own, &plain).as_deref(), Some("python:3.9"));
        assert_eq!(default(&[("/opt/a", 9), ("/opt/b", 12)], &plain).as_deref(), Some("python:3.12"));
        let configured =
            Config { interpreters: vec![PathBuf::from("/proc/self")], search: true, ..Config::default() };
        let real = Path::new("/proc/self").canonicalize().unwrap();
        let real = real.to_str().unwrap();
        assert_eq!(default(&[(real, 9), ("/opt/b", 12)], &configured).as_deref(), Some("python:3.9"));
        assert_eq!(default(&[], &plain), None);
    }

    #[test]
    fn what_is_configured_comes_first_and_search_can_be_left_out() {
        let config = Config {
            interpreters: vec![PathBuf::from("/nowhere/bin/node")],
            search: false,
            ..Config::default()
        };
        let found = discover(&config);
        assert_eq!(found.specs.len(), native::specs().len());
        let missing: Vec<_> =
            found.probes.iter().filter(|probe| probe.verdict == Verdict::Degraded).collect();
        assert_eq!(missing.len(), 2);
        assert_eq!(missing[0].remedy, "apt-get install nodejs");
    }
}
