//! `oxiwhisk admin user` (USR-02, USR-03).

use super::http::{Answer, Client};
use super::{FAILED, USAGE, say, segment};
use crate::args::{CreateArgs, UserCommand};
use crate::commands::Exit;
use serde_json::{Value, json};
use types::AuthKey;

/// What stands for a key that nobody can read again.
const HASHED: &str = "(hashed)";

/// `connect` is called where a server is needed.
pub(super) fn run(command: &UserCommand, connect: impl FnOnce() -> Result<Client, Exit>) -> Result<u8, Exit> {
    match command {
        UserCommand::Create(args) => create(args, connect),
        UserCommand::Delete { subject, namespace } => delete(subject, namespace.as_deref(), &connect()?),
        UserCommand::Get { subject, namespace, all } => {
            get(subject.trim(), namespace.as_deref(), *all, &connect()?)
        }
        UserCommand::Whois { authkey } => whois(authkey, &connect()?),
        UserCommand::Block { subjects } => block(subjects, "block", &connect()?),
        UserCommand::Unblock { subjects } => block(subjects, "unblock", &connect()?),
        UserCommand::List { pick, .. } if *pick < 1 => say("pick at least 1 identity to show", USAGE),
        UserCommand::List { namespace, pick, all, key } => {
            let most = if *all { usize::MAX } else { usize::try_from(*pick).unwrap_or(usize::MAX) };
            list(namespace, most, *key, &connect()?)
        }
    }
}

fn create(args: &CreateArgs, connect: impl FnOnce() -> Result<Client, Exit>) -> Result<u8, Exit> {
    let subject = args.subject.trim();
    if subject.chars().count() < 5 {
        return say("Subject name must be at least 5 characters", USAGE);
    }
    let namespace = args.namespace.as_deref().map_or(subject, str::trim);
    if namespace.is_empty() {
        return say("Namespace must not be empty", USAGE);
    }
    if let Some(fault) = args.auth.as_deref().and_then(|auth| AuthKey::check(auth).err()) {
        return say(&fault.to_string(), USAGE);
    }
    if args.genonly {
        let random = || format!("{}:{}", base::ids::uuid(), base::ids::secret(AuthKey::KEY_LENGTH));
        return say(&args.auth.clone().unwrap_or_else(random), 0);
    }
    let client = connect()?;
    let path = format!("/subjects/{}/namespaces/{}", segment(subject), segment(namespace));
    // What is `null` is not asked for.
    let wish = json!({ "authkey": args.auth, "rights": args.rights });
    let mut answer = client.send("PUT", &path, Some(&wish))?;
    if args.revoke && answer.status == 409 && answer.error() == "Namespace already exists" {
        answer = client.send("POST", &format!("{path}/key"), Some(&wish))?;
    }
    match answer.body["authkey"].as_str() {
        Some(_) if args.silent => Ok(0),
        Some(authkey) => say(authkey, 0),
        None if answer.status == 409 => say(&answer.error(), FAILED),
        None => say(&format!("Failed to create subject ({})", answer.error()), FAILED),
    }
}

fn delete(subject: &str, namespace: Option<&str>, client: &Client) -> Result<u8, Exit> {
    let subject = subject.trim();
    if subject.is_empty() {
        return say("Subject must not be empty", USAGE);
    }
    let path = format!("/subjects/{}", segment(subject));
    let Some(namespace) = namespace.map(str::trim) else {
        let answer = client.send("DELETE", &path, None)?;
        return match answer.is_good() {
            true => say("Subject deleted", 0),
            false => say(&format!("Failed to delete subject ({})", answer.error()), FAILED),
        };
    };
    if namespace.is_empty() {
        return say("Namespace must not be empty", USAGE);
    }
    let answer = client.send("DELETE", &format!("{path}/namespaces/{}", segment(namespace)), None)?;
    match answer.is_good() {
        true => say("Namespace deleted", 0),
        false if answer.error().starts_with("Namespace ") => say(&answer.error(), FAILED),
        false => say(&format!("Failed to delete subject ({})", answer.error()), FAILED),
    }
}

