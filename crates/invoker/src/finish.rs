//! The end of an activation: its record goes to the store, its result to the controller that waits.

use crate::service::Invoker;
use container::classify::AnswerLimits;
use rpc::{Ack, ActivationMessage, Outcome};
use std::sync::Arc;
use std::time::Duration;
use store::{StoreError, Ticket};
use types::{Activation, ControllerId};

impl Invoker {
    /// Hands a record to the store, where records like it are kept (ATV-22). Of a blocking call that is not, its
    /// controller may still keep it: it alone knows whether the client was answered with it.
    pub(crate) fn keep(
        &self,
        message: &ActivationMessage,
        record: &Arc<Activation>,
    ) -> Result<Option<Ticket>, StoreError> {
        if message.caller.limits.store_activations == Some(false) {
            return Ok(None);
        }
        let anyway = message.transaction_id.extra_logging();
        if self.config.keeping.keeps(message.blocking, record.response.status, anyway) {
            return self.deps.activations.store(record.clone()).map(Some);
        }
        if message.journaled {
            self.deps.activations.dismiss(record.activation_id)?;
        }
        Ok(None)
    }

    pub(crate) fn acknowledge(&self, controller: ControllerId, record: Arc<Activation>) {
        let activation_id = record.activation_id;
        match self.deps.directory.controller(controller) {
            Some(link) => link.ack(Ack { activation_id, outcome: Outcome::Finished(record) }),
            None => tracing::warn!(activation = %activation_id, "no controller waits for it"),
        }
    }

    pub(crate) fn limits(&self, message: &ActivationMessage) -> AnswerLimits {
        let caller = &message.caller.limits;
        AnswerLimits {
            timeout: Duration::from_millis(message.action.limits.timeout),
            payload: caller.max_payload_size.unwrap_or(self.config.payload),
            truncation: caller.truncation_size.unwrap_or(self.config.truncation),
        }
    }
}
