//! What a container is told about the code and about one run of it.

use container::classify::Outcome as Ended;
use container::{ContextValue, InitRequest, RunRequest};
use rpc::ActivationMessage;
use secrets::{LockError, Secrets};
use std::sync::Arc;
use store::{ArtifactStore, Attachment, Document, StoreError, entity};
use types::json::{self, Raw};
use types::{Action, ActivationResponse, EntityPath, SemVer, StatusCode};

/// Why there is no code to initialise a container with.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CodeError {
    /// The action, or this revision of it, is no more (CLS-15).
    #[error("the action was deleted or replaced")]
    Missing,
    /// The document cannot be understood (CLS-16).
    #[error("the action document cannot be read")]
    Unreadable(#[source] serde_json::Error),
    /// A parameter for the environment cannot be unlocked.
    #[error(transparent)]
    Locked(#[from] LockError),
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
    // Which knows whether no code is none, or an empty one (RUN-02, RUN-03).
    let action = entity::with_code(action, code);
    let exec = action.exec.code().ok_or(CodeError::Missing)?;
    let main = exec.main.as_deref().unwrap_or("main").to_owned();
    let request = InitRequest {
        activation: message.activation_id,
        concurrency: message.action.slots,
        name: action.name.as_str().to_owned(),
        main,
        binary: exec.binary,
        code: exec.code.clone(),
        environment: environment(secrets, message, deadline)?,
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
fn environment(
    secrets: &Secrets,
    message: &ActivationMessage,
    deadline: u64,
) -> Result<Vec<(String, String)>, LockError> {
    let mut variables: Vec<(String, String)> = Vec::new();
    if let Some(parameters) = &message.environment {
        let parameters = unlocked(secrets, message, parameters)?;
        // The controller made this object; were it none, there would be no parameters to hand on.
        for (key, value) in json::members(parameters.get()).unwrap_or_default() {
            variables.push((key.into_owned(), text(value.get())));
        }
    }
    for (name, value) in context(secrets, message, deadline) {
        variables.push((format!("__OW_{}", name.to_uppercase()), value.to_string()));
    }
    if message.action.slots > 1 {
        variables.push(("__OW_ALLOW_CONCURRENT".to_owned(), "true".to_owned()));
    }
    Ok(variables)
}

/// Arguments as the code is to see them: what is encrypted at rest is unlocked here and nowhere else (RUN-11).
fn unlocked(secrets: &Secrets, message: &ActivationMessage, arguments: &Raw) -> Result<Raw, LockError> {
    let Some(locks) = &message.locks else { return Ok(arguments.clone()) };
    // Those whose entities the parameters may come from: the action's, its package's, and the binding's.
    let provider = message.action.name.path.root();
    let binding = message.action.binding.as_ref().map_or(provider, EntityPath::root);
    secrets.parameters.unlock(arguments, locks, &[provider, binding])
}

/// A value as the text of a variable: texts as they are, `null` as nothing, the rest as JSON (RUN-04).
fn text(value: &str) -> String {
    match serde_json::from_str::<Option<String>>(value) {
        Ok(text) => text.unwrap_or_default(),
        Err(_) => value.to_owned(),
    }
}

/// The request for one run (RUN-06).
///
/// # Errors
/// When an argument cannot be unlocked.
pub(crate) fn run_request(
    secrets: &Secrets,
    message: &ActivationMessage,
    deadline: u64,
) -> Result<RunRequest, LockError> {
    let activation = message.activation_id;
    let value = unlocked(secrets, message, &message.payload)?;
    Ok(RunRequest { activation, value, context: context(secrets, message, deadline), stream: None })
}

/// What the code may know of its activation (RUN-06, RUN-08, RUN-21). `deadline` is in milliseconds since 1970.
fn context(
    secrets: &Secrets,
    message: &ActivationMessage,
    deadline: u64,
) -> Vec<(&'static str, ContextValue)> {
    use ContextValue::{Id, Number, Parent, Text};
    let action = &message.action;
    let texts = action.texts();
    let mut context = vec![
        ("namespace", Text(message.caller.namespace.name.shared())),
        ("action_name", Text(texts.absolute.clone())),
        ("action_version", Text(texts.version.clone())),
        ("activation_id", Id(message.activation_id)),
        ("transaction_id", Text(message.transaction_id.shared())),
        ("deadline", Number(deadline)),
        ("traceparent", Parent(message.trace.clone())),
        // Also where there is none: a warm process still has that of the run before.
        ("tracestate", Text(message.trace.state().map_or_else(Arc::default, Arc::from))),
    ];
    if action.provide_api_key {
        let key = secrets.key_for(&message.caller, message.activation_id, deadline);
        context.push(("api_key", key.to_string().into()));
    }
    context
}

/// What it means that the code could not be had (CLS-15, CLS-16).
pub(crate) fn no_code(error: &CodeError) -> Ended {
    let (status, text) = match error {
        CodeError::Locked(error) => return locked(error),
        CodeError::Missing => {
            (StatusCode::ApplicationError, "Action could not be found or may have been deleted.")
        }
        CodeError::Unreadable(_) => {
            (StatusCode::WhiskError, "Action version is not compatible and cannot be invoked.")
        }
        CodeError::Store(_) => (StatusCode::WhiskError, "Action could not be fetched."),
    };
    if status == StatusCode::WhiskError {
        tracing::error!(error = error as &dyn std::error::Error, "no code for a container");
    }
    Ended { response: ActivationResponse::error(status, text), timed_out: false }
}

/// What it means that an argument cannot be unlocked (RUN-11). The text names the parameter, never its value.
pub(crate) fn locked(error: &LockError) -> Ended {
    tracing::warn!(%error, "an activation ends because of its parameters");
    let response = ActivationResponse::error(StatusCode::WhiskError, &error.to_string());
    Ended { response, timed_out: false }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::store::fault::{Fault, Faulty, Operation};
    use ::store::memory::MemoryArtifactStore;
    use secrets::{ParameterKey, ParameterKeys};
    use types::{Lock, Parameters, json};

    fn value<'a>(variables: &'a [(String, String)], name: &str) -> Option<&'a str> {
        variables.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    #[tokio::test]
    async fn cls_15_cls_16_why_there_is_no_code() {
        let message = ActivationMessage::for_tests();
        let id = message.action.name.to_string();
        let store = Faulty::new(MemoryArtifactStore::new());
        let secrets = Secrets::for_tests();
        let end = async || {
            let error = init_request(&store, &secrets, &message, 0).await.unwrap_err();
            let response = no_code(&error).response;
            (response.status, response.result.map(|result| result.get().to_owned()))
        };
        let expected = |status, text: &str| (status, Some(format!(r#"{{"error":"{text}"}}"#)));
        let deleted = "Action could not be found or may have been deleted.";
        assert_eq!(end().await, expected(StatusCode::ApplicationError, deleted));
        let document = Document {
            id,
            kind: ::store::DocumentKind::Action,
            revision: types::Revision::default(),
            updated: 1,
            body: "{}".into(),
            summary: "{}".into(),
            lookup: Vec::new(),
        };
        store.inner().put(document, Some(Attachment::new()), None).await.unwrap();
        let unreadable = "Action version is not compatible and cannot be invoked.";
        assert_eq!(end().await, expected(StatusCode::WhiskError, unreadable));
        store.faults().next(Operation::Get, Fault::fail());
        assert_eq!(end().await, expected(StatusCode::WhiskError, "Action could not be fetched."));
    }

    #[test]
    fn run_04_init_parameters_become_texts() {
        let mut message = ActivationMessage::for_tests();
        let parameters = r#"{"text":"a b","none":null,"number":1.50,"object":{"x":[1]},"flag":true}"#;
        message.environment = Some(json::parse(parameters).unwrap());
        let variables = environment(&Secrets::for_tests(), &message, 5).unwrap();
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
        assert_eq!(value(&environment(&secrets, &message, 0).unwrap(), "__OW_ALLOW_CONCURRENT"), None);
        let action = rpc::ExecutableAction { slots: 2, ..(*message.action).clone() };
        message.action = Arc::new(action);
        assert_eq!(
            value(&environment(&secrets, &message, 0).unwrap(), "__OW_ALLOW_CONCURRENT"),
            Some("true")
        );
    }

    #[test]
    fn run_11_locked_arguments_are_unlocked_for_the_run_and_the_environment() {
        let key = || ParameterKey::parse("AQEBAQEBAQEBAQEBAQEBAQ==").unwrap();
        let keys = ParameterKeys::new(Some(key()), Vec::new());
        let given = r#"[{"key":"a","value":{"x":1}},{"key":"b","value":"open","init":true}]"#;
        let locked =
            |namespace: &str| keys.lock(serde_json::from_str(given).unwrap(), namespace, None).unwrap();
        let message = |a: &Parameters, b: &Parameters| {
            let member =
                |all: &Parameters, key: &str| format!(r#"{{"{key}":{}}}"#, all.get(key).unwrap().value);
            let lock = |key: &str| Lock { key: key.into(), cipher: "aes-128".into() };
            ActivationMessage {
                payload: json::parse(&member(a, "a")).unwrap(),
                environment: Some(json::parse(&member(b, "b")).unwrap()),
                locks: Some([lock("a"), lock("b")].into()),
                ..ActivationMessage::for_tests()
            }
        };
        let secrets = Secrets { parameters: keys.clone(), ..Secrets::for_tests() };
        // One from the provider's package, one from the caller's binding of it.
        let good = message(&locked("provider"), &locked("caller"));
        assert_eq!(run_request(&secrets, &good, 0).unwrap().value.get(), r#"{"a":{"x":1}}"#);
        let variables = environment(&secrets, &good, 0).unwrap();
        assert_eq!(value(&variables, "b"), Some("open"));

        let foreign = message(&locked("somebody"), &locked("somebody"));
        assert!(run_request(&secrets, &foreign, 0).is_err());
        assert!(environment(&secrets, &foreign, 0).is_err());
        let error = run_request(&Secrets::for_tests(), &good, 0).unwrap_err().to_string();
        let expected = "The parameter 'a' is encrypted with 'aes-128', for which this server has no key.";
        assert_eq!(error, expected);
    }

    #[test]
    fn run_09_run_22_the_key_goes_only_where_it_is_wanted() {
        let mut message = ActivationMessage::for_tests();
        let secrets = Secrets::for_tests();
        assert!(value(&environment(&secrets, &message, 0).unwrap(), "__OW_API_KEY").is_none());
        assert!(
            run_request(&secrets, &message, 0).unwrap().context.iter().all(|(name, _)| *name != "api_key")
        );
        let action = rpc::ExecutableAction { provide_api_key: true, ..(*message.action).clone() };
        message.action = Arc::new(action);
        // Made for this activation, and the same at initialisation and in its run.
        let expected = secrets.key_for(&message.caller, message.activation_id, 0).to_string();
        assert!(expected.starts_with("uuid:sl--"), "{expected}");
        assert_eq!(value(&environment(&secrets, &message, 0).unwrap(), "__OW_API_KEY"), Some(&*expected));
        let context = run_request(&secrets, &message, 0).unwrap().context;
        assert!(context.contains(&("api_key", expected.into())));
    }

    #[test]
    fn run_04_run_07_the_trace_goes_to_the_code() {
        let mut message = ActivationMessage::for_tests();
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        message.trace = types::TraceContext::parse(parent, Some("a=1")).unwrap();
        let variables = environment(&Secrets::for_tests(), &message, 0).unwrap();
        assert_eq!(value(&variables, "__OW_TRACEPARENT"), Some(parent));
        assert_eq!(value(&variables, "__OW_TRACESTATE"), Some("a=1"));
        assert!(
            run_request(&Secrets::for_tests(), &message, 0)
                .unwrap()
                .context
                .contains(&("tracestate", "a=1".into()))
        );
    }

    #[test]
    fn run_06_run_08_run_21_the_context_names_the_caller_and_the_provider() {
        let context = run_request(&Secrets::for_tests(), &ActivationMessage::for_tests(), 7).unwrap().context;
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
        let context: Vec<_> = context.iter().map(|(name, value)| (*name, value.to_string())).collect();
        assert_eq!(context, expected.map(|(name, value)| (name, value.to_owned())));
    }
}
