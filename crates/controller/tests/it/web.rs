//! Web actions (section WEB).

use crate::kit::{Answer, GUEST, Kit, OTHER, Request, Script, credentials, subject_of};
use controller::Config;
use rpc::Refusal;
use serde_json::{Value, json};
use store::fault::{Fault, Operation};
use store::subject::document_for;
use types::{ByteSize, StatusCode, UserLimits};

const WEB: &str = r#""annotations":[{"key":"web-export","value":true}]"#;
const NOT_HERE: &str = "The requested resource does not exist.";
const NOT_ALLOWED: &str = "Request defines parameters that are not allowed (e.g., reserved properties).";
const METHODS: [&str; 7] = ["GET", "DELETE", "POST", "PUT", "HEAD", "OPTIONS", "PATCH"];

/// A web action `a` of the guest with these further annotations.
async fn kit_with(annotations: &str) -> Kit {
    let kit = Kit::new().await;
    kit.action("guest/a", &exported(annotations)).await;
    kit
}

fn exported(annotations: &str) -> String {
    let comma = if annotations.is_empty() { "" } else { "," };
    format!(r#""annotations":[{{"key":"web-export","value":true}}{comma}{annotations}]"#)
}

/// A call by nobody.
fn call<'a>(kit: &'a Kit, method: &str, path: &str) -> Request<'a> {
    kit.request(method, &format!("/api/v1/web/{path}")).anonymous()
}

async fn get(kit: &Kit, path: &str) -> Answer {
    call(kit, "GET", path).send().await
}

/// What the action was given last.
fn given(kit: &Kit) -> Value {
    serde_json::from_str(kit.scheduler.last().payload.get()).unwrap()
}

fn returns(kit: &Kit, result: &'static str) {
    kit.scheduler.will(Script::Finish(StatusCode::Success, result));
}

#[tokio::test]
async fn web_01_every_method_runs_it() {
    let kit = kit_with(r#"{"key":"web-custom-options","value":true}"#).await;
    for method in METHODS {
        let answer = call(&kit, method, "guest/default/a.json").send().await;
        assert_eq!((answer.status, answer.json), (200, json!({"ok": true})), "{method}");
        assert_eq!(given(&kit)["__ow_method"], method.to_ascii_lowercase());
    }
    let answer = call(&kit, "TRACE", "guest/default/a.json").send().await;
    assert_eq!(answer.status, 405);
    assert_eq!(answer.header("allow"), Some("GET, DELETE, POST, PUT, HEAD, OPTIONS, PATCH"));
    // There is no `_` here: nobody says whose it would be.
    let answer = kit.request("GET", "/api/v1/web/_/default/a.json").send().await;
    answer.is_error(404, NOT_HERE);
}

#[tokio::test]
async fn web_01_err_08_a_path_of_no_web_action_is_no_route() {
    let kit = kit_with("").await;
    for path in ["", "guest", "guest/default", "guest/default/", "guest//a", "guest/default/.json"] {
        let answer = kit.request("GET", &format!("/api/v1/web/{path}")).send().await;
        answer.is_error(404, "The requested resource could not be found.");
    }
}

#[tokio::test]
async fn web_02_web_03_extension_and_rest() {
    let kit = kit_with("").await;
    returns(&kit, r#"{"body":"x"}"#);
    for (path, media, rest) in [
        ("guest/default/a", "text/html; charset=UTF-8", ""),
        ("guest/default/a.http/", "text/html; charset=UTF-8", "/"),
        ("guest/default/a.json/x/y", "application/json", "/x/y"),
        ("guest/default/a.html/body", "text/html; charset=UTF-8", "/body"),
        ("guest/default/a.svg", "image/svg+xml", ""),
        ("guest/default/a.text/a%20b", "text/plain; charset=UTF-8", "/a%20b"),
    ] {
        let answer = get(&kit, path).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(media)), "{path}");
        assert_eq!(given(&kit)["__ow_path"], rest);
    }
    // An extension that is none is part of the name.
    get(&kit, "guest/default/a.xml").await.is_error(404, NOT_HERE);
}

