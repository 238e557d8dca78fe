use crate::{Call, CallError, Forbidden, Target, Webhook};
use async_trait::async_trait;
use http::StatusCode;
use parking_lot::Mutex;
use std::collections::VecDeque;

/// Receivers that take everything and remember it, unless they are told to answer otherwise.
#[derive(Debug, Default)]
pub struct MemoryWebhook {
    calls: Mutex<Vec<Call>>,
    answers: Mutex<VecDeque<Option<StatusCode>>>,
}

impl MemoryWebhook {
    /// Nobody was called yet.
    #[must_use]
    pub fn new() -> MemoryWebhook {
        MemoryWebhook::default()
    }

    /// What the next call that has no answer yet is answered; `None`: it never gets through.
    pub fn will(&self, answer: Option<StatusCode>) {
        self.answers.lock().push_back(answer);
    }

    /// What was sent.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.calls.lock().clone()
    }
}

#[async_trait]
impl Webhook for MemoryWebhook {
    fn check(&self, target: &Target) -> Result<(), Forbidden> {
        match target.address() {
            Some(address) if address.is_unspecified() => Err(Forbidden(address)),
            Some(_) | None => Ok(()),
        }
    }

    async fn call(&self, call: Call) -> Result<StatusCode, CallError> {
        self.check(&call.target)?;
        self.calls.lock().push(call);
        match self.answers.lock().pop_front() {
            None => Ok(StatusCode::OK),
            Some(Some(status)) => Ok(status),
            Some(None) => Err(CallError::TooSlow),
        }
    }
}
