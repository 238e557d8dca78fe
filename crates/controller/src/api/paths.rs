//! From the path of a request to what it names, without allocating for plain paths.
//!
//! Whether names are well-formed is asked later, once the caller is known (ERR-18).

use percent_encoding::percent_decode_str;
use std::borrow::Cow;

/// One segment of a path, decoded (HTTP-04).
pub(crate) type Segment<'a> = Cow<'a, str>;

/// What a path names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route<'a> {
    /// `/`
    Root,
    /// `/ping`
    Ping,
    /// `/api/v1`, also with a slash.
    Api,
    /// `/api/v1/namespaces`
    Namespaces,
    /// A web action and what follows it: everything behind `/api/v1/web/` (WEB-01).
    Web {
        /// Not decoded yet.
        rest: &'a str,
    },
    /// The document of the API, and the page that shows it: `api-docs`, `openapi.json`, `docs`, `docs/…` (HTTP-10).
    Docs {
        /// Behind `/api/v1/`.
        rest: &'a str,
    },
    /// The operator's part of the server: everything behind `/admin/`.
    Admin {
        /// Not decoded yet.
        rest: &'a str,
    },
    /// What upstream's roles answer to operators outside the versioned API: `/metrics`, `/invokers` and the like
    /// (section ADM).
    Operator {
        /// The whole path.
        path: &'a str,
    },
    /// Something in a namespace.
    InNamespace {
        /// Which, or `_` for the caller's own (HTTP-03).
        namespace: Segment<'a>,
        /// What.
        resource: Resource<'a>,
    },
    /// Nothing, below `/api/v1`.
    UnknownApi,
    /// Nothing, elsewhere.
    Unknown,
}

/// What a path names in a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Resource<'a> {
    /// `actions`
    Actions,
    /// `actions/NAME`
    Action {
        /// The action.
        name: Segment<'a>,
    },
    /// `actions/PACKAGE/`: what is in the package (HTTP-02, LIST-12).
    ActionsOfPackage {
        /// The package.
        package: Segment<'a>,
    },
    /// `actions/PACKAGE/NAME`
    PackagedAction {
        /// The package, or a binding of one.
        package: Segment<'a>,
        /// The action.
        name: Segment<'a>,
    },
    /// `packages`
    Packages,
    /// `packages/NAME`
    Package {
        /// The package.
        name: Segment<'a>,
    },
    /// `triggers`
    Triggers,
    /// `triggers/NAME`
    Trigger {
        /// The trigger.
        name: Segment<'a>,
    },
    /// `rules`
    Rules,
    /// `rules/NAME`
    Rule {
        /// The rule.
        name: Segment<'a>,
    },
    /// `activations`
    Activations,
    /// `activations/ID`, and parts of it.
    Activation {
        /// Its id.
        id: Segment<'a>,
        /// Which part.
        part: Part,
    },
    /// `limits`
    Limits,
    /// `limits/X`
    LimitsEntity,
    /// `callbacks`
    Callbacks,
}

/// A part of an activation record (ATV-05).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// All of it.
    Record,
    /// `/result`
    Result,
    /// `/logs`
    Logs,
}

/// Where the versioned API begins (HTTP-01).
const BASE: &str = "/api/v1";

/// The methods of an action, a trigger or a rule.
pub(crate) const ENTITY_METHODS: &str = "PUT, GET, DELETE, POST";

/// The methods of a package, which cannot be invoked (PKG-12).
pub(crate) const PACKAGE_METHODS: &str = "PUT, GET, DELETE";

/// Where the operator's part begins.
const ADMIN: &str = "/admin/";

/// What of that is answered like upstream's endpoints, under names that tell the roles apart.
const ROLES: [&str; 4] = ["controller", "events", "invoker", "scheduler"];

/// The first segments of the paths that upstream's roles have for operators (ADM-01 to ADM-04).
const OPERATOR: [&str; 11] = [
    "activation",
    "disable",
    "enable",
    "invokers",
    "isEnabled",
    "metrics",
    "pool",
    "queue",
    "queues",
    "ready",
    "state",
];

