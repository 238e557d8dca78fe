//! Subjects, their namespaces and their keys (USR-01 to USR-03, AUTH-02, AUTH-03).

use super::AdminAsked;
use crate::Controller;
use crate::api::{ApiError, Reply};
use http::StatusCode;
use secrets::{Keeper, StoredKey};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use store::subject::{
    NamespaceKey, SubjectDocument, document_for, find_identity, lookup_key, read_subject, subject_id,
};
use store::{PutError, members};
use types::{AuthKey, EntityName, Privilege, Revision, Subject};

/// How often a change is tried that somebody else's gets in the way of.
const TRIES: usize = 5;

/// The fewest characters of a subject's name (USR-01).
const LEAST_NAME: usize = 5;

/// What a body may say when a key is made.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyWish {
    /// The credentials, instead of random ones: `uuid:key`.
    authkey: Option<String>,
    /// The namespace of a new subject, instead of one with its own name.
    namespace: Option<String>,
    /// What the key is good for, instead of everything (AUTH-04).
    rights: Option<Vec<Privilege>>,
}

/// What a body says whose key is looked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    authkey: String,
}

/// A subject as it is shown.
#[derive(Serialize)]
pub(super) struct SubjectView<'a> {
    subject: &'a str,
    blocked: bool,
    namespaces: Vec<NamespaceView<'a>>,
}

#[derive(Serialize)]
struct NamespaceView<'a> {
    name: &'a EntityName,
    uuid: &'a str,
    /// Whether web actions of the namespace run as this subject.
    owner: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    rights: Option<&'a [Privilege]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    authkey: Option<String>,
}

/// One who has a key for a namespace.
#[derive(Serialize)]
struct MemberView<'a> {
    subject: &'a str,
    blocked: bool,
    uuid: &'a str,
    owner: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    authkey: Option<String>,
}

/// A key that was made just now: the one time that it is shown.
#[derive(Serialize)]
struct NewKey {
    subject: String,
    namespace: EntityName,
    owner: bool,
    authkey: String,
}

impl Controller {
    pub(super) async fn list_subjects(&self, asked: &AdminAsked<'_>) -> Result<Reply, ApiError> {
        let page = asked.query.page("subjects")?;
        let all = members::subjects(&*self.artifacts).await?;
        if page.count {
            return Reply::of(&serde_json::json!({"subjects": all.len().saturating_sub(page.skip)}));
        }
        let shown = all.iter().skip(page.skip).take(page.limit);
        Reply::of(&shown.map(|(subject, _)| view(subject, None)).collect::<Vec<_>>())
    }

    /// USR-03. With `keys=true` come the keys that are sealed.
    pub(super) async fn get_subject(&self, name: &str, asked: &AdminAsked<'_>) -> Result<Reply, ApiError> {
        let keeper = asked.query.switch("keys", false)?.then_some(&self.secrets.keeper);
        let (subject, _) = self.subject(name).await?.ok_or_else(|| no_subject(name))?;
        Reply::of(&view(&subject, keeper))
    }

    /// USR-02: a subject that is new, with one namespace.
    pub(super) async fn create_subject(&self, name: &str, asked: &AdminAsked<'_>) -> Result<Reply, ApiError> {
        let wish = read_wish(asked)?;
        let namespace = EntityName::new(wish.namespace.as_deref().unwrap_or(name).trim());
        let namespace = namespace.map_err(|error| ApiError::from(error.of_namespace()))?;
        if self.subject(name).await?.is_some() {
            return Err(conflict("Subject already exists"));
        }
        self.add_key(name, namespace, wish).await
    }

    pub(super) async fn delete_subject(&self, name: &str) -> Result<Reply, ApiError> {
        let (subject, revision) = self.subject(name).await?.ok_or_else(|| no_subject(name))?;
        self.artifacts.delete(&subject_id(name), revision).await?;
        for own in subject.namespaces.iter().filter(|own| !own.shared) {
            members::adopt(&*self.artifacts, &own.name, self.clock.unix_millis()).await?;
        }
        Ok(Reply::empty(StatusCode::NO_CONTENT))
    }

    /// AUTH-03: from the next request on.
    pub(super) async fn block_subject(&self, name: &str, blocked: bool) -> Result<Reply, ApiError> {
        let change = |subject: Option<SubjectDocument>| {
            let subject = subject.ok_or_else(|| no_subject(name))?;
            Ok((SubjectDocument { blocked, ..subject }, ()))
        };
        let (subject, ()) = self.change_subject(name, change).await?;
        Reply::of(&view(&subject, None))
    }

    /// USR-02: a key for one more namespace; a subject that is not there is created.
    pub(super) async fn add_namespace(
        &self,
        name: &str,
        namespace: EntityName,
        asked: &AdminAsked<'_>,
    ) -> Result<Reply, ApiError> {
        let wish = read_wish(asked)?;
        if wish.namespace.is_some() {
            return Err(ApiError::malformed("the namespace is the one in the path"));
        }
        self.add_key(name, namespace, wish).await
    }

