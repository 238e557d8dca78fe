//! What a container is told about the code and about one run of it.

use container::{InitRequest, RunRequest};
use rpc::ActivationMessage;
use secrets::Secrets;
use store::{ArtifactStore, Attachment, Document, StoreError};
use types::{Action, SemVer, json};

/// Why there is no code to initialise a container with.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CodeError {
    /// The action, or this revision of it, is no more (CLS-15).
    #[error("the action was deleted or replaced")]
    Missing,
    /// The document cannot be understood (CLS-16).
    #[error("the action document cannot be read")]
    Unreadable(#[source] serde_json::Error),
    /// The store failed (CLS-16).
    #[error("the action cannot be fetched")]
    Store(#[from] StoreError),
}

/// Fetches the action's code (RUN-02) and makes the environment of its container (RUN-04, RUN-10).
///
/// An activation that was queued before its action was updated runs the newest code, because no older one is kept; the
/// version that comes with the request is that of the code.
pub(crate) async fn init_request(
    store: &dyn ArtifactStore,
    secrets: &Secrets,
    message: &ActivationMessage,
    deadline: u64,
) -> Result<(InitRequest, SemVer), CodeError> {
    let id = message.action.name.to_string();
    let (document, code) = newest(store, &id).await?;
    let action: Action = serde_json::from_slice(&document.body).map_err(CodeError::Unreadable)?;
    let exec = action.exec.code().ok_or(CodeError::Missing)?;
    let main = exec.main.as_deref().unwrap_or("main").to_owned();
    let request = InitRequest {
        activation: message.activation_id,
        concurrency: message.action.slots,
        name: action.name.as_str().to_owned(),
        main,
        binary: exec.binary,
        code,
        environment: environment(secrets, message, deadline),
    };
    Ok((request, action.version))
}

/// The document and the code that belongs to it.
async fn newest(store: &dyn ArtifactStore, id: &str) -> Result<(Document, Option<Attachment>), CodeError> {
    /// An update between the two reads makes them start again; one more in the same instant is not to be expected.
    const TRIES: usize = 3;
    let mut read = store.get(id).await?.ok_or(CodeError::Missing)?;
    for _ in 0..TRIES {
        let code = store.attachment(id, read.revision).await?;
        if code.is_some() {
            return Ok((read, code));
        }
        let again = store.get(id).await?.ok_or(CodeError::Missing)?;
        if again.revision == read.revision {
            return Ok((read, None));
        }
        read = again;
    }
    Err(CodeError::Missing)
}

/// The variables of a container: `__OW_*` and the init parameters, as texts.
fn environment(secrets: &Secrets, message: &ActivationMessage, deadline: u64) -> Vec<(String, String)> {
    let mut variables: Vec<(String, String)> = Vec::new();
    if let Some(parameters) = &message.environment {
        // The controller made this object; were it none, there would be no parameters to hand on.
        for (key, value) in json::members(parameters.get()).unwrap_or_default() {
            variables.push((key.into_owned(), text(value.get())));
        }
    }
    for (name, value) in context(secrets, message, deadline) {
        variables.push((format!("__OW_{}", name.to_uppercase()), value));
    }
    if message.action.slots > 1 {
        variables.push(("__OW_ALLOW_CONCURRENT".to_owned(), "true".to_owned()));
    }
    variables
}

/// A value as the text of a variable: texts as they are, `null` as nothing, the rest as JSON (RUN-04).
fn text(value: &str) -> String {
    match serde_json::from_str::<Option<String>>(value) {
        Ok(text) => text.unwrap_or_default(),
        Err(_) => value.to_owned(),
    }
}

/// The request for one run (RUN-06).
pub(crate) fn run_request(secrets: &Secrets, message: &ActivationMessage, deadline: u64) -> RunRequest {
    let activation = message.activation_id;
    RunRequest { activation, value: message.payload.clone(), context: context(secrets, message, deadline) }
}

/// What the code may know of its activation (RUN-06, RUN-08, RUN-21). `deadline` is in milliseconds since 1970.
fn context(secrets: &Secrets, message: &ActivationMessage, deadline: u64) -> Vec<(&'static str, String)> {
    let action = &message.action;
    let mut context = vec![
        ("namespace", message.caller.namespace.name.as_str().to_owned()),
        ("action_name", format!("/{}", action.name)),
        ("action_version", action.version.to_string()),
        ("activation_id", message.activation_id.to_string()),
        ("transaction_id", message.transaction_id.as_str().to_owned()),
        ("deadline", deadline.to_string()),
        ("traceparent", message.trace.parent()),
        // Also where there is none: a warm process still has that of the run before.
        ("tracestate", message.trace.state().unwrap_or_default().to_owned()),
    ];
    if action.provide_api_key {
        let key = secrets.key_for(&message.caller, message.activation_id, deadline);
        context.push(("api_key", key.to_string()));
    }
    context
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use types::json;

    fn value<'a>(variables: &'a [(String, String)], name: &str) -> Option<&'a str> {
        variables.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    #[test]
    fn run_04_init_parameters_become_texts() {
        let mut message = ActivationMessage::for_tests();
        let parameters = r#"{"text":"a b","none":null,"number":1.50,"object":{"x":[1]},"flag":true}"#;
        message.environment = Some(json::parse(parameters).unwrap());
        let variables = environment(&Secrets::for_tests(), &message, 5);
        let expected =
            [("text", "a b"), ("none", ""), ("number", "1.50"), ("object", r#"{"x":[1]}"#), ("flag", "true")];
        for (name, text) in expected {
            assert_eq!(value(&variables, name), Some(text), "{name}");
        }
        assert_eq!(value(&variables, "__OW_ACTION_NAME"), Some("/provider/pkg/hello"));
        assert_eq!(value(&variables, "__OW_DEADLINE"), Some("5"));
    }

    #[test]
    fn run_05_code_is_told_that_its_runs_overlap() {
        let (mut message, secrets) = (ActivationMessage::for_tests(), Secrets::for_tests());
        assert_eq!(value(&environment(&secrets, &message, 0), "__OW_ALLOW_CONCURRENT"), None);
        let action = rpc::ExecutableAction { slots: 2, ..(*message.action).clone() };
        message.action = Arc::new(action);
        assert_eq!(value(&environment(&secrets, &message, 0), "__OW_ALLOW_CONCURRENT"), Some("true"));
    }

    #[test]
    fn run_09_run_22_the_key_goes_only_where_it_is_wanted() {
        let mut message = ActivationMessage::for_tests();
        let secrets = Secrets::for_tests();
        assert!(value(&environment(&secrets, &message, 0), "__OW_API_KEY").is_none());
        assert!(run_request(&secrets, &message, 0).context.iter().all(|(name, _)| *name != "api_key"));
        let action = rpc::ExecutableAction { provide_api_key: true, ..(*message.action).clone() };
        message.action = Arc::new(action);
        // Made for this activation, and the same at initialisation and in its run.
        let expected = secrets.key_for(&message.caller, message.activation_id, 0).to_string();
        assert!(expected.starts_with("uuid:sl--"), "{expected}");
        assert_eq!(value(&environment(&secrets, &message, 0), "__OW_API_KEY"), Some(&*expected));
        let context = run_request(&secrets, &message, 0).context;
        assert!(context.contains(&("api_key", expected)));
    }

    #[test]
    fn run_04_run_07_the_trace_goes_to_the_code() {
        let mut message = ActivationMessage::for_tests();
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        message.trace = types::TraceContext::parse(parent, Some("a=1")).unwrap();
        let variables = environment(&Secrets::for_tests(), &message, 0);
        assert_eq!(value(&variables, "__OW_TRACEPARENT"), Some(parent));
        assert_eq!(value(&variables, "__OW_TRACESTATE"), Some("a=1"));
        assert!(
            run_request(&Secrets::for_tests(), &message, 0)
                .context
                .contains(&("tracestate", "a=1".to_owned()))
        );
    }

    #[test]
    fn run_06_run_08_run_21_the_context_names_the_caller_and_the_provider() {
        let context = run_request(&Secrets::for_tests(), &ActivationMessage::for_tests(), 7).context;
        let expected = [
            ("namespace", "caller"),
            ("action_name", "/provider/pkg/hello"),
            ("action_version", "0.0.3"),
            ("activation_id", "00000000000000000000000000000007"),
            ("transaction_id", "transaction"),
            ("deadline", "7"),
            ("traceparent", "00-00000000000000000000000000000005-0000000000000006-00"),
            ("tracestate", ""),
        ];
        assert_eq!(context, expected.map(|(name, value)| (name, value.to_owned())));
    }
}
