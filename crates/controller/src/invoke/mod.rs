//! From a request for an invocation to its answer.
//!
//! `resolve` finds the action, `parameters` merges the arguments, `primitive` makes the activation and hands it on,
//! `blocking` waits for its end, `intent` and `recover` see to it that nothing that was accepted is lost.

mod blocking;
mod intent;
mod parameters;
mod primitive;
mod record;
mod recover;
mod resolve;

pub(crate) use blocking::Waited;
pub(crate) use primitive::Invocation;
pub use recover::Recovered;
pub(crate) use resolve::{ResolvedAction, deprecated};

use crate::Controller;
use crate::api::{ApiError, Asked, Query, Reply, Target, malformed};
use crate::entitlement;
use std::time::Duration;
use types::Privilege;

/// How an invocation is to be answered (INV-01).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Wish {
    /// Whether to wait for its end.
    blocking: bool,
    /// Whether only the result is wanted.
    result_only: bool,
    /// How long to wait.
    wait: Duration,
}

impl Controller {
    /// `POST` on an action (section INV of the API rules).
    pub(crate) async fn invoke(&self, target: Target, asked: Asked<'_>) -> Result<Reply, ApiError> {
        let Asked { caller, query, payload, transaction, received, .. } = asked;
        entitlement::right(&caller, Privilege::Activate)?;
        let Some(_pass) = self.gate.enter() else { return Err(ApiError::unavailable()) };
        let place = entitlement::admit(&caller, received)?;
        let found = self.find_invocable(&caller, &target).await?;
        let allowed = caller.limits.payload.as_bytes();
        if payload.length() > allowed {
            return Err(ApiError::too_large("Request", payload.length(), allowed));
        }
        let arguments = payload.json(false)?.map(parameters::check).transpose()?;
        let wish = self.wish(query)?;
        let action = self.resolve(found).await?;
        let arguments = action.defaults.merge(arguments)?;
        // Its bytes are in the arguments now; its room is for other requests while this one waits.
        drop(payload);
        let transaction = transaction.clone();
        let invocation = Invocation { action, caller, arguments, transaction, received, place, cause: None };
        if !wish.blocking {
            return self.invoke_detached(invocation).await.map(blocking::accepted);
        }
        match self.invoke_waiting(invocation, wish.wait).await? {
            Waited::Ended(record) => blocking::finished(&record, wish.result_only),
            Waited::Running(id) => Ok(blocking::accepted(id)),
        }
    }

    /// INV-01, INV-03
    fn wish(&self, query: Query<'_>) -> Result<Wish, ApiError> {
        let blocking = query.switch("blocking", false)?;
        let result_only = query.switch("result", false)?;
        let wait = match query.get("timeout") {
            None => self.config.max_wait,
            Some(text) => {
                let max = u64::try_from(self.config.max_wait.as_millis()).unwrap_or(u64::MAX);
                let millis = text.parse::<u64>().ok().filter(|millis| (1..=max).contains(millis));
                let millis = millis.ok_or_else(|| {
                    let text = format!("Timeout must be number of milliseconds up to {max}.");
                    malformed("timeout", &text)
                })?;
                Duration::from_millis(millis)
            }
        };
        Ok(Wish { blocking, result_only, wait })
    }
}