    async fn add_key(&self, name: &str, namespace: EntityName, wish: KeyWish) -> Result<Reply, ApiError> {
        if name.chars().count() < LEAST_NAME {
            return Err(ApiError::bad_request("Subject name must be at least 5 characters"));
        }
        let authkey = self.chosen_key(wish.authkey.as_deref(), None).await?;
        let shared = members::is_owned(&*self.artifacts, &namespace).await?;
        let key = self.secrets.keeper.keep(&authkey.uuid, &authkey.key);
        let (uuid, rights) = (authkey.uuid.clone(), wish.rights);
        let own = NamespaceKey { name: namespace.clone(), uuid, key, shared, rights };
        let change = |subject: Option<SubjectDocument>| {
            let mut subject = subject.unwrap_or_else(|| SubjectDocument {
                subject: Subject::new(name),
                namespaces: Vec::new(),
                blocked: false,
            });
            editable(&subject)?;
            if subject.namespaces.iter().any(|own| own.name == namespace) {
                return Err(conflict("Namespace already exists"));
            }
            subject.namespaces.push(own.clone());
            Ok((subject, ()))
        };
        self.change_subject(name, change).await?;
        shown_once(name, namespace, !shared, &authkey)
    }

    /// USR-02: revokes a key, and with it every short-lived one that stands for it. The uuid stays unless the new
    /// credentials bring another, and so do the rights.
    pub(super) async fn renew_key(
        &self,
        name: &str,
        namespace: EntityName,
        asked: &AdminAsked<'_>,
    ) -> Result<Reply, ApiError> {
        let wish = read_wish(asked)?;
        let (subject, _) = self.subject(name).await?.ok_or_else(|| no_subject(name))?;
        let present = subject.namespaces.iter().find(|own| own.name == namespace);
        let present = present.ok_or_else(|| no_namespace(name, &namespace))?;
        let authkey = self.chosen_key(wish.authkey.as_deref(), Some(&present.uuid)).await?;
        let key = self.secrets.keeper.keep(&authkey.uuid, &authkey.key);
        let change = |subject: Option<SubjectDocument>| {
            let mut subject = subject.ok_or_else(|| no_subject(name))?;
            editable(&subject)?;
            let own = subject.namespaces.iter_mut().find(|own| own.name == namespace);
            let own = own.ok_or_else(|| no_namespace(name, &namespace))?;
            (own.uuid, own.key) = (authkey.uuid.clone(), key.clone());
            own.rights = wish.rights.clone().or(own.rights.take());
            let owner = !own.shared;
            Ok((subject, owner))
        };
        let (_, owner) = self.change_subject(name, change).await?;
        shown_once(name, namespace, owner, &authkey)
    }

    pub(super) async fn remove_namespace(
        &self,
        name: &str,
        namespace: &EntityName,
    ) -> Result<Reply, ApiError> {
        let change = |subject: Option<SubjectDocument>| {
            let mut subject = subject.ok_or_else(|| no_subject(name))?;
            let before = subject.namespaces.len();
            subject.namespaces.retain(|own| own.name != *namespace);
            if subject.namespaces.len() == before {
                return Err(no_namespace(name, namespace));
            }
            Ok((subject, ()))
        };
        self.change_subject(name, change).await?;
        members::adopt(&*self.artifacts, namespace, self.clock.unix_millis()).await?;
        Ok(Reply::empty(StatusCode::NO_CONTENT))
    }

    /// USR-03: who has a key for a namespace, its owner first. With `keys=true` come the keys that are sealed.
    pub(super) async fn list_members(
        &self,
        namespace: &EntityName,
        asked: &AdminAsked<'_>,
    ) -> Result<Reply, ApiError> {
        let keeper = asked.query.switch("keys", false)?.then_some(&self.secrets.keeper);
        let all = members::members(&*self.artifacts, namespace).await?;
        let mut views = Vec::new();
        for (document, _) in &all {
            for own in document.namespaces.iter().filter(|own| own.name == *namespace) {
                views.push(MemberView {
                    subject: document.subject.as_str(),
                    blocked: document.blocked,
                    uuid: &own.uuid,
                    owner: !own.shared,
                    authkey: revealed(own, keeper),
                });
            }
        }
        Reply::of(&views)
    }