#[tokio::test]
async fn web_04_nobody_hears_why_there_is_none() {
    let kit = Kit::new().await;
    kit.package("guest/p", true, "{}", "[]").await;
    kit.package("guest/broken", false, r#"{"namespace":"other","name":"gone"}"#, "[]").await;
    kit.action("guest/a", WEB).await;
    kit.action("guest/private", "").await;
    kit.action("guest/text", r#""annotations":[{"key":"web-export","value":"true"}]"#).await;
    kit.action("guest/p/private", r#""annotations":[{"key":"web-export","value":false}]"#).await;
    let mut texts = Vec::new();
    for path in [
        "nobody/default/a",
        "guest/nothing/a",
        "guest/default/nothing",
        "guest/default/private",
        "guest/default/text",
        "guest/p/private",
        "guest/p/a",
        "guest/broken/a",
        // An action, where a package is looked for; a package, where an action is.
        "guest/a/a",
        "guest/default/p",
    ] {
        // Nor do those with a key, though some of it is their own.
        for caller in [None, Some(GUEST)] {
            let request = call(&kit, "GET", path).header("x-request-id", "t");
            let request = if let Some(caller) = caller { request.key(caller) } else { request };
            let answer = request.send().await;
            answer.is_error(404, NOT_HERE);
            assert!(answer.header("access-control-allow-origin").is_none());
            texts.push(answer.text);
        }
    }
    texts.dedup();
    assert_eq!(texts.len(), 1);
    assert!(kit.scheduler.submitted().is_empty());
}

#[tokio::test]
async fn web_04_auth_15_through_the_owners_binding() {
    let kit = Kit::new().await;
    kit.package("other/p", true, "{}", r#"[{"key":"a","value":"provider"},{"key":"b","value":1}]"#).await;
    kit.action("other/p/x", WEB).await;
    let binding = r#"{"namespace":"other","name":"p"}"#;
    kit.package("guest/bound", false, binding, r#"[{"key":"a","value":"binding"}]"#).await;
    assert_eq!(get(&kit, "guest/bound/x.json").await.status, 200);
    let message = kit.scheduler.last();
    assert_eq!(message.caller.namespace.name.as_str(), GUEST);
    assert_eq!(message.action.name.to_string(), "other/p/x");
    assert_eq!(message.action.binding.as_ref().map(ToString::to_string).as_deref(), Some("guest/bound"));
    assert_eq!((&given(&kit)["a"], &given(&kit)["b"]), (&json!("binding"), &json!(1)));
    // What the owner may not read any more, nobody reaches through it; but it is still the provider's.
    kit.package("other/p", false, "{}", "[]").await;
    let forbidden = "The supplied authentication is not authorized to access 'other/p'.";
    get(&kit, "guest/bound/x.json").await.is_error(403, forbidden);
    get(&kit, "guest/bound/nothing.json").await.is_error(404, NOT_HERE);
    assert_eq!(get(&kit, "other/p/x.json").await.status, 200);
}

#[tokio::test]
async fn web_05_thr_08_run_22_the_owner_runs_it() {
    let kit = kit_with("").await;
    assert_eq!(call(&kit, "GET", "guest/default/a.json").key(OTHER).send().await.status, 200);
    let message = kit.scheduler.last();
    assert_eq!(message.caller.namespace.name.as_str(), GUEST);
    assert_eq!(kit.post("/actions/a?blocking=true", "{}").await.status, 200);
    let own = kit.scheduler.last();
    assert_eq!(
        (&message.caller.subject, &message.caller.namespace),
        (&own.caller.subject, &own.caller.namespace)
    );
    let stored = kit.get(&format!("/activations/{}", message.activation_id)).await;
    assert_eq!((stored.status, &stored.json["namespace"]), (200, &json!(GUEST)));
    // THR-08: the owner's minute, whoever calls.
    kit.limit(UserLimits { invocations_per_minute: Some(3), ..UserLimits::default() }).await;
    assert_eq!(kit.post("/actions/a?blocking=true", "{}").await.status, 200);
    let answer = call(&kit, "GET", "guest/default/a.json").key(OTHER).send().await;
    answer.is_error(429, "Too many requests in the last minute (count: 4, allowed: 3).");
}

#[tokio::test]
async fn web_05_web_09_what_is_checked_first() {
    let kit = kit_with(r#"{"key":"require-whisk-auth","value":true}"#).await;
    kit.action("guest/closed", r#""annotations":[{"key":"web-export","value":true},{"key":"final","value":true}],"parameters":[{"key":"p","value":1}]"#).await;
    let limits = |invocations| UserLimits {
        invocations_per_minute: Some(invocations),
        max_payload_size: Some(ByteSize::bytes(10)),
        ..UserLimits::default()
    };
    kit.limit(limits(0)).await;
    let large = "{\"__ow_user\":\"x\",";
    // Existence comes before throttles, those before the size, the size before OPTIONS and credentials, those before the
    // body, and its form before what it may set.
    let post =
        |method: &'static str, path: &'static str, body: &'static str| call(&kit, method, path).json(body);
    post("POST", "guest/default/nothing", large).send().await.is_error(404, NOT_HERE);
    assert_eq!(post("POST", "guest/default/a", large).send().await.status, 429);
    assert_eq!(post("OPTIONS", "guest/default/a", "").send().await.status, 429);
    kit.limit(limits(100)).await;
    for method in ["POST", "OPTIONS", "GET"] {
        let answer = post(method, "guest/default/a", large).send().await;
        answer.is_error(413, "Request larger than allowed: 17 > 10 bytes.");
        assert!(answer.header("access-control-allow-origin").is_none());
    }
    assert_eq!(post("OPTIONS", "guest/default/a", "nope").send().await.status, 200);
    assert_eq!(post("POST", "guest/default/a", "nope").send().await.status, 401);
    let malformed = post("POST", "guest/default/closed?p=1", "nope").send().await;
    assert!(malformed.json["error"].as_str().unwrap().starts_with("The request content was malformed:\n"));
    post("POST", "guest/default/closed?p=1", "{}").send().await.is_error(400, NOT_ALLOWED);
    assert!(kit.scheduler.submitted().is_empty());
}

#[tokio::test]
async fn web_05_auth_03_a_blocked_owner_has_no_web_actions() {
    let kit = kit_with("").await;
    assert_eq!(get(&kit, "guest/default/a.json").await.status, 200);
    let mut subject = subject_of(GUEST);
    subject.blocked = true;
    let store = kit.controller.artifacts();
    let old = store.get("subject:guest").await.unwrap().unwrap().revision;
    store.put(document_for(&subject, 2).unwrap(), None, Some(old)).await.unwrap();
    get(&kit, "guest/default/a.json").await.is_error(404, NOT_HERE);
}

#[tokio::test]
async fn a_warm_call_reads_no_store() {
    let kit = Kit::new().await;
    kit.package("guest/p", false, "{}", "[]").await;
    kit.action("guest/p/a", WEB).await;
    let call = || call(&kit, "POST", "guest/p/a.json?x=1").key(OTHER).json("{}").send();
    assert_eq!(call().await.status, 200);
    for operation in [Operation::Get, Operation::List, Operation::Attachment] {
        kit.faults.always(operation, Some(Fault::fail()));
    }
    assert_eq!(call().await.status, 200);
    let (first, second) = (&kit.scheduler.submitted()[0], kit.scheduler.last());
    assert!(std::sync::Arc::ptr_eq(&first.action, &second.action));
}

#[tokio::test]
async fn web_06_who_calls() {
    let kit = kit_with("").await;
    get(&kit, "guest/default/a.json").await;
    assert_eq!(given(&kit).get("__ow_user"), None);
    call(&kit, "GET", "guest/default/a.json").key(OTHER).send().await;
    assert_eq!(given(&kit)["__ow_user"], OTHER);
    let wrong = call(&kit, "GET", "guest/default/a.json").header("authorization", "Basic bm86bm8=");
    assert_eq!(wrong.send().await.status, 200);
    assert_eq!(given(&kit).get("__ow_user"), None);
    assert_eq!(given(&kit)["__ow_headers"]["authorization"], "Basic bm86bm8=");
}

#[tokio::test]
async fn web_07_web_08_auth_15_who_is_answered() {
    let refusal = "The resource requires authentication, which was not supplied with the request";
    let kit = kit_with(r#"{"key":"require-whisk-auth","value":true}"#).await;
    let nobody = get(&kit, "guest/default/a.json").await;
    nobody.is_error(401, refusal);
    assert_eq!(nobody.header("www-authenticate"), None);
    let wrong = call(&kit, "GET", "guest/default/a.json").header("authorization", "Basic bm86bm8=");
    wrong.send().await.is_error(401, refusal);
    assert_eq!(call(&kit, "GET", "guest/default/a.json").key(OTHER).send().await.status, 200);
    assert_eq!(given(&kit)["__ow_headers"]["authorization"], credentials(OTHER));
    let kit = kit_with(r#"{"key":"require-whisk-auth","value":1234}"#).await;
    call(&kit, "GET", "guest/default/a.json").key(OTHER).send().await.is_error(401, refusal);
    let secret =
        call(&kit, "GET", "guest/default/a.json").header("x-require-whisk-auth", "1234").send().await;
    assert_eq!(secret.status, 200);
    assert_eq!(given(&kit)["__ow_headers"]["x-require-whisk-auth"], "1234");
}

#[tokio::test]
async fn web_10_everybody_may_read_it() {
    let kit = kit_with("").await;
    let expect = |answer: &Answer, headers: &str| {
        let seen = ["origin", "methods", "headers"]
            .map(|name| answer.header(&format!("access-control-allow-{name}")));
        let methods = "OPTIONS, GET, DELETE, POST, PUT, HEAD, PATCH";
        assert_eq!(seen, [Some("*"), Some(methods), Some(headers)], "{}", answer.text);
    };
    let default = "Authorization, Origin, X-Requested-With, Content-Type, Accept, User-Agent";
    for (result, status) in
        [(r#"{"body":"x"}"#, 200), (r#"{"statusCode":500}"#, 500), ("{}", 204), ("1", 400)]
    {
        returns(&kit, result);
        let answer = get(&kit, "guest/default/a").await;
        assert_eq!(answer.status, status);
        expect(&answer, default);
        let asked = call(&kit, "GET", "guest/default/a").header("access-control-request-headers", "x-a, x-b");
        expect(&asked.send().await, "x-a, x-b");
    }
    // What the action says itself is not said twice.
    returns(&kit, r#"{"headers":{"Access-Control-Allow-Origin":"https://a.example"}}"#);
    let own = get(&kit, "guest/default/a").await;
    let all: Vec<_> = own.headers.get_all("access-control-allow-origin").iter().collect();
    assert_eq!(all, ["https://a.example"]);
    kit.action("guest/a", &exported(r#"{"key":"require-whisk-auth","value":"x"}"#)).await;
    let refused = get(&kit, "guest/default/a").await;
    assert_eq!(refused.status, 401);
    expect(&refused, default);
}

#[tokio::test]
async fn web_11_options_run_nothing() {
    let kit = kit_with(r#"{"key":"require-whisk-auth","value":true}"#).await;
    let answer = call(&kit, "OPTIONS", "guest/default/a.http").send().await;
    assert_eq!((answer.status, answer.text.as_str()), (200, ""));
    assert_eq!(
        answer.header("access-control-allow-methods"),
        Some("OPTIONS, GET, DELETE, POST, PUT, HEAD, PATCH")
    );
    assert!(kit.scheduler.submitted().is_empty());
    let missing = call(&kit, "OPTIONS", "guest/default/nothing").send().await;
    missing.is_error(404, NOT_HERE);
    assert_eq!(missing.header("access-control-allow-origin"), None);
}

#[tokio::test]
async fn http_15_options_elsewhere_are_the_apis() {
    let kit = kit_with("").await;
    for path in ["/api/v1/web/guest/default", "/api/v1/web", "/api/v1/nothing"] {
        let answer = kit.request("OPTIONS", path).anonymous().send().await;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.header("access-control-allow-methods"), Some("GET, DELETE, POST, PUT, HEAD"));
    }
}

#[tokio::test]
async fn web_12_options_of_its_own() {
    let annotations =
        r#"{"key":"web-custom-options","value":true},{"key":"require-whisk-auth","value":true}"#;
    let kit = kit_with(annotations).await;
    returns(&kit, r#"{"headers":{"Access-Control-Allow-Methods":"OPTIONS, GET"},"statusCode":200}"#);
    let answer = call(&kit, "OPTIONS", "guest/default/a").send().await;
    assert_eq!((answer.status, answer.header("access-control-allow-methods")), (200, Some("OPTIONS, GET")));
    assert_eq!(answer.header("access-control-allow-origin"), None);
    assert_eq!(given(&kit)["__ow_method"], "options");
    let refused = get(&kit, "guest/default/a").await;
    assert_eq!((refused.status, refused.header("access-control-allow-origin")), (401, None));
}

#[tokio::test]
async fn web_13_web_17_parameters_query_and_body() {
    let kit = Kit::new().await;
    let parameters = r#""parameters":[{"key":"a","value":"action"},{"key":"b","value":"action"},{"key":"c","value":"action"},{"key":"d","value":"action"}]"#;
    kit.action("guest/a", &format!("{WEB},{parameters}")).await;
    let request = call(&kit, "POST", "guest/default/a.json/rest?b=query&c=query").header("x-own", "ü");
    assert_eq!(request.json(r#"{"c":"body","d":{"x":1.0}}"#).send().await.status, 200);
    let expected = json!({
        "a": "action", "b": "query", "c": "body", "d": {"x": 1.0},
        "__ow_method": "post", "__ow_path": "/rest",
        "__ow_headers": {"x-own": "ü", "content-type": "application/json"},
    });
    assert_eq!(given(&kit), expected);
}

#[tokio::test]
async fn web_14_bodies_count_with_every_method() {
    let kit = kit_with(r#"{"key":"web-custom-options","value":true}"#).await;
    for method in METHODS {
        call(&kit, method, "guest/default/a.json").json(r#"{"a":1}"#).send().await;
        assert_eq!(given(&kit)["a"], 1, "{method}");
    }
}

#[tokio::test]
async fn web_18_inv_13_inv_12_what_is_final_stays() {
    let kit = Kit::new().await;
    let closed = exported(r#"{"key":"final","value":true}"#);
    kit.package("guest/p", false, "{}", r#"[{"key":"x","value":"package"}]"#).await;
    kit.action("guest/p/a", &format!(r#"{closed},"parameters":[{{"key":"y","value":1}},{{"key":"n","value":null}},{{"key":"__ow_path","value":"own"}}]"#)).await;
    for query in ["x=1", "y=1", "n=1&%79=1", "__ow_body=1"] {
        get(&kit, &format!("guest/p/a.json?{query}")).await.is_error(400, NOT_ALLOWED);
        let form =
            call(&kit, "POST", "guest/p/a.json").header("content-type", "application/x-www-form-urlencoded");
        form.body(query).send().await.is_error(400, NOT_ALLOWED);
    }
    call(&kit, "PUT", "guest/p/a.json").json(r#"{"x":1}"#).send().await.is_error(400, NOT_ALLOWED);
    assert!(kit.scheduler.submitted().is_empty());
    assert_eq!(get(&kit, "guest/p/a.json/rest?n=1&m=2").await.status, 200);
    let seen = given(&kit);
    assert_eq!((&seen["x"], &seen["n"], &seen["m"]), (&json!("package"), &json!("1"), &json!("2")));
    // The platform's own word goes above the action's parameters, final or not.
    assert_eq!(seen["__ow_path"], "/rest");
}

#[tokio::test]
async fn web_19_raw_http() {
    let kit = Kit::new().await;
    let annotations = exported(r#"{"key":"raw-http","value":true},{"key":"final","value":true}"#);
    kit.action("guest/a", &format!(r#"{annotations},"parameters":[{{"key":"x","value":"X"}}]"#)).await;
    let request = call(&kit, "POST", "guest/default/a.json?x=1&__ow_user=me").json(r#"{"x":"overridden"}"#);
    assert_eq!(request.send().await.status, 200);
    let seen = given(&kit);
    assert_eq!((&seen["x"], &seen["__ow_query"]), (&json!("X"), &json!("x=1&__ow_user=me")));
    assert_eq!(seen["__ow_body"], "eyJ4Ijoib3ZlcnJpZGRlbiJ9");
    assert_eq!(seen.get("__ow_user"), None);
    call(&kit, "GET", "guest/default/a.json").key(OTHER).send().await;
    let seen = given(&kit);
    assert_eq!((&seen["__ow_query"], &seen["__ow_body"]), (&json!(""), &json!("")));
    assert_eq!(seen["__ow_user"], OTHER);
}

#[tokio::test(start_paused = true)]
async fn web_20_http_19_what_takes_too_long() {
    let kit = kit_with("").await;
    kit.scheduler.will(Script::Silence);
    let answer = get(&kit, "guest/default/a").await;
    answer.is_error(202, "Response not yet ready.");
    assert_eq!(answer.activation(), kit.scheduler.last().activation_id);
    // What a client got the id of ends in a record.
    let message = kit.scheduler.last();
    kit.scheduler.finish(&message, StatusCode::Success, "{}");
    assert_eq!(kit.get(&format!("/activations/{}", answer.activation())).await.status, 200);
}

#[tokio::test]
async fn web_21_errors_of_the_action_are_its_answer() {
    let kit = kit_with("").await;
    let error = r#"{"error":{"statusCode":418,"headers":{"x-a":"b"},"body":"short and stout"}}"#;
    kit.scheduler.will(Script::Finish(StatusCode::ApplicationError, error));
    let answer = get(&kit, "guest/default/a").await;
    assert_eq!(
        (answer.status, answer.header("x-a"), answer.text.as_str()),
        (418, Some("b"), "short and stout")
    );
    assert_eq!(get(&kit, "guest/default/a.json").await.json["statusCode"], 418);
    kit.scheduler.will(Script::Finish(StatusCode::ApplicationError, r#"{"error":"bad"}"#));
    get(&kit, "guest/default/a").await.is_error(400, "Response is not valid 'message/http'.");
    get(&kit, "guest/default/a.json").await.is_error(400, "Response is not valid 'application/json'.");
    assert_eq!(get(&kit, "guest/default/a.text").await.text, "bad");
}

#[tokio::test]
async fn web_22_http_13_faults_leak_nothing_and_are_pretty() {
    let kit = kit_with("").await;
    for status in [StatusCode::DeveloperError, StatusCode::WhiskError] {
        kit.scheduler.will(Script::Finish(status, r#"{"error":"secret"}"#));
        for path in ["guest/default/a", "guest/default/a.json", "guest/default/a.text"] {
            let answer = call(&kit, "GET", path).header("x-request-id", "t").send().await;
            answer.is_error(400, "There was an error processing your request.");
            let first =
                "{\n  \"error\": \"There was an error processing your request.\",\n  \"code\": \"t\",\n  ";
            assert!(answer.text.starts_with(first), "{}", answer.text);
            assert!(!answer.text.contains("secret"));
            assert_eq!(answer.header("content-type"), Some("application/json"));
            // HTTP-19
            assert_eq!(answer.activation(), kit.scheduler.last().activation_id);
        }
    }
    assert!(get(&kit, "guest/default/nothing").await.text.starts_with("{\n  \"error\": "));
}

#[tokio::test]
async fn web_23_what_goes_wrong_in_the_platform() {
    let kit = kit_with("").await;
    kit.scheduler.will(Script::Refuse(Refusal::NoInvokers));
    let answer = get(&kit, "guest/default/a").await;
    let text = "The server is currently unavailable (because it is overloaded or down for maintenance).";
    answer.is_error(503, text);
    kit.scheduler.will(Script::Refuse(Refusal::QueueFull));
    get(&kit, "guest/default/a").await.is_error(429, "Too many requests");
    kit.faults.always(Operation::Get, Some(Fault::fail()));
    get(&kit, "other/default/a").await.is_error(500, "There was an internal server error.");
    kit.controller.drain().await;
    get(&kit, "guest/default/a").await.is_error(503, text);
}

#[tokio::test]
async fn http_18_uris_of_web_actions_have_a_longest() {
    let kit = kit_with("").await;
    let long = format!("guest/default/a.json?x={}", "y".repeat(8192));
    assert_eq!(get(&kit, &long).await.status, 414);
}

#[tokio::test]
async fn web_24_web_39_def_06_arrays() {
    let kit = kit_with("").await;
    returns(&kit, "[1,{\"a\":2.50}]");
    let answer = get(&kit, "guest/default/a.json").await;
    assert_eq!((answer.status, answer.text.as_str()), (200, "[1, {\n  \"a\": 2.50\n}]"));
    get(&kit, "guest/default/a.http").await.is_error(400, "Response is not valid 'message/http'.");
}

#[tokio::test]
async fn web_28_web_30_http_19_headers_of_the_action() {
    let kit = kit_with("").await;
    returns(
        &kit,
        r#"{"headers":{"location":"https://a.example/?b=c","Set-Cookie":["a=b","c=d; Path = /"],"X-Request-ID":"forged",
        "x-openwhisk-activation-id":"forged","Content-Type":"text/html","Content-Length":7},"statusCode":302}"#,
    );
    let answer = call(&kit, "GET", "guest/default/a").header("x-request-id", "mine").send().await;
    assert_eq!((answer.status, answer.text.as_str()), (302, ""));
    assert_eq!(answer.header("location"), Some("https://a.example/?b=c"));
    let cookies: Vec<_> = answer.headers.get_all("set-cookie").iter().collect();
    assert_eq!(cookies, ["a=b", "c=d; Path = /"]);
    assert_eq!((answer.header("content-type"), answer.header("content-length")), (None, None));
    let ids: Vec<_> = answer.headers.get_all("x-request-id").iter().collect();
    assert_eq!(ids, ["mine"]);
    assert_eq!(answer.activation(), kit.scheduler.last().activation_id);
}

#[tokio::test]
async fn web_37_types_that_the_client_does_not_take() {
    let kit = kit_with("").await;
    let get =
        |path: &'static str, accept: &'static str| call(&kit, "GET", path).header("accept", accept).send();
    returns(&kit, r#"{"body":"Plain text"}"#);
    let refused = get("guest/default/a", "application/json").await;
    let text = "Resource representation is only available with these types:\ntext/html; charset=UTF-8";
    refused.is_error(406, text);
    refused.activation();
    for accept in ["text/html", "text/*;q=0.1", "image/png, */*"] {
        assert_eq!(get("guest/default/a", accept).await.status, 200, "{accept}");
    }
    assert_eq!(get("guest/default/a.json", "text/html").await.status, 406);
    // A fault is told whatever the client takes, and nothing is of no type.
    returns(&kit, r#"{"statusCode":404,"body":"x"}"#);
    assert_eq!(get("guest/default/a", "application/json").await.status, 404);
    returns(&kit, r#"{"statusCode":201}"#);
    assert_eq!(get("guest/default/a", "application/json").await.status, 201);
    get("guest/default/nothing", "text/html").await.is_error(404, NOT_HERE);
}

#[tokio::test]
async fn web_04_an_action_leaves_the_web_with_its_next_call() {
    let kit = kit_with("").await;
    get(&kit, "guest/default/a.json").await;
    kit.action("guest/a", "").await;
    // Annotations are merged (ACT-21), so it is still there.
    assert_eq!(get(&kit, "guest/default/a.json").await.status, 200);
    kit.put("/actions/a?overwrite=true", r#"{"annotations":[{"key":"web-export","value":false}]}"#).await;
    get(&kit, "guest/default/a.json").await.is_error(404, NOT_HERE);
}

#[tokio::test]
async fn web_42_vanity_hosts() {
    let config = Config { vanity_hosts: vec!["oxi.example".to_owned()], ..Config::default() };
    let kit = Kit::with(config).await;
    for package in ["p", "public"] {
        kit.package(&format!("guest/{package}"), false, "{}", "[]").await;
    }
    kit.action("guest/p/a", WEB).await;
    kit.action("guest/public/index", WEB).await;
    returns(&kit, r#"{"body":"x"}"#);
    let at =
        |host: &str, method: &str, path: &str| kit.request(method, path).anonymous().header("host", host);
    let answer = at("guest.oxi.example:443", "POST", "/p/a.json/rest?q=1").json(r#"{"a":1}"#).send().await;
    assert_eq!((answer.status, answer.json), (200, json!({"body": "x"})));
    let seen = given(&kit);
    assert_eq!((&seen["__ow_path"], &seen["q"], &seen["a"]), (&json!("/rest"), &json!("1"), &json!(1)));
    let index = at("Guest.OXI.example", "GET", "/").send().await;
    assert_eq!((index.status, index.header("content-type")), (200, Some("text/html; charset=UTF-8")));
    assert_eq!(kit.scheduler.last().action.name.to_string(), "guest/public/index");
    // Nothing of the API, nor any other namespace, is there.
    for path in ["/ping", "/metrics", "/api/v1", "/favicon.ico", "/admin/x", "/api/v1/namespaces"] {
        assert_eq!(at("guest.oxi.example", "GET", path).key(GUEST).send().await.status, 404, "{path}");
    }
    let other = at("guest.oxi.example", "GET", "/api/v1/web/guest/p/a.json").send().await;
    assert_eq!(other.status, 404);
    at("nobody.oxi.example", "GET", "/").send().await.is_error(404, NOT_HERE);
    // Elsewhere all is as ever.
    for host in ["oxi.example", "a.b.oxi.example", "guest.else.example"] {
        assert_eq!(at(host, "GET", "/ping").send().await.text, "pong", "{host}");
    }
}
