//! Executables, in both conventions (PROXY-05, PROXY-08).

use super::support::{Bare, ENOUGH, source};
use super::{failure, of_length};
use container::Answer;
use container::line::{Dialect, LineSession, Pipes, SessionLimits};
use oxiwhisk_container_process::runtimes::skeleton::{self, Ends};
use rustix::pipe::{PipeFlags, pipe_with};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;
use types::ByteSize;

fn write_program(folder: &Path, code: &str) -> String {
    let path = folder.join("exec");
    std::fs::write(&path, code).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path.to_str().unwrap().to_owned()
}

/// An ActionLoop executable in shell.
fn action_loop(folder: &Path, code: &str, ack: bool) -> Bare {
    let path = ("PATH".to_owned(), "/usr/bin:/bin".to_owned());
    let ack = ack.then(|| ("__OW_WAIT_FOR_ACK".to_owned(), "true".to_owned()));
    let environment: Vec<_> = std::iter::once(path).chain(ack).collect();
    let program = write_program(folder, code);
    Bare::start(&[program], &environment, (0, 3), Dialect::ActionLoop)
}

#[tokio::test]
async fn proxy_05_one_process_serves_many_runs() {
    let folder = tempfile::tempdir().unwrap();
    let code = "#!/bin/sh\nn=0\nwhile read -r line; do n=$((n+1)); echo \"run $n\"; printf '{\"n\":%d,\"got\":%s}\\n' $n \"$line\" >&3; done";
    let bare = action_loop(folder.path(), code, false);
    assert!(matches!(
        bare.session.init(&source("", "main", &[]), ENOUGH).await,
        Answer::Reply { ok: true, .. }
    ));
    for n in 1..4 {
        let result = bare.result(r#"{"a":[1, 2.0]}"#).await;
        let got = r#"{"value":{"a":[1,2.0]},"namespace":"guest","action_name":"/guest/hello","action_version":"0.0.1","activation_id":"00ff","transaction_id":"tid","deadline":"17"}"#;
        assert_eq!(result, format!(r#"{{"n":{n},"got":{got}}}"#));
        assert_eq!(bare.lines().await, [format!("out run {n}")]);
    }
}

#[tokio::test]
async fn proxy_05_an_acknowledgement_is_waited_for_where_it_is_asked_for() {
    let environment = [("__OW_WAIT_FOR_ACK".to_owned(), "true".to_owned())];
    let folder = tempfile::tempdir().unwrap();
    let code = "#!/bin/sh\necho '{\"ok\":true}' >&3\nread -r line\necho '{}' >&3";
    let bare = action_loop(folder.path(), code, true);
    let answer = bare.session.init(&source("", "main", &environment), ENOUGH).await;
    assert!(matches!(answer, Answer::Reply { ok: true, .. }), "{answer:?}");
    assert_eq!(bare.result("{}").await, "{}");
    let silent = action_loop(folder.path(), "#!/bin/sh\nread -r line", true);
    let answer = silent.session.init(&source("", "main", &environment), Duration::from_millis(50)).await;
    assert_eq!(answer, Answer::TimedOut);
    let ending = action_loop(folder.path(), "#!/bin/sh\necho why >&2; exit 1", true);
    let answer = ending.session.init(&source("", "main", &environment), ENOUGH).await;
    assert!(matches!(answer, Answer::Exited { .. }));
    assert_eq!(ending.lines().await, ["err why"]);
}

#[tokio::test]
async fn proxy_04_only_dictionaries_and_arrays_pass() {
    let folder = tempfile::tempdir().unwrap();
    let code = "#!/bin/sh\nwhile read -r line; do for r in \"$ANSWERS\"; do echo \"$r\" >&3; done; done";
    for (answers, expected) in
        [("[1]", Ok("[1]")), ("7", Err(())), ("oops", Err(())), ("", Err(())), ("{\"a\":1", Err(()))]
    {
        let code = code.replace("\"$ANSWERS\"", &format!("'{answers}'"));
        let bare = action_loop(folder.path(), &code, false);
        match expected {
            Ok(result) => assert_eq!(bare.result("{}").await, result),
            Err(()) => {
                let error = failure(&bare, "{}").await;
                assert_eq!(error, "The action did not return a dictionary or array.", "{answers}");
            }
        }
    }
}

#[tokio::test]
async fn results_nobody_asked_for_do_not_pass_for_the_next_answer() {
    let folder = tempfile::tempdir().unwrap();
    let code = "#!/bin/sh\nn=0\nwhile read -r line; do n=$((n+1)); printf '{\"n\":%d}\\n{\"stray\":1}\\n' $n >&3; done";
    let bare = action_loop(folder.path(), code, false);
    for n in 1..4 {
        assert_eq!(bare.result("{}").await, format!(r#"{{"n":{n}}}"#));
    }
}

/// The skeleton's launcher in a thread of this process, where a sandbox would have a process.
fn skeleton(folder: &Path) -> LineSession {
    let pipe = || pipe_with(PipeFlags::CLOEXEC).unwrap();
    let (commands, command) = pipe();
    let (result, results) = pipe();
    let (stdout, stdout_end) = pipe();
    let (stderr, stderr_end) = pipe();
    let ends = Ends { commands, results, stdout: stdout_end, stderr: stderr_end };
    let folder = folder.to_owned();
    std::thread::spawn(move || {
        let environment = vec![("PATH".to_owned(), "/usr/bin:/bin".to_owned())];
        // It fails when the test is over and nobody is left to answer to.
        let _ = skeleton::serve(ends, environment, &folder);
    });
    let limits = SessionLimits { result: ByteSize::mb(1), logs: ByteSize::mb(1) };
    let pipes = Pipes { command, result, stdout, stderr };
    LineSession::start(pipes, Dialect::Launcher, limits, base::clock::SystemClock::shared()).unwrap()
}

struct Skeleton {
    session: LineSession,
    _folder: tempfile::TempDir,
}

impl Skeleton {
    async fn with(code: &str) -> Skeleton {
        let folder = tempfile::tempdir().unwrap();
        write_program(folder.path(), code);
        let session = skeleton(folder.path());
        let environment = [("SECRET".to_owned(), "42".to_owned())];
        let answer = session.init(&source("", "main", &environment), ENOUGH).await;
        assert!(matches!(answer, Answer::Reply { ok: true, .. }), "{answer:?}");
        Skeleton { session, _folder: folder }
    }

    /// Whether it succeeded, and what it said.
    async fn run(&self, value: &str) -> (bool, String) {
        match self.session.run(&super::support::request(value), ENOUGH).await {
            Answer::Reply { ok, body, .. } => (ok, super::text(&body)),
            other => panic!("{other:?}"),
        }
    }

    async fn lines(&self) -> Vec<String> {
        let mut logs = self.session.logs(super::support::ACTIVATION, ByteSize::mb(1)).await;
        logs.lines.sort_by_key(|line| line.stream == container::LogStream::Stderr);
        logs.lines.into_iter().map(|line| line.text).collect()
    }
}

const NO_DICTIONARY: &str = r#"{"error":"The action did not return a dictionary."}"#;

#[tokio::test]
async fn proxy_08_arguments_on_the_command_line_and_the_last_line_is_the_result() {
    let code = "#!/bin/sh\necho first; echo; echo warning >&2; echo \"{\\\"got\\\":$1,\\\"env\\\":\\\"$SECRET $__OW_ACTIVATION_ID\\\"}\"; exit 3";
    let skeleton = Skeleton::with(code).await;
    let expected = r#"{"got":{"a":"b c"},"env":"42 00ff"}"#;
    assert_eq!(skeleton.run(r#"{"a":"b c"}"#).await, (true, expected.to_owned()));
    assert_eq!(skeleton.lines().await, ["first", "", "warning"]);
    assert_eq!(skeleton.run("[1]").await.1, r#"{"got":[1],"env":"42 00ff"}"#);
}

#[tokio::test]
async fn proxy_08_arguments_too_long_for_the_command_line_come_on_standard_input() {
    let skeleton = Skeleton::with("#!/bin/sh\nif [ $# = 0 ]; then cat; else echo \"$1\"; fi").await;
    for length in [131_071, 131_072, 1 << 20] {
        let value = of_length(length);
        assert!(skeleton.run(&value).await == (true, value), "{length}");
    }
}

#[tokio::test]
async fn proxy_08_what_is_no_dictionary_goes_to_the_log() {
    for (code, log) in [
        ("#!/bin/sh\necho hello", vec!["hello"]),
        ("#!/bin/sh\necho a; echo 7", vec!["a", "7"]),
        ("#!/bin/sh\nexit 1", vec![""]),
        ("#!/no/such/interpreter", vec!["cannot run the executable: No such file or directory (os error 2)"]),
        ("no executable", vec!["cannot run the executable: Exec format error (os error 8)"]),
    ] {
        let skeleton = Skeleton::with(code).await;
        assert_eq!(skeleton.run("{}").await, (false, NO_DICTIONARY.to_owned()), "{code}");
        assert_eq!(skeleton.lines().await, log, "{code}");
    }
}

#[tokio::test]
async fn proxy_08_what_a_program_leaves_behind_is_not_waited_for() {
    let skeleton = Skeleton::with("#!/bin/sh\nsleep 5 &\necho '{\"done\":true}'").await;
    let begun = std::time::Duration::ZERO + ENOUGH / 10;
    let run = tokio::time::timeout(begun, skeleton.run("{}")).await;
    assert_eq!(run.unwrap(), (true, r#"{"done":true}"#.to_owned()));
}

#[tokio::test]
async fn an_image_without_code_answers_as_a_stub() {
    let folder = tempfile::tempdir().unwrap();
    let skeleton = Skeleton { session: skeleton(folder.path()), _folder: folder };
    let stub = r#"{"error":"This is a stub action. Replace it with custom logic."}"#;
    assert_eq!(skeleton.run("{}").await, (true, stub.to_owned()));
}