/// Reads a path.
pub(crate) fn parse(path: &str) -> Route<'_> {
    match path {
        "/" | "" => return Route::Root,
        "/ping" => return Route::Ping,
        _ => {}
    }
    // First, because almost all requests go there.
    if let Some(rest) = path.strip_prefix(BASE) {
        return match rest.strip_prefix('/') {
            Some("") => Route::Api,
            Some(rest) => below_base(rest).unwrap_or(Route::UnknownApi),
            None if rest.is_empty() => Route::Api,
            None => Route::Unknown,
        };
    }
    if let Some(rest) = path.strip_prefix(ADMIN) {
        // The roles' own endpoints are under the operator's part too.
        let part = rest.strip_prefix("v1/").unwrap_or_default().split('/').next();
        if part.is_some_and(|part| ROLES.contains(&part)) {
            return Route::Operator { path };
        }
        return Route::Admin { rest };
    }
    let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    if OPERATOR.contains(&first) && path.starts_with(&format!("/{first}")) {
        return Route::Operator { path };
    }
    Route::Unknown
}

fn below_base(rest: &str) -> Option<Route<'_>> {
    if let Some(rest) = rest.strip_prefix("web/") {
        return Some(Route::Web { rest });
    }
    if matches!(rest, "api-docs" | "openapi.json" | "docs") || rest.starts_with("docs/") {
        return Some(Route::Docs { rest });
    }
    // One slash at the end stands for itself; whether it may be there depends on what is before it.
    let (rest, slash) = match rest.strip_suffix('/') {
        Some(rest) => (rest, true),
        None => (rest, false),
    };
    let mut segments = rest.split('/');
    if segments.next()? != "namespaces" {
        return None;
    }
    let Some(namespace) = segments.next() else { return Some(Route::Namespaces) };
    let collection = segments.next()?;
    let entity = [segments.next(), segments.next()];
    // Empty segments match nothing, and no path is longer (HTTP-25, ACT-30).
    if segments.next().is_some() || namespace.is_empty() || entity.contains(&Some("")) {
        return None;
    }
    let resource = match collection {
        "actions" => action(entity, slash)?,
        "packages" => match plain(entity, slash)? {
            None => Resource::Packages,
            Some(name) => Resource::Package { name },
        },
        "triggers" => match plain(entity, slash)? {
            None => Resource::Triggers,
            Some(name) => Resource::Trigger { name },
        },
        "rules" => match plain(entity, slash)? {
            None => Resource::Rules,
            Some(name) => Resource::Rule { name },
        },
        "activations" => activation(entity, slash)?,
        "callbacks" if entity == [None, None] => Resource::Callbacks,
        "limits" => match entity {
            [None, _] => Resource::Limits,
            [Some(_), None] if !slash => Resource::LimitsEntity,
            [Some(_), _] => return None,
        },
        _ => return None,
    };
    Some(Route::InNamespace { namespace: decoded(namespace), resource })
}

fn action<'a>(entity: [Option<&'a str>; 2], slash: bool) -> Option<Resource<'a>> {
    match (entity, slash) {
        ([None, _], _) => Some(Resource::Actions),
        ([Some(name), None], false) => Some(Resource::Action { name: decoded(name) }),
        ([Some(package), None], true) => Some(Resource::ActionsOfPackage { package: decoded(package) }),
        ([Some(package), Some(name)], false) => {
            Some(Resource::PackagedAction { package: decoded(package), name: decoded(name) })
        }
        ([Some(_), Some(_)], true) => None,
    }
}

/// A collection without anything below its entities: all of it, or one entity, whose name no slash may follow
/// (HTTP-02).
fn plain<'a>(entity: [Option<&'a str>; 2], slash: bool) -> Option<Option<Segment<'a>>> {
    match (entity, slash) {
        ([None, _], _) => Some(None),
        ([Some(name), None], false) => Some(Some(decoded(name))),
        ([Some(_), _], _) => None,
    }
}

fn activation<'a>(entity: [Option<&'a str>; 2], slash: bool) -> Option<Resource<'a>> {
    let part = match (entity, slash) {
        ([None, _], _) => return Some(Resource::Activations),
        ([Some(_), None], _) => Part::Record,
        ([Some(_), Some("result")], false) => Part::Result,
        ([Some(_), Some("logs")], false) => Part::Logs,
        ([Some(_), Some(_)], _) => return None,
    };
    entity[0].map(|id| Resource::Activation { id: decoded(id), part })
}

