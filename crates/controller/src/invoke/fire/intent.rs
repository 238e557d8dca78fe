//! What is written down of a fire before its answer goes out.

use super::{Fire, Shot};
use crate::identities::Identities;
use bytes::Bytes;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::sync::Arc;
use store::{Intent, StoreError};
use types::json::Raw;
use types::{FullyQualifiedName, Identity, Parameters, SemVer, TraceContext, TransactionId};

/// The body of the intent. The caller is kept whole, as in the intents of actions.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a, C> {
    /// Nothing but a fire has it.
    trigger: Cow<'a, FullyQualifiedName>,
    version: SemVer,
    transaction: Cow<'a, TransactionId>,
    caller: C,
    parameters: Cow<'a, Parameters>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    payload: Option<&'a RawValue>,
    rules: Cow<'a, [Shot]>,
    received: u64,
    trace: Cow<'a, TraceContext>,
}

/// The intent of a fire.
pub(super) fn write(fire: &Fire) -> Result<Intent, StoreError> {
    let failed = |error| StoreError::new(format!("write the intent of fire {}", fire.id), error);
    let payload = fire.payload.as_deref().map(serde_json::from_str::<&RawValue>);
    let body = Body {
        trigger: Cow::Borrowed(&fire.trigger),
        version: fire.version,
        transaction: Cow::Borrowed(&fire.transaction),
        caller: fire.caller.written(),
        parameters: Cow::Borrowed(&fire.parameters),
        payload: payload.transpose().map_err(failed)?,
        rules: Cow::Borrowed(&fire.rules),
        received: fire.received,
        trace: Cow::Borrowed(&fire.trace),
    };
    let body = serde_json::to_vec(&body).map_err(failed)?;
    Ok(Intent { activation_id: fire.id, body: Bytes::from(body) })
}

/// Whether this is the intent of a fire.
pub(in crate::invoke) fn is_fire(intent: &Intent) -> bool {
    #[derive(Deserialize)]
    struct Kind {
        trigger: Option<IgnoredAny>,
    }
    serde_json::from_slice::<Kind>(&intent.body).is_ok_and(|kind| kind.trigger.is_some())
}

/// The fire of an intent.
pub(super) fn read(intent: &Intent, identities: &Identities) -> Result<Fire, StoreError> {
    let id = intent.activation_id;
    let body: Body<'_, Cow<'_, Identity>> = serde_json::from_slice(&intent.body)
        .map_err(|error| StoreError::new(format!("read the intent of fire {id}"), error))?;
    let (parameters, payload) = (body.parameters.into_owned(), body.payload.map(Raw::from));
    let arguments = super::arguments(&parameters, payload.clone())
        .map_err(|error| StoreError::new(format!("read the intent of fire {id}"), error.text().to_owned()))?;
    Ok(Fire {
        id,
        caller: identities.caller(Arc::new(body.caller.into_owned())),
        transaction: body.transaction.into_owned(),
        trigger: body.trigger.into_owned(),
        version: body.version,
        parameters,
        arguments,
        payload,
        rules: body.rules.into_owned(),
        received: body.received,
        trace: body.trace.into_owned(),
    })
}
