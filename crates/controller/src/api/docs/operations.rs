//! The table of the operations.

use super::operation::{Access, Answer, BASE, Content, Operation, Parameter};
use super::schemas::{any_of, array_of, named};
use http::Method;
use serde_json::{Value, json};

/// Every operation.
pub(super) fn operations() -> Vec<Operation> {
    [server(), actions(), packages(), triggers(), rules(), activations(), namespaces(), web()].concat()
}

fn server() -> Vec<Operation> {
    let get = |id, path: &str, summary| Operation::new(id, Method::GET, path, "Server", summary);
    let api = |id, path, summary| get(id, &format!("{BASE}{path}"), summary);
    let object = || json!({ "type": "object" });
    vec![
        get("getServer", "/", "What the server is: its limits and its runtimes").answering(
            "200",
            "The description",
            named("Server"),
        ),
        get("ping", "/ping", "Whether the server answers").answering_with("200", "`pong`", "text/plain"),
        api("getApi", "", "What the API is").answering("200", "The description", named("Api")),
        api("getSwagger", "/api-docs", "This document in Swagger 2.0").answering(
            "200",
            "The document",
            object(),
        ),
        api("getOpenApi", "/openapi.json", "This document in OpenAPI 3").answering(
            "200",
            "The document",
            object(),
        ),
        api("getDocs", "/docs", "The way to the page that shows the document")
            .answering_nothing("308", "Where the page is"),
        api("getDocsPage", "/docs/index.html", "The page that shows the document").answering_with(
            "200",
            "The page",
            "text/html",
        ),
    ]
}

fn actions() -> Vec<Operation> {
    let mut all = vec![
        listing("getAllActions", "/actions", "Actions", "The actions, newest first", "ActionMeta"),
        listing(
            "getActionsOfPackage",
            "/actions/{packageName}/",
            "Actions",
            "The actions of a package",
            "ActionMeta",
        )
        .fails(&["404"]),
    ];
    let paths = [
        ("/actions/{actionName}", ["getActionByName", "updateAction", "deleteAction", "invokeAction"]),
        (
            "/actions/{packageName}/{actionName}",
            [
                "getActionInPackageByName",
                "updateActionInPackage",
                "deleteActionInPackage",
                "invokeActionInPackage",
            ],
        ),
    ];
    for (path, [get, put, delete, post]) in paths {
        all.push(
            Operation::own(get, Method::GET, path, "Actions", "An action")
                .taking([query("code", boolean(true), "Whether its code comes with it.")])
                .answering("200", "The action", named("Action"))
                .fails(&["404", "409"]),
        );
        all.push(putting(put, path, "Actions", "Creates or updates an action", ("ActionPut", "Action")));
        all.push(deleting(delete, path, "Actions", "Deletes an action", "Action"));
        all.push(invoking(post, path));
    }
    all
}

fn invoking(id: &'static str, path: &str) -> Operation {
    let wait = json!({ "type": "integer", "minimum": 1, "maximum": 60000, "default": 60000 });
    let over = json!({ "type": "string", "enum": ["202", "504"] });
    Operation::own(id, Method::POST, path, "Actions", "Invokes an action")
        .taking([
            query("blocking", boolean(false), "Whether the answer waits for the end of the activation."),
            query("result", boolean(false), "Whether a blocking answer is the result alone."),
            query("timeout", wait, "How long a blocking answer waits, in milliseconds."),
            query("on_timeout", over, "The status when the wait is over: `202` or `504`."),
            header("Prefer", "`wait=SECONDS` makes it blocking for that time, `respond-async` non-blocking."),
            header("traceparent", "The W3C trace that it belongs to."),
            header("X-OW-Callback", "Non-blocking: the URL that the record is sent to when it has ended."),
            header("X-OW-Callback-Secret", "16 to 256 characters that sign what is sent to it."),
        ])
        .sending(json!({ "type": "object" }), false)
        .answering(
            "200",
            "Blocking: the activation, or its result",
            any_of(&[named("Activation"), json!({})]),
        )
        .naming_the_activation()
        .answering("202", "The activation goes on", named("ActivationId"))
        .naming_the_activation()
        .fails(&["404", "409", "429", "503"])
        .answering("502", "Blocking: the action ended in an error", json!({}))
        .naming_the_activation()
        .fails(&["504"])
        .naming_the_activation()
}

