//! What functions print, and in which record it ends.

use oxiwhisk_test_e2e::api::log_texts;
use oxiwhisk_test_e2e::{Api, Options, Server};
use serde_json::{Value, json};

/// Prints the argument `word` to both streams and answers, by kind.
const TALKERS: [(&str, &str); 4] = [
    (
        "nodejs:default",
        "function main({word}) { console.log('out ' + word); console.error('err ' + word); return {word} }",
    ),
    (
        "python:default",
        "import sys\ndef main(args):\n    print('out ' + args['word'])\n    print('err ' + args['word'], file=sys.stderr)\n    \
         return args\n",
    ),
    (
        "native:actionloop",
        "#!/bin/bash\nwhile IFS= read -r line; do word=$(printf %s \"$line\" | sed 's/.*\"word\" *: *\"\\([^\"]*\\)\".*/\\1/'); \
         echo \"out $word\"; echo \"err $word\" >&2; echo '{}' >&3; done\n",
    ),
    (
        "native:skeleton",
        "#!/bin/sh\nword=$(printf %s \"$1\" | sed 's/.*\"word\" *: *\"\\([^\"]*\\)\".*/\\1/')\necho \"out $word\"\n\
         echo \"err $word\" >&2\necho '{}'\n",
    ),
];

fn guest() -> (Server, Api) {
    let server = Server::start(&Options::default());
    let api = Api::guest(&server);
    (server, api)
}

#[test]
fn log_03_a_line_has_its_time_in_thirty_columns_and_its_stream() {
    let (_server, api) = guest();
    for (kind, code) in TALKERS {
        let name = kind.replace(':', "-");
        api.put_code(&name, kind, code);
        let record = api.recorded(&name, &json!({"word": "hello"}));
        let mut seen: Vec<String> = Vec::new();
        for line in record["logs"].as_array().unwrap() {
            let line = line.as_str().unwrap();
            let (time, rest) = line.split_at(31);
            assert!(
                time.starts_with("20") && time.trim_end().ends_with('Z') && time.ends_with(' '),
                "{line:?}"
            );
            assert_eq!(&time[10..11], "T", "{line:?}");
            seen.push(rest.to_owned());
        }
        seen.sort();
        assert_eq!(seen, ["stderr: err hello", "stdout: out hello"], "{kind}: {record:#}");
    }
}

#[test]
fn lines_belong_to_the_activation_that_printed_them() {
    const ROUNDS: usize = 10;
    let (_server, api) = guest();
    for (kind, code) in TALKERS {
        api.put_code(&kind.replace(':', "-"), kind, code);
    }
    // Concurrently over all kinds, one after the other within each, so that warm containers are used again and again.
    std::thread::scope(|scope| {
        for (kind, _) in TALKERS {
            for lane in 0..2 {
                let api = &api;
                scope.spawn(move || {
                    for round in 0..ROUNDS {
                        let word = format!("{kind}-{lane}-{round}");
                        let record = api.recorded(&kind.replace(':', "-"), &json!({"word": word}));
                        let mut texts = log_texts(&record);
                        texts.sort();
                        assert_eq!(texts, [format!("err {word}"), format!("out {word}")], "{record:#}");
                    }
                });
            }
        }
    });
}

#[test]
fn a_last_line_without_its_end_is_a_line_too() {
    let (_server, api) = guest();
    for (name, kind, code) in [
        ("node", "nodejs:default", "function main() { process.stdout.write('first\\nlast'); return {} }"),
        (
            "python",
            "python:default",
            "import sys\ndef main(args):\n    sys.stdout.write('first\\nlast')\n    return {}\n",
        ),
    ] {
        api.put_code(name, kind, code);
        for _ in 0..2 {
            let record = api.recorded(name, &json!({}));
            assert_eq!(log_texts(&record), ["first", "last"], "{kind}: {record:#}");
        }
    }
}

