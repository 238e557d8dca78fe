use super::*;
use http::{HeaderName, HeaderValue, StatusCode};
use proptest::prelude::*;
use serde_json::{Value, json};

const NOT_ALLOWED: &str = "Request defines parameters that are not allowed (e.g., reserved properties).";

fn headers(given: &[(&str, &str)]) -> HeaderMap {
    let pair = |(name, value): &(&str, &str)| {
        (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap())
    };
    let mut headers = HeaderMap::new();
    for (name, value) in given.iter().map(pair) {
        headers.append(name, value);
    }
    headers
}

/// What an action gets of a POST.
fn posted(kind: Option<&str>, query: Option<&str>, body: &[u8], is_raw: bool) -> Result<Value, ApiError> {
    let headers = kind.map(|kind| headers(&[("content-type", kind)])).unwrap_or_default();
    let request = WebRequest { method: &Method::POST, headers: &headers, rest: "", query, user: None, body };
    let arguments = if is_raw { raw(&request) } else { cooked(&request, |name| name == "closed") };
    arguments.map(|arguments| {
        assert_eq!(json::compact(arguments.get()), arguments.get(), "no white space");
        let mut value: Value = serde_json::from_str(arguments.get()).unwrap();
        let members = value.as_object_mut().unwrap();
        assert_eq!(members.remove(METHOD), Some(json!("post")));
        assert!(members.remove(HEADERS).is_some());
        assert_eq!(members.remove(PATH), Some(json!("")));
        value
    })
}

fn cooked_body(kind: Option<&str>, body: &[u8]) -> Value {
    posted(kind, None, body, false).unwrap()
}

#[test]
fn web_06_web_13_what_is_always_there() {
    let headers =
        headers(&[("X-A", "1"), ("x-a", "2"), ("Content-Type", "a/b"), ("Authorization", "Basic x")]);
    let user = EntityName::new("some one").unwrap();
    let request = WebRequest {
        method: &Method::PATCH,
        headers: &headers,
        rest: "/a%20b/",
        query: Some("q=1"),
        user: Some(&user),
        body: b"",
    };
    let expected = json!({
        "__ow_method": "patch",
        "__ow_headers": {"x-a": "2", "content-type": "a/b", "authorization": "Basic x"},
        "__ow_path": "/a%20b/",
        "__ow_user": "some one",
        "q": "1",
    });
    let arguments = cooked(&request, |_| false).unwrap();
    assert_eq!(serde_json::from_str::<Value>(arguments.get()).unwrap(), expected);
}

#[test]
fn web_13_of_a_name_that_stands_twice_the_last_counts() {
    let query = Some("a=1&b=x+y%2B%C3%BC&a=2&c&=&d=e=f");
    let expected = json!({"a": "2", "b": "x y+ü", "c": "", "d": "e=f", "": ""});
    assert_eq!(posted(None, query, b"", false).unwrap(), expected);
}