fn packages() -> Vec<Operation> {
    let (one, tag) = ("/packages/{packageName}", "Packages");
    vec![
        listing("getAllPackages", "/packages", tag, "The packages, newest first", "PackageMeta"),
        Operation::own("getPackageByName", Method::GET, one, tag, "A package, with what is in it")
            .answering("200", "The package", named("Package"))
            .fails(&["404", "409", "422"]),
        putting(
            "updatePackage",
            one,
            tag,
            "Creates or updates a package or a binding",
            ("PackagePut", "Package"),
        ),
        deleting("deletePackage", one, tag, "Deletes a package", "Package").taking([query(
            "force",
            boolean(false),
            "Whether the actions in it are deleted as well.",
        )]),
    ]
}

fn triggers() -> Vec<Operation> {
    let (one, tag) = ("/triggers/{triggerName}", "Triggers");
    vec![
        listing("getAllTriggers", "/triggers", tag, "The triggers, newest first", "TriggerMeta"),
        Operation::own("getTriggerByName", Method::GET, one, tag, "A trigger")
            .answering("200", "The trigger", named("Trigger"))
            .fails(&["404", "409"]),
        putting("updateTrigger", one, tag, "Creates or updates a trigger", ("TriggerPut", "Trigger")),
        deleting("deleteTrigger", one, tag, "Deletes a trigger", "Trigger"),
        Operation::own("fireTrigger", Method::POST, one, tag, "Fires a trigger")
            .sending(json!({ "type": "object" }), false)
            .answering("202", "Its rules run", named("ActivationId"))
            .naming_the_activation()
            .answering_nothing("204", "It has no active rule")
            .fails(&["404", "409", "429", "503"]),
    ]
}

fn rules() -> Vec<Operation> {
    let (one, tag) = ("/rules/{ruleName}", "Rules");
    vec![
        listing("getAllRules", "/rules", tag, "The rules, newest first", "RuleMeta"),
        Operation::own("getRuleByName", Method::GET, one, tag, "A rule")
            .answering("200", "The rule", named("Rule"))
            .fails(&["404", "409"]),
        putting("updateRule", one, tag, "Creates or updates a rule", ("RulePut", "Rule")),
        deleting("deleteRule", one, tag, "Deletes a rule", "Rule"),
        Operation::own("setState", Method::POST, one, tag, "Enables or disables a rule")
            .sending(named("RuleState"), true)
            .answering_nothing("200", "It is as was asked for")
            .fails(&["404", "409"]),
    ]
}

fn activations() -> Vec<Operation> {
    let tag = "Activations";
    let time = || json!({ "type": "integer", "format": "int64", "minimum": 0 });
    let one = |id, tail: &str, summary| {
        let path = format!("/activations/{{activationid}}{tail}");
        Operation::own(id, Method::GET, &path, tag, summary).fails(&["404"])
    };
    vec![
        listing("getActivations", "/activations", tag, "The activations, newest first", "ActivationBrief")
            .taking([
                query(
                    "name",
                    json!({ "type": "string" }),
                    "Only those of the action `name` or `package/name`.",
                ),
                query("since", time(), "Only those that began then or later, in milliseconds since 1970."),
                query("upto", time(), "Only those that began then or before, in milliseconds since 1970."),
                query("docs", boolean(false), "Whether the list has whole records; not with `count`."),
            ]),
        one("getActivationById", "", "The record of an activation").answering(
            "200",
            "The record",
            named("Activation"),
        ),
        one("getActivationLogs", "/logs", "What the function wrote")
            .taking([query(
                "follow",
                boolean(false),
                "Whether lines are sent as they are written, until it ends.",
            )])
            .answering("200", "The lines", named("ActivationLogs"))
            .or_as(&["text/plain", "text/event-stream"]),
        one("getActivationResult", "/result", "What came of it").answering(
            "200",
            "The result",
            named("ActivationResult"),
        ),
    ]
}

