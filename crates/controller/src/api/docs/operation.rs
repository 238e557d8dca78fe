//! What there is to say of one operation.

use super::schemas::named;
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
    /// Its body, in each type that it may have; the usual one first.
    pub(super) content: Vec<Content>,
    /// Whether it names an activation in a header (HTTP-19).
    pub(super) names_activation: bool,
}

/// What may happen to any request that needs a key.
const ANY: [&str; 5] = ["401", "406", "408", "414", "500"];

impl Operation {
    /// An operation that nobody needs a key for, and that answers nothing yet.
    pub(super) fn new(
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
    pub(super) fn own(
        id: &'static str,
        method: Method,
        path: &str,
        tag: &'static str,
        summary: &'static str,
    ) -> Operation {
        let path = format!("{BASE}/namespaces/{{namespace}}{path}");
        Operation::new(id, method, path, tag, summary).keyed().fails(&["400", "403"])
    }

    /// The same with a key, and with what can go wrong for everybody.
    pub(super) fn keyed(mut self) -> Operation {
        self.access = Access::Key;
        self.fails(&ANY)
    }

    /// The same with more parameters.
    pub(super) fn taking(mut self, parameters: impl IntoIterator<Item = Parameter>) -> Operation {
        self.parameters.extend(parameters);
        self
    }

    /// The same with a JSON body.
    pub(super) fn sending(mut self, schema: Value, required: bool) -> Operation {
        self.body = Some(Content { kind: "application/json", schema, required });
        self.fails(&["413", "415"])
    }

    /// The same with an answer in JSON.
    pub(super) fn answering(mut self, status: &'static str, about: &'static str, schema: Value) -> Operation {
        let content = vec![Content { kind: "application/json", schema, required: true }];
        self.answers.push(Answer { status, about, content, names_activation: false });
        self
    }

    /// The same with an answer that is a text of some type.
    pub(super) fn answering_with(
        mut self,
        status: &'static str,
        about: &'static str,
        kind: &'static str,
    ) -> Operation {
        let content = Content { kind, schema: json!({ "type": "string" }), required: true };
        self.answers.push(Answer { status, about, content: vec![content], names_activation: false });
        self
    }

    /// The same with an answer without a body.
    pub(super) fn answering_nothing(mut self, status: &'static str, about: &'static str) -> Operation {
        self.answers.push(Answer { status, about, content: Vec::new(), names_activation: false });
        self
    }

    /// The answer that was named last may also be of these types.
    pub(super) fn or_as(mut self, kinds: &[&'static str]) -> Operation {
        let text =
            |kind: &&'static str| Content { kind, schema: json!({ "type": "string" }), required: true };
        if let Some(answer) = self.answers.last_mut() {
            answer.content.extend(kinds.iter().map(text));
        }
        self
    }

    /// The answer that was named last says which activation it is about.
    pub(super) fn naming_the_activation(mut self) -> Operation {
        if let Some(answer) = self.answers.last_mut() {
            answer.names_activation = true;
        }
        self
    }

    /// Error bodies with these statuses.
    pub(super) fn fails(mut self, statuses: &[&'static str]) -> Operation {
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
                "504" => "Blocking: the wait is over, and this status was asked for; the activation goes on.",
                _ => "Something went wrong in the server.",
            };
            self = self.answering(status, about, named("ErrorMessage"));
        }
        self
    }
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
