use crate::kit::{Kit, Script};
use controller::Config;
use serde_json::json;
use std::time::Duration;
use store::{ArtifactStore, Document, DocumentKind};
use types::{Revision, StatusCode};

const CODE: &str = r#"{"exec":{"kind":"nodejs:default","code":"function main() {}"}}"#;
const NOT_HERE: &str = "The requested resource does not exist.";
const OTHER_KIND: &str = "Resource by this name exists but is not in this collection.";

fn annotation<'a>(entity: &'a serde_json::Value, key: &str) -> Option<&'a serde_json::Value> {
    entity["annotations"].as_array().unwrap().iter().find(|a| a["key"] == key).map(|a| &a["value"])
}

/// A trigger: this crate cannot make one yet, but the store may hold some.
async fn store_trigger(kit: &Kit, id: &str) {
    let document = Document {
        id: id.to_owned(),
        kind: DocumentKind::Trigger,
        revision: Revision::default(),
        updated: 1,
        body: "{}".into(),
        summary: "{}".into(),
        lookup: Vec::new(),
    };
    kit.artifacts.put(document, None, None).await.unwrap();
}

#[tokio::test]
async fn act_03_act_04_act_09_act_34_a_new_action_is_answered_whole() {
    let kit = Kit::new().await;
    let answer = kit.put("/actions/a", CODE).await;
    assert_eq!(answer.status, 200);
    let expected = json!({
        "namespace": "guest", "name": "a",
        "exec": {"kind": "nodejs:20", "code": "function main() {}", "binary": false},
        "parameters": [],
        "limits": {"timeout": 60000, "memory": 256, "logs": 10, "concurrency": 1},
        "version": "0.0.1", "publish": false,
        "annotations": [{"key": "provide-api-key", "value": false}, {"key": "exec", "value": "nodejs:20"}],
        "updated": 1_735_689_600_000u64,
    });
    assert_eq!(answer.json, expected);
    assert_eq!(kit.get("/actions/a").await.json, expected);
}

#[tokio::test]
async fn act_02_a_new_action_needs_exec() {
    let kit = Kit::new().await;
    kit.put("/actions/a", "{}").await.is_error(400, "exec undefined");
}