/// What is not UTF-8 becomes a character that no name has.
fn decoded(segment: &str) -> Segment<'_> {
    if !segment.bytes().any(|byte| byte == b'%') {
        return Cow::Borrowed(segment);
    }
    percent_decode_str(segment).decode_utf8_lossy()
}

impl Resource<'_> {
    /// The methods that it has, as the header `Allow` names them.
    pub(crate) fn methods(&self) -> &'static str {
        match self {
            Resource::Action { .. }
            | Resource::PackagedAction { .. }
            | Resource::Trigger { .. }
            | Resource::Rule { .. } => ENTITY_METHODS,
            Resource::Package { .. } => PACKAGE_METHODS,
            Resource::Actions
            | Resource::Packages
            | Resource::Triggers
            | Resource::Rules
            | Resource::ActionsOfPackage { .. }
            | Resource::Activations
            | Resource::Activation { .. }
            | Resource::Limits
            | Resource::LimitsEntity
            | Resource::Callbacks => "GET",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn resource(path: &str) -> Option<Resource<'_>> {
        match parse(path) {
            Route::InNamespace { resource, .. } => Some(resource),
            _ => None,
        }
    }

    #[test]
    fn http_02_a_slash_at_the_end_is_accepted_where_upstream_does() {
        assert_eq!(parse("/api/v1"), Route::Api);
        assert_eq!(parse("/api/v1/"), Route::Api);
        assert_eq!(parse("/api/v1/namespaces/"), Route::Namespaces);
        assert_eq!(resource("/api/v1/namespaces/_/actions/"), Some(Resource::Actions));
        assert_eq!(resource("/api/v1/namespaces/_/limits/"), Some(Resource::Limits));
        let package = Resource::ActionsOfPackage { package: "p".into() };
        assert_eq!(resource("/api/v1/namespaces/_/actions/p/"), Some(package));
        let record = Resource::Activation { id: "x".into(), part: Part::Record };
        assert_eq!(resource("/api/v1/namespaces/_/activations/x/"), Some(record));
        assert_eq!(resource("/api/v1/namespaces/_/activations/x/logs/"), None);
        assert_eq!(resource("/api/v1/namespaces/_/actions/p/a/"), None);
        assert_eq!(resource("/api/v1/namespaces/_/triggers/"), Some(Resource::Triggers));
        for collection in ["triggers", "rules", "packages"] {
            assert_eq!(resource(&format!("/api/v1/namespaces/_/{collection}/x/")), None, "{collection}");
        }
    }

    #[test]
    fn http_04_segments_are_decoded_after_they_are_cut() {
        let action = Resource::PackagedAction { package: "a b".into(), name: "x@y/z".into() };
        assert_eq!(resource("/api/v1/namespaces/_/actions/a%20b/x%40y%2Fz"), Some(action));
    }

    #[test]
    fn http_25_act_30_empty_and_surplus_segments_match_nothing() {
        for path in [
            "/api/v1//namespaces",
            "/api/v1/namespaces//actions",
            "/api/v1/namespaces/_/actions//",
            "/api/v1/namespaces/_/actions//a",
            "/api/v1/namespaces/_/actions/a//",
            "/api/v1/namespaces/_/actions/a/b/c",
            "/api/v1/namespaces/_",
            "/api/v1/namespaces/_/",
            "/api/v1/namespaces/_/nothing",
            "/api/v1/namespaces/_/limits/a/b",
            "/api/v1/namespaces/_/activations/a/b",
        ] {
            assert_eq!(parse(path), Route::UnknownApi, "{path}");
        }
        for path in ["/api/v1x", "/api", "/x", "/ping/", "//"] {
            assert_eq!(parse(path), Route::Unknown, "{path}");
        }
    }

    proptest! {
        #[test]
        fn no_path_makes_it_panic(path in "(/api/v1)?(/|namespaces|_|actions|activations|limits|%[0-9a-fA-F]?|.){0,24}") {
            parse(&path);
        }

        #[test]
        fn names_come_out_as_they_were_written(name in "[A-Za-z0-9_][A-Za-z0-9_@.& -]{0,20}") {
            let path = format!("/api/v1/namespaces/_/actions/{}", percent_encoding::utf8_percent_encode(&name, percent_encoding::NON_ALPHANUMERIC));
            let expected = Some(Resource::Action { name: name.as_str().into() });
            prop_assert_eq!(resource(&path), expected);
        }
    }
}
