//! What is asked of the components of a sequence when it is created or updated (SEQ-01, SEQ-02, ACT-23).

use crate::Controller;
use crate::api::error::ApiError;
use crate::identities::Caller;
use engine::compose::{COMPONENT_MISSING, SEQUENCE_TOO_LONG};
use std::sync::Arc;
use types::json;
use types::{Exec, FullyQualifiedName, Parameter, Parameters};

/// The parameters of a sequence, which are its components; `None`: it is no sequence (ACT-23).
pub(super) fn parameters(exec: &Exec) -> Option<Parameters> {
    let Exec::Sequence { components } = exec else { return None };
    let names: Vec<String> = components.iter().map(|name| format!("/{name}")).collect();
    let actions =
        Parameter { key: Arc::from("_actions"), value: json::raw(&names), init: false, encryption: None };
    Some([actions].into_iter().collect())
}

impl Controller {
    /// Checks that the caller may read every component (AUTH-14); of too many, which will be refused, only some.
    pub(super) async fn may_read_components(
        &self,
        caller: &Caller,
        components: &[FullyQualifiedName],
    ) -> Result<(), ApiError> {
        let looked_at = components.len().min(longest(caller));
        self.may_use(caller, &components[..looked_at]).await
    }

    /// Checks that a sequence has components, that they are there, that it is not among them, and that all in all they
    /// are not too many; a sequence among them counts with what is in it.
    pub(super) async fn check_components(
        &self,
        caller: &Caller,
        sequence: &FullyQualifiedName,
        components: &[FullyQualifiedName],
    ) -> Result<(), ApiError> {
        let limit = longest(caller);
        if components.is_empty() {
            return Err(ApiError::bad_request("No component specified for the sequence."));
        }
        if components.len() > limit {
            return Err(ApiError::bad_request(SEQUENCE_TOO_LONG));
        }
        let (mut atoms, mut looked_at) = (0, 0);
        // Names that are still to be looked at, with their depth.
        let mut open: Vec<(FullyQualifiedName, usize)> =
            components.iter().map(|name| (name.clone(), 1)).collect();
        while let Some((name, depth)) = open.pop() {
            looked_at += 1;
            let name = self.provided(&name).await?;
            if name == *sequence {
                return Err(ApiError::bad_request("Sequence may not refer to itself."));
            }
            let Some((_, action)) = self.entities.action(&name).await? else { return Err(missing()) };
            match action.exec {
                Exec::Sequence { components } => {
                    open.extend(components.into_iter().map(|name| (name, depth + 1)));
                }
                Exec::Code(_) | Exec::Blackbox { .. } => atoms += 1,
            }
            // The depth and the number looked at are bounded too, in case others have come to contain each other.
            if atoms > limit || depth > limit || looked_at > limit.saturating_mul(limit) {
                return Err(ApiError::bad_request(SEQUENCE_TOO_LONG));
            }
        }
        Ok(())
    }

    /// The name under which an action is stored that may be reached through a binding.
    async fn provided(&self, name: &FullyQualifiedName) -> Result<FullyQualifiedName, ApiError> {
        let Some(package) = name.path.package_name() else { return Ok(name.clone()) };
        let view = self.entities.package(&name.path.namespace(), &package).await?.ok_or_else(missing)?;
        Ok(FullyQualifiedName::new(view.path(), name.name.clone()))
    }
}

/// The greatest number of actions in a sequence.
fn longest(caller: &Caller) -> usize {
    usize::try_from(caller.limits.sequence_length).unwrap_or(usize::MAX)
}

fn missing() -> ApiError {
    ApiError::bad_request(COMPONENT_MISSING)
}
