//! What functions of each kind are given, and what becomes of what they return.

use oxiwhisk_test_e2e::api::{GUEST, annotation};
use oxiwhisk_test_e2e::shape::assert_shape;
use oxiwhisk_test_e2e::{Api, Options, Server, time, zipped};
use serde_json::{Value, json};

/// Answers with its arguments, by kind; the executable with the whole line that it was given, under `line`.
const ECHO: [(&str, &str); 4] = [
    ("nodejs:default", "function main(args) { return args }"),
    ("python:default", "def main(args):\n    return args\n"),
    (
        "native:actionloop",
        "#!/bin/bash\nwhile IFS= read -r line; do printf '{\"line\": %s}\\n' \"$line\" >&3; done\n",
    ),
    ("native:skeleton", "#!/bin/sh\nprintf '%s\\n' \"$1\"\n"),
];

/// The arguments that came back.
fn echoed(kind: &str, mut result: Value) -> Value {
    if kind == "native:actionloop" { result["line"]["value"].take() } else { result }
}

/// Answers with its environment under `env`.
const ENVIRONMENT: [(&str, &str); 3] = [
    ("nodejs:default", "function main(args) { return {env: {...process.env}, args} }"),
    ("python:default", "import os\ndef main(args):\n    return {'env': dict(os.environ), 'args': args}\n"),
    (
        "native:skeleton",
        "#!/bin/bash\nprintf '{\"env\": {'\nfirst=1\nfor name in $(compgen -e); do\n  value=${!name//\\\\/\\\\\\\\}\n  \
         value=${value//\\\"/\\\\\\\"}\n  [ $first = 1 ] || printf ', '\n  first=0\n  printf '\"%s\": \"%s\"' \"$name\" \
         \"${value//$'\\n'/ }\"\ndone\nprintf '}, \"args\": %s}\\n' \"$1\"\n",
    ),
];

fn guest() -> (Server, Api) {
    let server = Server::start(&Options::default());
    let api = Api::guest(&server);
    (server, api)
}

fn name_of(kind: &str) -> String {
    kind.replace(':', "-")
}

#[test]
fn run_04_run_07_the_environment_tells_a_function_who_it_is_and_nothing_of_the_host() {
    let server = Server::start(&Options::default().environment("HOST_SECRET", "do not show"));
    let api = Api::guest(&server);
    for (kind, code) in ENVIRONMENT {
        let name = name_of(kind);
        api.put_code(&name, kind, code);
        for start in ["cold", "warm"] {
            let before = time::unix_millis();
            let record = api.invoke(&name, &json!({})).json();
            let env = &record["response"]["result"]["env"];
            assert_shape(
                env,
                &json!({
                    "...": 0,
                    "__OW_NAMESPACE": "guest",
                    "__OW_ACTION_NAME": format!("/guest/{name}"),
                    "__OW_ACTION_VERSION": "0.0.1",
                    "__OW_ACTIVATION_ID": record["activationId"],
                    "__OW_TRANSACTION_ID": "{string}",
                    "__OW_DEADLINE": "{string}",
                    "__OW_API_HOST": "{string}",
                    "__OW_API_KEY": "{absent}",
                    "HOST_SECRET": "{absent}",
                }),
            );
            let deadline: u64 = env["__OW_DEADLINE"].as_str().unwrap().parse().unwrap();
            assert!(
                (before + 60_000..before + 120_000).contains(&deadline),
                "{kind} {start}: deadline {deadline}, invoked at {before}"
            );
        }
    }
}

#[test]
fn run_09_a_function_gets_its_callers_key_only_when_annotated() {
    let (_server, api) = guest();
    let annotations = json!([{"key": "provide-api-key", "value": true}]);
    for (kind, code) in ENVIRONMENT {
        let name = name_of(kind);
        api.put(&name, &json!({"exec": {"kind": kind, "code": code}, "annotations": annotations}));
        let result = api.result(&name, &json!({}));
        let key = result["env"]["__OW_API_KEY"].as_str().expect("a key");
        // One of the caller's that lasts as long as the activation, and not the caller's own.
        assert_eq!(key.split(':').next(), GUEST.split(':').next(), "{kind}");
        assert_eq!(key.len(), GUEST.len(), "{kind}");
        assert_ne!(key, GUEST, "{kind}");
    }
}

