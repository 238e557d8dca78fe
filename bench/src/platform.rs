//! The platform under measurement.

mod isolation;

use crate::accounting::Account;
use crate::load::{self, Outcome, Template};
use oxiwhisk_test_e2e::api::basic;
use oxiwhisk_test_e2e::{Api, Client, GUEST, Options, Request, Server, processes, time, zipped};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// One of so many records is read back and compared.
const CHECKED: usize = 100;
/// How long a used pre-started container may take to be replaced.
const REFILL_LIMIT: Duration = Duration::from_secs(5);

/// A running server with actions.
#[derive(Debug)]
pub struct Platform {
    server: Server,
    api: Api,
    fresh: AtomicUsize,
    honest: OnceLock<()>,
    // Both go with the server, after it.
    account: Option<Account>,
    _scratch: tempfile::TempDir,
}

impl Platform {
    /// Starts a server with room for all the containers of the suite.
    pub fn start(arguments: &[&str]) -> io::Result<Platform> {
        let scratch = tempfile::tempdir()?;
        let mut options =
            Options::in_dir(&scratch.path().join("data")).argument("--set").argument("invoker.memory=18 GB");
        for argument in arguments {
            options = options.argument(argument);
        }
        let mut account = Account::open();
        let server = match account.as_ref().map(|account| account.inside(|| Server::start(&options))) {
            Some(Ok(server)) => server,
            Some(Err(_)) | None => {
                account = None;
                Server::start(&options)
            }
        };
        let api = Api::guest(&server);
        let wrong = Api::new(server.address(), &GUEST.replace('1', "2"));
        if wrong.send("GET", "/actions", None).status != 401 {
            return Err(io::Error::other("the server does not look at credentials"));
        }
        Ok(Platform {
            server,
            api,
            fresh: AtomicUsize::new(0),
            honest: OnceLock::new(),
            account,
            _scratch: scratch,
        })
    }

    /// The same with that many stem cells of 128 MB of every default kind, and no other ones.
    pub fn with_stem_cells(count: usize) -> io::Result<Platform> {
        Platform::with(count, &[])
    }

    /// The same with further settings, each as `key=value`.
    pub fn with(count: usize, settings: &[String]) -> io::Result<Platform> {
        let manifest = {
            let other = Platform::start(&[])?;
            let root = Client::new(other.server.address()).send(&Request::new("GET", "/"))?.json();
            let mut runtimes: BTreeMap<String, Vec<Value>> = BTreeMap::new();
            for (family, kinds) in root["runtimes"].as_object().into_iter().flatten() {
                for kind in kinds.as_array().into_iter().flatten() {
                    let here = if kind["default"] == true { count } else { 0 };
                    let cells =
                        if here > 0 { json!([{"count": here, "memory": "128 MB"}]) } else { json!([]) };
                    let kind = json!({"kind": kind["kind"], "default": kind["default"], "stemCells": cells});
                    runtimes.entry(family.clone()).or_default().push(kind);
                }
            }
            json!({"runtimes": runtimes})
        };
        let scratch = tempfile::tempdir()?;
        let path = scratch.path().join("runtimes.json");
        std::fs::write(&path, manifest.to_string())?;
        let mut arguments =
            vec!["--manifest", path.to_str().ok_or_else(|| io::Error::other("a path in UTF-8"))?];
        for setting in settings {
            arguments.extend(["--set", setting.as_str()]);
        }
        let platform = Platform::start(&arguments)?;
        let python = manifest["runtimes"]["python"].is_array();
        let made = || {
            let functions = processes::functions(platform.server.pid());
            let of =
                |name: &str| functions.iter().filter(|process| process.program.starts_with(name)).count();
            (of("node") >= count && (!python || of("python") >= count)).then_some(())
        };
        time::poll(REFILL_LIMIT, made).ok_or_else(|| io::Error::other("no stem cells appear"))?;
        Ok(platform)
    }

    /// Makes sure that an action has a container.
    pub fn warm(&self, name: &str) -> io::Result<()> {
        self.api.result(name, &json!({"nonce": name}));
        Ok(())
    }