#[test]
fn log_05_a_flood_is_cut_at_the_limit_and_says_so() {
    let (_server, api) = guest();
    let told = "Logs were truncated because the total bytes size exceeds the limit of 1048576 bytes.";
    for (name, kind, code) in [
        (
            "node",
            "nodejs:default",
            "function main() { for (let i = 0; i < 40000; i++) console.log('x'.repeat(99)); return {done: true} }",
        ),
        (
            "python",
            "python:default",
            "def main(args):\n    for i in range(40000): print('x' * 99)\n    return {'done': True}\n",
        ),
        (
            "shell",
            "native:skeleton",
            "#!/bin/sh\nyes $(printf 'x%.0s' $(seq 99)) | head -n 40000\necho '{\"done\": true}'\n",
        ),
    ] {
        api.put(name, &json!({"exec": {"kind": kind, "code": code}, "limits": {"logs": 1}}));
        let record = api.recorded(name, &json!({}));
        assert_eq!(record["response"]["result"], json!({"done": true}), "{kind}");
        let texts = log_texts(&record);
        assert_eq!(texts.last().map(String::as_str), Some(told), "{kind}: {} lines", texts.len());
        let bytes: usize = texts.iter().map(|text| text.len() + 1).sum();
        assert!((500_000..1_200_000).contains(&bytes), "{kind}: {bytes} bytes were kept");
        // What was dropped does not turn up in the next activation.
        api.put(name, &json!({"limits": {"logs": 10}}));
    }
}

#[test]
fn log_05_with_a_limit_of_zero_there_are_no_logs() {
    let (_server, api) = guest();
    let (kind, code) = TALKERS[0];
    api.put("silent", &json!({"exec": {"kind": kind, "code": code}, "limits": {"logs": 0}}));
    let record = api.recorded("silent", &json!({"word": "unheard"}));
    assert!(!record["logs"].to_string().contains("unheard"), "{record:#}");
}

#[test]
fn inv_08_logs_come_with_the_record_not_with_the_answer() {
    let (_server, api) = guest();
    let (kind, code) = TALKERS[1];
    api.put_code("talker", kind, code);
    let answer = api.invoke("talker", &json!({"word": "later"})).json();
    assert_eq!(answer["logs"], json!([]));
    let id = answer["activationId"].as_str().unwrap();
    assert_eq!(api.record(id)["logs"].as_array().map(Vec::len), Some(2));
    let logs = api.send("GET", &format!("/activations/{id}/logs"), None).json();
    assert_eq!(logs["logs"].as_array().map(Vec::len), Some(2), "ATV-05: {logs}");
}

#[test]
fn log_07_a_developer_error_keeps_what_was_printed_and_says_that_some_may_be_missing() {
    let (_server, api) = guest();
    for (name, kind, code) in [
        ("node", "nodejs:default", "function main() { console.log('last words'); process.exit(1) }"),
        (
            "python",
            "python:default",
            "import os\ndef main(args):\n    print('last words', flush=True)\n    os._exit(1)\n",
        ),
    ] {
        api.put_code(name, kind, code);
        let texts = log_texts(&api.recorded(name, &json!({})));
        assert!(texts.iter().any(|text| text == "last words"), "{kind}: {texts:?}");
        let told = "The action did not initialize or run as expected. Log data might be missing.";
        assert_eq!(texts.last().map(String::as_str), Some(told), "{kind}: {texts:?}");
    }
}

#[test]
fn output_that_is_not_text_is_kept_as_text() {
    let (_server, api) = guest();
    let code = "#!/bin/sh\nprintf 'a\\377b\\n'\necho '{}'\n";
    api.put_code("binary", "native:skeleton", code);
    let record = api.recorded("binary", &json!({}));
    assert_eq!(record["response"]["status"], "success", "{record:#}");
    assert_eq!(log_texts(&record), ["a\u{fffd}b"]);
    assert!(matches!(record["logs"], Value::Array(_)));
}
