//! From the path of an operator's request to what it names.

use super::documents::KINDS;
use crate::api::ApiError;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use store::DocumentKind;
use types::EntityName;

/// What a path below `/admin/v1` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// What there is.
    Index,
    /// `subjects`
    Subjects,
    /// `subjects/SUBJECT`
    Subject(String),
    /// `subjects/SUBJECT/block`
    Block(String),
    /// `subjects/SUBJECT/unblock`
    Unblock(String),
    /// `subjects/SUBJECT/namespaces/NAMESPACE`
    Namespace(String, EntityName),
    /// `subjects/SUBJECT/namespaces/NAMESPACE/key`
    Key(String, EntityName),
    /// `namespaces/NAMESPACE/subjects`
    Members(EntityName),
    /// `namespaces/NAMESPACE/limits`
    Limits(EntityName),
    /// `whois`
    Whois,
    /// `documents/KIND`
    Documents(DocumentKind),
}

/// Every route, as the index shows it: path, methods, what it does.
const ROUTES: [(&str, &str, &str); 11] = [
    ("/admin/v1", INDEX, "this list"),
    ("/admin/v1/subjects", SUBJECTS, "the subjects in order of name"),
    (
        "/admin/v1/subjects/{subject}",
        SUBJECT,
        "a subject with its namespaces; PUT creates it and shows its key, the one time",
    ),
    ("/admin/v1/subjects/{subject}/block", BLOCK, "refuse the subject's keys"),
    ("/admin/v1/subjects/{subject}/unblock", BLOCK, "accept them again"),
    (
        "/admin/v1/subjects/{subject}/namespaces/{namespace}",
        NAMESPACE,
        "give the subject a key for a namespace, or take it away",
    ),
    ("/admin/v1/subjects/{subject}/namespaces/{namespace}/key", KEY, "revoke the key and make a new one"),
    ("/admin/v1/namespaces/{namespace}/subjects", MEMBERS, "the subjects that have a key for the namespace"),
    (
        "/admin/v1/namespaces/{namespace}/limits",
        LIMITS,
        "what the namespace may use; PUT replaces the limits, PATCH changes those that are named",
    ),
    ("/admin/v1/whois", WHOIS, "whose key the one in the body is"),
    (
        "/admin/v1/documents/{kind}",
        DOCUMENTS,
        "what is stored in order of id, from behind `after`: actions, packages, triggers, rules, subjects or limits",
    ),
];

const INDEX: &str = "GET";
const SUBJECTS: &str = "GET";
const SUBJECT: &str = "GET, PUT, DELETE";
const BLOCK: &str = "POST";
const NAMESPACE: &str = "PUT, DELETE";
const KEY: &str = "POST";
const MEMBERS: &str = "GET";
const LIMITS: &str = "GET, PUT, PATCH, DELETE";
const WHOIS: &str = "POST";
const DOCUMENTS: &str = "GET";

impl Route {
    /// The methods that it takes, as `Allow` says them.
    pub(super) fn methods(&self) -> &'static str {
        match self {
            Route::Index => INDEX,
            Route::Subjects => SUBJECTS,
            Route::Subject(_) => SUBJECT,
            Route::Block(_) | Route::Unblock(_) => BLOCK,
            Route::Namespace(..) => NAMESPACE,
            Route::Key(..) => KEY,
            Route::Members(_) => MEMBERS,
            Route::Limits(_) => LIMITS,
            Route::Whois => WHOIS,
            Route::Documents(_) => DOCUMENTS,
        }
    }
}

/// Reads what stands behind `/admin/`; one slash at the end is no matter.
pub(super) fn parse(rest: &str) -> Result<Route, ApiError> {
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let segments: Vec<&str> = rest.split('/').collect();
    match *segments.as_slice() {
        ["v1"] => Ok(Route::Index),
        ["v1", "subjects"] => Ok(Route::Subjects),
        ["v1", "subjects", subject] => Ok(Route::Subject(name(subject)?)),
        ["v1", "subjects", subject, "block"] => Ok(Route::Block(name(subject)?)),
        ["v1", "subjects", subject, "unblock"] => Ok(Route::Unblock(name(subject)?)),
        ["v1", "subjects", subject, "namespaces", space] => {
            Ok(Route::Namespace(name(subject)?, namespace(space)?))
        }
        ["v1", "subjects", subject, "namespaces", space, "key"] => {
            Ok(Route::Key(name(subject)?, namespace(space)?))
        }
        ["v1", "namespaces", space, "subjects"] => Ok(Route::Members(namespace(space)?)),
        ["v1", "namespaces", space, "limits"] => Ok(Route::Limits(namespace(space)?)),
        ["v1", "whois"] => Ok(Route::Whois),
        ["v1", "documents", kind] => {
            let known = KINDS.iter().find(|(name, _)| *name == kind);
            known.map(|(_, kind)| Route::Documents(*kind)).ok_or_else(ApiError::no_route)
        }
        _ => Err(ApiError::no_route()),
    }
}

/// A segment, decoded.
fn name(segment: &str) -> Result<String, ApiError> {
    let decoded = percent_decode_str(segment).decode_utf8().map_err(|_| ApiError::no_route())?;
    match decoded.trim() {
        "" => Err(ApiError::no_route()),
        name => Ok(name.to_owned()),
    }
}

fn namespace(segment: &str) -> Result<EntityName, ApiError> {
    EntityName::new(&name(segment)?).map_err(|error| error.of_namespace().into())
}

/// What there is.
pub(super) fn index() -> Value {
    let routes = ROUTES.map(|(path, methods, description)| {
        json!({"path": path, "methods": methods.split(", ").collect::<Vec<_>>(), "description": description})
    });
    json!({"description": "OxiWhisk administration", "api_version": "1", "routes": routes})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_of_the_index_is_one_with_those_methods() {
        for (path, methods, _) in ROUTES {
            let path = path
                .replace("{subject}", "alice%40home")
                .replace("{namespace}", "space")
                .replace("{kind}", "rules");
            let route = parse(path.strip_prefix("/admin/").unwrap());
            assert_eq!(route.unwrap_or_else(|_| panic!("{path}")).methods(), methods, "{path}");
        }
    }

    #[test]
    fn names_are_decoded_and_checked() {
        assert_eq!(parse("v1/subjects/a%20b%2Fc").unwrap(), Route::Subject("a b/c".to_owned()));
        for bad in ["v1/subjects//block", "v1/subjects/%20", "v1/subjects/%FF", "v1/x", "", "v2"] {
            assert_eq!(parse(bad).unwrap_err().status(), 404, "{bad}");
        }
        assert_eq!(parse("v1/namespaces/a%3Ab/limits").unwrap_err().status(), 400);
    }
}
