//! How actions, packages, triggers and rules are stored.
//!
//! An action's document has its JSON without the code; the code is the attachment, as the client sent it. So what is
//! needed to invoke an action stays small however great its code is.

use crate::{Attachment, Document, DocumentKind, StoreError};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use types::{
    Action, ActionLimits, Annotations, Binding, EntityName, EntityPath, Exec, Package, Revision, Rule,
    SemVer, Trigger,
};

/// What lists show of an entity. Annotations are written as the texts that they are: they may be nested too deep to be
/// taken apart.
#[derive(Serialize)]
struct Summary<'a> {
    namespace: &'a EntityPath,
    name: &'a EntityName,
    version: SemVer,
    publish: bool,
    annotations: &'a Annotations,
    updated: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    limits: Option<&'a ActionLimits>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exec: Option<ExecSummary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    binding: Option<BindingSummary<'a>>,
}

#[derive(Serialize)]
struct ExecSummary {
    binary: bool,
}

/// LIST-09
#[derive(Serialize)]
#[serde(untagged)]
enum BindingSummary<'a> {
    /// `false`
    None(bool),
    Some(&'a Binding),
}

/// The document of an action, without its code.
///
/// # Errors
/// Never in practice: when it cannot be written as JSON.
pub fn action_document(action: &Action) -> Result<Document, StoreError> {
    let bare = Action { exec: action.exec.without_code(), ..action.clone() };
    // LIST-06
    let summary = Summary {
        namespace: &bare.namespace,
        name: &bare.name,
        version: bare.version,
        publish: bare.publish,
        annotations: &bare.annotations,
        updated: bare.updated,
        limits: Some(&bare.limits),
        exec: Some(ExecSummary { binary: bare.exec.is_binary() }),
        binding: None,
    };
    document(bare.fully_qualified_name().to_string(), DocumentKind::Action, &bare, &summary, bare.updated)
}

/// The code of an action. Where there is none, it is an empty one, so that it takes the place of an older code.
#[must_use]
pub fn action_attachment(exec: &Exec) -> Attachment {
    exec.code().and_then(|code| code.code.clone()).unwrap_or_default()
}

/// The action in a document, without its code.
///
/// # Errors
/// When the document cannot be read.
pub fn read_action(document: &Document) -> Result<Action, StoreError> {
    read(document)
}

/// The action with its code.
#[must_use]
pub fn with_code(mut action: Action, attachment: Option<Attachment>) -> Action {
    match &mut action.exec {
        Exec::Code(code) => code.code = Some(attachment.unwrap_or_default()),
        // An image of the user's own may go without code (ACT-15); blank code counts as none.
        Exec::Blackbox { code, .. } => code.code = attachment.filter(|code| !code.is_empty()),
        Exec::Sequence { .. } => {}
    }
    action
}

/// The document of a package.
///
/// # Errors
/// Never in practice: when it cannot be written as JSON.
pub fn package_document(package: &Package) -> Result<Document, StoreError> {
    let binding = match package.binding.0 {
        None => BindingSummary::None(false),
        Some(_) => BindingSummary::Some(&package.binding),
    };
    // LIST-09
    let summary = Summary {
        namespace: &package.namespace,
        name: &package.name,
        version: package.version,
        publish: package.publish,
        annotations: &package.annotations,
        updated: package.updated,
        limits: None,
        exec: None,
        binding: Some(binding),
    };
    let id = package.fully_qualified_name().to_string();
    document(id, DocumentKind::Package, package, &summary, package.updated)
}

/// The package in a document.
///
/// # Errors
/// When the document cannot be read.
pub fn read_package(document: &Document) -> Result<Package, StoreError> {
    read(document)
}

/// The document of a trigger, with its rules and their statuses.
///
/// # Errors
/// Never in practice: when it cannot be written as JSON.
pub fn trigger_document(trigger: &Trigger) -> Result<Document, StoreError> {
    // LIST-08
    let summary = Summary {
        namespace: &trigger.namespace,
        name: &trigger.name,
        version: trigger.version,
        publish: trigger.publish,
        annotations: &trigger.annotations,
        updated: trigger.updated,
        limits: None,
        exec: None,
        binding: None,
    };
    let id = trigger.fully_qualified_name().to_string();
    document(id, DocumentKind::Trigger, trigger, &summary, trigger.updated)
}

/// The trigger in a document.
///
/// # Errors
/// When the document cannot be read.
pub fn read_trigger(document: &Document) -> Result<Trigger, StoreError> {
    read(document)
}

/// The document of a rule. Lists show all of it (LIST-10).
///
/// # Errors
/// Never in practice: when it cannot be written as JSON.
pub fn rule_document(rule: &Rule) -> Result<Document, StoreError> {
    document(rule.fully_qualified_name().to_string(), DocumentKind::Rule, rule, rule, rule.updated)
}

/// The rule in a document.
///
/// # Errors
/// When the document cannot be read.
pub fn read_rule(document: &Document) -> Result<Rule, StoreError> {
    read(document)
}

