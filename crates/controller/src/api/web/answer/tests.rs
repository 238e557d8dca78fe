use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

fn answer(extension: Extension, result: &str) -> Result<Answer, ApiError> {
    of_result(extension, &json::parse(result).unwrap())
}

/// Status, type and body.
fn body(extension: Extension, result: &str) -> (u16, String, String) {
    let answer = answer(extension, result).unwrap_or_else(|error| panic!("{result}: {}", error.text()));
    let content = answer.body.unwrap();
    (answer.status.as_u16(), content.media, String::from_utf8(content.bytes.to_vec()).unwrap())
}

fn http(result: &Value) -> Result<Answer, ApiError> {
    answer(Extension::Http, &result.to_string())
}

#[track_caller]
fn fails(answer: Result<Answer, ApiError>, status: u16, text: &str) {
    let error = answer.unwrap_err();
    assert_eq!((error.status().as_u16(), error.text()), (status, text));
}

fn headers(answer: &Answer) -> Vec<(&str, &[u8])> {
    answer.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect()
}

#[test]
fn web_24_def_06_json() {
    let object = body(Extension::Json, r#"{"a":{"n":1.50},"b":[1,2]}"#);
    let expected = "{\n  \"a\": {\n    \"n\": 1.50\n  },\n  \"b\": [1, 2]\n}";
    assert_eq!(object, (200, "application/json".to_owned(), expected.to_owned()));
    assert_eq!(body(Extension::Json, "[]").2, "[]");
    for other in ["\"text\"", "1", "null", "true"] {
        fails(answer(Extension::Json, other), 400, "Response is not valid 'application/json'.");
    }
}

#[test]
fn web_25_html() {
    let html = || (200, "text/html; charset=UTF-8".to_owned(), "<b>ü</b>".to_owned());
    assert_eq!(body(Extension::Html, r#""<b>ü</b>""#), html());
    assert_eq!(body(Extension::Html, r#"{"html":"<b>ü</b>"}"#), html());
    assert_eq!(body(Extension::Html, r#"{"html":1,"body":"<b>\u00fc</b>"}"#), html());
    for bad in [r#"{"html":1}"#, r#"{"body":null,"html":"x"}"#, r#"{"text":"x"}"#, "[\"x\"]", "1", "null"] {
        fails(answer(Extension::Html, bad), 400, "Response is not valid 'text/html'.");
    }
}

#[test]
fn web_26_svg() {
    let svg = || (200, "image/svg+xml".to_owned(), "<svg/>".to_owned());
    for result in [r#""<svg/>""#, r#"{"svg":"<svg/>"}"#, r#"{"svg":1,"body":"<svg/>"}"#] {
        assert_eq!(body(Extension::Svg, result), svg());
    }
    for bad in [r#"{"html":"x"}"#, r#"{"svg":{}}"#, "[]"] {
        fails(answer(Extension::Svg, bad), 400, "Response is not valid 'image/svg+xml'.");
    }
}

#[test]
fn web_27_text() {
    for (value, text) in [
        (r#""a\n\"b\"""#, "a\n\"b\""),
        ("1.50", "1.50"),
        ("true", "true"),
        ("null", "null"),
        ("[1,\"a\"]", "[1, \"a\"]"),
        (r#"{"a":"A"}"#, "{\n  \"a\": \"A\"\n}"),
    ] {
        for result in [format!(r#"{{"text":{value}}}"#), format!(r#"{{"text":0,"body":{value}}}"#)] {
            let expected = (200, "text/plain; charset=UTF-8".to_owned(), text.to_owned());
            assert_eq!(body(Extension::Text, &result), expected, "{result}");
        }
        if !value.starts_with('{') {
            assert_eq!(body(Extension::Text, value).2, text);
        }
    }
    fails(answer(Extension::Text, r#"{"a":1}"#), 404, "Response does not include requested property.");
}

#[test]
fn web_28_http_headers_of_several_values() {
    let result = json!({"headers": {
        "Set-Cookie": ["a=b", "c=d; Path = /"], "X-Number": 1.5, "x-true": true, "X-Nested": [["1", 2], []], "X-Ü": [],
    }});
    assert!(http(&result).is_err(), "a name that no header has");
    let result = json!({"headers": {
        "Set-Cookie": ["a=b", "c=d; Path = /"], "X-Number": 1.5, "x-true": true, "X-Nested": [["1", 2], []], "X-Text": "ü",
    }});
    let answer = http(&result).unwrap();
    let expected: Vec<(&str, &[u8])> = vec![
        ("set-cookie", b"a=b"),
        ("set-cookie", b"c=d; Path = /"),
        ("x-number", b"1.5"),
        ("x-true", b"true"),
        ("x-nested", b"1"),
        ("x-nested", b"2"),
        ("x-text", "ü".as_bytes()),
    ];
    let mut seen = headers(&answer);
    seen.sort_by_key(|(name, _)| expected.iter().position(|(known, _)| known == name));
    assert_eq!(seen, expected);
    assert_eq!((answer.status, answer.body.is_none()), (StatusCode::NO_CONTENT, true));
}

#[test]
fn web_28_web_36_statuses() {
    for (status, expected) in [
        (json!(200), 200),
        (json!(302), 302),
        (json!(444), 444),
        (json!(599), 599),
        (json!("404"), 404),
        (json!(201.0), 201),
    ] {
        assert_eq!(http(&json!({"statusCode": status})).unwrap().status, expected, "{status}");
    }
    assert_eq!(answer(Extension::Http, r#"{"statusCode":2e2}"#).unwrap().status, 200);
}

#[test]
fn web_29_def_06_what_is_malformed() {
    for bad in [
        json!({"statusCode": 200.5}),
        json!({"statusCode": "xyz"}),
        json!({"statusCode": ""}),
        json!({"statusCode": null}),
        json!({"statusCode": true}),
        json!({"statusCode": [200]}),
        // What is below 200 is no answer, and what is above 599 is in no region of HTTP.
        json!({"statusCode": 0}),
        json!({"statusCode": 101}),
        json!({"statusCode": 600}),
        json!({"statusCode": 1000}),
        json!({"statusCode": -200}),
        json!({"statusCode": 65736}),
        json!({"headers": null}),
        json!({"headers": []}),
        json!({"headers": "a: b"}),
        json!({"headers": {"a": null}}),
        json!({"headers": {"a": {}}}),
        json!({"headers": {"a": ["b", null]}}),
        json!({"headers": {"a b": "c"}}),
        json!({"headers": {"": "c"}}),
        json!({"headers": {"a": "b\r\nc: d"}}),
        json!([]),
        json!("text"),
        json!(null),
        json!(1),
    ] {
        fails(http(&bad), 400, "Response is not valid 'message/http'.");
    }
}

#[test]
fn web_29_headers_without_end_are_malformed() {
    let nested =
        |depth: usize| format!(r#"{{"headers":{{"a":{}1{}}}}}"#, "[".repeat(depth), "]".repeat(depth));
    assert_eq!(answer(Extension::Http, &nested(MAX_LISTS)).unwrap().headers["a"], "1");
    for depth in [MAX_LISTS + 1, 100_000] {
        fails(answer(Extension::Http, &nested(depth)), 400, "Response is not valid 'message/http'.");
    }
    let named = |count: usize| {
        let headers: Value = (0..count).map(|number| (format!("x-{number}"), json!(1))).collect();
        http(&json!({"headers": headers}))
    };
    assert_eq!(named(MAX_HEADERS).unwrap().headers.len(), MAX_HEADERS);
    fails(named(MAX_HEADERS + 1), 400, "Response is not valid 'message/http'.");
    fails(named(100_000), 400, "Response is not valid 'message/http'.");
    fails(http(&json!({"headers": {"a": vec![1; 100_000]}})), 400, "Response is not valid 'message/http'.");
}

#[test]
fn values_may_lie_deep_in_each_other() {
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(body(Extension::Json, &deep).2, deep);
    assert_eq!(body(Extension::Http, &format!(r#"{{"body":{deep}}}"#)).2, deep);
}

#[test]
fn web_30_empty_bodies() {
    for empty in [json!({}), json!({"body": ""}), json!({"body": null})] {
        let answer = http(&empty).unwrap();
        assert_eq!((answer.status, answer.body.is_none()), (StatusCode::NO_CONTENT, true), "{empty}");
        let mut result = empty.clone();
        result["statusCode"] = json!(201);
        result["headers"] = json!({"Content-Type": "text/html", "a": "b", "content-TYPE": "nonsense"});
        let answer = http(&result).unwrap();
        assert_eq!((answer.status, answer.body.is_none()), (StatusCode::CREATED, true));
        assert_eq!(headers(&answer), [("a", &b"b"[..])]);
    }
}

#[test]
fn web_31_web_32_texts() {
    let text = |kind: Option<&str>, body: &str| {
        let headers = kind.map_or(json!({}), |kind| json!({"Content-Type": kind}));
        http(&json!({"headers": headers, "body": body}))
    };
    let sent = |answer: Result<Answer, ApiError>| {
        let answer = answer.unwrap();
        assert_eq!((answer.status, answer.headers.len()), (StatusCode::OK, 0));
        let content = answer.body.unwrap();
        (content.media, content.bytes.to_vec())
    };
    assert_eq!(sent(text(None, "<b>ü</b>")), ("text/html; charset=UTF-8".to_owned(), "<b>ü</b>".into()));
    assert_eq!(sent(text(Some("text/css"), "a{}")), ("text/css; charset=UTF-8".to_owned(), b"a{}".into()));
    // Text stays text though it looks like base64.
    assert_eq!(sent(text(Some("text/plain"), "QUJD")).1, b"QUJD");
    let png = BASE64.decode(PNG).unwrap();
    assert_eq!(sent(text(Some("image/png"), PNG)), ("image/png".to_owned(), png));
    assert_eq!(sent(text(Some("application/x-own"), "QUI")).1, b"AB");
    let mismatch = "Response type in header did not match generated content type.";
    fails(text(Some("image/png"), "not base64!"), 400, mismatch);
    fails(text(Some("text/javascript"), "let a = 1"), 400, mismatch);
}

#[test]
fn web_33_json_in_a_text() {
    for kind in ["application/json", "application/json-patch+json", "application/hal+json"] {
        let sent = |body: &str| {
            let content =
                http(&json!({"headers": {"content-type": kind}, "body": body})).unwrap().body.unwrap();
            (content.media, String::from_utf8(content.bytes.to_vec()).unwrap())
        };
        let plain = r#"{"field": "value"}"#;
        assert_eq!(sent(plain), (kind.to_owned(), plain.to_owned()));
        assert_eq!(sent("hello world").1, "hello world");
        assert_eq!(sent("eyJmaWVsZCI6InZhbHVlIn0="), (kind.to_owned(), r#"{"field":"value"}"#.to_owned()));
    }
}

#[test]
fn web_34_values() {
    for value in ["{\"a\":1}", "[1,2]", "3", "1.50", "true", "false"] {
        let pretty = json::pretty(value);
        let (status, media, text) = body(Extension::Http, &format!(r#"{{"body":{value}}}"#));
        assert_eq!((status, media.as_str(), &text), (200, "application/json", &pretty));
        for kind in ["application/json", "application/hal+json; charset=utf-8"] {
            let result =
                format!(r#"{{"statusCode":201,"headers":{{"content-type":"{kind}"}},"body":{value}}}"#);
            let (status, media, text) = body(Extension::Http, &result);
            assert_eq!((status, media.as_str(), &text), (201, kind.split(';').next().unwrap(), &pretty));
        }
        let html = format!(r#"{{"headers":{{"content-type":"text/html"}},"body":{value}}}"#);
        let mismatch = "Response type in header did not match generated content type.";
        fails(answer(Extension::Http, &html), 400, mismatch);
    }
}

#[test]
fn web_35_types_that_nobody_knows() {
    for bad in ["xyzbar", "", "text"] {
        for body in [json!("hello"), json!({"a": 1})] {
            let answer = http(&json!({"headers": {"content-type": bad}, "body": body}));
            fails(answer, 400, "Response did not specify a known content-type.");
        }
    }
}

#[test]
fn web_38_the_type_is_found_however_it_is_written() {
    for name in ["content-type", "Content-Type", "CONTENT-TYPE"] {
        let answer = http(&json!({"headers": {name: ["text/css", "text/html"]}, "body": "a"})).unwrap();
        assert_eq!(answer.body.unwrap().media, "text/css; charset=UTF-8");
        assert!(answer.headers.is_empty());
    }
}

#[test]
fn web_28_framing_is_the_servers() {
    let result = json!({"headers": {
        "content-length": 1, "Transfer-Encoding": "chunked", "Connection": "close", "date": "x", "server": "y", "a": "b",
    }, "body": "text"});
    assert_eq!(headers(&http(&result).unwrap()), [("a", &b"b"[..])]);
}

#[test]
fn web_30_statuses_without_a_body() {
    for status in [204, 205, 304] {
        let answer = http(&json!({"statusCode": status, "body": "text"})).unwrap();
        assert_eq!((answer.status.as_u16(), answer.body.is_none()), (status, true));
    }
}

/// An object of such members as responses have.
fn result() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        Just("null".to_owned()),
        any::<i32>().prop_map(|number| number.to_string()),
        any::<f64>().prop_map(|number| json!(number).to_string()),
        "([a-z/;= ]|.){0,12}".prop_map(|text| json!(text).to_string()),
        Just(r#"["a",1,[true]]"#.to_owned()),
        Just(r#"{"content-type":"text/html"}"#.to_owned()),
        "[a-z/+]{0,20}".prop_map(|text| json!({"Content-Type": text, "x": [text]}).to_string()),
    ];
    let name = "(statusCode|headers|body|html|text|error)";
    proptest::collection::vec((name, value), 0..4).prop_map(|members| {
        let members: Vec<String> =
            members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        format!("{{{}}}", members.join(","))
    })
}

proptest! {
    /// Every result is a response that can be sent, or a fault of the action.
    #[test]
    fn web_29_no_result_makes_it_panic(result in result()) {
        for extension in [Extension::Http, Extension::Json, Extension::Html, Extension::Svg, Extension::Text] {
            match answer(extension, &result) {
                Ok(answer) => {
                    prop_assert!((200..600).contains(&answer.status.as_u16()));
                    if let Some(content) = answer.body {
                        prop_assert!(HeaderValue::from_str(&content.media).is_ok());
                    }
                }
                Err(error) => prop_assert!(error.status().is_client_error()),
            }
        }
    }
}
