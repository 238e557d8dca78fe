use crate::kit::Kit;
use serde_json::Value;

/// The operations of the document that the server gives: method and path.
async fn operations(kit: &Kit) -> Vec<(String, String)> {
    let document = kit.request("GET", "/api/v1/openapi.json").anonymous().send().await.json;
    let paths = document["paths"].as_object().unwrap();
    let methods = |(path, methods): (&String, &Value)| -> Vec<(String, String)> {
        let methods = methods.as_object().unwrap().keys();
        methods.map(|method| (method.to_uppercase(), path.clone())).collect()
    };
    paths.iter().flat_map(methods).collect()
}

/// What stands in for a parameter.
const VALUES: [(&str, &str); 8] = [
    ("{namespace}", "_"),
    ("{packageName}", "p"),
    ("{actionName}", "a"),
    ("{triggerName}", "t"),
    ("{ruleName}", "r"),
    ("{activationid}", "0123456789abcdef0123456789abcdef"),
    ("{extension}", "http"),
    ("{limit}", "x"),
];

#[tokio::test]
async fn http_01_http_10_every_operation_of_the_document_has_a_handler() {
    let kit = Kit::new().await;
    let operations = operations(&kit).await;
    assert!(operations.len() > 30);
    for (method, template) in operations {
        let path = VALUES.iter().fold(template, |path, (name, value)| path.replace(name, value));
        let answer = kit.request(&method, &path).json("{}").send().await;
        let no_route = answer.json["error"] == "The requested resource could not be found.";
        assert!(!no_route && ![405, 501].contains(&answer.status), "{method} {path}: {}", answer.text);
    }
}

#[tokio::test]
async fn http_10_the_documents_are_where_clients_look_and_need_no_credentials() {
    let kit = Kit::new().await;
    let swagger = kit.request("GET", "/api/v1/api-docs").anonymous().send().await;
    assert_eq!((swagger.status, swagger.header("content-type")), (200, Some("application/json")));
    assert_eq!((&swagger.json["swagger"], &swagger.json["basePath"]), (&"2.0".into(), &"/api/v1".into()));
    let openapi = kit.request("GET", "/api/v1/openapi.json").anonymous().send().await;
    assert!(openapi.json["openapi"].as_str().unwrap().starts_with("3."));
    assert_eq!(kit.request("PUT", "/api/v1/api-docs").anonymous().send().await.status, 405);
    assert_eq!(kit.request("GET", "/api/v1/docs/other").anonymous().send().await.status, 404);
}

#[tokio::test]
async fn http_10_the_page_is_found_and_needs_no_network() {
    let kit = Kit::new().await;
    let answer = kit.request("GET", "/api/v1/docs").anonymous().send().await;
    let location = answer.header("location");
    assert_eq!((answer.status, location), (308, Some("/api/v1/docs/index.html?url=/api/v1/api-docs")));
    let page = kit.request("GET", location.unwrap()).anonymous().send().await;
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=UTF-8")));
    assert!(page.header("content-security-policy").unwrap().contains("default-src 'none'"));
    assert!(!page.text.contains("http://") && !page.text.contains("https://"));
}