fn document<T: Serialize, S: Serialize>(
    id: String,
    kind: DocumentKind,
    value: &T,
    summary: &S,
    updated: u64,
) -> Result<Document, StoreError> {
    let failed = |error| StoreError::new(format!("write {id}"), error);
    let body = serde_json::to_vec(value).map_err(failed)?;
    let summary = serde_json::to_vec(summary).map_err(failed)?;
    Ok(Document {
        id,
        kind,
        revision: Revision::default(),
        updated,
        body: Bytes::from(body),
        summary: Bytes::from(summary),
        lookup: Vec::new(),
    })
}

fn read<T: for<'a> Deserialize<'a>>(document: &Document) -> Result<T, StoreError> {
    serde_json::from_slice(&document.body)
        .map_err(|error| StoreError::new(format!("read document {}", document.id), error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn action(exec: &str) -> Action {
        let text = format!(
            r#"{{"namespace":"ns/p","name":"a","exec":{exec},"parameters":[{{"key":"k","value":12345678901234567890123}}],
            "limits":{{"timeout":60000,"memory":256,"logs":10,"concurrency":1}},"version":"0.0.2","publish":false,
            "annotations":[{{"key":"exec","value":"nodejs:20"}}],"updated":5}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn an_action_is_read_as_it_was_written_and_its_code_is_apart() {
        for exec in [
            r#"{"kind":"nodejs:20","code":"function main() {}","binary":false,"main":"m"}"#,
            r#"{"kind":"nodejs:20","code":"","binary":false}"#,
            r#"{"kind":"blackbox","image":"me/fn","binary":false}"#,
            r#"{"kind":"blackbox","image":"me/fn","code":"x y","binary":false}"#,
            r#"{"kind":"sequence","components":["/ns/a"]}"#,
        ] {
            let action = action(exec);
            let document = action_document(&action).unwrap();
            assert_eq!(document.id, "ns/p/a");
            assert!(!document.body.windows(6).any(|window| window == b"\"code\""), "{exec}");
            let again = with_code(read_action(&document).unwrap(), Some(action_attachment(&action.exec)));
            let text = |action: &Action| serde_json::to_string(action).unwrap();
            assert_eq!(text(&again), text(&action));
        }
    }

    #[test]
    fn annotations_may_be_nested_however_deep() {
        let mut action = action(r#"{"kind":"nodejs:20","code":"x","binary":false}"#);
        let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        action.annotations.set("deep", types::json::parse(&deep).unwrap());
        let document = action_document(&action).unwrap();
        assert!(String::from_utf8_lossy(&document.summary).contains(&deep));
        let again = read_action(&document).unwrap();
        assert_eq!(again.annotations.get("deep").map(|value| value.get()), Some(deep.as_str()));
    }

    #[test]
    fn list_06_a_summary_has_neither_code_nor_parameters() {
        let document =
            action_document(&action(r#"{"kind":"nodejs:20","code":"QUJD","binary":true}"#)).unwrap();
        let summary: serde_json::Value = serde_json::from_slice(&document.summary).unwrap();
        assert_eq!(summary["exec"], json!({"binary": true}));
        assert_eq!(summary["namespace"], "ns/p");
        assert!(summary.get("parameters").is_none());
    }

    #[test]
    fn list_09_a_package_summary_shows_its_binding() {
        let package = |binding: &str| -> Package {
            let text = format!(
                r#"{{"namespace":"ns","name":"p","binding":{binding},"parameters":[],"version":"0.0.1","publish":true,"annotations":[],"updated":1}}"#
            );
            serde_json::from_str(&text).unwrap()
        };
        let shown = |binding: &str| -> serde_json::Value {
            let document = package_document(&package(binding)).unwrap();
            assert!(read_package(&document).is_ok());
            serde_json::from_slice::<serde_json::Value>(&document.summary).unwrap()["binding"].clone()
        };
        assert_eq!(shown("{}"), json!(false));
        assert_eq!(shown(r#"{"namespace":"o","name":"q"}"#), json!({"namespace":"o","name":"q"}));
    }

    #[test]
    fn list_08_a_trigger_summary_has_neither_rules_nor_parameters() {
        let text = r#"{"namespace":"ns","name":"t","parameters":[{"key":"k","value":1.0}],"limits":{},
            "version":"0.0.1","publish":false,"annotations":[],"updated":3,
            "rules":{"ns/r":{"action":{"path":"ns","name":"a"},"status":"active"}}}"#;
        let trigger: Trigger = serde_json::from_str(text).unwrap();
        let document = trigger_document(&trigger).unwrap();
        assert_eq!(
            (document.id.as_str(), document.kind, document.updated),
            ("ns/t", DocumentKind::Trigger, 3)
        );
        assert_eq!(read_trigger(&document).unwrap().rules, trigger.rules);
        let summary: serde_json::Value = serde_json::from_slice(&document.summary).unwrap();
        let keys: Vec<&str> = summary.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["annotations", "name", "namespace", "publish", "updated", "version"]);
    }

    #[test]
    fn list_10_a_list_shows_all_of_a_rule() {
        let text = r#"{"namespace":"ns","name":"r","trigger":{"path":"ns","name":"t"},"action":{"path":"ns","name":"a"},
            "version":"0.0.1","publish":false,"annotations":[],"updated":3}"#;
        let document = rule_document(&serde_json::from_str(text).unwrap()).unwrap();
        assert_eq!((document.id.as_str(), document.kind), ("ns/r", DocumentKind::Rule));
        assert_eq!(document.body, document.summary);
        assert!(read_rule(&document).is_ok());
    }
}