fn namespaces() -> Vec<Operation> {
    let all = format!("{BASE}/namespaces");
    vec![
        Operation::new("getAllNamespaces", Method::GET, all, "Namespaces", "The namespace of the key")
            .keyed()
            .answering("200", "One name", array_of(&json!({ "type": "string" }))),
        Operation::own("getLimits", Method::GET, "/limits", "Limits", "The limits of a namespace").answering(
            "200",
            "The limits",
            named("UserLimits"),
        ),
        Operation::own(
            "getCallbacks",
            Method::GET,
            "/callbacks",
            "Callbacks",
            "The completion callbacks of a namespace, and the secret that signs them",
        )
        .answering("200", "The callbacks", named("Callbacks")),
    ]
}

fn web() -> Vec<Operation> {
    let methods = [
        ("getWebAction", Method::GET),
        ("putWebAction", Method::PUT),
        ("deleteWebAction", Method::DELETE),
        ("postWebAction", Method::POST),
        ("patchWebAction", Method::PATCH),
        ("headWebAction", Method::HEAD),
        ("optionsWebAction", Method::OPTIONS),
    ];
    let path = format!("{BASE}/web/{{namespace}}/{{packageName}}/{{actionName}}.{{extension}}");
    let one = |(id, method): (&'static str, Method)| {
        let carries = [Method::PUT, Method::POST, Method::PATCH, Method::DELETE].contains(&method);
        let mut operation = Operation::new(id, method, path.clone(), "Web actions", "Runs a web action");
        operation.access = Access::OptionalKey;
        if carries {
            let schema = json!({});
            operation.body = Some(Content { kind: "*/*", schema, required: false });
        }
        let content = vec![Content { kind: "*/*", schema: json!({}), required: true }];
        let about = "What the action answers; the package of an action without one is `default`.";
        operation.answers.push(Answer { status: "default", about, content, names_activation: true });
        operation
    };
    methods.map(one).to_vec()
}

fn listing(id: &'static str, path: &str, tag: &'static str, summary: &'static str, item: &str) -> Operation {
    let limit = json!({ "type": "integer", "minimum": 0, "maximum": 200, "default": 30 });
    let skip = json!({ "type": "integer", "format": "int64", "minimum": 0, "default": 0 });
    let lists = any_of(&[array_of(&named(item)), named("Count")]);
    Operation::own(id, Method::GET, path, tag, summary)
        .taking([
            query("limit", limit, "How many at the most; 0 is the most that is allowed."),
            query("skip", skip, "How many to pass over."),
            query("count", boolean(false), "Whether only their number is asked for."),
        ])
        .answering("200", "The list, or with `count` the number", lists)
}

fn putting(
    id: &'static str,
    path: &str,
    tag: &'static str,
    summary: &'static str,
    (sent, answered): (&str, &str),
) -> Operation {
    Operation::own(id, Method::PUT, path, tag, summary)
        .taking([query("overwrite", boolean(false), "Whether it may be there already.")])
        .sending(named(sent), true)
        .answering("200", "As it is now", named(answered))
        .fails(&["404", "409"])
}

fn deleting(
    id: &'static str,
    path: &str,
    tag: &'static str,
    summary: &'static str,
    answered: &str,
) -> Operation {
    Operation::own(id, Method::DELETE, path, tag, summary)
        .answering("200", "As it was", named(answered))
        .fails(&["404", "409"])
}

fn query(name: &'static str, schema: Value, about: &'static str) -> Parameter {
    Parameter { name, place: "query", schema, about, example: None }
}

fn header(name: &'static str, about: &'static str) -> Parameter {
    Parameter { name, place: "header", schema: json!({ "type": "string" }), about, example: None }
}

fn boolean(otherwise: bool) -> Value {
    json!({ "type": "boolean", "default": otherwise })
}