fn get(subject: &str, namespace: Option<&str>, all: bool, client: &Client) -> Result<u8, Exit> {
    let answer = client.send("GET", &format!("/subjects/{}?keys=true", segment(subject)), None)?;
    if !answer.is_good() {
        return say(&format!("Failed to get subject ({})", answer.error()), FAILED);
    }
    let namespaces = entries(&answer.body["namespaces"]);
    if all {
        let line = |own: &Value| format!("{}\t{}", own["name"].as_str().unwrap_or_default(), key_of(own));
        let lines: Vec<String> = namespaces.iter().map(line).collect();
        return if lines.is_empty() { Ok(0) } else { say(&lines.join("\n"), 0) };
    }
    let wanted = namespace.unwrap_or(subject);
    match namespaces.iter().find(|own| own["name"] == wanted) {
        None => say(&format!("namespace \"{wanted}\" not found for \"{subject}\""), FAILED),
        Some(own) if own["authkey"].is_null() => {
            let text = format!(
                "The key of \"{subject}\" for \"{wanted}\" is kept as a hash and cannot be shown again; \
                 user create -r makes a new one"
            );
            say(&text, FAILED)
        }
        Some(own) => say(&key_of(own), 0),
    }
}

fn whois(authkey: &str, client: &Client) -> Result<u8, Exit> {
    let answer = client.send("POST", "/whois", Some(&json!({ "authkey": authkey })))?;
    match answer.status {
        200 => {
            let word = |name: &str| answer.body[name].as_str().unwrap_or_default().to_owned();
            say(&format!("subject: {}\nnamespace: {}", word("subject"), word("namespace")), 0)
        }
        404 => say(&answer.error(), 0),
        _ => say(&format!("Failed to get subject ({})", answer.error()), FAILED),
    }
}

/// Ends with the number of those that failed.
fn block(subjects: &[String], verb: &str, client: &Client) -> Result<u8, Exit> {
    let mut failed = 0u8;
    for subject in subjects.iter().map(|subject| subject.trim()).filter(|subject| !subject.is_empty()) {
        let answer = client.send("POST", &format!("/subjects/{}/{verb}", segment(subject)), None)?;
        if answer.is_good() {
            say(&format!("\"{subject}\" {verb}ed successfully"), 0)?;
        } else {
            say(&format!("Failed to {verb} \"{subject}\" ({})", answer.error()), FAILED)?;
            failed = failed.saturating_add(1);
        }
    }
    Ok(failed)
}

fn list(namespace: &str, most: usize, only_keys: bool, client: &Client) -> Result<u8, Exit> {
    let path = format!("/namespaces/{}/subjects?keys=true", segment(namespace.trim()));
    let answer: Answer = client.send("GET", &path, None)?;
    if !answer.is_good() {
        return say(&format!("Failed to get namespace key ({})", answer.error()), FAILED);
    }
    let line = |member: &Value| match only_keys {
        true => key_of(member),
        false => format!("{}\t{}", key_of(member), member["subject"].as_str().unwrap_or_default()),
    };
    let lines: Vec<String> = entries(&answer.body).iter().take(most).map(line).collect();
    match lines.is_empty() {
        true => say(&format!("no identities found for namespace \"{namespace}\""), 0),
        false => say(&lines.join("\n"), 0),
    }
}

/// `uuid:key`; where the key cannot be read again, a word stands in its place.
fn key_of(entry: &Value) -> String {
    match entry["authkey"].as_str() {
        Some(authkey) => authkey.to_owned(),
        None => format!("{}:{HASHED}", entry["uuid"].as_str().unwrap_or_default()),
    }
}

fn entries(list: &Value) -> &[Value] {
    list.as_array().map_or(&[], Vec::as_slice)
}
