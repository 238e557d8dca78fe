//! Subjects, namespaces and keys as an operator manages them (section USR), and what their owners see of it (AUTH).

use crate::kit::{Answer, GUEST, Kit, OTHER, Request};
use serde_json::json;

/// A request with these credentials.
fn with_key<'a>(kit: &'a Kit, method: &str, path: &str, authkey: &str) -> Request<'a> {
    use base64::Engine as _;
    let header = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(authkey));
    kit.request(method, path).header("authorization", &header)
}

/// The namespace that these credentials select, or the status of the refusal.
async fn namespace_of(kit: &Kit, authkey: &str) -> Result<String, u16> {
    let answer = with_key(kit, "GET", "/api/v1/namespaces", authkey).send().await;
    if answer.status != 200 {
        return Err(answer.status);
    }
    Ok(answer.json[0].as_str().unwrap().to_owned())
}

async fn create(kit: &Kit, subject: &str, body: &str) -> Answer {
    kit.admin("PUT", &format!("/v1/subjects/{subject}")).json(body).send().await
}

async fn created(kit: &Kit, subject: &str, body: &str) -> String {
    let answer = create(kit, subject, body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json["authkey"].as_str().unwrap().to_owned()
}

async fn stored(kit: &Kit, subject: &str) -> String {
    use store::ArtifactStore as _;
    let document = kit.artifacts.get(&format!("subject:{subject}")).await.unwrap().unwrap();
    String::from_utf8(document.body.to_vec()).unwrap()
}

#[tokio::test]
async fn usr_01_usr_02_a_subject_is_created_with_a_key_that_is_shown_once_and_kept_as_a_hash() {
    let kit = Kit::new().await;
    let answer = create(&kit, "alice", "{}").await;
    assert_eq!((answer.status, &answer.json["owner"]), (200, &json!(true)), "{}", answer.text);
    assert_eq!(
        (answer.json["subject"].as_str(), answer.json["namespace"].as_str()),
        (Some("alice"), Some("alice"))
    );
    let authkey = answer.json["authkey"].as_str().unwrap();
    let (uuid, secret) = authkey.split_once(':').unwrap();
    assert_eq!((uuid.len(), secret.len()), (36, 64));
    assert_eq!(namespace_of(&kit, authkey).await.as_deref(), Ok("alice"));

    let shown = kit.admin("GET", "/v1/subjects/alice?keys=true").send().await;
    let expected = json!({"subject": "alice", "blocked": false,
        "namespaces": [{"name": "alice", "uuid": uuid, "owner": true}]});
    assert_eq!(shown.json, expected);
    let stored = stored(&kit, "alice").await;
    assert!(stored.contains(uuid) && !stored.contains(secret), "{stored}");
}

#[tokio::test]
async fn usr_02_names_and_credentials_are_checked() {
    let kit = Kit::new().await;
    create(&kit, "four", "{}").await.is_error(400, "Subject name must be at least 5 characters");
    let uuid = "b5f0a4f6-5c4b-4a4e-8a3c-6a0a4c7f6f11";
    let forced = |key: String| json!({ "authkey": key }).to_string();
    for (key, text) in [
        (format!("nope:{}", "k".repeat(64)), "authorization id is not a valid UUID"),
        (format!("{uuid}:short"), "authorization key must be at least 64 characters long"),
        (uuid.to_owned(), "failed to determine authorization id and key"),
        (format!("{uuid}:{}", "k".repeat(65)), "authorization key must be no longer than 64 characters"),
    ] {
        create(&kit, "alice", &forced(key)).await.is_error(400, text);
    }
    for bad in [r#"{"auth":1}"#, r#"{"authkey":1}"#, "[", "[]"] {
        let answer = create(&kit, "alice", bad).await;
        assert_eq!(answer.status, 400, "{bad}");
        assert!(answer.text.contains("The request content was malformed:"), "{}", answer.text);
    }
    assert_eq!(create(&kit, "alice", r#"{"namespace":"a:b"}"#).await.status, 400);

    let key = format!("{uuid}:{}", "k".repeat(64));
    assert_eq!(created(&kit, "alice", &forced(key.clone())).await, key);
    assert_eq!(namespace_of(&kit, &key).await.as_deref(), Ok("alice"));
    create(&kit, "alice", "{}").await.is_error(409, "Subject already exists");
    create(&kit, "clara", &forced(key)).await.is_error(409, "authorization id belongs to another key");
}

#[tokio::test]
async fn auth_02_usr_02_each_namespace_of_a_subject_has_its_own_key_and_limits() {
    let kit = Kit::new().await;
    let home = created(&kit, "alice", "{}").await;
    let answer = kit.admin("PUT", "/v1/subjects/alice/namespaces/space1").send().await;
    let space = answer.json["authkey"].as_str().unwrap().to_owned();
    assert_ne!(home.split(':').next(), space.split(':').next());
    assert_eq!(namespace_of(&kit, &home).await.as_deref(), Ok("alice"));
    assert_eq!(namespace_of(&kit, &space).await.as_deref(), Ok("space1"));
    let again = kit.admin("PUT", "/v1/subjects/alice/namespaces/space1").send().await;
    again.is_error(409, "Namespace already exists");

    let limits = r#"{"maxActionMemory":128}"#;
    assert_eq!(kit.admin("PUT", "/v1/namespaces/space1/limits").json(limits).send().await.status, 200);
    for (key, expected) in [(&home, 512), (&space, 128)] {
        let limits = with_key(&kit, "GET", "/api/v1/namespaces/_/limits", key).send().await;
        assert_eq!(limits.json["maxActionMemory"], expected);
    }

    let gone = kit.admin("DELETE", "/v1/subjects/alice/namespaces/space1").send().await;
    assert_eq!((gone.status, gone.text.as_str()), (204, ""));
    assert_eq!(namespace_of(&kit, &space).await, Err(401));
    assert_eq!(namespace_of(&kit, &home).await.as_deref(), Ok("alice"));
    let again = kit.admin("DELETE", "/v1/subjects/alice/namespaces/space1").send().await;
    again.is_error(404, "Namespace \"space1\" does not exist for \"alice\"");
}

#[tokio::test]
async fn auth_03_auth_17_usr_03_a_blocked_subject_is_refused_from_the_next_request_on() {
    let kit = Kit::new().await;
    let key = created(&kit, "alice", "{}").await;
    // Remembered by now.
    assert_eq!(namespace_of(&kit, &key).await.as_deref(), Ok("alice"));
    let blocked = kit.admin("POST", "/v1/subjects/alice/block").send().await;
    assert_eq!((blocked.status, &blocked.json["blocked"]), (200, &json!(true)));
    assert_eq!(namespace_of(&kit, &key).await, Err(401));
    for (method, path) in
        [("PUT", "/v1/subjects/alice/namespaces/more"), ("POST", "/v1/subjects/alice/namespaces/alice/key")]
    {
        kit.admin(method, path).send().await.is_error(409, "The subject you want to edit is blocked");
    }
    let unblocked = kit.admin("POST", "/v1/subjects/alice/unblock").send().await;
    assert_eq!(unblocked.json["blocked"], false);
    assert_eq!(namespace_of(&kit, &key).await.as_deref(), Ok("alice"));
    let missing = kit.admin("POST", "/v1/subjects/nobody/block").send().await;
    missing.is_error(404, "Subject \"nobody\" does not exist");
}

#[tokio::test]
async fn auth_03_usr_02_a_revoked_key_is_refused_and_its_uuid_stays() {
    let kit = Kit::new().await;
    let old = created(&kit, "alice", "{}").await;
    assert_eq!(namespace_of(&kit, &old).await.as_deref(), Ok("alice"));
    let answer = kit.admin("POST", "/v1/subjects/alice/namespaces/alice/key").send().await;
    let new = answer.json["authkey"].as_str().unwrap().to_owned();
    assert_eq!(old.split(':').next(), new.split(':').next());
    assert_ne!(old, new);
    assert_eq!(namespace_of(&kit, &old).await, Err(401));
    assert_eq!(namespace_of(&kit, &new).await.as_deref(), Ok("alice"));

    let forced = format!("b5f0a4f6-5c4b-4a4e-8a3c-6a0a4c7f6f11:{}", "k".repeat(64));
    let body = json!({ "authkey": forced }).to_string();
    let answer = kit.admin("POST", "/v1/subjects/alice/namespaces/alice/key").json(&body).send().await;
    assert_eq!(answer.json["authkey"].as_str(), Some(&*forced));
    assert_eq!(namespace_of(&kit, &new).await, Err(401));
    assert_eq!(namespace_of(&kit, &forced).await.as_deref(), Ok("alice"));
    let missing = kit.admin("POST", "/v1/subjects/alice/namespaces/none/key").send().await;
    missing.is_error(404, "Namespace \"none\" does not exist for \"alice\"");
}

#[tokio::test]
async fn auth_02_auth_07_usr_03_subjects_share_a_namespace_and_the_first_owns_it() {
    let kit = Kit::new().await;
    let alice = created(&kit, "alice", r#"{"namespace":"space1"}"#).await;
    let answer = kit.admin("PUT", "/v1/subjects/boris/namespaces/space1").send().await;
    assert_eq!(answer.json["owner"], false, "{}", answer.text);
    let boris = answer.json["authkey"].as_str().unwrap().to_owned();
    for key in [&alice, &boris] {
        assert_eq!(namespace_of(&kit, key).await.as_deref(), Ok("space1"));
    }
    // What one makes the other has too.
    let body = r#"{"exec":{"kind":"nodejs:20","code":"x"}}"#;
    let path = "/api/v1/namespaces/_/actions/a";
    assert_eq!(with_key(&kit, "PUT", path, &alice).json(body).send().await.status, 200);
    assert_eq!(with_key(&kit, "POST", &format!("{path}?blocking=true"), &boris).send().await.status, 200);
    assert_eq!(kit.scheduler.last().caller.subject.as_str(), "boris");

    let members = |answer: &Answer| -> Vec<(String, bool)> {
        let one = |member: &serde_json::Value| {
            (member["subject"].as_str().unwrap().to_owned(), member["owner"].as_bool().unwrap())
        };
        answer.json.as_array().unwrap().iter().map(one).collect()
    };
    let listed = kit.admin("GET", "/v1/namespaces/space1/subjects").send().await;
    assert_eq!(members(&listed), [("alice".to_owned(), true), ("boris".to_owned(), false)]);
    // The owner goes, and the other takes its place.
    assert_eq!(kit.admin("DELETE", "/v1/subjects/alice").send().await.status, 204);
    assert_eq!(namespace_of(&kit, &alice).await, Err(401));
    assert_eq!(namespace_of(&kit, &boris).await.as_deref(), Ok("space1"));
    let listed = kit.admin("GET", "/v1/namespaces/space1/subjects").send().await;
    assert_eq!(members(&listed), [("boris".to_owned(), true)]);
    let none = kit.admin("GET", "/v1/namespaces/unknown/subjects").send().await;
    assert_eq!((none.status, none.text.as_str()), (200, "[]"));
}

#[tokio::test]
async fn usr_03_whois_names_the_subject_and_the_namespace_of_a_key() {
    let kit = Kit::new().await;
    let key = created(&kit, "alice", r#"{"namespace":"space1"}"#).await;
    let whois = async |authkey: &str| {
        kit.admin("POST", "/v1/whois").json(&json!({ "authkey": authkey }).to_string()).send().await
    };
    let answer = whois(&key).await;
    let expected = json!({"subject": "alice", "namespace": "space1", "uuid": &key[..36]});
    assert_eq!(answer.json, expected);
    let wrong = format!("{}:{}", &key[..36], "x".repeat(64));
    for bad in [wrong.as_str(), "nonsense", ""] {
        whois(bad).await.is_error(404, "Subject id is not recognized");
    }
    assert_eq!(kit.admin("POST", "/v1/whois").send().await.status, 400);
}

#[tokio::test]
async fn auth_04_auth_06_a_key_has_the_rights_that_it_was_given_and_lacks_the_others_before_any_throttle() {
    let kit = Kit::new().await;
    let all = created(&kit, "alice", "{}").await;
    let path = "/api/v1/namespaces/_/actions/a";
    let action = r#"{"exec":{"kind":"nodejs:20","code":"x"}}"#;
    assert_eq!(with_key(&kit, "PUT", path, &all).json(action).send().await.status, 200);
    let answer =
        kit.admin("PUT", "/v1/subjects/boris/namespaces/alice").json(r#"{"rights":["READ"]}"#).send().await;
    let reader = answer.json["authkey"].as_str().unwrap().to_owned();
    // Nothing may be invoked in this namespace by anybody.
    kit.admin("PUT", "/v1/namespaces/alice/limits").json(r#"{"invocationsPerMinute":0}"#).send().await;
    assert_eq!(with_key(&kit, "POST", path, &all).send().await.status, 429);
    assert_eq!(with_key(&kit, "GET", path, &reader).send().await.status, 200);
    for (method, body) in [("POST", "{}"), ("PUT", action), ("DELETE", "")] {
        let refused = with_key(&kit, method, path, &reader).json(body).send().await;
        refused.is_error(403, "The supplied authentication is not authorized to access this resource.");
    }
    let shown = kit.admin("GET", "/v1/subjects/boris").send().await;
    assert_eq!(shown.json["namespaces"][0]["rights"], json!(["READ"]));
    // A new key keeps the rights, or gets others.
    let renew = "/v1/subjects/boris/namespaces/alice/key";
    let renewed = kit.admin("POST", renew).send().await.json["authkey"].as_str().unwrap().to_owned();
    assert_eq!(with_key(&kit, "DELETE", path, &renewed).send().await.status, 403);
    let answer = kit.admin("POST", renew).json(r#"{"rights":["DELETE"]}"#).send().await;
    let deleter = answer.json["authkey"].as_str().unwrap().to_owned();
    assert_eq!(with_key(&kit, "GET", path, &deleter).send().await.status, 403);
    assert_eq!(with_key(&kit, "DELETE", path, &deleter).send().await.status, 200);
    assert_eq!(kit.admin("POST", renew).json(r#"{"rights":["FLY"]}"#).send().await.status, 400);
}

#[tokio::test]
async fn subjects_are_listed_in_pages() {
    let kit = Kit::new().await;
    let names = |answer: Answer| -> Vec<String> {
        let all = answer.json.as_array().unwrap().clone();
        all.iter().map(|subject| subject["subject"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(kit.admin("GET", "/v1/subjects").send().await), [GUEST, OTHER]);
    assert_eq!(names(kit.admin("GET", "/v1/subjects?skip=1").send().await), [OTHER]);
    assert_eq!(names(kit.admin("GET", "/v1/subjects?limit=1").send().await), [GUEST]);
    let count = kit.admin("GET", "/v1/subjects?count=true").send().await;
    assert_eq!(count.json, json!({"subjects": 2}));
    assert_eq!(kit.admin("GET", "/v1/subjects?limit=x").send().await.status, 400);
}

#[tokio::test]
async fn auth_03_run_22_a_short_lived_key_is_good_until_its_end_or_until_its_subject_is_blocked() {
    use base::clock::Clock as _;
    let kit = Kit::new().await;
    let own = created(&kit, "alice", "{}").await;
    let path = "/api/v1/namespaces/_/actions/a";
    let body =
        r#"{"exec":{"kind":"nodejs:20","code":"x"},"annotations":[{"key":"provide-api-key","value":true}]}"#;
    with_key(&kit, "PUT", path, &own).json(body).send().await;
    assert_eq!(with_key(&kit, "POST", path, &own).send().await.status, 202);
    let message = kit.scheduler.last();
    assert!(message.action.provide_api_key);
    let secrets = secrets::Secrets::for_tests();
    let deadline = kit.clock.unix_millis() + 60_000;
    let minted = secrets.key_for(&message.caller, message.activation_id, deadline).to_string();
    assert_eq!(namespace_of(&kit, &minted).await.as_deref(), Ok("alice"));
    // Also one that is remembered ends: the time of its activation and a minute.
    kit.clock.advance(std::time::Duration::from_millis(119_000));
    assert_eq!(namespace_of(&kit, &minted).await.as_deref(), Ok("alice"));
    kit.clock.advance(std::time::Duration::from_millis(2_000));
    assert_eq!(namespace_of(&kit, &minted).await, Err(401));

    let deadline = kit.clock.unix_millis() + 60_000;
    let minted = secrets.key_for(&message.caller, message.activation_id, deadline).to_string();
    assert_eq!(namespace_of(&kit, &minted).await.as_deref(), Ok("alice"));
    kit.admin("POST", "/v1/subjects/alice/block").send().await;
    assert_eq!(namespace_of(&kit, &minted).await, Err(401));
    kit.admin("POST", "/v1/subjects/alice/unblock").send().await;
    assert_eq!(namespace_of(&kit, &minted).await.as_deref(), Ok("alice"));
    kit.admin("POST", "/v1/subjects/alice/namespaces/alice/key").send().await;
    assert_eq!(namespace_of(&kit, &minted).await, Err(401));
}

#[tokio::test]
async fn documents_come_in_pages_in_order_of_id() {
    let kit = Kit::new().await;
    for name in ["a", "b", "c"] {
        let path = format!("/api/v1/namespaces/_/packages/{name}");
        assert_eq!(kit.request("PUT", &path).json("{}").send().await.status, 200);
    }
    let page = async |query: &str| {
        let answer = kit.admin("GET", &format!("/v1/documents/packages?{query}")).send().await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json
    };
    let first = page("limit=2").await;
    let ids = |page: &serde_json::Value| -> Vec<String> {
        page["documents"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["id"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        (ids(&first), &first["after"]),
        (vec!["guest/a".to_owned(), "guest/b".to_owned()], &json!("guest/b"))
    );
    let rest = page("limit=2&docs=true&after=guest%2Fb").await;
    assert_eq!(ids(&rest), ["guest/c"]);
    assert_eq!(rest["documents"][0]["document"]["name"], "c");
    assert!(rest.get("after").is_none());
    assert_eq!(kit.admin("GET", "/v1/documents/callbacks").send().await.status, 404);
}
