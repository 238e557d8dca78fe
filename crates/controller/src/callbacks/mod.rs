//! Completion callbacks: whoever asked for one is told when its activation has ended.
//!
//! A callback is promised before its activation is accepted, and the promise is a document in the store. So it outlives the
//! process, and is kept until the receiver took it or it is given up: delivered at least once. What is sent is the record,
//! read when it is sent. `engine::callback` decides when that is.

mod known;
mod wanted;

pub(crate) use known::Shown;
pub(crate) use wanted::{Wanted, blocking};

use crate::api::ApiError;
use base::alarm::{Alarm, Armed};
use base::clock::Clock;
use base::driven::{Driven, Shell};
use base::ids::IdSource;
use base::retry::Backoff;
use base::shutdown::ShutdownWatch;
use base::task::{OnPanic, spawn};
use bytes::Bytes;
use engine::callback::{self, Command, Event, Full, Outcome, Verdict};
use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use known::{Known, Ledger};
use machine::Instant;
use secrets::{Secrets, sign_callback};
use std::fmt;
use std::sync::Arc;
use store::callback::CallbackDocument;
use store::{ActivationStore, ArtifactStore, DocumentKind, StoreError};
use types::{ActivationId, EntityName};
use webhook::{Call, Webhook};

/// How many documents are read at a time at the start.
const PAGE: usize = 1000;

const ACTIVATION_ID: HeaderName = HeaderName::from_static("x-openwhisk-activation-id");
const SIGNATURE: HeaderName = HeaderName::from_static("x-ow-signature");
const ATTEMPT: HeaderName = HeaderName::from_static("x-ow-attempt");

/// What callbacks stand on.
pub(crate) struct Parts {
    pub(crate) artifacts: Arc<dyn ArtifactStore>,
    pub(crate) activations: Arc<dyn ActivationStore>,
    pub(crate) webhook: Arc<dyn Webhook>,
    pub(crate) secrets: Arc<Secrets>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<IdSource>,
}

/// The callbacks of a controller.
#[derive(Clone)]
pub(crate) struct Callbacks(Arc<Inner>);

struct Inner {
    parts: Parts,
    machine: Driven<callback::Callbacks>,
    alarm: Arc<Alarm<()>>,
    ledger: Ledger,
}

/// A callback whose activation is being accepted. Dropped, it is withdrawn.
#[must_use]
pub(crate) struct Promise {
    callbacks: Callbacks,
    id: ActivationId,
    kept: bool,
}

impl Promise {
    /// The activation was accepted.
    pub(crate) fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        if !self.kept {
            self.callbacks.handle(Event::Withdrawn { id: self.id });
        }
    }
}

impl Callbacks {
    pub(crate) fn new(config: callback::Config, parts: Parts) -> Callbacks {
        let alarm = Alarm::new(parts.clock.clone());
        let machine = Driven::new(callback::Callbacks::new(config));
        Callbacks(Arc::new(Inner { parts, machine, alarm, ledger: Ledger::default() }))
    }

    /// Tries callbacks again when their time has come, until the process stops.
    pub(crate) async fn run(&self, stop: ShutdownWatch) {
        let ring = |()| self.0.machine.tick(self.now(), self);
        self.0.alarm.clone().run(stop, ring).await;
    }

    /// Who speaks to receivers.
    pub(crate) fn webhook(&self) -> &dyn Webhook {
        &*self.0.parts.webhook
    }

    /// Promises a callback, for an activation that is about to be accepted. The promise is in the store when this
    /// returns.
    ///
    /// # Errors
    /// 429 and 503 when there are as many as there may be, 500 when it cannot be written down.
    pub(crate) async fn promise(
        &self,
        id: ActivationId,
        namespace: &EntityName,
        wanted: Wanted,
    ) -> Result<Promise, ApiError> {
        let Parts { artifacts, secrets, clock, .. } = &self.0.parts;
        let Wanted { target, secret } = wanted;
        let owner = Arc::from(namespace.as_str());
        let taken = self.0.machine.drive(self, |machine, _| machine.promise(self.now(), id, &owner));
        taken.map_err(full)?;
        let promise = Promise { callbacks: self.clone(), id, kept: false };
        let document = CallbackDocument {
            namespace: namespace.clone(),
            url: target.to_string(),
            secret: secret.as_ref().map(|secret| secrets.callbacks.close(&id.to_string(), secret)),
            promised: clock.unix_millis(),
        };
        self.0.ledger.add(id, Known::new(target, secret, &document));
        let document = store::callback::document_for(id, &document)?;
        artifacts.put(document, None, None).await?;
        Ok(promise)
    }

    /// An activation has ended and its record can be read. Costs next to nothing where no callback is pending.
    pub(crate) fn ended(&self, id: ActivationId) {
        if self.0.ledger.has(id) {
            self.handle(Event::Ended { id });
        }
    }

    /// Takes up what earlier processes promised. To be called once, before their activations are ended.
    pub(crate) async fn resume(&self) -> Result<(), StoreError> {
        let mut after = None::<String>;
        loop {
            let page = self.0.parts.artifacts.scan(DocumentKind::Callback, after.as_deref(), PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.id.clone());
            for document in page {
                if let Err(error) = self.resume_one(&document) {
                    tracing::error!(%error, "a callback of an earlier process is left alone");
                }
            }
        }
    }

    /// The secret with which a namespace's callbacks are signed.
    pub(crate) fn secret_of(&self, namespace: &EntityName) -> String {
        self.0.parts.secrets.callbacks.of_namespace(namespace.as_str())
    }