#[test]
fn run_10_init_parameters_are_environment_and_not_arguments() {
    let (_server, api) = guest();
    for (kind, code) in ENVIRONMENT {
        let name = name_of(kind);
        let parameters = json!([
            {"key": "SETTINGS", "value": {"a": [1, null]}, "init": true},
            {"key": "NOTHING", "value": null, "init": true},
            {"key": "plain", "value": "p"},
        ]);
        api.put(&name, &json!({"exec": {"kind": kind, "code": code}, "parameters": parameters}));
        let result = api.result(&name, &json!({"payload": 1}));
        assert_eq!(result["env"]["SETTINGS"], r#"{"a":[1,null]}"#, "{kind}");
        assert_eq!(result["env"]["NOTHING"], "", "{kind}");
        assert_eq!(result["args"], json!({"plain": "p", "payload": 1}), "{kind}");
    }
}

#[test]
fn inv_11_later_parameters_win_and_inv_12_null_is_passed() {
    let (_server, api) = guest();
    for (kind, code) in ECHO {
        let name = name_of(kind);
        let parameters =
            json!([{"key": "a", "value": 1}, {"key": "b", "value": {"c": 2}}, {"key": "d", "value": null}]);
        api.put(&name, &json!({"exec": {"kind": kind, "code": code}, "parameters": parameters}));
        assert_eq!(
            echoed(kind, api.result(&name, &json!({"b": [3], "e": null}))),
            json!({"a": 1, "b": [3], "d": null, "e": null}),
            "{kind}"
        );
        let answer = api.send("POST", &format!("/actions/{name}?blocking=true&result=true"), None);
        assert_eq!(
            echoed(kind, answer.json()),
            json!({"a": 1, "b": {"c": 2}, "d": null}),
            "{kind} without a body"
        );
    }
}

#[test]
fn http_24_texts_and_numbers_come_back_as_they_went() {
    let (_server, api) = guest();
    let texts = json!({
        "text": "häß, 😀, \u{2028}, \u{0001}, \"quoted\", back\\slash, line\nline, tab\t",
        "empty": {"object": {}, "array": [], "text": ""},
        "numbers": [0, -1, 1.5, 9_007_199_254_740_991_i64],
        "deep": [[[[[[[["down"]]]]]]]],
    });
    for (kind, code) in ECHO {
        let name = name_of(kind);
        api.put_code(&name, kind, code);
        assert_eq!(echoed(kind, api.result(&name, &texts)), texts, "{kind}");
    }
    // JavaScript has no such numbers; everything else must not round them.
    let big = r#"{"big":123456789012345678901234567890}"#;
    for kind in ["python-default", "native-actionloop", "native-skeleton"] {
        let request = format!("/actions/{kind}?blocking=true&result=true");
        let answer = api.send_raw("POST", &request, big);
        assert!(answer.text().contains("123456789012345678901234567890"), "{kind}: {}", answer.text());
    }
}

#[test]
fn cls_02_to_04_objects_errors_and_arrays() {
    let (_server, api) = guest();
    let give = |kind: &str, name: &str, value: &str| {
        let code = match kind {
            "nodejs:default" => format!("function main() {{ return {value} }}"),
            "python:default" => format!("def main(args):\n    return {value}\n"),
            _ => format!("#!/bin/sh\necho some log\necho '{value}'\n"),
        };
        api.put_code(name, kind, &code);
    };
    for kind in ["nodejs:default", "python:default", "native:skeleton"] {
        let name = &name_of(kind);
        give(kind, name, r#"{"a": {"error": 1}}"#);
        let record = api.invoke(name, &json!({}));
        assert_eq!(record.status, 200, "{kind}");
        assert_eq!(record.json()["response"]["result"], json!({"a": {"error": 1}}), "{kind}");

        give(kind, name, r#"{"error": {"why": "because"}, "other": 1}"#);
        let record = api.invoke(name, &json!({}));
        assert_eq!(record.status, 502, "{kind}");
        assert_shape(
            &record.json()["response"],
            &json!({"result": {"error": {"why": "because"}}, "status": "application error", "success": false, "size": "{int}"}),
        );

        give(kind, name, r#"[1, {"b": 2}]"#);
        let answer = api.invoke(name, &json!({}));
        assert_eq!(answer.status, 200, "{kind}");
        assert_eq!(answer.json(), json!([1, {"b": 2}]), "{kind}: inv_06 a bare array");
    }
}

#[test]
fn cls_05_results_that_are_no_objects_are_developer_errors() {
    let (_server, api) = guest();
    for (name, kind, code) in [
        ("node-string", "nodejs:default", "function main() { return 'text' }"),
        ("node-number", "nodejs:default", "async function main() { return 42 }"),
        ("python-string", "python:default", "def main(args):\n    return 'text'\n"),
        ("shell-text", "native:skeleton", "#!/bin/sh\necho no JSON at all\n"),
        ("shell-nothing", "native:skeleton", "#!/bin/sh\nexit 0\n"),
        (
            "loop-garbage",
            "native:actionloop",
            "#!/bin/bash\nwhile read -r line; do echo '<html>' >&3; done\n",
        ),
    ] {
        api.put_code(name, kind, code);
        let answer = api.invoke(name, &json!({}));
        assert_eq!(answer.status, 502, "{name}: {}", answer.text());
        assert_shape(
            &answer.json()["response"],
            &json!({"...": 0, "status": "action developer error", "success": false,
                    "result": {"error": "{contains:did not}"}}),
        );
    }
    // A function that returns nothing has nothing to say, which is no error (PROXY-02).
    api.put_code("node-undefined", "nodejs:default", "function main() {}");
    assert_eq!(api.result("node-undefined", &json!({})), json!({}));
}

#[test]
fn an_exception_is_an_error_that_says_so_and_a_rejection_is_the_functions_own() {
    let (_server, api) = guest();
    for (name, kind, code) in [
        ("node-throws", "nodejs:default", "function main() { throw new Error('boom') }"),
        (
            "node-throws-later",
            "nodejs:default",
            "async function main() { await null; throw new Error('boom') }",
        ),
        ("python-raises", "python:default", "def main(args):\n    raise ValueError('boom')\n"),
        ("python-raises-later", "python:default", "async def main(args):\n    raise ValueError('boom')\n"),
    ] {
        api.put_code(name, kind, code);
        let answer = api.invoke(name, &json!({}));
        assert_eq!(answer.status, 502, "{name}");
        let text = answer.json()["response"]["result"]["error"].to_string();
        assert!(text.contains("boom") || text == "{}", "{name}: {text}");
    }
    api.put_code("node-rejects", "nodejs:default", "function main() { return Promise.reject({code: 7}) }");
    let answer = api.invoke("node-rejects", &json!({}));
    assert_shape(
        &answer.json()["response"],
        &json!({"...": 0, "status": "application error", "result": {"error": {"code": 7}}}),
    );
}

/// A function that dies when it is told to.
const MORTAL: [(&str, &str); 4] = [
    ("nodejs:default", "function main({die}) { if (die) process.exit(3); return {alive: true} }"),
    (
        "python:default",
        "import os\ndef main(args):\n    if args.get('die'): os._exit(3)\n    return {'alive': True}\n",
    ),
    (
        "native:actionloop",
        "#!/bin/bash\nwhile IFS= read -r line; do case $line in *die*) kill -9 $$;; *) echo '{\"alive\": true}' >&3;; \
         esac; done\n",
    ),
    ("native:skeleton", "#!/bin/bash\ncase $1 in *die*) kill -9 $$;; *) echo '{\"alive\": true}';; esac\n"),
];

#[test]
fn cls_10_a_crash_is_a_developer_error_and_the_next_run_has_a_new_container() {
    let (_server, api) = guest();
    for (kind, code) in MORTAL {
        let name = name_of(kind);
        api.put_code(&name, kind, code);
        for round in 1..=3 {
            assert_eq!(api.result(&name, &json!({})), json!({"alive": true}), "{kind}, round {round}");
            let answer = api.invoke(&name, &json!({"die": true}));
            assert_eq!(answer.status, 502, "{kind}: {}", answer.text());
            let response = &answer.json()["response"];
            assert_eq!(response["status"], "action developer error", "{kind}: {response}");
            if kind != "native:skeleton" {
                assert_eq!(
                    response["result"]["error"],
                    "The action did not produce a valid response and exited unexpectedly.",
                    "{kind}"
                );
            }
        }
    }
}

#[test]
fn cls_07_code_that_cannot_be_loaded_is_a_developer_error_that_names_the_fault() {
    let (_server, api) = guest();
    let empty_zip = zipped::base64_zip(&[("readme.txt", "nothing to run here")]);
    for (name, kind, code, told) in [
        ("node-syntax", "nodejs:default", "function main( {", "SyntaxError"),
        ("node-no-main", "nodejs:default", "const x = 1", "main"),
        ("node-throws-at-load", "nodejs:default", "throw new Error('not today')", "not today"),
        ("node-missing-module", "nodejs:default", "require('no-such-module')", "no-such-module"),
        ("node-zip-without-entry", "nodejs:default", &empty_zip, "package.json"),
        ("python-syntax", "python:default", "def main(args)\n    pass\n", "SyntaxError"),
        ("python-no-main", "python:default", "x = 1\n", "main"),
        ("python-missing-module", "python:default", "import no_such_module\n", "no_such_module"),
        ("python-zip-without-entry", "python:default", &empty_zip, "__main__.py"),
        ("native-zip-without-entry", "native:actionloop", &empty_zip, "exec"),
    ] {
        api.put_code(name, kind, code);
        let record = api.recorded(name, &json!({}));
        let response = &record["response"];
        assert_eq!(response["status"], "action developer error", "{name}: {response}");
        let said = format!("{} {}", response["result"]["error"], record["logs"]);
        assert!(said.contains(told), "{name}: neither error nor logs name {told:?}: {record:#}");
        assert_eq!(annotation(&record, "timeout"), Some(&Value::Bool(false)), "{name}");
    }
}

#[test]
fn entry_points_by_name_in_files_and_archives() {
    let (_server, api) = guest();
    let module = zipped::base64_zip(&[
        ("package.json", r#"{"main": "lib/start.js"}"#),
        (
            "lib/start.js",
            "const {greet} = require('./greet'); exports.hello = ({name}) => ({text: greet(name)})",
        ),
        ("lib/greet.js", "exports.greet = (name) => 'Hello ' + name"),
    ]);
    let es_module = zipped::base64_zip(&[
        ("package.json", r#"{"type": "module", "main": "index.js"}"#),
        (
            "index.js",
            "import {greet} from './greet.js'; export const hello = async ({name}) => ({text: greet(name)})",
        ),
        ("greet.js", "export const greet = (name) => 'Hello ' + name"),
    ]);
    let package = zipped::base64_zip(&[
        (
            "__main__.py",
            "from words import greet\ndef hello(args):\n    return {'text': greet(args['name'])}\n",
        ),
        ("words.py", "def greet(name):\n    return 'Hello ' + name\n"),
    ]);
    let file = "exports.hello = ({name}) => ({text: 'Hello ' + name})";
    let script = "def hello(args):\n    return {'text': 'Hello ' + args['name']}\n";
    for (name, kind, code) in [
        ("file", "nodejs:default", file),
        ("archive", "nodejs:default", &module),
        ("es-module", "nodejs:default", &es_module),
        ("script", "python:default", script),
        ("package", "python:default", &package),
    ] {
        api.put(name, &json!({"exec": {"kind": kind, "code": code, "main": "hello"}}));
        assert_eq!(api.result(name, &json!({"name": "Ada"})), json!({"text": "Hello Ada"}), "{name}");
    }
    let zipped_script = zipped::base64_zip(&[
        ("exec", "#!/bin/sh\necho \"{\\\"text\\\": \\\"$(cat greeting)\\\"}\"\n"),
        ("greeting", "Hello"),
    ]);
    api.put_code("zipped-script", "native:skeleton", &zipped_script);
    assert_eq!(api.result("zipped-script", &json!({})), json!({"text": "Hello"}));
    let image =
        json!({"exec": {"kind": "blackbox", "image": "openwhisk/dockerskeleton", "code": zipped_script}});
    api.put("blackbox", &image);
    assert_eq!(api.result("blackbox", &json!({})), json!({"text": "Hello"}));
}

#[test]
fn a_container_keeps_its_state_between_runs_and_no_other_action_sees_it() {
    let (_server, api) = guest();
    let counter = "let count = 0; const fs = require('fs')\nfunction main() { fs.appendFileSync('/tmp/runs', 'x'); \
                   return {count: ++count, file: fs.readFileSync('/tmp/runs', 'utf8').length} }";
    for name in ["one", "two"] {
        api.put_code(name, "nodejs:default", counter);
        for run in 1..=3 {
            assert_eq!(api.result(name, &json!({})), json!({"count": run, "file": run}), "{name}");
        }
    }
}
