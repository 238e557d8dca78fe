//! Rules (section RUL).

use crate::kit::{Answer, Kit, OTHER};
use serde_json::{Value, json};
use std::time::Duration;
use store::fault::{Fault, Operation};

const NOT_HERE: &str = "The requested resource does not exist.";

async fn kit() -> Kit {
    let kit = Kit::new().await;
    kit.action("guest/a", "").await;
    for trigger in ["t", "u"] {
        assert_eq!(kit.put(&format!("/triggers/{trigger}"), "{}").await.status, 200);
    }
    kit
}

fn ends(trigger: &str, action: &str) -> String {
    format!(r#"{{"trigger":"{trigger}","action":"{action}"}}"#)
}

async fn set(kit: &Kit, rule: &str, status: &str) -> Answer {
    kit.post(&format!("/rules/{rule}"), &format!(r#"{{"status":"{status}"}}"#)).await
}

async fn links(kit: &Kit, trigger: &str) -> Value {
    kit.get(&format!("/triggers/{trigger}")).await.json["rules"].clone()
}

#[tokio::test]
async fn rul_01_rul_04_http_03_a_rule_is_created_active() {
    let kit = kit().await;
    for (at, body) in [
        ends("/guest/t", "/guest/a"),
        ends("/_/t", "/_/a"),
        ends("guest/t", "_/a"),
        r#"{"trigger":{"path":"guest","name":"t"},"action":{"path":"_","name":"a","version":"0.0.1"}}"#
            .to_owned(),
    ]
    .iter()
    .enumerate()
    {
        let made = kit.put(&format!("/rules/r{at}"), body).await;
        let rule = json!({"namespace": "guest", "name": format!("r{at}"), "trigger": {"path": "guest", "name": "t"},
            "action": {"path": "guest", "name": "a"}, "version": "0.0.1", "publish": false, "annotations": [],
            "updated": made.json["updated"], "status": "active"});
        assert_eq!((made.status, &made.json), (200, &rule));
        assert_eq!(kit.get(&format!("/rules/r{at}")).await.json, rule);
    }
    let body = r#"{"trigger":"/_/t","action":"/_/a","version":"2.0.0","publish":true,"annotations":[{"key":"k","value":1}],"x":1}"#;
    let made = kit.put("/rules/full", body).await;
    assert_eq!((&made.json["version"], &made.json["publish"]), (&json!("2.0.0"), &json!(true)));
    assert_eq!(made.json["annotations"], json!([{"key": "k", "value": 1}]));
    kit.put("/rules/full", body).await.is_error(409, "resource already exists");
}

#[tokio::test]
async fn rul_02_rul_03_both_ends_are_needed() {
    let kit = kit().await;
    let incomplete = "rule requires a valid trigger and a valid action";
    for body in ["{}", r#"{"trigger":"/_/t"}"#, r#"{"action":"/_/a"}"#] {
        kit.put("/rules/r", body).await.is_error(400, incomplete);
    }
    let short = "The request content was malformed:\nrequirement failed: The fully qualified name of the entity must contain at least the namespace and the name of the entity.";
    kit.put("/rules/r", &ends("t", "/_/a")).await.is_error(400, short);
    kit.put("/rules/r", &ends("/_/none", "/_/a")).await.is_error(400, "trigger /guest/none does not exist");
    kit.put("/rules/r", &ends("/_/t", "/_/none")).await.is_error(400, "action /guest/none does not exist");
    kit.put("/packages/p", "{}").await;
    kit.put("/rules/r", &ends("/_/t", "/_/p/none"))
        .await
        .is_error(400, "action /guest/p/none does not exist");
    // Something else by that name is neither.
    kit.put("/rules/r", &ends("/_/a", "/_/a")).await.is_error(400, "trigger /guest/a does not exist");
    kit.put("/rules/r", &ends("/_/t", "/_/t")).await.is_error(400, "action /guest/t does not exist");
    assert_eq!(kit.get("/rules/r").await.status, 404);
    assert_eq!(links(&kit, "t").await, Value::Null);
}

#[tokio::test]
async fn rul_03_an_end_that_cannot_be_read() {
    let kit = kit().await;
    for (id, kind) in
        [("guest/bad-t", store::DocumentKind::Trigger), ("guest/bad-a", store::DocumentKind::Action)]
    {
        let document = store::Document {
            id: id.to_owned(),
            kind,
            revision: types::Revision::default(),
            updated: 1,
            body: "{".into(),
            summary: "{}".into(),
            lookup: Vec::new(),
        };
        kit.controller.artifacts().put(document, None, None).await.unwrap();
    }
    kit.put("/rules/r", &ends("/_/bad-t", "/_/a")).await.is_error(400, "trigger /guest/bad-t is corrupted");
    kit.put("/rules/r", &ends("/_/t", "/_/bad-a")).await.is_error(400, "action /guest/bad-a is corrupted");
}

#[tokio::test]
async fn a_store_that_fails_is_not_taken_for_a_missing_end() {
    let kit = kit().await;
    kit.faults.always(Operation::Get, Some(Fault::fail()));
    // Written anew, so that it is not remembered.
    kit.faults.next(Operation::Get, Fault::late(Duration::ZERO));
    kit.put("/triggers/t?overwrite=true", "{}").await;
    let refused = kit.put("/rules/r", &ends("/_/t", "/_/a")).await;
    refused.is_error(500, "There was an internal server error.");
}

#[tokio::test]
async fn auth_14_err_06_a_rule_names_what_its_maker_may_read() {
    let kit = kit().await;
    kit.action("other/a", "").await;
    kit.package("other/private", false, "{}", "[]").await;
    kit.package("other/shared", true, "{}", "[]").await;
    kit.action("other/shared/x", "").await;
    kit.put("/packages/b", r#"{"binding":{"namespace":"other","name":"shared"}}"#).await;
    let refused = async |trigger: &str, action: &str, named: &str| {
        let text = format!("The supplied authentication is not authorized to access '{named}'.");
        kit.put("/rules/r", &ends(trigger, action)).await.is_error(403, &text);
    };
    refused("/other/t", "/_/a", "other/t").await;
    refused("/_/t", "/other/a", "other/a").await;
    refused("/_/t", "/other/private/x", "other/private").await;
    refused("/_/t", "/other/none/x", "other/none").await;
    refused("/other/t", "/other/a", "other/a, other/t").await;
    assert_eq!(kit.put("/rules/r1", &ends("/_/t", "/other/shared/x")).await.status, 200);
    let bound = kit.put("/rules/r2", &ends("/_/t", "/_/b/x")).await;
    assert_eq!((bound.status, &bound.json["action"]), (200, &json!({"path": "guest/b", "name": "x"})));
    for method in ["GET", "PUT", "POST", "DELETE"] {
        let foreign =
            kit.request(method, "/api/v1/namespaces/guest/rules/r1").key(OTHER).json("{}").send().await;
        foreign.is_error(403, "The supplied authentication is not authorized to access 'guest/r1'.");
    }
}

#[tokio::test]
async fn rul_05_the_link_is_written_before_the_rule() {
    let kit = kit().await;
    kit.put("/rules/r", &ends("/_/t", "/_/a")).await;
    let link = json!({"guest/r": {"action": {"path": "guest", "name": "a"}, "status": "active"}});
    assert_eq!(links(&kit, "t").await, link);
    // The trigger's document was last written before the rule's.
    let revision = async |id: &str| kit.artifacts_revision(id).await;
    assert!(revision("guest/t").await < revision("guest/r").await);
    // A link alone stands in nobody's way.
    assert_eq!(kit.get("/triggers/t").await.json["version"], "0.0.1");
}

#[tokio::test(start_paused = true)]
async fn rul_05_rules_made_at_once_are_all_linked() {
    let kit = kit().await;
    // Every one reads the trigger before any other has written it.
    kit.faults.always(Operation::Put, Some(Fault::late(Duration::from_millis(10))));
    let made = (0..20).map(|number| {
        let kit = &kit;
        async move { kit.put(&format!("/rules/r{number}"), &ends("/_/t", "/_/a")).await.status }
    });
    let statuses = futures_util::future::join_all(made).await;
    assert_eq!(statuses, [200; 20]);
    assert_eq!(links(&kit, "t").await.as_object().unwrap().len(), 20);
}

#[tokio::test(start_paused = true)]
async fn rul_05_of_rules_of_one_name_made_at_once_the_trigger_knows_the_one_that_is() {
    let kit = kit().await;
    for action in ["a0", "a1", "a2"] {
        kit.action(&format!("guest/{action}"), "").await;
    }
    kit.faults.always(Operation::Put, Some(Fault::late(Duration::from_millis(10))));
    let made = (0..3).map(|number| {
        let kit = &kit;
        async move { kit.put("/rules/r", &ends("/_/t", &format!("/_/a{number}"))).await.status }
    });
    let mut statuses = futures_util::future::join_all(made).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409, 409]);
    let rule = kit.get("/rules/r").await;
    assert_eq!(links(&kit, "t").await["guest/r"]["action"], rule.json["action"]);
}

#[tokio::test]
async fn rul_05_a_rule_that_could_not_be_written_is_not_fired() {
    let kit = kit().await;
    // The first write is the link, the second the rule.
    kit.faults.next(Operation::Put, Fault::late(Duration::ZERO));
    kit.faults.next(Operation::Put, Fault::fail());
    kit.put("/rules/r", &ends("/_/t", "/_/a")).await.is_error(500, "There was an internal server error.");
    assert_eq!(links(&kit, "t").await, Value::Null);
    assert_eq!(kit.post("/triggers/t", "{}").await.status, 204);
}

#[tokio::test]
async fn rul_06_an_update_keeps_the_status_and_moves_the_link() {
    let kit = kit().await;
    kit.action("guest/b", "").await;
    kit.put("/rules/r", &ends("/_/t", "/_/a")).await;
    set(&kit, "r", "inactive").await;
    let updated = kit.put("/rules/r?overwrite=true", r#"{"action":"/_/b"}"#).await;
    assert_eq!((updated.status, &updated.json["status"]), (200, &json!("inactive")));
    assert_eq!((&updated.json["version"], &updated.json["action"]["name"]), (&json!("0.0.2"), &json!("b")));
    assert_eq!(links(&kit, "t").await["guest/r"]["action"]["name"], "b");
    set(&kit, "r", "active").await;
    let moved = kit.put("/rules/r?overwrite=true", r#"{"trigger":"/_/u"}"#).await;
    assert_eq!((&moved.json["status"], &moved.json["trigger"]["name"]), (&json!("active"), &json!("u")));
    assert_eq!(links(&kit, "t").await, Value::Null);
    assert_eq!(links(&kit, "u").await["guest/r"]["status"], "active");
    // Without a link it counts as inactive.
    kit.own("DELETE", "/triggers/u").send().await;
    kit.put("/triggers/u", "{}").await;
    let again = kit.put("/rules/r?overwrite=true", "{}").await;
    assert_eq!((again.status, &again.json["status"]), (200, &json!("inactive")));
    assert_eq!(links(&kit, "u").await["guest/r"]["status"], "inactive");
}

#[tokio::test]
async fn rul_07_a_rule_without_its_trigger_reads_as_inactive() {
    let kit = kit().await;
    kit.put("/rules/r", &ends("/_/t", "/_/a")).await;
    kit.own("DELETE", "/triggers/t").send().await;
    let read = kit.get("/rules/r").await;
    assert_eq!((read.status, &read.json["status"]), (200, &json!("inactive")));
    kit.put("/triggers/t", "{}").await;
    assert_eq!(kit.get("/rules/r").await.json["status"], "inactive");
    // Something else may have the trigger's name by now.
    kit.own("DELETE", "/triggers/t").send().await;
    kit.action("guest/t", "").await;
    assert_eq!(kit.get("/rules/r").await.json["status"], "inactive");
    kit.get("/rules/none").await.is_error(404, NOT_HERE);
}

#[tokio::test]
async fn rul_08_the_status_is_set() {
    let kit = kit().await;
    kit.put("/rules/r", &ends("/_/t", "/_/a")).await;
    for status in ["active", "inactive", "inactive", " active "] {
        let answer = set(&kit, "r", status).await;
        assert_eq!((answer.status, answer.text.as_str()), (200, ""), "{status}");
        assert_eq!(kit.get("/rules/r").await.json["status"], status.trim());
    }
    for bad in ["Active", "on", ""] {
        let refused = set(&kit, "r", bad).await;
        let text = format!("The request content was malformed:\n{bad} is not a recognized rule state");
        refused.is_error(400, &text);
    }
    for body in ["{}", "", r#"{"status":1}"#, "[]"] {
        let refused = kit.post("/rules/r", body).await;
        assert_eq!(refused.status, 400, "{body}");
        let text = refused.json["error"].as_str().unwrap();
        assert!(text.starts_with("The request content was malformed:\n"), "{text}");
    }
    set(&kit, "none", "active").await.is_error(404, NOT_HERE);
}

#[tokio::test]
async fn rul_09_rul_10_a_rule_comes_back_with_its_trigger() {
    let kit = kit().await;
    kit.put("/rules/r", &ends("/_/t", "/_/a")).await;
    kit.own("DELETE", "/triggers/t").send().await;
    set(&kit, "r", "active").await.is_error(404, "Only rules with existing triggers can be activated");
    assert_eq!(set(&kit, "r", "inactive").await.status, 200);
    kit.put("/triggers/t", "{}").await;
    assert_eq!(set(&kit, "r", "active").await.status, 200);
    let link = json!({"guest/r": {"action": {"path": "guest", "name": "a"}, "status": "active"}});
    assert_eq!(links(&kit, "t").await, link);
}

#[tokio::test]
async fn rul_11_a_rule_is_deleted_while_it_is_active() {
    let kit = kit().await;
    kit.put("/rules/r", &ends("/_/t", "/_/a")).await;
    let deleted = kit.own("DELETE", "/rules/r").send().await;
    assert_eq!((deleted.status, &deleted.json["status"]), (200, &json!("inactive")));
    assert_eq!(links(&kit, "t").await, Value::Null);
    kit.own("DELETE", "/rules/r").send().await.is_error(404, NOT_HERE);
    // Also when its trigger has gone.
    kit.put("/rules/r", &ends("/_/t", "/_/a")).await;
    kit.own("DELETE", "/triggers/t").send().await;
    assert_eq!(kit.own("DELETE", "/rules/r").send().await.status, 200);
}

#[tokio::test]
async fn rul_12_a_rule_outlives_its_action() {
    let kit = kit().await;
    kit.put("/rules/r", &ends("/_/t", "/_/a")).await;
    kit.own("DELETE", "/actions/a").send().await;
    let read = kit.get("/rules/r").await;
    assert_eq!((&read.json["status"], &read.json["action"]["name"]), (&json!("active"), &json!("a")));
    kit.put("/rules/r?overwrite=true", "{}").await.is_error(400, "action /guest/a does not exist");
}

#[tokio::test]
async fn rul_13_pkg_14_rules_and_triggers_are_in_no_package() {
    let kit = kit().await;
    kit.put("/packages/p", "{}").await;
    for path in ["/rules/p/r", "/triggers/p/t"] {
        for method in ["GET", "PUT", "POST", "DELETE"] {
            let answer = kit.own(method, path).json(&ends("/_/t", "/_/a")).send().await;
            answer.is_error(404, "The requested resource could not be found.");
        }
    }
    kit.put("/rules/r", &ends("/_/p/t", "/_/a")).await.is_error(400, "trigger /guest/p/t does not exist");
}

#[tokio::test]
async fn list_10_lists_show_whole_rules_without_status() {
    let kit = kit().await;
    let made = kit
        .put("/rules/r", r#"{"trigger":"/_/t","action":"/_/a","annotations":[{"key":"k","value":1}]}"#)
        .await;
    let mut rule = made.json.clone();
    rule.as_object_mut().unwrap().remove("status");
    assert_eq!(kit.get("/rules").await.json, json!([rule]));
    assert_eq!(kit.get("/rules?count=true").await.json, json!({"rules": 1}));
    let foreign = kit.request("GET", "/api/v1/namespaces/guest/rules").key(OTHER).send().await;
    foreign.is_error(403, "The supplied authentication is not authorized to access 'guest'.");
}

#[tokio::test]
async fn err_11_one_name_is_one_thing() {
    let kit = kit().await;
    kit.put("/packages/p", "{}").await;
    kit.put("/rules/r", &ends("/_/t", "/_/a")).await;
    let other_kind = "Resource by this name exists but is not in this collection.";
    let collections = ["actions", "packages", "triggers", "rules"];
    for (owner, name) in collections.iter().zip(["a", "p", "t", "r"]) {
        for collection in collections.iter().filter(|collection| *collection != owner) {
            let body = if *collection == "rules" { ends("/_/t", "/_/a") } else { "{}".to_owned() };
            let path = format!("/{collection}/{name}");
            kit.get(&path).await.is_error(409, other_kind);
            let put = kit.put(&format!("{path}?overwrite=true"), &body).await;
            put.is_error(409, other_kind);
            kit.own("DELETE", &path).send().await.is_error(409, other_kind);
        }
    }
    assert_eq!(links(&kit, "t").await.as_object().unwrap().len(), 1);
}
