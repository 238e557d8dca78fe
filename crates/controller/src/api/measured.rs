//! What `bench/gate` counts the instructions of in this part, and nothing else calls from outside.

use super::{Admitted, Resource, Route, Target, paths, resolve_namespace};
use crate::Controller;
use http::request;

/// Reads the request for an invocation as far as its body: transaction id, route, caller, whether the caller takes JSON,
/// and the names of the action. `false`: it is answered without that.
pub async fn read(controller: &Controller, parts: &request::Parts) -> bool {
    let transaction = controller.transaction(parts);
    let vanity = controller.vanity(parts);
    let route = vanity.as_deref().map_or_else(|| paths::parse(parts.uri.path()), |rest| Route::Web { rest });
    let Admitted::Caller(caller) = controller.admit(parts, &route).await else { return false };
    let Route::InNamespace { namespace, resource } = route else { return false };
    let names_action = matches!(resource, Resource::Action { .. } | Resource::PackagedAction { .. });
    let target =
        resolve_namespace(&namespace, &caller).and_then(|namespace| Target::new(namespace, resource));
    std::hint::black_box(transaction);
    names_action && std::hint::black_box(target).is_ok()
}
