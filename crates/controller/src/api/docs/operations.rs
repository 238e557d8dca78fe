//! The table of the operations.

use super::schemas::{any_of, array_of, named};
use http::Method;
use serde_json::{Value, json};

/// The versioned API.
pub(super) const BASE: &str = "/api/v1";

/// One method on one path.
#[derive(Clone, Debug)]
pub(super) struct Operation {
    /// Its name in generated clients; upstream's where it has one.
    pub(super) id: &'static str,
    pub(super) method: Method,
    /// From the root of the host, with `{parameters}`.
    pub(super) path: String,
    pub(super) tag: &'static str,
    pub(super) summary: &'static str,
    pub(super) access: Access,
    pub(super) parameters: Vec<Parameter>,
    pub(super) body: Option<Content>,
    pub(super) answers: Vec<Answer>,
}

/// Who may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// Anybody.
    Open,
    /// Who has a key.
    Key,
    /// Anybody, unless the action wants a key.
    OptionalKey,
}

/// A parameter in a path, a query or a header.
#[derive(Clone, Debug)]
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) place: &'static str,
    pub(super) schema: Value,
    pub(super) about: &'static str,
    pub(super) example: Option<&'static str>,
}

/// What a request or a response carries.
#[derive(Clone, Debug)]
pub(super) struct Content {
    /// The media type.
    pub(super) kind: &'static str,
    pub(super) schema: Value,
    /// Of a request: whether it has to be there.
    pub(super) required: bool,
}

/// A status and what comes with it.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    /// A number, or `default` for all that have none.
    pub(super) status: &'static str,
    pub(super) about: &'static str,
    pub(super) content: Option<Content>,
    /// Whether it names an activation in a header (HTTP-19).
    pub(super) names_activation: bool,
}

/// What may happen to any request that needs a key.
const ANY: [&str; 5] = ["401", "406", "408", "414", "500"];

impl Operation {
    fn new(
        id: &'static str,
        method: Method,
        path: impl Into<String>,
        tag: &'static str,
        summary: &'static str,
    ) -> Operation {
        let path = path.into();
        let parameters = in_path(&path);
        let (body, answers) = (None, Vec::new());
        Operation { id, method, path, tag, summary, access: Access::Open, parameters, body, answers }
    }

    /// In a namespace; with a key, and with what can go wrong for everybody.
    fn own(
        id: &'static str,
        method: Method,
        path: &str,
        tag: &'static str,
        summary: &'static str,
    ) -> Operation {
        let path = format!("{BASE}/namespaces/{{namespace}}{path}");
        Operation::new(id, method, path, tag, summary).keyed().fails(&["400", "403"])
    }

    fn keyed(mut self) -> Operation {
        self.access = Access::Key;
        self.fails(&ANY)
    }

    fn taking(mut self, parameters: impl IntoIterator<Item = Parameter>) -> Operation {
        self.parameters.extend(parameters);
        self
    }

    fn sending(mut self, schema: Value, required: bool) -> Operation {
        self.body = Some(Content { kind: "application/json", schema, required });
        self.fails(&["413", "415"])
    }

    fn answering(mut self, status: &'static str, about: &'static str, schema: Value) -> Operation {
        let content = Some(Content { kind: "application/json", schema, required: true });
        self.answers.push(Answer { status, about, content, names_activation: false });
        self
    }

    fn answering_with(mut self, status: &'static str, about: &'static str, kind: &'static str) -> Operation {
        let content = Content { kind, schema: json!({ "type": "string" }), required: true };
        self.answers.push(Answer { status, about, content: Some(content), names_activation: false });
        self
    }

    fn answering_nothing(mut self, status: &'static str, about: &'static str) -> Operation {
        self.answers.push(Answer { status, about, content: None, names_activation: false });
        self
    }

    /// The answer that was named last says which activation it is about.
    fn naming_the_activation(mut self) -> Operation {
        if let Some(answer) = self.answers.last_mut() {
            answer.names_activation = true;
        }
        self
    }

    /// Error bodies with these statuses.
    fn fails(mut self, statuses: &[&'static str]) -> Operation {
        for status in statuses {
            let about = match *status {
                "400" => "What was sent is malformed; the text says where, and what is allowed.",
                "401" => "No credentials, or wrong ones.",
                "403" => "The caller has no right to it.",
                "404" => "It does not exist.",
                "405" => "The resource has other methods; the header `Allow` names them.",
                "406" => "The client takes no JSON.",
                "408" => "The body did not come in time.",
                "409" => "It exists, was changed in the meantime, or something else has its name.",
                "413" => "Larger than is allowed.",
                "414" => "The path with its query is too long.",
                "415" => "The body is not JSON.",
                "422" => "A binding that refers to itself.",
                "429" => "A limit of the namespace is reached; `Retry-After` says when to come back.",
                "501" => "This is not supported.",
                "503" => "The server takes nothing on at the moment.",
                _ => "Something went wrong in the server.",
            };
            self = self.answering(status, about, named("ErrorMessage"));
        }
        self
    }
}

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
    Operation::own(id, Method::POST, path, "Actions", "Invokes an action")
        .taking([
            query("blocking", boolean(false), "Whether the answer waits for the end of the activation."),
            query("result", boolean(false), "Whether a blocking answer is the result alone."),
            query("timeout", wait, "How long a blocking answer waits, in milliseconds."),
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
        one("getActivationLogs", "/logs", "What the function wrote").answering(
            "200",
            "The lines",
            named("ActivationLogs"),
        ),
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
        let content = Some(Content { kind: "*/*", schema: json!({}), required: true });
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

fn boolean(otherwise: bool) -> Value {
    json!({ "type": "boolean", "default": otherwise })
}

/// The parameters of a path.
fn in_path(path: &str) -> Vec<Parameter> {
    let parameter = |name, schema, about, example| {
        let example = Some(example);
        Parameter { name, place: "path", schema, about, example }
    };
    let extension = json!({ "type": "string", "enum": ["http", "json", "html", "svg", "text"] });
    let known = [
        parameter("namespace", named("Name"), "The namespace; `_` is the one of the key.", "_"),
        parameter("packageName", named("Name"), "The package, or a binding of one.", "tools"),
        parameter("actionName", named("Name"), "The action.", "hello"),
        parameter("triggerName", named("Name"), "The trigger.", "tick"),
        parameter("ruleName", named("Name"), "The rule.", "greet"),
        parameter(
            "activationid",
            named("Id"),
            "The id that invoking the action gave.",
            "0123456789abcdef0123456789abcdef",
        ),
        parameter("extension", extension, "What the result is made into.", "json"),
    ];
    known.into_iter().filter(|parameter| path.contains(&format!("{{{}}}", parameter.name))).collect()
}