    /// USR-03. The key comes in a body, because paths are written into logs.
    pub(super) async fn whois(&self, asked: &AdminAsked<'_>) -> Result<Reply, ApiError> {
        let text = asked.payload.json(false)?.ok_or_else(|| ApiError::malformed("an authkey is expected"))?;
        let question: Question =
            serde_json::from_str(text).map_err(|error| ApiError::malformed_json(&error))?;
        let unknown = || ApiError::new(StatusCode::NOT_FOUND, "Subject id is not recognized");
        let authkey = AuthKey::parse(question.authkey.trim()).ok_or_else(unknown)?;
        let now = self.clock.unix_millis();
        let found = find_identity(&*self.artifacts, &authkey, &self.secrets.short, now).await?;
        let found = found.ok_or_else(unknown)?;
        let (subject, namespace) = (&found.identity.subject, &found.identity.namespace);
        let mut answer = serde_json::json!({
            "subject": subject, "namespace": namespace.name, "uuid": namespace.uuid,
        });
        if let Some(until) = found.until {
            answer["until"] = until.into();
        }
        Reply::of(&answer)
    }

    /// The credentials that a body asks for, or random ones; those of a renewed key keep its uuid.
    async fn chosen_key(
        &self,
        forced: Option<&str>,
        present: Option<&Arc<str>>,
    ) -> Result<AuthKey, ApiError> {
        let Some(forced) = forced else {
            let uuid = present.cloned().unwrap_or_else(|| Arc::from(base::ids::uuid()));
            return Ok(AuthKey { uuid, key: Arc::from(base::ids::secret(AuthKey::KEY_LENGTH)) });
        };
        let authkey = AuthKey::check(forced.trim());
        let authkey = authkey.map_err(|error| ApiError::bad_request(error.to_string()))?;
        let own = present.is_some_and(|present| *present == authkey.uuid);
        if !own && self.artifacts.find(&lookup_key(&authkey.uuid)).await?.is_some() {
            return Err(conflict("authorization id belongs to another key"));
        }
        Ok(authkey)
    }

    async fn subject(&self, name: &str) -> Result<Option<(SubjectDocument, Revision)>, ApiError> {
        let Some(document) = self.artifacts.get(&subject_id(name)).await? else { return Ok(None) };
        let subject = read_subject(&document).map_err(|error| ApiError::corrupted(&error))?;
        Ok(Some((subject, document.revision)))
    }

    /// Writes a subject as `change` makes it; once more where another change came in between.
    async fn change_subject<T>(
        &self,
        name: &str,
        change: impl Fn(Option<SubjectDocument>) -> Result<(SubjectDocument, T), ApiError>,
    ) -> Result<(SubjectDocument, T), ApiError> {
        for _ in 0..TRIES {
            let (present, revision) = self.subject(name).await?.unzip();
            let (subject, answer) = change(present)?;
            let document = document_for(&subject, self.clock.unix_millis())?;
            match self.artifacts.put(document, None, revision).await {
                Ok(_) => return Ok((subject, answer)),
                Err(PutError::Conflict) => {}
                Err(PutError::Store(error)) => return Err(error.into()),
            }
        }
        Err(ApiError::concurrent_change())
    }
}

/// What a body asks for; none asks for nothing.
fn read_wish(asked: &AdminAsked<'_>) -> Result<KeyWish, ApiError> {
    let Some(text) = asked.payload.json(false)? else { return Ok(KeyWish::default()) };
    serde_json::from_str(text).map_err(|error| ApiError::malformed_json(&error))
}

/// USR-02
fn editable(subject: &SubjectDocument) -> Result<(), ApiError> {
    if subject.blocked { Err(conflict("The subject you want to edit is blocked")) } else { Ok(()) }
}

fn shown_once(name: &str, namespace: EntityName, owner: bool, authkey: &AuthKey) -> Result<Reply, ApiError> {
    Reply::of(&NewKey { subject: name.to_owned(), namespace, owner, authkey: authkey.to_string() })
}

pub(super) fn view<'a>(subject: &'a SubjectDocument, keeper: Option<&Keeper>) -> SubjectView<'a> {
    let namespace = |own: &'a NamespaceKey| NamespaceView {
        name: &own.name,
        uuid: &own.uuid,
        owner: !own.shared,
        rights: own.rights.as_deref(),
        authkey: revealed(own, keeper),
    };
    SubjectView {
        subject: subject.subject.as_str(),
        blocked: subject.blocked,
        namespaces: subject.namespaces.iter().map(namespace).collect(),
    }
}

/// The whole key, where it is asked for and can be read.
fn revealed(own: &NamespaceKey, keeper: Option<&Keeper>) -> Option<String> {
    let stored: &StoredKey = &own.key;
    Some(format!("{}:{}", own.uuid, keeper?.reveal(&own.uuid, stored)?))
}

fn conflict(text: &'static str) -> ApiError {
    ApiError::new(StatusCode::CONFLICT, text)
}

fn no_subject(name: &str) -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, format!("Subject \"{name}\" does not exist"))
}

fn no_namespace(name: &str, namespace: &EntityName) -> ApiError {
    let text = format!("Namespace \"{namespace}\" does not exist for \"{name}\"");
    ApiError::new(StatusCode::NOT_FOUND, text)
}
