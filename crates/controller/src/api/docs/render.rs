//! From the table of the operations to the two documents.

use super::operation::{Access, Answer, BASE, Content, Operation, Parameter};
use super::operations::operations;
use super::schemas::schemas;
use serde_json::{Map, Value, json};

const TITLE: &str = "OpenWhisk REST API";
const ABOUT: &str = "OpenWhisk's REST API, as OxiWhisk serves it.";

/// The document in OpenAPI 3.
pub(super) fn openapi() -> Value {
    json!({
        "openapi": "3.0.3",
        "info": info(),
        "servers": [{ "url": "/" }],
        "tags": tags(),
        "security": [{ "basicAuth": [] }],
        "paths": paths("", operation),
        "components": {
            "securitySchemes": { "basicAuth": { "type": "http", "scheme": "basic" } },
            "schemas": schemas(),
        },
    })
}

/// The document in Swagger 2.0. It has only what stands below its base path, and says less of schemas.
pub(super) fn swagger() -> Value {
    let mut document = json!({
        "swagger": "2.0",
        "info": info(),
        "basePath": BASE,
        "tags": tags(),
        "consumes": ["application/json"],
        "produces": ["application/json"],
        "securityDefinitions": { "basicAuth": { "type": "basic" } },
        "security": [{ "basicAuth": [] }],
        "paths": paths(BASE, swagger_operation),
        "definitions": schemas(),
    });
    weaken(&mut document);
    document
}

fn info() -> Value {
    json!({ "title": TITLE, "description": ABOUT, "version": env!("CARGO_PKG_VERSION") })
}

fn tags() -> Value {
    let mut names: Vec<&str> = operations().iter().map(|operation| operation.tag).collect();
    names.dedup();
    names.into_iter().map(|name| json!({ "name": name })).collect()
}

/// The operations below `base` by path and method.
fn paths(base: &str, render: fn(&Operation) -> Value) -> Value {
    let mut paths = Map::new();
    for operation in operations() {
        let Some(path) = operation.path.strip_prefix(base) else { continue };
        // The base path itself is a path without a name in Swagger.
        let path = if path.is_empty() { "/" } else { path };
        let methods = paths.entry(path).or_insert_with(|| json!({}));
        methods[operation.method.as_str().to_lowercase()] = render(&operation);
    }
    Value::Object(paths)
}

/// What both documents say of an operation in the same way.
fn head(operation: &Operation) -> Value {
    let mut head = json!({
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
    });
    match operation.access {
        Access::Key => {}
        Access::Open => head["security"] = json!([]),
        Access::OptionalKey => head["security"] = json!([{}, { "basicAuth": [] }]),
    }
    head
}

fn operation(operation: &Operation) -> Value {
    let mut value = head(operation);
    let parameter = |parameter: &Parameter| {
        let mut value = json!({
            "name": parameter.name,
            "in": parameter.place,
            "required": parameter.place == "path",
            "description": parameter.about,
            "schema": parameter.schema,
        });
        if let Some(example) = parameter.example {
            value["example"] = json!(example);
        }
        value
    };
    value["parameters"] = operation.parameters.iter().map(parameter).collect();
    if let Some(body) = &operation.body {
        let content = content(std::slice::from_ref(body));
        value["requestBody"] = json!({ "required": body.required, "content": content });
    }
    let header = |schema: Value| json!({ "schema": schema });
    let answer = |answer: &Answer| {
        let mut headers = json!({ "X-Request-ID": header(json!({ "type": "string" })) });
        if answer.names_activation {
            headers["X-OpenWhisk-Activation-Id"] = header(json!({ "$ref": "#/components/schemas/Id" }));
        }
        let mut value = json!({ "description": answer.about, "headers": headers });
        if !answer.content.is_empty() {
            value["content"] = content(&answer.content);
        }
        (answer.status.to_owned(), value)
    };
    value["responses"] = Value::Object(operation.answers.iter().map(answer).collect());
    value
}

fn content(all: &[Content]) -> Value {
    let one = |content: &Content| (content.kind.to_owned(), json!({ "schema": content.schema }));
    Value::Object(all.iter().map(one).collect())
}

fn swagger_operation(operation: &Operation) -> Value {
    let mut value = head(operation);
    let parameter = |parameter: &Parameter| {
        // In Swagger a parameter is its own schema, and cannot refer to one.
        let mut value = match schemas().get(reference(&parameter.schema)) {
            Some(schema) => schema.clone(),
            None => parameter.schema.clone(),
        };
        value["name"] = json!(parameter.name);
        value["in"] = json!(parameter.place);
        value["required"] = json!(parameter.place == "path");
        value["description"] = json!(parameter.about);
        value
    };
    let mut parameters: Vec<Value> = operation.parameters.iter().map(parameter).collect();
    if let Some(body) = &operation.body {
        value["consumes"] = json!([body.kind]);
        let body = json!({ "name": "body", "in": "body", "required": body.required, "schema": body.schema });
        parameters.push(body);
    }
    value["parameters"] = Value::Array(parameters);
    let contents = operation.answers.iter().flat_map(|answer| &answer.content);
    let mut kinds: Vec<&str> = contents.map(|content| content.kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    value["produces"] = json!(kinds);
    let answer = |answer: &Answer| {
        let mut headers = json!({ "X-Request-ID": { "type": "string" } });
        if answer.names_activation {
            headers["X-OpenWhisk-Activation-Id"] = json!({ "type": "string" });
        }
        let mut value = json!({ "description": answer.about, "headers": headers });
        if let Some(body) = answer.content.first() {
            value["schema"] = body.schema.clone();
        }
        (answer.status.to_owned(), value)
    };
    value["responses"] = Value::Object(operation.answers.iter().map(answer).collect());
    value
}

/// The name of the schema that a schema refers to, if it does.
fn reference(schema: &Value) -> &str {
    schema["$ref"].as_str().and_then(|text| text.rsplit('/').next()).unwrap_or_default()
}

/// Takes out of schemas what Swagger 2.0 has no words for: of alternatives the first one stays, the one that most
/// clients will see.
fn weaken(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::Array(alternatives)) = fields.remove("anyOf")
                && let Some(Value::Object(first)) = alternatives.into_iter().next()
            {
                fields.extend(first);
            }
            fields.remove("nullable");
            if let Some(Value::String(target)) = fields.get_mut("$ref") {
                *target = target.replace("#/components/schemas/", "#/definitions/");
            }
            fields.values_mut().for_each(weaken);
        }
        Value::Array(items) => items.iter_mut().for_each(weaken),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
