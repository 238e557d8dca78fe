use crate::kit::{Kit, OTHER};
use serde_json::json;
use std::time::Duration;
use types::ActivationId;

/// Three activations a second apart: `a`, `p/b`, `a`, the oldest first.
async fn three() -> (Kit, Vec<ActivationId>) {
    let kit = Kit::new().await;
    kit.action("guest/a", "").await;
    kit.package("guest/p", false, "{}", "[]").await;
    kit.action("guest/p/b", "").await;
    let mut ids = Vec::new();
    for name in ["a", "p/b", "a"] {
        ids.push(kit.post(&format!("/actions/{name}"), "{}").await.activation());
        kit.clock.advance(Duration::from_secs(1));
    }
    (kit, ids)
}

fn ids(list: &serde_json::Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|a| a["activationId"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn atv_05_atv_06_atv_07_a_record_and_its_parts() {
    let (kit, made) = three().await;
    for slash in ["", "/"] {
        let record = kit.get(&format!("/activations/{}{slash}", made[0])).await;
        assert_eq!(record.status, 200);
        let keys: Vec<_> = record.json.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(
            keys,
            [
                "activationId",
                "annotations",
                "duration",
                "end",
                "logs",
                "name",
                "namespace",
                "publish",
                "response",
                "start",
                "subject",
                "version"
            ]
        );
    }
    let result = kit.get(&format!("/activations/{}/result", made[0])).await;
    assert_eq!(result.text, r#"{"result":{"ok":true},"size":9,"status":"success","success":true}"#);
    let logs = kit.get(&format!("/activations/{}/logs", made[0])).await;
    assert_eq!(logs.text, r#"{"logs":["2016-10-12T10:11:12.123456789Z stdout: hello"]}"#);
    kit.get(&format!("/activations/{}/more", made[0]))
        .await
        .is_error(404, "The requested resource could not be found.");
}

#[tokio::test]
async fn atv_05_err_08_unknown_ids_and_those_of_others() {
    let (kit, made) = three().await;
    let text = "The requested resource does not exist.";
    kit.get("/activations/00ff00ff00ff00ff00ff00ff00ff00ff").await.is_error(404, text);
    let other = kit.own("GET", &format!("/activations/{}", made[0])).key(OTHER).send().await;
    other.is_error(404, text);
}

#[tokio::test]
async fn name_06_ids_have_a_form() {
    let kit = Kit::new().await;
    kit.get("/activations/abc").await.is_error(400, "Activation id length is 3 but must be 32.");
    let text = "The activation id is not valid.";
    kit.get(&format!("/activations/{}", "g".repeat(32))).await.is_error(400, text);
}

#[tokio::test]
async fn atv_01_list_04_list_11_lists_are_newest_first() {
    let (kit, made) = three().await;
    let list = kit.get("/activations").await;
    let expected: Vec<String> = made.iter().rev().map(ToString::to_string).collect();
    assert_eq!(ids(&list.json), expected);
    assert_eq!(list.json[0]["statusCode"], 0);
    assert!(list.json[0].get("response").is_none() && list.json[0].get("logs").is_none());
    assert_eq!(ids(&kit.get("/activations?limit=1&skip=1").await.json), expected[1..2]);
    assert_eq!(kit.get("/activations?count=true").await.text, r#"{"activations":3}"#);
    assert_eq!(kit.get("/activations?count=true&skip=1").await.text, r#"{"activations":2}"#);
    for method in ["PUT", "POST", "DELETE"] {
        assert_eq!(kit.own(method, "/activations").send().await.status, 405);
        assert_eq!(kit.own(method, &format!("/activations/{}", made[0])).send().await.status, 405);
    }
}

#[tokio::test]
async fn atv_02_atv_27_docs_gives_full_records() {
    let (kit, _) = three().await;
    let list = kit.get("/activations?docs=true&limit=1").await;
    assert_eq!(list.json[0]["response"]["result"], json!({"ok": true}));
    assert_eq!(list.json[0]["logs"].as_array().unwrap().len(), 1);
    let text = "The parameter 'docs' is not permitted with 'count'.";
    kit.get("/activations?docs=true&count=true").await.is_error(400, text);
}

#[tokio::test]
async fn atv_03_atv_25_lists_by_name() {
    let (kit, made) = three().await;
    let list = kit.get("/activations?name=a").await;
    assert_eq!(ids(&list.json), [made[2].to_string(), made[0].to_string()]);
    assert_eq!(ids(&kit.get("/activations?name=p%2Fb").await.json), [made[1].to_string()]);
    assert_eq!(kit.get("/activations?name=b").await.text, "[]");
    assert_eq!(ids(&kit.get("/activations?name=").await.json).len(), 3);
    kit.get("/activations?name=guest/p/b").await.is_error(
        400,
        "The query parameter 'name' was malformed:\nParameter may be a 'simple' name or 'package-name/simple' name: guest/p/b",
    );
    assert_eq!(kit.get("/activations?name=a$").await.status, 400);
}

#[tokio::test]
async fn atv_04_def_04_lists_by_time() {
    let (kit, made) = three().await;
    let second = 1_735_689_601_000u64;
    let list = kit.get(&format!("/activations?since={second}")).await;
    assert_eq!(ids(&list.json), [made[2].to_string(), made[1].to_string()]);
    let list = kit.get(&format!("/activations?since={second}&upto={second}")).await;
    assert_eq!(ids(&list.json), [made[1].to_string()]);
    let count = kit.get(&format!("/activations?count=true&upto={second}")).await;
    assert_eq!(count.text, r#"{"activations":2}"#);
    for name in ["since", "upto"] {
        let text = format!(
            "The query parameter '{name}' was malformed:\nParameter is not a valid value for epoch seconds: x"
        );
        kit.get(&format!("/activations?{name}=x")).await.is_error(400, &text);
    }
}
