//! What `bench/gate` counts the instructions of in this part, and nothing else calls from outside.

use super::parameters::Defaults;
use super::record::as_answer;
use super::wish::Wish;
use crate::Controller;
use crate::api::{Body, Query};
use bytes::Bytes;
use http::request;
use std::fmt;
use types::json::Raw;
use types::{Activation, Parameters};

/// An action's default parameters, written out once.
pub struct Merge(Defaults);

impl Merge {
    /// Those of an action that is not `final`.
    #[must_use]
    pub fn new(parameters: &Parameters) -> Merge {
        Merge(Defaults::new(parameters, false))
    }

    /// The arguments with a client's payload. `None`: it is no JSON object.
    #[must_use]
    pub fn with(&self, payload: &Bytes) -> Option<Raw> {
        let payload = Raw::read(payload.clone()).ok()?;
        self.0.merge(Some(payload)).ok().map(|arguments| arguments.payload)
    }
}

impl fmt::Debug for Merge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Merge").field(&self.0).finish()
    }
}

/// Reads from query and headers how an invocation is to be answered. `false`: it cannot be.
#[must_use]
pub fn wish(controller: &Controller, parts: &request::Parts) -> bool {
    let wish = Wish::read(Query::new(parts.uri.query()), &parts.headers, &controller.config);
    std::hint::black_box(wish).is_ok()
}

/// The record as a blocking answer shows it.
#[must_use]
pub fn answer(record: &Activation) -> Body {
    as_answer(record)
}
