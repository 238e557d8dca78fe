//! From a request for an invocation to its answer.
//!
//! `resolve` finds the action, `parameters` merges the arguments, `primitive` makes the activation and hands it on,
//! `compose` runs what has parts, `blocking` waits for the end, `fire` does all this for each rule of a trigger, `intent`
//! and `recover` see to it that nothing that was accepted is lost.

mod blocking;
mod compose;
mod fire;
mod intent;
pub(crate) mod measured;
mod on_the_way;
mod parameters;
mod primitive;
mod record;
mod recover;
mod resolve;
mod streamed;
mod wish;

pub(crate) use blocking::Waited;
pub(crate) use fire::Fires;
pub(crate) use on_the_way::OnTheWay;
pub(crate) use primitive::Invocation;
pub use recover::Recovered;
pub(crate) use resolve::{ResolvedAction, deprecated};
pub(crate) use streamed::{Response, WebOutcome};

use crate::Controller;
use crate::api::{ApiError, Asked, Reply, Target, trace};
use crate::callbacks::{self, Promise, Wanted};
use crate::entitlement;
use crate::identities::{Caller, Place};
use http::HeaderMap;
use resolve::Found;
use std::sync::Arc;
use types::json::Raw;
use types::{ActivationId, Privilege, TraceContext, TransactionId};
use wish::Wish;

/// An invocation that may be made, as far as can be said before its body is read.
pub(crate) struct Admission {
    found: Found,
    place: Place,
}

/// What an invocation is made of beside the action.
#[derive(Debug)]
pub(crate) struct Call {
    /// The id that the activation will have.
    pub(crate) id: ActivationId,
    /// Who invokes.
    pub(crate) caller: Arc<Caller>,
    /// An object.
    pub(crate) payload: Option<Raw>,
    /// The request.
    pub(crate) transaction: TransactionId,
    /// When it came, in milliseconds since 1970.
    pub(crate) received: u64,
    /// The step of a trace that it belongs to; `None`: a new one begins.
    pub(crate) trace: Option<TraceContext>,
}

impl Controller {
    /// `POST` on an action (section INV of the API rules).
    pub(crate) async fn invoke(&self, target: Target, asked: Asked<'_>) -> Result<Reply, ApiError> {
        let Asked { caller, headers, query, payload, transaction, received, .. } = asked;
        let Some(_pass) = self.gate.enter() else { return Err(ApiError::unavailable()) };
        let admission = self.admit_invocation(&caller, &target, payload.length(), received).await?;
        let arguments = payload.object_sent()?;
        let wish = Wish::read(query, headers, &self.config)?;
        let wanted = self.wanted_callback(headers, &caller)?;
        if wish.blocking && wanted.is_some() {
            return Err(callbacks::blocking());
        }
        let (id, transaction, trace) = (self.new_activation_id(), transaction.clone(), trace(headers));
        let call = Call { id, caller, payload: arguments, transaction, received, trace };
        let invocation = self.arrange(admission, call).await?;
        // Its bytes are in the arguments now; its room is for other requests while this one waits.
        drop(payload);
        if !wish.blocking {
            let promise = self.promise_callback(id, &invocation.caller, wanted).await?;
            let id = self.invoke_detached(invocation).await?;
            if let Some(promise) = promise {
                promise.keep();
            }
            return Ok(blocking::accepted(id).applying(wish.applied));
        }
        let reply = match self.invoke_waiting(invocation, wish.wait).await? {
            Waited::Ended(record) => Ok(blocking::finished(&record, wish.result_only)),
            Waited::Running(id) => blocking::running(id, &wish),
        };
        reply.map(|reply| reply.applying(wish.applied))
    }

    /// The callback that a request asks for.
    fn wanted_callback(&self, headers: &HeaderMap, caller: &Caller) -> Result<Option<Wanted>, ApiError> {
        Wanted::read(headers, caller, self.callbacks.webhook())
    }

    /// Promises the callback that is wanted; it is withdrawn unless the promise is kept.
    async fn promise_callback(
        &self,
        id: ActivationId,
        caller: &Caller,
        wanted: Option<Wanted>,
    ) -> Result<Option<Promise>, ApiError> {
        let Some(wanted) = wanted else { return Ok(None) };
        self.callbacks.promise(id, caller.namespace(), wanted).await.map(Some)
    }

    /// Checks whether the caller may invoke what the path names now, with a payload of that many bytes: rights,
    /// throttles, access, size, in this order (ERR-18).
    pub(crate) async fn admit_invocation(
        &self,
        caller: &Caller,
        target: &Target,
        payload_length: u64,
        now: u64,
    ) -> Result<Admission, ApiError> {
        entitlement::right(caller, Privilege::Activate)?;
        let place = entitlement::admit(caller, now)?;
        let found = self.find_invocable(caller, target).await?;
        check_payload(caller, payload_length)?;
        Ok(Admission { found, place })
    }

    /// The invocation that was admitted, complete: the action is there, and takes these arguments.
    pub(crate) async fn arrange(&self, admission: Admission, call: Call) -> Result<Invocation, ApiError> {
        let Admission { found, place } = admission;
        let Call { id, caller, payload, transaction, received, trace } = call;
        let action = self.resolve(found).await?;
        let arguments = action.defaults.merge(payload)?;
        Ok(Invocation {
            id,
            action,
            caller,
            arguments,
            transaction,
            received,
            place,
            cause: None,
            streams: false,
            trace,
        })
    }
}

/// LIM-02
pub(crate) fn check_payload(caller: &Caller, length: u64) -> Result<(), ApiError> {
    let allowed = caller.limits.payload.as_bytes();
    if length > allowed { Err(ApiError::too_large("Request", length, allowed)) } else { Ok(()) }
}