#[tokio::test]
async fn err_02_malformed_bodies() {
    let kit = Kit::new().await;
    for body in
        ["{", "[]", "1", r#"{"version":1}"#, r#"{"version":"x"}"#, r#"{"publish":"x"}"#, r#"{"exec":1}"#]
    {
        let answer = kit.put("/actions/a", body).await;
        let text = answer.json["error"].as_str().unwrap().to_owned();
        assert_eq!(answer.status, 400, "{body}");
        assert!(text.starts_with("The request content was malformed:\n"), "{body}: {text}");
    }
    let malformed = "The request content was malformed:\nparameters malformed!";
    kit.put("/actions/a", r#"{"parameters":{"a":1}}"#).await.is_error(400, malformed);
    assert_eq!(kit.own("PUT", "/actions/a").send().await.status, 400);
}

#[tokio::test]
async fn act_10_to_act_15_the_texts_of_bad_execs() {
    let kit = Kit::new().await;
    for (exec, text) in [
        (
            r#"{"kind":"cobol:1","code":"x"}"#,
            "The specified runtime 'cobol:1' is not supported by this platform. Valid values are: 'java:8', 'nodejs:20', 'nodejs:6'.",
        ),
        (r#"{"code":"x"}"#, "'kind' must be a string defined in 'exec'"),
        (
            r#"{"kind":"nodejs:20"}"#,
            "'code' must be a string or attachment object defined in 'exec' for 'nodejs:20' actions",
        ),
        (r#"{"kind":"java:8","code":"x"}"#, "'main' must be a string defined in 'exec' for 'java:8' actions"),
        (r#"{"kind":"blackbox"}"#, "'image' must be a string defined in 'exec' for 'blackbox' actions"),
        (r#"{"kind":"blackbox","image":"A"}"#, "could not parse image name"),
    ] {
        let answer = kit.put("/actions/a", &format!(r#"{{"exec":{exec}}}"#)).await;
        answer.is_error(400, &format!("The request content was malformed:\n{text}"));
    }
}

#[tokio::test]
async fn act_15_act_17_act_18_images_with_and_without_code() {
    let kit = Kit::new().await;
    let bare = kit.put("/actions/a", r#"{"exec":{"kind":"blackbox","image":"me/fn"}}"#).await;
    assert_eq!(bare.json["exec"], json!({"kind":"blackbox","image":"me/fn","binary":false}));
    let exec = r#"{"exec":{"kind":"blackbox","image":"me/fn","code":"x y","main":"m"}}"#;
    kit.put("/actions/a?overwrite=true", exec).await;
    let whole = json!({"kind":"blackbox","image":"me/fn","binary":false,"code":"x y","main":"m"});
    assert_eq!(kit.get("/actions/a").await.json["exec"], whole);
    // Back to an image without code: the old code must go.
    kit.put("/actions/a?overwrite=true", r#"{"exec":{"kind":"blackbox","image":"me/fn"}}"#).await;
    let bare = json!({"kind":"blackbox","image":"me/fn","binary":false});
    assert_eq!(kit.get("/actions/a").await.json["exec"], bare);
}

#[tokio::test]
async fn act_18_code_can_be_left_out() {
    let kit = Kit::new().await;
    kit.put("/actions/a", r#"{"exec":{"kind":"nodejs:20","code":"QUJD","main":"m"}}"#).await;
    let expected = json!({"kind":"nodejs:20","binary":true,"main":"m"});
    assert_eq!(kit.get("/actions/a?code=false").await.json["exec"], expected);
    kit.get("/actions/a?code=perhaps")
        .await
        .is_error(400, "The query parameter 'code' was malformed:\n'perhaps' is not a valid Boolean value");
}

#[tokio::test]
async fn act_02_act_07_act_21_act_22_name_07_an_update_keeps_what_it_does_not_name() {
    let kit = Kit::new().await;
    let first = r#"{"exec":{"kind":"nodejs:20","code":"x = 1"},"limits":{"memory":128,"timeout":500},
        "parameters":[{"key":"p","value":12345678901234567890123}],"publish":true,
        "annotations":[{"key":"a","value":1},{"key":"b","value":[2]},{"key":"exec","value":"mine"}]}"#;
    kit.put("/actions/a", first).await;
    kit.clock.advance(Duration::from_millis(7));
    let update = r#"{"limits":{"timeout":600},"annotations":[{"key":"c","value":3}],"delAnnotations":["a"]}"#;
    let answer = kit.put("/actions/a?overwrite=true", update).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.json["version"], "0.0.2");
    assert_eq!(answer.json["exec"]["code"], "x = 1");
    let limits = json!({"timeout":600,"memory":128,"logs":10,"concurrency":1});
    assert_eq!(answer.json["limits"], limits);
    assert!(answer.text.contains(r#"[{"key":"p","value":12345678901234567890123}]"#));
    assert_eq!(answer.json["publish"], true);
    assert_eq!(annotation(&answer.json, "a"), None);
    assert_eq!(annotation(&answer.json, "b"), Some(&json!([2])));
    assert_eq!(annotation(&answer.json, "c"), Some(&json!(3)));
    assert_eq!(annotation(&answer.json, "exec"), Some(&json!("nodejs:20")));
    assert_eq!(answer.json["updated"], 1_735_689_600_007u64);
    let replaced = kit.put("/actions/a?overwrite=true", r#"{"parameters":[],"version":"2.0.0"}"#).await;
    assert_eq!(replaced.json["parameters"], json!([]));
    assert_eq!(replaced.json["version"], "2.0.0");
    assert_eq!(kit.put("/actions/a?overwrite=true", "{}").await.json["version"], "2.0.1");
}

#[tokio::test]
async fn act_25_the_key_is_withheld_from_new_actions_only() {
    let kit = Kit::new().await;
    kit.action("guest/a", r#""annotations":[{"key":"provide-api-key","value":true}]"#).await;
    let given = kit.get("/actions/a").await;
    assert_eq!(annotation(&given.json, "provide-api-key"), Some(&json!(true)));
    let updated = kit.put("/actions/a?overwrite=true", r#"{"delAnnotations":["provide-api-key"]}"#).await;
    assert_eq!(annotation(&updated.json, "provide-api-key"), None);
}

#[tokio::test]
async fn act_20_deprecated_kinds_can_be_read_and_deleted_only() {
    let kit = Kit::new().await;
    let text = "The 'nodejs:6' runtime is no longer supported. You may read and delete but not update or invoke this action.";
    kit.put("/actions/a", r#"{"exec":{"kind":"nodejs:6","code":"x"}}"#).await.is_error(400, text);
    // An action from the time when the kind was supported.
    kit.action("guest/a", "").await;
    let mut document = kit.artifacts.get("guest/a").await.unwrap().unwrap();
    let body = String::from_utf8(document.body.to_vec()).unwrap().replace("nodejs:20", "nodejs:6");
    document.body = body.into();
    let revision = document.revision;
    kit.controller.artifacts().put(document, None, Some(revision)).await.unwrap();
    kit.put("/actions/a?overwrite=true", "{}").await.is_error(400, text);
    kit.post("/actions/a", "{}").await.is_error(400, text);
    assert_eq!(kit.get("/actions/a").await.status, 200);
    assert_eq!(kit.own("DELETE", "/actions/a").send().await.status, 200);
}

#[tokio::test]
async fn act_27_err_11_a_name_is_taken_once() {
    let kit = Kit::new().await;
    kit.action("guest/a", "").await;
    kit.put("/actions/a", CODE).await.is_error(409, "resource already exists");
    store_trigger(&kit, "guest/t").await;
    for overwrite in ["", "?overwrite=true"] {
        kit.put(&format!("/actions/t{overwrite}"), CODE).await.is_error(409, OTHER_KIND);
    }
    kit.get("/actions/t").await.is_error(409, OTHER_KIND);
    kit.post("/actions/t", "{}").await.is_error(409, OTHER_KIND);
}

#[tokio::test]
async fn act_29_act_39_delete() {
    let kit = Kit::new().await;
    kit.action("guest/a", "").await;
    let before = kit.get("/actions/a").await.text;
    let deleted = kit.own("DELETE", "/actions/a").send().await;
    assert_eq!((deleted.status, deleted.text), (200, before));
    kit.get("/actions/a").await.is_error(404, NOT_HERE);
    kit.own("DELETE", "/actions/a").send().await.is_error(404, NOT_HERE);
    store_trigger(&kit, "guest/t").await;
    kit.own("DELETE", "/actions/t").send().await.is_error(409, OTHER_KIND);
}

#[tokio::test]
async fn act_31_answers_can_go_without_a_body() {
    let kit = Kit::with(Config { response_payload: false, ..Config::default() }).await;
    let put = kit.put("/actions/a", CODE).await;
    assert_eq!((put.status, put.text.as_str()), (200, ""));
    let deleted = kit.own("DELETE", "/actions/a").send().await;
    assert_eq!((deleted.status, deleted.text.as_str()), (204, ""));
}

#[tokio::test]
async fn list_03_list_04_list_06_list_07_lists_and_counts() {
    let kit = Kit::new().await;
    kit.package("guest/p", false, "{}", "[]").await;
    for name in ["guest/a", "guest/p/b", "guest/c"] {
        kit.clock.advance(Duration::from_millis(1));
        kit.action(name, r#""parameters":[{"key":"k","value":1}]"#).await;
    }
    let list = kit.get("/actions").await;
    let names: Vec<_> = list.json.as_array().unwrap().iter().map(|a| a["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["c", "b", "a"]);
    let keys: Vec<_> = list.json[1].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["annotations", "exec", "limits", "name", "namespace", "publish", "updated", "version"]);
    assert_eq!(list.json[1]["namespace"], "guest/p");
    assert_eq!(list.json[1]["exec"], json!({"binary": false}));
    let page = kit.get("/actions?skip=1&limit=1&public=true").await;
    assert_eq!(page.json.as_array().unwrap().len(), 1);
    assert_eq!(page.json[0]["name"], "b");
    assert_eq!(kit.get("/actions?count=true").await.text, r#"{"actions":3}"#);
    assert_eq!(kit.get("/actions?count=true&skip=2&limit=1").await.text, r#"{"actions":1}"#);
    assert_eq!(kit.get("/actions?count=true&skip=9").await.text, r#"{"actions":0}"#);
    kit.get("/actions?limit=201").await.is_error(
        400,
        "The query parameter 'limit' was malformed:\nThe value '201' is not in the range of 0 to 200 for actions.",
    );
}

#[tokio::test]
async fn lim_05_to_lim_09_limits_of_an_action() {
    let kit = Kit::new().await;
    let malformed = |text: &str| format!("The request content was malformed:\n{text}");
    for (limits, text) in [
        (
            r#"{"timeout":300001}"#,
            "duration 300001 milliseconds exceeds allowed threshold of 300000 milliseconds".to_owned(),
        ),
        (
            r#"{"timeout":99}"#,
            "duration 99 milliseconds below allowed threshold of 100 milliseconds".to_owned(),
        ),
        (r#"{"memory":513}"#, "memory size 513 MB exceeds allowed threshold of 512 MB".to_owned()),
        (r#"{"memory":127}"#, "memory size 127 MB below allowed threshold of 128 MB".to_owned()),
        (r#"{"logs":11}"#, "log size 11 MB exceeds allowed threshold of 10 MB".to_owned()),
        (r#"{"concurrency":2}"#, "concurrency 2 exceeds allowed threshold of 1".to_owned()),
        (r#"{"instances":0}"#, "Action container concurrency must be greater than or equal to 1.".to_owned()),
        (r#"{"memory":128.5}"#, malformed("memory limit must be whole number")),
        (r#"{"timeout":"x"}"#, malformed("time limit malformed")),
    ] {
        let body = format!(r#"{{"exec":{{"kind":"nodejs:20","code":"x"}},"limits":{limits}}}"#);
        kit.put("/actions/a", &body).await.is_error(400, &text);
    }
    let good = r#"{"exec":{"kind":"nodejs:20","code":"x"},"limits":{"logs":0,"unknown":1,"instances":3}}"#;
    let answer = kit.put("/actions/a", good).await;
    let limits = json!({"timeout":60000,"memory":256,"logs":0,"concurrency":1,"instances":3});
    assert_eq!(answer.json["limits"], limits);
}

#[tokio::test]
async fn lim_01_err_12_sizes() {
    let kit = Kit::new().await;
    let big = "x".repeat(1 << 20);
    for what in ["parameters", "annotations"] {
        let body = format!(
            r#"{{"exec":{{"kind":"nodejs:20","code":"x"}},"{what}":[{{"key":"k","value":"{big}"}}]}}"#
        );
        let text = format!("{what} larger than allowed: 1048579 > 1048576 bytes.");
        kit.put("/actions/a", &body).await.is_error(413, &text);
    }
    let code = "y z".repeat(16 << 20);
    let body = format!(r#"{{"exec":{{"kind":"nodejs:20","code":"{code}x"}}}}"#);
    let text = "exec larger than allowed: 50331649 > 50331648 bytes.";
    kit.put("/actions/a", &body).await.is_error(413, text);
}

#[tokio::test]
async fn act_40_the_slower_one_of_two_updates_is_refused() {
    let kit = Kit::new().await;
    kit.action("guest/a", "").await;
    let updates = (0..8).map(|_| kit.put("/actions/a?overwrite=true", "{}"));
    let answers = futures_util::future::join_all(updates).await;
    for answer in &answers {
        if answer.status != 200 {
            answer.is_error(409, "Concurrent modification to resource detected.");
        }
    }
    let done = answers.iter().filter(|answer| answer.status == 200).count();
    let version = format!("0.0.{}", done + 1);
    assert_eq!(kit.get("/actions/a").await.json["version"], version);
}

#[tokio::test]
async fn an_update_is_what_the_next_invocation_runs() {
    let kit = Kit::new().await;
    kit.scheduler.will(Script::Finish(StatusCode::Success, "{}"));
    kit.action("guest/a", r#""parameters":[{"key":"k","value":1}]"#).await;
    kit.post("/actions/a?blocking=true", "").await;
    assert_eq!(kit.scheduler.last().payload.get(), r#"{"k":1}"#);
    kit.action("guest/a", r#""parameters":[{"key":"k","value":2}]"#).await;
    kit.post("/actions/a?blocking=true", "").await;
    let message = kit.scheduler.last();
    assert_eq!(message.payload.get(), r#"{"k":2}"#);
    assert_eq!(message.action.version.to_string(), "0.0.2");
    let stored = kit.artifacts.get("guest/a").await.unwrap().unwrap();
    assert_eq!(message.action.revision, stored.revision);
    kit.own("DELETE", "/actions/a").send().await;
    kit.post("/actions/a?blocking=true", "").await.is_error(404, NOT_HERE);
}

#[tokio::test]
async fn cli_06_a_client_can_save_what_it_gets() {
    let kit = Kit::new().await;
    for (code, binary) in [("function main() {}", false), ("UEsDBAoAAAAAAA==", true)] {
        let body = format!(r#"{{"exec":{{"kind":"nodejs:20","code":"{code}","binary":{}}}}}"#, !binary);
        assert_eq!(kit.put("/actions/saved?overwrite=true", &body).await.status, 200);
        let exec = kit.get("/actions/saved").await.json["exec"].take();
        assert_eq!(exec, json!({"kind": "nodejs:20", "code": code, "binary": binary}));
    }
}