#[test]
fn web_14_bodies_of_jsons_family() {
    for kind in ["application/json", "Application/JSON; charset=utf-8", "application/cloudevents+json"] {
        let body = |text: &str| cooked_body(Some(kind), text.as_bytes());
        assert_eq!(body(""), json!({}));
        assert_eq!(body("{ }"), json!({}));
        assert_eq!(
            body(r#"{ "a": [1, null], "b": {"c": 2.50} }"#),
            json!({"a": [1, null], "b": {"c": 2.50}})
        );
        for other in ["[1, \"a b\"]", "\"text\"", "true", "99", "null"] {
            assert_eq!(body(other), json!({"__ow_body": serde_json::from_str::<Value>(other).unwrap()}));
        }
        for bad in ["{", "nope", " ", "{\"a\":1} x"] {
            let error = posted(Some(kind), None, bad.as_bytes(), false).unwrap_err();
            assert_eq!(error.status(), StatusCode::BAD_REQUEST, "{bad}");
            assert!(error.text().starts_with("The request content was malformed:\n"), "{bad}");
        }
        assert_eq!(
            posted(Some(kind), None, b"\"\xff\"", false).unwrap_err().status(),
            StatusCode::BAD_REQUEST
        );
    }
}

#[test]
fn http_24_numbers_of_a_body_keep_their_form() {
    let headers = headers(&[("content-type", "application/json")]);
    let body = b"{\"n\": 12345678901234567890123, \"f\": 1.0}";
    let request =
        WebRequest { method: &Method::POST, headers: &headers, rest: "", query: None, user: None, body };
    let arguments = cooked(&request, |_| false).unwrap();
    assert!(arguments.get().ends_with(r#","n":12345678901234567890123,"f":1.0}"#), "{arguments}");
}

#[test]
fn web_15_forms_are_fields() {
    let kind = Some("application/x-www-form-urlencoded; charset=UTF-8");
    let body = cooked_body(kind, b"a=1&b=x+%22y%22&a=2&c");
    assert_eq!(body, json!({"a": "2", "b": "x \"y\"", "c": ""}));
    assert_eq!(cooked_body(kind, b""), json!({}));
}

#[test]
fn web_16_other_bodies_are_text_or_base64() {
    assert_eq!(
        cooked_body(Some("text/plain"), "gr\u{fc}\u{df} \"dich\"\n".as_bytes()),
        json!({"__ow_body": "grüß \"dich\"\n"})
    );
    assert_eq!(cooked_body(Some("text/html; charset=UTF-8"), b"1,2,3"), json!({"__ow_body": "1,2,3"}));
    assert_eq!(cooked_body(Some("application/xml"), b"<a/>"), json!({"__ow_body": "<a/>"}));
    assert_eq!(cooked_body(Some("text/plain"), b"\xff"), json!({"__ow_body": "\u{fffd}"}));
    for kind in [
        Some("image/png"),
        Some("application/octet-stream"),
        Some("multipart/form-data; boundary=x"),
        Some("application"),
        None,
    ] {
        assert_eq!(cooked_body(kind, b"\x89PNG\xff"), json!({"__ow_body": "iVBOR/8="}), "{kind:?}");
    }
}

#[test]
fn web_17_the_body_wins() {
    let query = Some("a=query&b=query");
    let json = posted(Some("application/json"), query, br#"{"\u0061": "body", "c": 1}"#, false).unwrap();
    assert_eq!(json, json!({"a": "body", "b": "query", "c": 1}));
    let form = posted(Some("application/x-www-form-urlencoded"), query, b"a=body&c=1", false).unwrap();
    assert_eq!(form, json!({"a": "body", "b": "query", "c": "1"}));
}

#[test]
fn web_18_inv_13_what_no_request_may_set() {
    let refused = |query: Option<&str>, kind: &str, body: &str| {
        let error = posted(Some(kind), query, body.as_bytes(), false).unwrap_err();
        assert_eq!(
            (error.status(), error.text()),
            (StatusCode::BAD_REQUEST, NOT_ALLOWED),
            "{query:?} {body}"
        );
    };
    for name in RESERVED.into_iter().chain(["closed"]) {
        refused(Some(&format!("a=b&{name}=x")), "text/plain", "");
        refused(None, "application/json", &format!(r#"{{"a":1,"{name}":1}}"#));
        refused(None, "application/json", &format!(r#"{{"{name}":1,"{name}":2}}"#));
        refused(None, "application/x-www-form-urlencoded", name);
    }
    refused(Some("%5f_ow_user=x"), "text/plain", "");
    refused(None, "application/json", r#"{"\u005f_ow_user":1}"#);
    // Deeper down a name is only a name, and a body that has no fields has no names.
    assert_eq!(cooked_body(Some("application/json"), br#"{"a":{"closed":1}}"#), json!({"a": {"closed": 1}}));
    assert_eq!(cooked_body(Some("application/json"), br#"["closed"]"#), json!({"__ow_body": ["closed"]}));
}

#[test]
fn web_19_raw_actions_get_everything_as_it_is() {
    let raw = |kind: &str, query: Option<&str>, body: &[u8]| posted(Some(kind), query, body, true).unwrap();
    let query = Some("__ow_user=x&closed=1&a=b+c%20d%2F%3d&e&f=&g=%zz");
    let rendered = "__ow_user=x&closed=1&a=b+c+d/%3D&e&f=&g=%25zz";
    assert_eq!(raw("text/plain", query, b"hi"), json!({"__ow_query": rendered, "__ow_body": "hi"}));
    assert_eq!(raw("text/plain", None, b""), json!({"__ow_query": "", "__ow_body": ""}));
    let json = br#"{"closed": 1}"#;
    assert_eq!(
        raw("application/json", None, json),
        json!({"__ow_query": "", "__ow_body": STANDARD.encode(json)})
    );
    assert_eq!(raw("application/json", None, b"nope"), json!({"__ow_query": "", "__ow_body": "bm9wZQ=="}));
    let merge_patch = raw("application/merge-patch+json", None, json);
    assert_eq!(merge_patch["__ow_body"], "{\"closed\": 1}");
    assert_eq!(raw("application/x-www-form-urlencoded", None, b"a=b+c")["__ow_body"], "a=b+c");
    assert_eq!(raw("image/png", None, b"\x89PNG\xff")["__ow_body"], "iVBOR/8=");
    assert_eq!(posted(None, None, b"x", true).unwrap()["__ow_body"], "eA==");
}

proptest! {
    /// Whatever is sent, what is always there cannot be changed by it.
    #[test]
    fn web_18_nobody_forges_what_the_server_says(
        kind in "(application/json|application/x-www-form-urlencoded|text/plain|[a-z/;=+]{0,16})",
        query in "([a-d_&=%+]|__ow_user|__ow_path|.){0,16}",
        body in "([{}\":,1a]|\"__ow_user\":|__ow_path=|.){0,16}",
        is_raw: bool,
    ) {
        if let Ok(arguments) = posted(Some(&kind), Some(&query), body.as_bytes(), is_raw) {
            prop_assert!(arguments.get(USER).is_none());
        }
    }

    #[test]
    fn web_19_a_query_is_written_the_same_again(query in "([a-z&=+ /?%]|%20|%[0-9A-F]{2}|.){0,16}") {
        let once = rendered(&query);
        prop_assert_eq!(&rendered(&once), &once);
        let read = |text: &str| form_urlencoded::parse(text.as_bytes()).into_owned().collect::<Vec<_>>();
        prop_assert_eq!(read(&once), read(&query));
    }
}
