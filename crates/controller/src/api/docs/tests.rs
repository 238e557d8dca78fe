use super::operation::Operation;
use super::operations::operations;
use super::render::{openapi, swagger};
use crate::api::paths::{self, Part, Resource, Route};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The path of an operation with something in place of its parameters.
fn example(operation: &Operation) -> String {
    let mut path = operation.path.clone();
    for parameter in operation.parameters.iter().filter(|parameter| parameter.place == "path") {
        path = path.replace(&format!("{{{}}}", parameter.name), parameter.name);
    }
    assert!(!path.contains('{'), "{path}");
    path
}

/// What a route is called here. Whoever adds one adds an operation too, or says here why there is none.
fn label(route: &Route<'_>) -> Option<&'static str> {
    let label = match route {
        Route::Root => "root",
        Route::Ping => "ping",
        Route::Api => "api",
        Route::Namespaces => "namespaces",
        Route::Web { .. } => "web",
        Route::Docs { .. } => "docs",
        Route::InNamespace { resource, .. } => match resource {
            Resource::Actions => "actions",
            Resource::Action { .. } => "action",
            Resource::ActionsOfPackage { .. } => "actions of a package",
            Resource::PackagedAction { .. } => "packaged action",
            Resource::Packages => "packages",
            Resource::Package { .. } => "package",
            Resource::Triggers => "triggers",
            Resource::Trigger { .. } => "trigger",
            Resource::Rules => "rules",
            Resource::Rule { .. } => "rule",
            Resource::Activations => "activations",
            Resource::Activation { part: Part::Record, .. } => "activation",
            Resource::Activation { part: Part::Result, .. } => "result",
            Resource::Activation { part: Part::Logs, .. } => "logs",
            Resource::Limits => "limits",
            Resource::Callbacks => "callbacks",
            // NS-06: it only says that it is not there.
            Resource::LimitsEntity => return None,
        },
        // What is for operators: `GET /admin/v1` lists its own routes, and docs/operating describes all.
        Route::Admin { .. } | Route::Operator { .. } => return None,
        Route::UnknownApi | Route::Unknown => return None,
    };
    Some(label)
}

/// Every route that there is, as a path.
const ROUTES: [&str; 22] = [
    "/",
    "/ping",
    "/api/v1",
    "/api/v1/api-docs",
    "/api/v1/namespaces",
    "/api/v1/web/ns/p/a",
    "/api/v1/namespaces/_/actions",
    "/api/v1/namespaces/_/actions/a",
    "/api/v1/namespaces/_/actions/p/",
    "/api/v1/namespaces/_/actions/p/a",
    "/api/v1/namespaces/_/packages",
    "/api/v1/namespaces/_/packages/p",
    "/api/v1/namespaces/_/triggers",
    "/api/v1/namespaces/_/triggers/t",
    "/api/v1/namespaces/_/rules",
    "/api/v1/namespaces/_/rules/r",
    "/api/v1/namespaces/_/activations",
    "/api/v1/namespaces/_/activations/x",
    "/api/v1/namespaces/_/activations/x/result",
    "/api/v1/namespaces/_/activations/x/logs",
    "/api/v1/namespaces/_/limits",
    "/api/v1/namespaces/_/callbacks",
];

#[test]
fn http_01_http_10_the_table_has_every_route_and_each_of_its_methods() {
    let mut documented: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for operation in operations() {
        let path = example(&operation);
        let route = paths::parse(&path);
        let label = label(&route).unwrap_or_else(|| panic!("{path} is {route:?}"));
        let methods = documented.entry(label).or_default();
        // What is below `docs` is told apart by the handler.
        let new = methods.insert(operation.method.to_string()) || label == "docs";
        assert!(new, "{} is there twice", operation.id);
    }
    let routes: BTreeSet<&str> = ROUTES.iter().filter_map(|path| label(&paths::parse(path))).collect();
    assert_eq!(routes.len(), ROUTES.len(), "a route stands twice");
    assert_eq!(documented.keys().copied().collect::<BTreeSet<_>>(), routes);
    for path in ROUTES {
        let route = paths::parse(path);
        let Route::InNamespace { resource, .. } = &route else { continue };
        let methods: BTreeSet<String> = resource.methods().split(", ").map(str::to_owned).collect();
        assert_eq!(label(&route).map(|label| &documented[label]), Some(&methods), "{path}");
    }
}

#[test]
fn every_operation_has_a_name_of_its_own() {
    let names: Vec<&str> = operations().iter().map(|operation| operation.id).collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
}

/// Every `$ref` of a document.
fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

/// What a document refers to, and what it defines.
fn definitions(document: &Value, place: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let mut found = BTreeSet::new();
    references(document, &mut found);
    let defined = document.pointer(place).and_then(Value::as_object).unwrap();
    (found, defined.keys().map(|name| format!("#{place}/{name}")).collect())
}

#[test]
fn http_10_the_documents_define_what_they_refer_to() {
    let (found, defined) = definitions(&openapi(), "/components/schemas");
    assert_eq!(found, defined);
    // In Swagger, which has no alternatives, some are referred to by none.
    let (found, defined) = definitions(&swagger(), "/definitions");
    assert_eq!(found.difference(&defined).next(), None);
}

#[test]
fn http_10_the_swagger_document_has_what_stands_below_its_base_path() {
    let document = swagger();
    assert_eq!((&document["swagger"], &document["basePath"]), (&"2.0".into(), &"/api/v1".into()));
    let paths: BTreeSet<&str> = document["paths"].as_object().unwrap().keys().map(String::as_str).collect();
    assert!(paths.contains("/namespaces/{namespace}/actions/{packageName}/{actionName}"), "{paths:?}");
    assert!(!paths.contains("/ping"), "{paths:?}");
    let text = document.to_string();
    for word in ["anyOf", "nullable", "#/components"] {
        assert!(!text.contains(word), "{word}");
    }
}