    /// The callbacks of a namespace: those that are pending, and some that were settled, newest first.
    pub(crate) fn of(&self, namespace: &EntityName) -> Vec<Shown> {
        self.0.ledger.of(namespace)
    }

    fn resume_one(&self, document: &store::Document) -> Result<(), StoreError> {
        let (id, callback) = store::callback::read(document)?;
        let secrets = &self.0.parts.secrets.callbacks;
        let unreadable =
            || StoreError::new(format!("read document {}", document.id), "its secret is not ours");
        let secret = match &callback.secret {
            None => None,
            Some(sealed) => Some(secrets.open(&id.to_string(), sealed).ok_or_else(unreadable)?),
        };
        let target = callback.url.parse().map_err(|error: webhook::TargetError| {
            StoreError::new(format!("read document {}", document.id), error)
        })?;
        let owner = Arc::from(callback.namespace.as_str());
        if self.0.ledger.add(id, Known::new(target, secret, &callback)) {
            self.0.machine.drive(self, |machine, out| machine.resume(self.now(), id, &owner, out));
        }
        Ok(())
    }

    fn now(&self) -> Instant {
        self.0.parts.clock.now()
    }

    fn handle(&self, event: Event) {
        self.0.machine.handle(self.now(), event, self);
    }

    /// Sends the record, if it is there.
    async fn attempt(&self, id: ActivationId, failures: u32) -> Outcome {
        let Some(known) = self.0.ledger.get(id) else { return Outcome::Gone };
        let found = self.0.parts.activations.get(known.namespace.as_str(), id).await;
        let record = match found {
            Ok(Some(record)) => record,
            Ok(None) => return Outcome::NotEnded,
            Err(error) => return self.failed(id, failures, &error),
        };
        let call = self.call(id, &known, failures, record);
        match self.0.parts.webhook.call(call).await {
            Ok(status) if status.is_success() => Outcome::Taken,
            Ok(StatusCode::GONE) => Outcome::Gone,
            Ok(status) => self.failed(id, failures, &Refused(status)),
            Err(error) => self.failed(id, failures, &error),
        }
    }

    fn failed(&self, id: ActivationId, failures: u32, error: &dyn std::error::Error) -> Outcome {
        tracing::debug!(activation = %id, failures, %error, "a callback failed");
        let wait = Backoff::CALLBACK.after(failures + 1, self.0.parts.ids.random());
        let next = self.0.parts.clock.unix_millis() + u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        self.0.ledger.note(id, failures + 1, error, next);
        Outcome::Failed { wait }
    }

    fn call(&self, id: ActivationId, known: &Known, failures: u32, body: Bytes) -> Call {
        let time = self.0.parts.clock.unix_millis() / 1000;
        let secret = known.secret.clone().unwrap_or_else(|| self.secret_of(&known.namespace));
        let signature = format!("t={time},v1={}", sign_callback(&secret, time, &body));
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let agent = concat!("oxiwhisk/", env!("CARGO_PKG_VERSION"));
        headers.insert(USER_AGENT, HeaderValue::from_static(agent));
        headers.insert(ATTEMPT, HeaderValue::from(failures + 1));
        // Digits and letters always make a header.
        for (name, value) in [(ACTIVATION_ID, id.to_string()), (SIGNATURE, signature)] {
            headers.extend(HeaderValue::try_from(value).ok().map(|value| (name, value)));
        }
        Call { target: known.target.clone(), headers, body }
    }

    async fn forget(&self, id: ActivationId) {
        let name = store::callback::document_id(id);
        let artifacts = &self.0.parts.artifacts;
        let forgotten = match artifacts.get(&name).await {
            Ok(Some(document)) => artifacts.delete(&name, document.revision).await,
            Ok(None) => Ok(()),
            Err(error) => Err(error.into()),
        };
        if let Err(error) = forgotten {
            tracing::warn!(activation = %id, %error, "a settled callback is not forgotten, and may be sent again");
        }
    }
}

impl Shell<callback::Callbacks> for Callbacks {
    fn carry_out(&self, command: Command) {
        let callbacks = self.clone();
        match command {
            Command::Try { id, failures } => drop(spawn("callback", OnPanic::Log, async move {
                let outcome = callbacks.attempt(id, failures).await;
                callbacks.handle(Event::Tried { id, outcome });
            })),
            Command::Settle { id, verdict, tries } => {
                if verdict == Verdict::GivenUp {
                    tracing::warn!(activation = %id, tries, "a callback is given up");
                }
                self.0.ledger.settle(id, verdict, tries);
                drop(spawn("settle a callback", OnPanic::Log, async move { callbacks.forget(id).await }));
            }
        }
    }

    fn wake_at(&self, armed: &Armed, deadline: Option<Instant>) {
        self.0.alarm.arm(armed, deadline, || ());
    }
}

impl fmt::Debug for Callbacks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Callbacks").field(&self.0.machine).finish()
    }
}

/// A receiver answered with something else than it should.
#[derive(Debug)]
struct Refused(StatusCode);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the receiver answered {}", self.0.as_u16())
    }
}

impl std::error::Error for Refused {}

fn full(full: Full) -> ApiError {
    match full {
        Full::All => ApiError::unavailable(),
        Full::Owner => {
            ApiError::throttled("Too many callbacks are pending.").because("callback_limit").retry_after(5)
        }
    }
}
