//! Tests of invokers that get no work: an action of the platform's own is run there (scheduler D2).

use super::Supervisor;
use crate::Controller;
use crate::api::ApiError;
use crate::invoke::{ResolvedAction, Response};
use crate::pending::Open;
use bytes::Bytes;
use engine::pending::patience;
use rpc::ActivationMessage;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use store::entity;
use types::{
    Action, ActionLimits, Annotations, CodeExec, EntityName, EntityPath, Exec, FullyQualifiedName, Identity,
    KeyTrace, NamespaceId, Parameters, SemVer, Subject, TraceContext, TransactionId, UserLimits, json,
};

/// Whose the test actions are.
const NAMESPACE: &str = "whisk.system";
/// How often invokers are asked whether they are there; upstream's invokers say so as often.
const WATCH: Duration = Duration::from_secs(1);

/// What runs as a test, by kind, the best first: upstream's is one of Node.js, and executables run everywhere.
const CODE: [(&str, &str); 3] = [
    ("nodejs:default", "function main() { return {}; }"),
    ("python:default", "def main(args):\n    return {}\n"),
    ("native:skeleton", "#!/bin/sh\necho '{}'\n"),
];

impl Controller {
    /// Watches over the invokers, where the balancer does; never returns otherwise.
    pub(crate) async fn supervise(&self) {
        let Some(supervisor) = self.balancer.supervisor() else { return std::future::pending().await };
        let watching = async {
            loop {
                supervisor.watch();
                tokio::time::sleep(WATCH).await;
            }
        };
        let testing = async {
            loop {
                for invoker in supervisor.tests_due().await {
                    if let Err(error) = self.test(supervisor, invoker).await {
                        tracing::error!(%invoker, error = error.text(), "an invoker cannot be tested");
                    }
                }
            }
        };
        tokio::select! {
            () = watching => {}
            () = testing => {}
        }
    }

    async fn test(&self, supervisor: &dyn Supervisor, invoker: types::InvokerId) -> Result<(), ApiError> {
        let action = self.test_action().await?;
        let message = Arc::new(self.test_message(&action)?);
        let (id, caller) = (message.activation_id, self.identities.caller(message.caller.clone()));
        let deadline = self.clock.now() + patience(Duration::from_millis(message.action.limits.timeout));
        let (response, place) = (Response::Whole, caller.place_of_accepted());
        self.pending.open(deadline, Open { message: message.clone(), waiter: None, response, _place: place });
        if supervisor.test(invoker, message).is_err() {
            // Its next ping or minute is another chance.
            drop(self.pending.close(id));
        }
        Ok(())
    }

    /// The test action, which is made where it is missing or of a kind that there is no more.
    async fn test_action(&self) -> Result<Arc<ResolvedAction>, ApiError> {
        let known = |kind: &str| self.runtimes.resolve(kind).is_some_and(|runtime| !runtime.deprecated);
        let (kind, code) = CODE.into_iter().find(|(kind, _)| known(kind)).ok_or_else(no_kind)?;
        let kind = self.runtimes.resolve(kind).map(|runtime| runtime.kind.clone()).ok_or_else(no_kind)?;
        let name = format!("invokerHealthTestAction{}", self.id.0);
        let namespace = EntityPath::of_namespace(&EntityName::new(NAMESPACE)?);
        let name = FullyQualifiedName::new(namespace, EntityName::new(&name)?);
        let old = self.entities.action(&name).await?;
        let revision = match old {
            Some((_, action)) if action.exec.kind() == &*kind => None,
            Some((document, _)) => Some(Some(document.revision)),
            None => Some(None),
        };
        if let Some(expected) = revision {
            let limits = &self.config.limits;
            let code = Some(Bytes::from_static(code.as_bytes()));
            let action = Action {
                namespace: name.path.clone(),
                name: name.name.clone(),
                exec: Exec::Code(CodeExec { kind, main: None, binary: false, code }),
                parameters: Parameters::default(),
                limits: ActionLimits { memory: limits.memory.min, ..limits.standard() },
                version: SemVer { major: 0, minor: 0, patch: 1 },
                publish: false,
                annotations: Annotations::new(),
                updated: self.clock.unix_millis(),
            };
            let (document, code) =
                (entity::action_document(&action)?, entity::action_attachment(&action.exec));
            self.artifacts.put(document, Some(code), expected).await?;
        }
        self.action_at(&name).await?.ok_or_else(ApiError::not_found)
    }

    fn test_message(&self, action: &ResolvedAction) -> Result<ActivationMessage, ApiError> {
        let name = EntityName::new(NAMESPACE)?;
        let id = self.new_activation_id();
        let now = self.clock.unix_nanos() / 1000;
        Ok(ActivationMessage {
            activation_id: id,
            transaction_id: TransactionId::new("sid_invokerHealth"),
            queue: action.queue_of(&name),
            action: action.executable.clone(),
            caller: Arc::new(Identity {
                subject: Subject::new(NAMESPACE),
                namespace: NamespaceId { name, uuid: Arc::from("") },
                key: KeyTrace::default(),
                rights: Vec::new(),
                // Nobody asked for it, so nobody needs a record of it.
                limits: UserLimits { store_activations: Some(false), ..UserLimits::default() },
            }),
            controller: self.id,
            blocking: false,
            payload: json::raw(&BTreeMap::<String, ()>::new()),
            environment: None,
            locks: None,
            cause: None,
            trace: TraceContext::root(id.bits(), self.ids.random()),
            received: now / 1000,
            accepted: now,
            streams: false,
            journaled: false,
        })
    }
}

fn no_kind() -> ApiError {
    ApiError::not_found()
}
