//! The schemas of what goes in and comes out, in the dialect of OpenAPI 3.0.

use serde_json::{Map, Value, json};

/// A schema that is defined under that name.
pub(super) fn named(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// A list.
pub(super) fn array_of(item: &Value) -> Value {
    json!({ "type": "array", "items": item })
}

/// One of several. The first one is what most clients will see.
pub(super) fn any_of(alternatives: &[Value]) -> Value {
    json!({ "anyOf": alternatives })
}

/// All schemas by their names.
pub(super) fn schemas() -> Map<String, Value> {
    [server(), common(), actions(), packages(), triggers_and_rules(), activations(), limits()]
        .concat()
        .into_iter()
        .map(|(name, schema)| (name.to_owned(), schema))
        .collect()
}

type Schemas = Vec<(&'static str, Value)>;

fn server() -> Schemas {
    let runtime = object(
        &["kind", "image", "deprecated", "default", "attached", "requireMain"],
        json!({
            "kind": text("The kind, with its version"),
            "image": text("The full name of the image"),
            "deprecated": flag("Whether it can only be read and deleted"),
            "default": flag("Whether it is the family's default"),
            "attached": flag("Whether the code is stored as an attachment"),
            "requireMain": flag("Whether `main` has to be given"),
        }),
    );
    let links = json!({ "type": "object", "additionalProperties": { "type": "string" } });
    vec![
        ("Runtime", runtime),
        (
            "Server",
            object(
                &["description", "support", "api_paths", "limits", "runtimes"],
                json!({
                    "description": text("`OpenWhisk`"),
                    "support": links,
                    "api_paths": array_of(&json!({ "type": "string" })),
                    "limits": {
                        "type": "object",
                        "description": "Durations in milliseconds, memory and logs in bytes",
                        "additionalProperties": { "type": "integer", "format": "int64" },
                    },
                    "runtimes": { "type": "object", "additionalProperties": array_of(&named("Runtime")) },
                }),
            ),
        ),
        (
            "Api",
            object(
                &["description", "api_version", "api_version_path", "build", "buildno", "swagger_paths"],
                json!({
                    "description": text("`OpenWhisk API`"),
                    "api_version": text("The version of the API"),
                    "api_version_path": text("The last segment of its base path"),
                    "build": text("When the server was built"),
                    "buildno": text("The number of the build"),
                    "swagger_paths": links,
                }),
            ),
        ),
    ]
}

fn common() -> Schemas {
    vec![
        (
            "ErrorMessage",
            object(
                &["error", "code"],
                json!({
                    "error": text("What is wrong"),
                    "code": text("The id of the request, as in the header `X-Request-ID`"),
                    "reason": text("The same for programs: a word that stays"),
                    "activationId": named("Id"),
                    "limit": text("Which limit is reached, where one is"),
                    "allowed": whole("What the limit allows"),
                    "count": whole("How many there are"),
                }),
            ),
        ),
        (
            "Name",
            json!({
                "type": "string",
                "pattern": "^[A-Za-z0-9_]([A-Za-z0-9_@ .&-]{0,254}[A-Za-z0-9_@.&-])?$",
                "description": "Letters, digits, `_`, `@`, `.`, `&`, `-` and inner spaces",
            }),
        ),
        ("Id", json!({ "type": "string", "pattern": "^[0-9a-f]{32}$" })),
        ("Version", json!({ "type": "string", "pattern": "^[0-9]+\\.[0-9]+\\.[0-9]+$" })),
        (
            "KeyValue",
            object(
                &["key", "value"],
                json!({
                    "key": text("The name"),
                    "value": { "nullable": true, "description": "Any JSON value" },
                    "init": flag("Of a parameter: whether it is given in the environment at initialisation"),
                    "encryption": {
                        "type": "string",
                        "nullable": true,
                        "description": "Of a parameter: what the value is locked with",
                    },
                }),
            ),
        ),
        ("ActivationId", object(&["activationId"], json!({ "activationId": named("Id") }))),
        (
            "Count",
            json!({
                "type": "object",
                "description": "The name of the collection, and how many there are",
                "minProperties": 1,
                "maxProperties": 1,
                "additionalProperties": { "type": "integer", "minimum": 0 },
            }),
        ),
        (
            "PathName",
            object(&["path", "name"], json!({ "path": text("`ns` or `ns/package`"), "name": named("Name") })),
        ),
        ("EntityReference", any_of(&[text("`/ns/name`, `/_/name`, `/ns/package/name`"), named("PathName")])),
    ]
}

fn actions() -> Schemas {
    let exec = |code: bool| {
        let mut fields = json!({
            "kind": text("A kind with its version, `sequence` or `blackbox`"),
            "image": text("Of `blackbox`: the image"),
            "main": text("The entry point"),
            "binary": flag("Whether the code is base64; ignored in requests"),
            "components": array_of(&text("Of `sequence`: the full name of an action")),
        });
        if code {
            fields["code"] = text("Source, or base64 of an archive or an executable");
        }
        fields
    };
    let fields = json!({
        "exec": named("ActionExec"),
        "parameters": array_of(&named("KeyValue")),
        "limits": named("ActionLimits"),
    });
    let summary = json!({ "exec": named("ActionExecMeta"), "limits": named("ActionLimits") });
    let sent = json!({
        "exec": named("ActionExec"),
        "parameters": array_of(&named("KeyValue")),
        "limits": named("ActionLimitsPut"),
        "delAnnotations": array_of(&text("An annotation to be removed")),
    });
    let limits = json!({
        "timeout": whole("How long one run may take, in milliseconds"),
        "memory": whole("The memory of one container, in MB"),
        "logs": whole("How much one activation may log, in MB"),
        "concurrency": whole("How many activations one container may run at a time"),
        "instances": whole("How many containers there may be at a time"),
    });
    let code = "function main({ name }) { return { text: `Hello ${name}` } }";
    vec![
        ("ActionExec", object(&["kind"], exec(true))),
        ("ActionExecMeta", object(&["binary"], exec(false))),
        ("ActionLimits", object(&["timeout", "memory", "logs", "concurrency"], limits.clone())),
        ("ActionLimitsPut", object(&[], limits)),
        ("Action", entity(&["exec", "parameters", "limits"], fields)),
        ("ActionMeta", entity(&["exec", "limits"], summary)),
        ("ActionPut", put(sent, json!({ "exec": { "kind": "nodejs:default", "code": code } }))),
    ]
}

fn packages() -> Schemas {
    let binding = json!({ "namespace": named("Name"), "name": named("Name") });
    let listed = json!({ "type": "boolean", "description": "`false`: no binding" });
    let content = object(
        &["name", "version", "annotations"],
        json!({
            "name": named("Name"),
            "version": named("Version"),
            "annotations": array_of(&named("KeyValue")),
        }),
    );
    let fields = json!({
        "binding": named("PackageBinding"),
        "parameters": array_of(&named("KeyValue")),
        "actions": array_of(&named("PackageAction")),
        "feeds": array_of(&named("PackageAction")),
    });
    let sent = json!({
        "binding": named("PackageBinding"),
        "parameters": array_of(&named("KeyValue")),
    });
    vec![
        ("PackageBinding", object(&[], binding)),
        ("PackageAction", content),
        ("Package", entity(&["binding", "parameters"], fields)),
        (
            "PackageMeta",
            entity(&["binding"], json!({ "binding": any_of(&[named("PackageBinding"), listed]) })),
        ),
        ("PackagePut", put(sent, json!({ "parameters": [{ "key": "name", "value": "Ada" }] }))),
    ]
}

fn triggers_and_rules() -> Schemas {
    let status = json!({ "type": "string", "enum": ["active", "inactive"] });
    let link = object(&["action", "status"], json!({ "action": named("PathName"), "status": status }));
    let trigger = json!({
        "parameters": array_of(&named("KeyValue")),
        "limits": { "type": "object" },
        "rules": {
            "type": "object",
            "description": "By `ns/rule`",
            "additionalProperties": named("TriggerRule"),
        },
    });
    let trigger_put = json!({ "parameters": array_of(&named("KeyValue")), "limits": { "type": "object" } });
    let ends = json!({ "trigger": named("PathName"), "action": named("PathName") });
    let rule = json!({ "trigger": named("PathName"), "action": named("PathName"), "status": status });
    let rule_put = json!({ "trigger": named("EntityReference"), "action": named("EntityReference") });
    vec![
        ("TriggerRule", link),
        ("Trigger", entity(&["parameters", "limits"], trigger)),
        ("TriggerMeta", entity(&[], json!({}))),
        ("TriggerPut", put(trigger_put, json!({ "annotations": [{ "key": "about", "value": "a clock" }] }))),
        ("Rule", entity(&["trigger", "action", "status"], rule)),
        ("RuleMeta", entity(&["trigger", "action"], ends)),
        ("RulePut", put(rule_put, json!({ "trigger": "/_/tick", "action": "/_/hello" }))),
        ("RuleState", object(&["status"], json!({ "status": status }))),
    ]
}

fn activations() -> Schemas {
    let time = |about: &str| json!({ "type": "integer", "format": "int64", "description": about });
    let shared = json!({
        "namespace": text("The namespace that invoked it"),
        "name": named("Name"),
        "version": named("Version"),
        "publish": flag("Always false"),
        "annotations": array_of(&named("KeyValue")),
        "activationId": named("Id"),
        "cause": named("Id"),
        "start": time("When it began, in milliseconds since 1970"),
        "end": time("When it ended, in milliseconds since 1970"),
        "duration": time("How long it ran, in milliseconds"),
    });
    let mut brief = shared.clone();
    brief["statusCode"] = json!({ "type": "integer", "minimum": 0, "maximum": 3 });
    let mut record = shared;
    let lines = array_of(&json!({ "type": "string" }));
    record["subject"] = text("Who invoked it");
    record["response"] = named("ActivationResult");
    record["logs"] = lines.clone();
    let result = json!({
        "result": { "nullable": true, "description": "What the function returned: any JSON value" },
        "status": {
            "type": "string",
            "enum": ["success", "application error", "action developer error", "whisk internal error"],
        },
        "success": flag("Whether the status is `success`"),
        "size": { "type": "integer", "format": "int64", "description": "Of what the container answered" },
    });
    let always = ["namespace", "name", "version", "publish", "annotations", "activationId", "start"];
    let whole = [&always[..], &["subject", "response", "logs"]].concat();
    // With `docs` a list has whole records.
    let listed = any_of(&[object(&always, brief), named("Activation")]);
    vec![
        ("Activation", object(&whole, record)),
        ("ActivationBrief", listed),
        ("ActivationResult", object(&["status", "success"], result)),
        ("ActivationLogs", object(&["logs"], json!({ "logs": lines }))),
    ]
}

fn limits() -> Schemas {
    let counts = [
        "invocationsPerMinute",
        "concurrentInvocations",
        "firesPerMinute",
        "minActionMemory",
        "maxActionMemory",
        "minActionLogs",
        "maxActionLogs",
        "minActionTimeout",
        "maxActionTimeout",
        "minActionConcurrency",
        "maxActionConcurrency",
        "maxActionInstances",
    ];
    let mut fields = Map::new();
    for name in counts {
        fields.insert(name.to_owned(), json!({ "type": "integer" }));
    }
    for name in ["warmedContainerKeepingCount", "warmedContainerKeepingTimeout"] {
        fields.insert(name.to_owned(), json!({ "type": "integer" }));
    }
    for name in ["maxParameterSize", "maxPayloadSize", "truncationSize"] {
        fields.insert(name.to_owned(), text("Such as `1048576 B`"));
    }
    fields.insert("allowedKinds".to_owned(), array_of(&json!({ "type": "string" })));
    fields.insert("storeActivations".to_owned(), json!({ "type": "boolean" }));
    let required = [&counts[..], &["maxParameterSize"]].concat();
    let callback = object(
        &["activationId", "url", "state", "promised", "tries"],
        json!({
            "activationId": text("Whose end is told"),
            "url": text("To whom"),
            "state": { "type": "string", "enum": ["pending", "delivered", "gone", "given up"] },
            "promised": { "type": "integer", "format": "int64" },
            "tries": { "type": "integer" },
            "error": text("What came of the last try that failed"),
            "next": { "type": "integer", "format": "int64" },
        }),
    );
    let callbacks = json!({
        "secret": text("The key of the signatures"),
        "callbacks": array_of(&named("Callback")),
    });
    vec![
        ("UserLimits", object(&required, Value::Object(fields))),
        ("Callback", callback),
        ("Callbacks", object(&["secret", "callbacks"], callbacks)),
    ]
}

/// An object with these fields, and perhaps more: clients have to pass over fields that they do not know.
fn object(required: &[&str], properties: Value) -> Value {
    let mut schema = json!({ "type": "object", "properties": properties });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

/// What all entities have, and these fields.
fn entity(required: &[&str], properties: Value) -> Value {
    let always = ["namespace", "name", "version", "publish", "annotations", "updated"];
    let mut all = json!({
        "namespace": text("`ns`, or `ns/package` for an action in a package"),
        "name": named("Name"),
        "version": named("Version"),
        "publish": flag("Of a package: whether others may use it"),
        "annotations": array_of(&named("KeyValue")),
        "updated": {
            "type": "integer",
            "format": "int64",
            "description": "When it was written last, in milliseconds since 1970",
        },
    });
    add(&mut all, properties);
    object(&[&always[..], required].concat(), all)
}

/// What may be sent of an entity, and an example. What is left out is as it was, or takes its default.
fn put(properties: Value, example: Value) -> Value {
    let mut all = json!({
        "version": named("Version"),
        "publish": flag("Of a package: whether others may use it"),
        "annotations": array_of(&named("KeyValue")),
    });
    add(&mut all, properties);
    let mut schema = object(&[], all);
    schema["example"] = example;
    schema
}

fn add(all: &mut Value, more: Value) {
    if let (Value::Object(all), Value::Object(more)) = (all, more) {
        all.extend(more);
    }
}

fn text(about: &str) -> Value {
    json!({ "type": "string", "description": about })
}

fn flag(about: &str) -> Value {
    json!({ "type": "boolean", "description": about })
}

fn whole(about: &str) -> Value {
    json!({ "type": "integer", "minimum": 0, "description": about })
}
