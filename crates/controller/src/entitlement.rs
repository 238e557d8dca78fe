//! Who may do what (section AUTH of the API rules). Nothing here reads a store: what a decision needs is handed in.

use crate::api::{ApiError, Target};
use crate::entities::PackageAccess;
use crate::identities::{Caller, Place};
use crate::invoke::ResolvedAction;
use engine::throttle::{Throttled, seconds_to_next_minute};
use std::fmt::Display;
use types::{EntityName, Privilege};

/// Whether the caller has that right at all (AUTH-06).
pub(crate) fn right(caller: &Caller, right: Privilege) -> Result<(), ApiError> {
    if caller.identity.rights.contains(&right) { Ok(()) } else { Err(ApiError::forbidden()) }
}

/// Whether the namespace is the caller's own (AUTH-07, AUTH-11, AUTH-12). `resource` is named in the refusal.
pub(crate) fn own(caller: &Caller, namespace: &EntityName, resource: impl Display) -> Result<(), ApiError> {
    if owns(caller, namespace) { Ok(()) } else { Err(ApiError::forbidden_resource(resource)) }
}

/// Whether the namespace is the caller's own.
pub(crate) fn owns(caller: &Caller, namespace: &EntityName) -> bool {
    caller.namespace() == namespace
}

/// Whether the caller may read a package (AUTH-08, AUTH-09): its own one or a published one; a binding only if it is
/// its own and what it binds may be read too.
pub(crate) fn read_package(
    caller: &Caller,
    namespace: &EntityName,
    package: &EntityName,
    access: &PackageAccess,
) -> Result<(), ApiError> {
    let owner = owns(caller, namespace);
    let allowed = match access {
        PackageAccess::Plain { published } => owner || *published,
        PackageAccess::Binding { provider, published } => owner && (owns(caller, provider) || *published),
        // PKG-09, PKG-10: only its owner hears what is wrong with it (ERR-19).
        PackageAccess::Broken { provider } => {
            if owner && provider.path.as_str() == namespace.as_str() && provider.name == *package {
                return Err(ApiError::circular_binding(provider));
            }
            if owner && owns(caller, &provider.path.namespace()) {
                return Err(ApiError::resource_not_found(provider));
            }
            false
        }
    };
    if allowed { Ok(()) } else { Err(ApiError::forbidden_resource(format_args!("{namespace}/{package}"))) }
}

/// Whether the owner of a namespace may run an action that the web calls there (AUTH-15): what a binding leads to may be
/// closed to it (WEB-04).
pub(crate) fn run_exported(owner: &Caller, target: &Target, action: &ResolvedAction) -> Result<(), ApiError> {
    right(owner, Privilege::Activate)?;
    let (Some(package), Some(access)) = (&target.package, &action.access) else { return Ok(()) };
    read_package(owner, &target.namespace, package, access)
        .map_err(|_| ApiError::forbidden_resource(&action.executable.name.path))
}

/// Counts one invocation against the namespace's limits and takes its place in flight (THR-01 to THR-05).
pub(crate) fn admit(caller: &Caller, unix_millis: u64) -> Result<Place, ApiError> {
    caller
        .admit(unix_millis)
        .map_err(|throttled| throttled_error(throttled, "invocationsPerMinute", unix_millis))
}

/// Counts one fire of a trigger against the namespace's limit (THR-02).
pub(crate) fn admit_fire(caller: &Caller, unix_millis: u64) -> Result<(), ApiError> {
    caller
        .admit_fire(unix_millis)
        .map_err(|throttled| throttled_error(throttled, "firesPerMinute", unix_millis))
}

/// What a client is told, and what a program can read: which limit it was, and when to come back. Where nothing is let
/// through (THR-05) coming back would not help.
fn throttled_error(throttled: Throttled, rate: &'static str, unix_millis: u64) -> ApiError {
    let (reason, limit, count, allowed, seconds) = match throttled {
        Throttled::Rate { count, allowed } => {
            ("rate_limit", rate, count, allowed, seconds_to_next_minute(unix_millis))
        }
        Throttled::Concurrency { count, allowed } => {
            ("concurrency_limit", "concurrentInvocations", count, allowed, 1)
        }
    };
    let error = ApiError::throttled(throttled.to_string())
        .because(reason)
        .detail("limit", limit)
        .detail("allowed", allowed)
        .detail("count", count);
    if allowed > 0 { error.retry_after(seconds) } else { error }
}
