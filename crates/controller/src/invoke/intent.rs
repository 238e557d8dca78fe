//! What is written down of an accepted activation, so that another process can end it.

use super::record::Kind;
use bytes::Bytes;
use rpc::{ActivationMessage, ExecutableAction, Remembered};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::sync::Arc;
use store::{Intent, StoreError};
use types::json::{self, Raw};
use types::{
    ActionLimits, ActivationId, ControllerId, EntityPath, FullyQualifiedName, Identity, Lock, QueueKey,
    Revision, SemVer, TraceContext, TransactionId,
};

/// The body of an intent. Caller and action are the same in many, and so written once. The caller is kept whole, because the
/// limits are those at the time of the request; an identity has no key in it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a, C, A> {
    transaction: Cow<'a, TransactionId>,
    caller: C,
    action: A,
    /// Written by hand, because serde would look through it once more.
    #[serde(borrow, skip_serializing)]
    payload: &'a RawValue,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    environment: Option<&'a RawValue>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    locks: Option<Cow<'a, [Lock]>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cause: Option<ActivationId>,
    trace: Cow<'a, TraceContext>,
    received: u64,
    accepted: u64,
    blocking: bool,
    #[serde(default, skip_serializing_if = "Kind::is_simple")]
    kind: Kind,
}

/// The action as it was when it was invoked.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Action<'a> {
    name: Cow<'a, FullyQualifiedName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    binding: Option<Cow<'a, EntityPath>>,
    version: SemVer,
    revision: Revision,
    kind: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    image: Option<Cow<'a, str>>,
    limits: ActionLimits,
    provide_api_key: bool,
    #[serde(default)]
    slots: u32,
}

/// What intents say of an action.
fn written(action: &ExecutableAction) -> Box<RawValue> {
    json::plain(&Action {
        name: Cow::Borrowed(&action.name),
        binding: action.binding.as_ref().map(Cow::Borrowed),
        version: action.version,
        revision: action.revision,
        kind: Cow::Borrowed(&action.kind),
        image: action.image.as_deref().map(Cow::Borrowed),
        limits: action.limits,
        provide_api_key: action.provide_api_key,
        slots: action.slots,
    })
}

/// The intent of an activation; `caller` is its caller, written.
pub(super) fn write(
    message: &ActivationMessage,
    caller: &RawValue,
    kind: Kind,
) -> Result<Intent, StoreError> {
    let activation_id = message.activation_id;
    let failed = |error| StoreError::new(format!("write the intent of activation {activation_id}"), error);
    let environment = message.environment.as_deref().map(serde_json::from_str::<Box<RawValue>>);
    let environment = environment.transpose().map_err(failed)?;
    let body = Body {
        transaction: Cow::Borrowed(&message.transaction_id),
        caller,
        action: message.action.in_intents(written),
        payload: RawValue::NULL,
        environment: environment.as_deref(),
        locks: message.locks.as_deref().map(Cow::Borrowed),
        cause: message.cause,
        trace: Cow::Borrowed(&message.trace),
        received: message.received,
        accepted: message.accepted,
        blocking: message.blocking,
        kind,
    };
    let rest = serde_json::to_vec(&body).map_err(failed)?;
    let body = [b"{\"payload\":", message.payload.get().as_bytes(), b",", &rest[1..]].concat();
    Ok(Intent { activation_id, body: Bytes::from(body) })
}

/// The activation of an intent, with the action as it was, and what it is.
pub(super) fn read(
    intent: &Intent,
    controller: ControllerId,
) -> Result<(ActivationMessage, Kind), serde_json::Error> {
    let body: Body<'_, Cow<'_, Identity>, Action<'_>> = serde_json::from_slice(&intent.body)?;
    let caller = body.caller.into_owned();
    let name = body.action.name.into_owned();
    let action = ExecutableAction {
        name: name.clone(),
        binding: body.action.binding.map(Cow::into_owned),
        version: body.action.version,
        revision: body.action.revision,
        kind: Arc::from(body.action.kind),
        image: body.action.image.map(Arc::from),
        limits: body.action.limits,
        provide_api_key: body.action.provide_api_key,
        slots: body.action.slots.max(1),
        texts: Remembered::default(),
    };
    let kind = body.kind;
    let message = ActivationMessage {
        activation_id: intent.activation_id,
        transaction_id: body.transaction.into_owned(),
        queue: Arc::new(QueueKey { namespace: caller.namespace.name.clone(), action: name }),
        action: Arc::new(action),
        caller: Arc::new(caller),
        controller,
        blocking: body.blocking,
        payload: Raw::from(body.payload),
        environment: body.environment.map(Raw::from),
        locks: body.locks.map(|locks| Arc::from(locks.into_owned())),
        cause: body.cause,
        trace: body.trace.into_owned(),
        received: body.received,
        accepted: body.accepted,
        streams: false,
        journaled: true,
    };
    Ok((message, kind))
}
