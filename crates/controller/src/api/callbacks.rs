//! The completion callbacks of a namespace, which upstream has not.

use super::error::ApiError;
use super::respond::Reply;
use crate::callbacks::Shown;
use crate::identities::Caller;
use crate::{Controller, entitlement};
use serde::Serialize;
use types::EntityName;

/// What an owner sees of its callbacks.
#[derive(Serialize)]
struct Listed {
    /// With which callbacks are signed that come without a secret of their own.
    secret: String,
    callbacks: Vec<Shown>,
}

impl Controller {
    /// The secret that receivers need, the callbacks that are pending, and how the last others ended.
    pub(super) fn list_callbacks(&self, caller: &Caller, namespace: &EntityName) -> Result<Reply, ApiError> {
        entitlement::own(caller, namespace, namespace)?;
        let (secret, callbacks) = (self.callbacks.secret_of(namespace), self.callbacks.of(namespace));
        Reply::of(&Listed { secret, callbacks })
    }
}
