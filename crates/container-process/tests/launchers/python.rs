//! PROXY-04, PROXY-07, RUN and LOG with Python.

use super::support::{Bare, ENOUGH, RESULT_LIMIT};
use super::{VALUES, default_of, failure, init, init_folder, launch, of_length, same, specs};
use container::Answer;
use std::time::Duration;

async fn loaded(code: &str) -> Bare {
    super::loaded(default_of("python"), code).await
}

#[tokio::test]
async fn every_version_runs_functions() {
    for spec in specs("python") {
        let bare = super::loaded(spec, "def main(args):\n    print('hi ☃')\n    return args").await;
        for value in VALUES {
            let result = bare.result(value).await;
            assert!(same(&result, value), "{result} for {value} with {}", spec.kind.kind);
            assert_eq!(bare.lines().await, ["out hi ☃"]);
        }
        let version =
            super::loaded(spec, "import sys\ndef main(args): return {'v': '%d.%d' % sys.version_info[:2]}")
                .await;
        let expected = spec.kind.kind.strip_prefix("python:").unwrap();
        assert_eq!(version.result("{}").await, format!(r#"{{"v":"{expected}"}}"#));
    }
}

#[tokio::test]
async fn every_version_awaits_coroutines() {
    for spec in specs("python") {
        let bare = super::loaded(
            spec,
            "import asyncio\nasync def main(args):\n    await asyncio.sleep(0.001)\n    return {'n': args['n']}",
        )
        .await;
        for n in 0..3 {
            assert_eq!(bare.result(&format!(r#"{{"n":{n}}}"#)).await, format!(r#"{{"n":{n}}}"#));
        }
    }
}

#[tokio::test]
async fn payloads_of_a_mebibyte_come_back_whole() {
    let bare = loaded("def main(args): return args").await;
    let limit = usize::try_from(RESULT_LIMIT).unwrap();
    for length in [100, 65_535, 65_536, 65_537, limit] {
        let value = of_length(length);
        assert!(bare.result(&value).await == value, "{length}");
    }
    let Answer::Reply { cut_from: Some(_), .. } = bare.run(&of_length(limit + 1)).await else {
        panic!("not cut");
    };
}

#[tokio::test]
async fn numbers_of_any_length_survive() {
    let bare = loaded("def main(args): return {'n': args['n'] + 1, 'f': args['f']}").await;
    let nines = "9".repeat(5000);
    let result = bare.result(&format!(r#"{{"n":{nines},"f":1.5e300}}"#)).await;
    assert_eq!(result, format!(r#"{{"n":1{},"f":1.5e+300}}"#, "0".repeat(5000)));
}

#[tokio::test]
async fn proxy_07_exceptions_are_errors_with_a_traceback() {
    let bare =
        loaded("def div(x, y):\n    return x / y\n\ndef main(args):\n    return {'r': div(5, 0)}").await;
    assert_eq!(bare.result("{}").await, r#"{"error":"division by zero"}"#);
    let lines = bare.lines().await;
    assert_eq!(lines[0], "err Traceback (most recent call last):");
    assert!(lines.iter().any(|line| line.contains("return x / y")), "the line is shown: {lines:?}");
    assert_eq!(bare.result("{}").await, r#"{"error":"division by zero"}"#, "and it goes on");
    let bare = loaded("async def main(args):\n    raise ValueError('☃')").await;
    assert_eq!(bare.result("{}").await, r#"{"error":"☃"}"#);
}

#[tokio::test]
async fn proxy_04_results_that_are_none() {
    let bare = loaded(
        "def main(args):
    what = args['what']
    if what == 'text': return 'x'
    if what == 'number': return 7
    if what == 'set': return {'s': {1}}
    if what == 'nan': return {'n': float('nan')}
    if what == 'deep':
        d = []
        for _ in range(100000): d = [d]
        return d
    if what == 'self':
        d = {}
        d['d'] = d
        return d",
    )
    .await;
    for what in ["text", "number", "set", "nan", "deep", "self"] {
        let error = failure(&bare, &format!(r#"{{"what":"{what}"}}"#)).await;
        assert_eq!(error, "The action did not return a dictionary or array.", "{what}");
        assert!(!bare.lines().await.is_empty());
    }
    assert_eq!(bare.result(r#"{"what":"none"}"#).await, "null");
    let bare = loaded("def main(args): return {'half': '\\ud800', 'both': '☃', 't': (1, 2), 1: True}").await;
    assert_eq!(bare.result("{}").await, r#"{"half":"\ud800","both":"\u2603","t":[1,2],"1":true}"#);
}

#[tokio::test]
async fn what_cannot_be_loaded_says_why() {
    let start = "Initialization has failed due to: ";
    for (code, main, text) in [
        (" 10 PRINT \"Hello!\"\n 20 GOTO 10", "main", "IndentationError"),
        ("def main(args:\n  pass", "main", "SyntaxError"),
        ("def other(args): pass", "main", "Action entrypoint 'main' is not a function."),
        ("main = 3", "main", "Action entrypoint 'main' is not a function."),
        ("import iamnotsupported\ndef main(args): pass", "main", "iamnotsupported"),
        ("raise ValueError('at load')", "main", "ValueError: at load"),
    ] {
        let bare = launch(default_of("python"));
        let error = init(&bare, code, main).await.unwrap_err();
        assert!(error.starts_with(start) && error.contains(text), "{code}: {error}");
        assert!(bare.lines().await.iter().any(|line| line.contains("Traceback")), "{code}");
    }
    let bare = launch(default_of("python"));
    assert_eq!(failure(&bare, "{}").await, "System not initialized.");
    assert_eq!(init(&bare, "", "main").await.unwrap_err(), "Missing main/no code to execute.");
    assert_eq!(init(&bare, "def niam(args): return args", "niam").await, Ok(()));
    let twice = init(&bare, "def niam(args): return args", "niam").await;
    assert_eq!(twice.unwrap_err(), "Cannot initialize the action more than once.");
}

#[tokio::test]
async fn run_04_run_07_the_environment_is_set_at_init_and_for_each_run() {
    let bare = loaded(
        "import os, sys
early = os.environ['SECRET'] + os.environ['__OW_NAMESPACE']
def main(args):
    e = os.environ
    return [early, e['__OW_ACTIVATION_ID'], e['__OW_ACTION_NAME'], e['__OW_DEADLINE'], 'PYTHONUNBUFFERED' in e,
            __name__, 'python' in sys.executable]",
    )
    .await;
    let expected = r#"["42guest","00ff","/guest/hello","17",false,"main__",true]"#;
    assert_eq!(bare.result("{}").await, expected);
    let mut request = super::support::request("{}");
    request.context[3].1 = "11aa".into();
    let Answer::Reply { body, .. } = bare.session.run(&request, ENOUGH).await else { panic!() };
    assert!(super::text(&body).contains("11aa"));
}

#[tokio::test]
async fn proxy_07_archives() {
    let main = (
        "__main__.py",
        "from echo import echo\nimport helper.deep\ndef niam(args): return {'echo': echo(args), 'file': open('data').read()}",
    );
    let files = [main, ("echo.py", "def echo(args): return args"), ("helper/deep.py", ""), ("data", "text")];
    let bare = launch(default_of("python"));
    let (_folder, loaded) = init_folder(&bare, &files, "niam").await;
    assert_eq!(loaded, Ok(()));
    assert_eq!(bare.result(r#"{"a":1}"#).await, r#"{"echo":{"a":1},"file":"text"}"#);

    let bare = launch(default_of("python"));
    let (_folder, loaded) = init_folder(&bare, &[("echo.py", "")], "main").await;
    assert!(loaded.unwrap_err().contains("Zip file does not include __main__.py"));
    assert!(bare.lines().await.iter().any(|line| line.contains("Zip file does not include")));
}

#[tokio::test]
async fn proxy_07_a_virtualenv_brings_its_packages() {
    let main = "import first, second, json\ndef main(args): return {'first': first.at, 'second': second.at, 'json': json.__file__.startswith('/usr') or True}";
    let files = [
        ("__main__.py", main),
        ("virtualenv/bin/activate_this.py", ""),
        ("virtualenv/lib/python3.9/site-packages/first/__init__.py", "at = 1"),
        ("virtualenv/lib/python3.9/site-packages/more.pth", "extra\n"),
        ("virtualenv/lib/python3.9/site-packages/extra/second.py", "at = 2"),
    ];
    let bare = launch(default_of("python"));
    let (_folder, loaded) = init_folder(&bare, &files, "main").await;
    assert_eq!(loaded, Ok(()));
    assert_eq!(bare.result("{}").await, r#"{"first":1,"second":2,"json":true}"#);

    let bare = launch(default_of("python"));
    let broken = [("__main__.py", "def main(args): pass"), ("virtualenv/readme.md", "")];
    let (_folder, loaded) = init_folder(&bare, &broken, "main").await;
    assert!(loaded.unwrap_err().contains("Invalid virtualenv"));
}

#[tokio::test]
async fn log_10_each_run_has_its_own_lines() {
    let bare = loaded(
        "import sys\nn = 0\nprint('loading')
def main(args):
    global n
    n += 1
    print('a', n)
    print('b', n, file=sys.stderr)
    print('no end', end='')
    return {}",
    )
    .await;
    assert_eq!(bare.lines().await, ["out loading"]);
    for n in 1..4 {
        bare.result("{}").await;
        assert_eq!(bare.lines().await, [format!("out a {n}"), "out no end".to_owned(), format!("err b {n}")]);
    }
}

#[tokio::test]
async fn cls_09_an_endless_loop_is_given_up_and_its_log_is_kept() {
    let bare = loaded("def main(args):\n    print('before')\n    while True: pass").await;
    assert_eq!(bare.run_within("{}", Duration::from_millis(300)).await, Answer::TimedOut);
    assert_eq!(bare.lines().await, ["out before"]);
}

#[tokio::test]
async fn cls_10_exits_and_crashes_are_seen() {
    for code in [
        "import sys\ndef main(args):\n    print('bye')\n    sys.exit(3)",
        "import os\ndef main(args):\n    print('bye')\n    os._exit(3)",
        "def main(args):\n    print('bye')\n    exit()",
        "import os\ndef main(args):\n    print('bye')\n    os.kill(os.getpid(), 9)",
        "async def main(args):\n    print('bye')\n    raise SystemExit(1)",
    ] {
        let bare = loaded(code).await;
        assert!(matches!(bare.run("{}").await, Answer::Exited { .. }), "{code}");
        assert_eq!(bare.lines().await[0], "out bye", "{code}");
    }
    let bare = launch(default_of("python"));
    let error = init(&bare, "import sys\nsys.exit(1)", "main").await.unwrap_err();
    assert!(error.starts_with("Exited"), "{error}");
}

#[tokio::test]
async fn log_05_a_flood_never_holds_the_function_up() {
    let bare = loaded(
        "import sys\ndef main(args):\n    for _ in range(args['lines']): print('x' * 1023)\n    return {'done': True}",
    )
    .await;
    assert_eq!(bare.result(r#"{"lines":100000}"#).await, r#"{"done":true}"#);
    assert!(bare.logs().await.truncated);
    bare.result(r#"{"lines":1}"#).await;
    assert_eq!(bare.lines().await.len(), 1);
}

#[tokio::test]
async fn the_function_cannot_reach_the_wire_by_accident() {
    let bare = loaded(
        "import os, subprocess, sys
def main(args):
    if os.fork() == 0:
        return {'child': True}
    os.wait()
    child = subprocess.run(['/bin/sh', '-c', 'ls /proc/self/fd | wc -l; cat'], stdout=subprocess.PIPE)
    print('+{\"fake\":true}')
    sys.stdout.close()
    return {'stdin': len(os.read(0, 10)), 'fds': int(child.stdout) <= 5}",
    )
    .await;
    for _ in 0..2 {
        assert!(matches!(
            &*bare.result("{}").await,
            r#"{"stdin":0,"fds":true}"# | r#"{"error":"I/O operation on closed file."}"#
        ));
    }
}

#[tokio::test]
async fn arguments_that_cannot_be_read_are_an_error_and_it_goes_on() {
    let bare = loaded("def main(args): return {'ok': True}").await;
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(200_000), "]".repeat(200_000));
    let error = failure(&bare, &deep).await;
    assert!(error.starts_with("An error has occurred: the arguments cannot be read"), "{error}");
    assert_eq!(bare.result("{}").await, r#"{"ok":true}"#);
}