    pub fn put_node(&self, name: &str) -> io::Result<()> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("functions/echo.js");
        self.put(name, "nodejs:default", &std::fs::read_to_string(path)?);
        Ok(())
    }

    /// An action of Node.js with that code.
    pub fn put_script(&self, name: &str, code: &str) {
        self.put(name, "nodejs:default", code);
    }

    pub fn put_python(&self, name: &str) -> io::Result<()> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("functions/echo.py");
        self.put(name, "python:default", &std::fs::read_to_string(path)?);
        Ok(())
    }

    /// The interpreter that runs the default kind of Python.
    pub fn python(&self) -> io::Result<PathBuf> {
        self.put_python("interpreter")?;
        self.warm("interpreter")?;
        let functions = processes::functions(self.server.pid());
        let process = functions.iter().find(|process| process.program.starts_with("python"));
        let process = process.ok_or_else(|| io::Error::other("no process of Python is to be seen"))?;
        let program = std::fs::read_link(format!("/proc/{}/exe", process.pid))?;
        self.api.delete("interpreter");
        Ok(program)
    }

    pub fn put_native(&self, name: &str) -> io::Result<()> {
        self.put(name, "native:actionloop", &zipped::base64(&std::fs::read(crate::scenes::function())?));
        Ok(())
    }

    fn put(&self, name: &str, kind: &str, code: &str) {
        self.api.put(name, &json!({"exec": {"kind": kind, "code": code}, "limits": {"memory": 128}}));
    }

    /// The REST interface as its guest sees it.
    pub fn api(&self) -> &Api {
        &self.api
    }

    /// The sum of a metric over all its labels, as the server tells it.
    pub fn metric(&self, name: &str) -> io::Result<f64> {
        let page = Client::new(self.server.address()).send(&Request::new("GET", "/metrics"))?.text();
        let series = page.lines().filter_map(|line| line.strip_prefix(name));
        let values = series.filter(|rest| rest.starts_with(['{', ' '])).filter_map(|rest| {
            let value = rest.rsplit(' ').next()?;
            value.parse::<f64>().ok()
        });
        Ok(values.sum())
    }

    /// Where the server listens.
    pub fn address(&self) -> std::net::SocketAddr {
        self.server.address()
    }

    /// The id of the server's process.
    pub fn pid(&self) -> u32 {
        self.server.pid()
    }

    pub fn target(name: &str) -> String {
        format!("/api/v1/namespaces/_/actions/{name}?blocking=true&result=true")
    }

    pub fn template(&self, name: &str) -> Template {
        Template::post(&Platform::target(name), Some(&self.authorization()), ("", ""))
    }

    /// The same with further members, which begin with a comma.
    pub fn template_with(&self, name: &str, members: &str) -> Template {
        Template::with_members(&Platform::target(name), Some(&self.authorization()), members)
    }

    /// The same without waiting for the result.
    pub fn accepted(&self, name: &str) -> Template {
        let target = format!("/api/v1/namespaces/_/actions/{name}");
        Template::post(&target, Some(&self.authorization()), ("", "")).accepted()
    }

    pub fn authorization(&self) -> String {
        basic(GUEST)
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// A run whose records are read back.
    pub fn run(&self, templates: &[Template], connections: usize, period: Duration) -> io::Result<Outcome> {
        self.checked(load::run(self.server.address(), templates, connections, period)?)
    }

    /// The same by a schedule of so many a second.
    pub fn run_open(&self, templates: &[Template], rate: f64, period: Duration) -> io::Result<Outcome> {
        self.checked(load::run_open(self.server.address(), templates, rate, period)?)
    }

    /// Every template once, all at the same time; and how long that took.
    pub fn burst(&self, templates: &[Template]) -> io::Result<(Duration, Outcome)> {
        let (took, outcome) = load::burst(self.server.address(), templates)?;
        Ok((took, self.checked(outcome)?))
    }

    /// After a run: its records are what was answered, and, once for each server, functions are really kept apart and
    /// their logs are kept.
    fn checked(&self, outcome: Outcome) -> io::Result<Outcome> {
        if outcome.ids.len() as u64 != outcome.count {
            return Err(io::Error::other("an answer without an activation id"));
        }
        for (id, number) in outcome.ids.iter().step_by(CHECKED) {
            let record = self.api.record(id);
            if record["response"]["result"]["nonce"] != format!("{number:016}") {
                return Err(io::Error::other(format!("not the record of request {number}: {record}")));
            }
        }
        // What was only accepted still runs; the next measurement is to find nothing of it.
        if let Some((last, _)) = outcome.ids.iter().max_by_key(|(_, number)| *number) {
            self.api.record(last);
        }
        if self.honest.get().is_none() {
            self.check_isolation()?;
            self.check_logs()?;
            let _ = self.honest.set(());
        }
        Ok(outcome)
    }

    /// Functions run in namespaces and control groups of their own, behind a filter of system calls and with limits, and
    /// their time is not taken for the platform's.
    fn check_isolation(&self) -> io::Result<()> {
        let server = self.server.pid();
        let functions = processes::functions(server);
        if functions.is_empty() {
            return Err(io::Error::other("no process of a function is to be seen"));
        }
        for process in &functions {
            let missing = isolation::missing(process, server);
            if !missing.is_empty() {
                let text = format!("{} runs without {}", process.program, missing.join(", "));
                return Err(io::Error::other(text));
            }
            if self.account.as_ref().is_some_and(|account| !account.leaves_out(process)) {
                return Err(io::Error::other("a function's processor time is counted as the platform's"));
            }
        }
        Ok(())
    }

    /// What a function prints is in its record.
    fn check_logs(&self) -> io::Result<()> {
        let name = "bench-says-something";
        let word = format!("said-{}", self.fresh.fetch_add(1, Ordering::Relaxed));
        self.put(name, "nodejs:default", "function main(args) { console.log(args.word); return args }");
        let record = self.api.recorded(name, &json!({"word": word}));
        self.api.delete(name);
        let said = record["logs"].as_array().is_some_and(|logs| {
            logs.iter().any(|line| line.as_str().is_some_and(|line| line.ends_with(&word)))
        });
        if said { Ok(()) } else { Err(io::Error::other(format!("a log is missing in {record}"))) }
    }

    /// The platform's own processor time for each activation, in microseconds.
    pub fn cost(&self, templates: &[Template], connections: usize, period: Duration) -> io::Result<f64> {
        let before = self.cpu_time();
        let outcome = load::run(self.server.address(), templates, connections, period)?;
        Ok(micros_each(self.cpu_time().saturating_sub(before), outcome.count))
    }

    /// The processor time of the server and of its helpers, without that of functions; by control groups where this
    /// machine lets us make them, else without that of helpers that have ended.
    pub fn cpu_time(&self) -> Duration {
        if let Some(spent) = self.account.as_ref().and_then(Account::spent) {
            return spent;
        }
        let server = self.server.pid();
        let functions: Vec<u32> = processes::functions(server).iter().map(|process| process.pid).collect();
        let helpers =
            processes::below(server).into_iter().filter(|process| !functions.contains(&process.pid));
        helpers.map(|process| processes::cpu_time(process.pid)).sum::<Duration>()
            + processes::cpu_time(server)
    }

    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    pub fn resident_mib(&self) -> f64 {
        processes::resident_bytes(self.server.pid()) as f64 / f64::from(1 << 20)
    }

    pub fn ready_after(&self) -> Duration {
        self.server.ready_after()
    }

    /// The processes that run a program of that name for functions.
    pub fn functions(&self, program: &str) -> usize {
        processes::functions(self.server.pid()).iter().filter(|process| process.program == program).count()
    }

    /// The processes of all functions.
    pub fn processes(&self) -> usize {
        processes::functions(self.server.pid()).len()
    }

    /// Milliseconds of the first run of an action that was never seen.
    pub fn first_run(&self, kind: &str) -> io::Result<f64> {
        let name = format!("fresh-{}", self.fresh.fetch_add(1, Ordering::Relaxed));
        match kind {
            "native" => self.put_native(&name)?,
            "python" => self.put_python(&name)?,
            _ => self.put_node(&name)?,
        }
        let before = processes::functions(self.server.pid()).len();
        let started = time::now();
        let answer = self.api.result(&name, &json!({"nonce": name}));
        let elapsed = started.elapsed();
        if answer["nonce"] != name {
            return Err(io::Error::other(format!("not the answer to {name}: {answer}")));
        }
        // A pre-started container was used up; give the platform time for the next one.
        time::poll(REFILL_LIMIT, || (processes::functions(self.server.pid()).len() > before).then_some(()));
        self.api.delete(&name);
        Ok(elapsed.as_secs_f64() * 1000.0)
    }
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
pub fn micros_each(spent: Duration, count: u64) -> f64 {
    spent.as_secs_f64() * 1e6 / count.max(1) as f64
}
