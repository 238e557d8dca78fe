//! The API keys that functions get, and parameters that are encrypted at rest: with the real npm client inside a real
//! sandbox, and with files that are searched.

use oxiwhisk_test_e2e::{Api, GUEST, Options, Server, time, zipped};
use serde_json::{Value, json};
use std::path::Path;

/// Calls another action by what its environment holds, as the documents of the npm package say.
const CALLER: &str = r"
const openwhisk = require('openwhisk')
exports.main = async () => {
  const answer = await openwhisk().actions.invoke({ name: 'greet', params: { name: 'you' }, blocking: true, result: true })
  return { answer, key: process.env.__OW_API_KEY }
}";

const GREET: &str = "function main({ name }) { return { greeting: `Hello, ${name}` } }";

/// A zip with that code and the packages of the folder `npm`.
fn with_packages(code: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("npm");
    let mut files = Vec::new();
    collect(&folder, Path::new("node_modules"), &mut files);
    assert!(!files.is_empty(), "run npm ci in {}", folder.display());
    files.push(("index.js".to_owned(), code.to_owned()));
    files.push(("package.json".to_owned(), r#"{"main":"index.js"}"#.to_owned()));
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (&**name, &**text)).collect();
    zipped::base64_zip(&files)
}

fn collect(root: &Path, below: &Path, files: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(root.join(below)).into_iter().flatten().flatten() {
        let path = below.join(entry.file_name());
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => collect(root, &path, files),
            Ok(kind) if kind.is_file() => {
                // What is no text is not needed to run.
                if let (Some(name), Ok(text)) = (path.to_str(), std::fs::read_to_string(entry.path())) {
                    files.push((name.to_owned(), text));
                }
            }
            _ => {}
        }
    }
}

/// A server whose functions reach it, with these keys of the configuration.
fn server(set: &[&str]) -> Server {
    let all = ["container.process.network.mode=host"];
    let arguments = all.iter().chain(set).flat_map(|key| ["--set", key]);
    Server::start(&arguments.fold(Options::default(), |options, argument| options.argument(argument)))
}

/// Creates the caller and what it calls, and runs it.
fn call_back(api: &Api) -> Value {
    api.put_code("greet", "nodejs:default", GREET);
    let body = json!({
        "exec": {"kind": "nodejs:default", "code": with_packages(CALLER), "binary": true},
        "annotations": [{"key": "provide-api-key", "value": true}],
        "limits": {"timeout": 20_000},
    });
    api.put("caller", &body);
    api.result("caller", &json!({}))
}

fn status(server: &Server, key: &str) -> u16 {
    Api::new(server.address(), key).send("GET", "/actions", None).status
}

#[test]
fn run_09_run_22_a_function_calls_back_with_a_key_that_ends_with_its_activation() {
    let server = server(&["keys.grace=0 s"]);
    let api = Api::guest(&server);
    let result = call_back(&api);
    assert_eq!(result["answer"], json!({"greeting": "Hello, you"}), "{result}");
    let key = result["key"].as_str().expect("a key");
    assert_eq!((key.len(), &key[..36]), (GUEST.len(), &GUEST[..36]));
    assert_ne!(key, GUEST);
    // A warm run gets another one.
    let again = api.result("caller", &json!({}));
    assert_eq!(again["answer"], result["answer"]);
    assert_ne!(again["key"].as_str(), Some(key));
    time::eventually("the key ends", || (status(&server, key) == 401).then_some(()));
    assert_eq!(status(&server, GUEST), 200);
}

#[test]
fn run_22_the_own_key_is_handed_on_where_that_is_configured() {
    let server = server(&["keys.at_rest=sealed", "keys.in_containers=own"]);
    let result = call_back(&Api::guest(&server));
    assert_eq!(result["answer"], json!({"greeting": "Hello, you"}), "{result}");
    assert_eq!(result["key"], GUEST);
}

/// A key of 32 bytes that are all the same.
fn key(byte: u8) -> String {
    zipped::base64(&[byte; 32])
}

/// Whether a text is in any file below a directory.
fn is_written(dir: &Path, text: &str) -> bool {
    std::fs::read_dir(dir).into_iter().flatten().flatten().any(|entry| {
        let path = entry.path();
        if path.is_dir() {
            return is_written(&path, text);
        }
        let bytes = std::fs::read(path).unwrap_or_default();
        memchr::memmem::find(&bytes, text.as_bytes()).is_some()
    })
}

#[test]
fn act_33_run_11_encrypted_parameters_reach_the_code_and_lie_nowhere_as_they_are() {
    const LOOK: &str = "function main(args) {
        const seen = text => [...text].reverse().join('')
        return { run: seen(args.pass), init: seen(process.env.TOKEN), given: args.given ?? null }
    }";
    let dir = tempfile::tempdir().expect("a directory");
    let start = |current: &str, retired: &str| {
        let text = format!(
            "[parameter_storage]\ncurrent = \"aes-256\"\naes_256 = \"{current}\"\nretired = [{retired}]\n"
        );
        Server::start(&Options::in_dir(dir.path()).config(dir.path(), &text))
    };
    let mut first = start(&key(7), "");
    let api = Api::guest(&first);
    let parameters = json!([
        {"key": "pass", "value": "open-sesame-of-the-run"},
        {"key": "TOKEN", "value": "open-sesame-of-the-start", "init": true},
        {"key": "given", "value": "default"},
    ]);
    let created =
        api.put("look", &json!({"exec": {"kind": "nodejs:default", "code": LOOK}, "parameters": parameters}));
    assert_eq!(created["parameters"][0]["encryption"], "aes-256", "{created}");
    let expected =
        json!({"run": "nur-eht-fo-emases-nepo", "init": "trats-eht-fo-emases-nepo", "given": "mine"});
    assert_eq!(api.result("look", &json!({"given": "mine"})), expected);
    // Not in an intent either.
    assert_eq!(api.recorded("look", &json!({"given": "mine"}))["response"]["result"], expected);
    first.stop();
    for secret in ["open-sesame-of-the-run", "open-sesame-of-the-start"] {
        assert!(!is_written(dir.path(), secret), "{secret} is in a file");
    }
    // The search itself finds what is there.
    assert!(is_written(dir.path(), "nur-eht-fo-emases-nepo") || is_written(dir.path(), "seen(args.pass)"));

    let mut rotated = start(&key(8), &format!("\"{}\"", key(7)));
    assert_eq!(Api::guest(&rotated).result("look", &json!({"given": "mine"})), expected);
    rotated.stop();

    let lost = start(&key(8), "");
    let answer = Api::guest(&lost).invoke("look", &json!({}));
    assert_eq!(answer.status, 500, "{}", answer.text());
    let response = &answer.json()["response"];
    assert_eq!(response["status"], "whisk internal error", "{response}");
    let text = response["result"]["error"].as_str().unwrap_or_default();
    assert!(
        text.starts_with("The encrypted parameter 'TOKEN' is damaged, or was encrypted elsewhere"),
        "{text}"
    );
}
