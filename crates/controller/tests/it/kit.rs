//! A controller on memory stores, with a scheduler that does what a test tells it.

use async_trait::async_trait;
use base::clock::{Clock, TestClock};
use base::ids::IdSource;
use bytes::Bytes;
use controller::{Config, Controller, Deps, Scheduling, Shard};
use engine::balance;
use engine::pool::{Starts, View};
use http_body_util::{BodyExt, Full};
use parking_lot::Mutex;
use rpc::{
    Ack, ActivationMessage, ControllerLink, InvokerCapacity, InvokerOperations, Operated, Outcome, PoolView,
    QueueView, Refusal, Report, SchedulerLink, SchedulerOperations,
};
use secrets::{ParameterKeys, Secrets};
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;
use store::fault::{Faults, Faulty};
use store::memory::{MemoryActivationStore, MemoryArtifactStore, RecordLimits};
use store::subject::{NamespaceKey, SubjectDocument, document_for, limits_document};
use store::{
    ActivationQuery, ActivationStore, ArtifactStore, Intent, StoreError, Ticket, Unfinished, entity,
};
use tokio::sync::Semaphore;
use types::json;
use types::{
    Activation, ActivationId, ActivationResponse, Annotations, AuthKey, ControllerId, EntityName, EntityPath,
    InvokerId, Package, Revision, RuntimeManifest, StatusCode, Subject, UserLimits,
};
use webhook::MemoryWebhook;

pub(crate) const GUEST: &str = "guest";
pub(crate) const OTHER: &str = "other";
/// The operator's credential.
pub(crate) const ADMIN_SECRET: &str = "the operator's secret of these tests";

const MANIFEST: &str = r#"{"runtimes":{
    "nodejs":[{"kind":"nodejs:20","default":true,"image":{"prefix":"openwhisk","name":"node","tag":"1"},"attached":{"a":1}},
              {"kind":"nodejs:6","deprecated":true}],
    "java":[{"kind":"java:8","default":true,"requireMain":true}]}}"#;

/// The controller and everything around it.
pub(crate) struct Kit {
    pub(crate) controller: Arc<Controller>,
    pub(crate) artifacts: Arc<MemoryArtifactStore>,
    /// What goes wrong between the controller and the artifacts.
    pub(crate) faults: Arc<Faults>,
    pub(crate) activations: Arc<Journal>,
    pub(crate) scheduler: Arc<Scripted>,
    pub(crate) roles: Arc<Roles>,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) webhook: Arc<MemoryWebhook>,
}

/// What the scheduler does with the next activations.
#[derive(Clone, Debug)]
pub(crate) enum Script {
    /// Runs it: this status, this result.
    Finish(StatusCode, &'static str),
    /// Drops it.
    Drop(StatusCode, &'static str),
    /// Does not take it.
    Refuse(Refusal),
    /// Takes it, and never says anything.
    Silence,
}

#[derive(Debug)]
pub(crate) struct Scripted {
    controller: OnceLock<Weak<Controller>>,
    activations: Arc<Journal>,
    clock: Arc<TestClock>,
    script: Mutex<Script>,
    /// For actions of their own, by name; the last one stays.
    scripts: Mutex<BTreeMap<String, VecDeque<Script>>>,
    submitted: Mutex<Vec<Arc<ActivationMessage>>>,
}

impl Scripted {
    pub(crate) fn will(&self, script: Script) {
        *self.script.lock() = script;
    }

    /// What becomes of that action's activations, one after the other; the last one stays.
    pub(crate) fn will_each(&self, action: &str, scripts: &[Script]) {
        self.scripts.lock().insert(action.to_owned(), scripts.iter().cloned().collect());
    }

    /// That action succeeds with these results.
    pub(crate) fn answers(&self, action: &str, results: &[&'static str]) {
        let success = |result: &&'static str| Script::Finish(StatusCode::Success, result);
        self.will_each(action, &results.iter().map(success).collect::<Vec<_>>());
    }

    fn next_script(&self, action: &str) -> Script {
        match self.scripts.lock().get_mut(action) {
            Some(scripts) if scripts.len() > 1 => scripts.pop_front().unwrap(),
            Some(scripts) => scripts[0].clone(),
            None => self.script.lock().clone(),
        }
    }

    pub(crate) fn submitted(&self) -> Vec<Arc<ActivationMessage>> {
        self.submitted.lock().clone()
    }

    pub(crate) fn last(&self) -> Arc<ActivationMessage> {
        self.submitted().last().expect("something was submitted").clone()
    }

    /// Runs an activation that was taken silently.
    pub(crate) fn finish(&self, message: &ActivationMessage, status: StatusCode, result: &str) {
        let record = Arc::new(self.record(message, status, result));
        self.activations.store(record.clone()).unwrap();
        self.ack(message.activation_id, Outcome::Finished(record));
    }

    pub(crate) fn ack(&self, activation_id: ActivationId, outcome: Outcome) {
        if let Some(controller) = self.controller.get().and_then(Weak::upgrade) {
            controller.ack(Ack { activation_id, outcome });
        }
    }

    pub(crate) fn record(&self, message: &ActivationMessage, status: StatusCode, result: &str) -> Activation {
        let now = self.clock.unix_millis();
        let mut annotations = Annotations::new();
        annotations.push("path", json::raw(&message.action.name.to_string()));
        Activation {
            namespace: EntityPath::of_namespace(&message.caller.namespace.name),
            name: message.action.name.name.clone(),
            version: message.action.version,
            subject: message.caller.subject.clone(),
            activation_id: message.activation_id,
            cause: message.cause,
            start: now,
            end: Some(now + 5),
            duration: Some(5),
            response: ActivationResponse {
                status,
                result: Some(json::parse(result).unwrap()),
                size: Some(9),
            },
            logs: vec!["2016-10-12T10:11:12.123456789Z stdout: hello".to_owned()],
            annotations,
            publish: false,
        }
    }
}

impl SchedulerLink for Scripted {
    fn submit(&self, message: Arc<ActivationMessage>) -> Result<(), Refusal> {
        let script = self.next_script(&message.action.name.to_string());
        if let Script::Refuse(refusal) = script {
            return Err(refusal);
        }
        self.submitted.lock().push(message.clone());
        match script {
            Script::Finish(status, result) => self.finish(&message, status, result),
            Script::Drop(status, error) => {
                self.ack(message.activation_id, Outcome::Dropped { status, error: error.to_owned() });
            }
            Script::Refuse(_) | Script::Silence => {}
        }
        Ok(())
    }

    fn follow(&self, _follow: rpc::Follow) {}

    fn flow(&self, _: types::ContainerRef, _: ActivationId, _: rpc::Flow) {}

    fn report(&self, _from: InvokerId, _report: Report) {}

    fn announce(&self, _capacity: InvokerCapacity) {}
}

/// A scheduler and an invoker as an operator sees them.
#[derive(Debug, Default)]
pub(crate) struct Roles {
    pub(crate) invokers: Mutex<Vec<InvokerCapacity>>,
    pub(crate) queues: Mutex<Vec<QueueView>>,
    pub(crate) containers: Mutex<Vec<View>>,
    pub(crate) scheduler_disabled: AtomicBool,
    pub(crate) invoker_disabled: AtomicBool,
}

impl SchedulerOperations for Roles {
    fn queues(&self) -> Vec<QueueView> {
        self.queues.lock().clone()
    }

    fn invokers(&self) -> Vec<InvokerCapacity> {
        self.invokers.lock().clone()
    }

    fn is_enabled(&self) -> bool {
        !self.scheduler_disabled.load(Ordering::SeqCst)
    }

    fn set_enabled(&self, enabled: bool) {
        self.scheduler_disabled.store(!enabled, Ordering::SeqCst);
    }
}

impl InvokerOperations for Roles {
    fn pool(&self) -> PoolView {
        let starts = Starts { cold: 1, stem_cell: 2, warm: 3, refused: 4 };
        let containers = self.containers.lock().clone();
        PoolView { invoker: InvokerId(0), memory: 1024, used: 256, containers, starts }
    }

    fn is_enabled(&self) -> bool {
        !self.invoker_disabled.load(Ordering::SeqCst)
    }

    fn set_enabled(&self, enabled: bool) {
        self.invoker_disabled.store(!enabled, Ordering::SeqCst);
    }
}

/// Records in memory, with intents that outlive a controller and a disk that can be made to wait or fail.
#[derive(Debug)]
pub(crate) struct Journal {
    records: MemoryActivationStore,
    pub(crate) intents: Mutex<BTreeMap<ActivationId, (Intent, bool)>>,
    pub(crate) disk: Semaphore,
    pub(crate) broken: Mutex<bool>,
}

impl Journal {
    fn new(clock: &Arc<TestClock>, intents: BTreeMap<ActivationId, (Intent, bool)>) -> Arc<Journal> {
        Arc::new(Journal {
            records: MemoryActivationStore::new(clock.clone(), RecordLimits::default()),
            intents: Mutex::new(intents),
            disk: Semaphore::new(1000),
            broken: Mutex::new(false),
        })
    }

    fn check(&self) -> Result<(), StoreError> {
        if *self.broken.lock() { Err(StoreError::new("write", "the disk is full")) } else { Ok(()) }
    }
}

#[async_trait]
impl ActivationStore for Journal {
    fn accept(&self, intent: Intent) -> Result<Ticket, StoreError> {
        self.check()?;
        self.intents.lock().insert(intent.activation_id, (intent, false));
        Ok(Ticket(1))
    }

    fn started(&self, id: ActivationId) -> Result<Ticket, StoreError> {
        if let Some(intent) = self.intents.lock().get_mut(&id) {
            intent.1 = true;
        }
        Ok(Ticket(1))
    }

    fn dismiss(&self, id: ActivationId) -> Result<Ticket, StoreError> {
        self.intents.lock().remove(&id);
        Ok(Ticket(1))
    }

    fn store(&self, record: Arc<Activation>) -> Result<Ticket, StoreError> {
        self.intents.lock().remove(&record.activation_id);
        self.records.store(record)
    }

    async fn durable(&self, ticket: Ticket) -> Result<Ticket, StoreError> {
        drop(self.disk.acquire().await);
        self.check().map(|()| ticket)
    }

    fn unfinished(&self) -> Vec<Unfinished> {
        let intents = self.intents.lock();
        intents
            .values()
            .map(|(intent, started)| Unfinished { intent: intent.clone(), started: *started })
            .collect()
    }

    async fn get(&self, namespace: &str, id: ActivationId) -> Result<Option<Bytes>, StoreError> {
        self.records.get(namespace, id).await
    }

    async fn list(&self, query: &ActivationQuery) -> Result<Vec<Bytes>, StoreError> {
        self.records.list(query).await
    }

    async fn summaries(&self, query: &ActivationQuery) -> Result<Vec<Bytes>, StoreError> {
        self.records.summaries(query).await
    }

    async fn count(&self, query: &ActivationQuery) -> Result<u64, StoreError> {
        self.records.count(query).await
    }

    async fn flush(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

impl Kit {
    /// The revision of a document that is there.
    pub(crate) async fn artifacts_revision(&self, id: &str) -> Revision {
        self.artifacts.get(id).await.unwrap().expect("a document").revision
    }

    /// Two subjects, no limits, a scheduler that runs everything with success.
    pub(crate) async fn new() -> Kit {
        let admin = Some(secrets::Credential::new(ADMIN_SECRET));
        Kit::with(Config { admin, ..Config::default() }).await
    }

    pub(crate) async fn with(config: Config) -> Kit {
        Kit::with_secrets(config, Secrets::for_tests()).await
    }

    pub(crate) async fn with_secrets(config: Config, secrets: Secrets) -> Kit {
        let artifacts = Arc::new(MemoryArtifactStore::new());
        for subject in [GUEST, OTHER] {
            artifacts.put(document_for(&subject_of(subject), 1).unwrap(), None, None).await.unwrap();
        }
        let clock = TestClock::new();
        let activations = Journal::new(&clock, BTreeMap::new());
        Kit::on(config, artifacts, activations, clock, secrets)
    }

    /// Another process on the same entities, which finds these intents and no records.
    pub(crate) fn restarted_with(&self, intents: BTreeMap<ActivationId, (Intent, bool)>) -> Kit {
        let activations = Journal::new(&self.clock, intents);
        Kit::on(
            Config::default(),
            self.artifacts.clone(),
            activations,
            self.clock.clone(),
            Secrets::for_tests(),
        )
    }

    /// Another process on the same stores.
    pub(crate) fn restarted(&self) -> Kit {
        self.restarted_with_keys(ParameterKeys::default())
    }

    /// Another process on the same stores, which locks parameters with these keys.
    pub(crate) fn restarted_with_keys(&self, parameters: ParameterKeys) -> Kit {
        let (artifacts, activations) = (self.artifacts.clone(), self.activations.clone());
        let secrets = Secrets { parameters, ..Secrets::for_tests() };
        Kit::on(Config::default(), artifacts, activations, self.clock.clone(), secrets)
    }

    /// The same with invokers of that memory (in MB), to which the controller pushes by itself.
    pub(crate) async fn sharding(config: Config, memories: &[u64]) -> Kit {
        let Kit { artifacts, activations, clock, .. } = Kit::new().await;
        Kit::made(config, artifacts, activations, clock, Secrets::for_tests(), |scheduler, roles| {
            let shard = |(number, memory): (u32, &u64)| Shard {
                invoker: InvokerId(number),
                memory: *memory,
                link: scheduler.clone(),
                seen: roles.clone(),
            };
            let shards = (0..).zip(memories).map(shard).collect();
            Scheduling::Sharding { config: balance::Config::default(), shards }
        })
    }

    fn on(
        config: Config,
        artifacts: Arc<MemoryArtifactStore>,
        activations: Arc<Journal>,
        clock: Arc<TestClock>,
        secrets: Secrets,
    ) -> Kit {
        let pull = |scheduler: &Arc<Scripted>, _: &Arc<Roles>| Scheduling::Pull(scheduler.clone());
        Kit::made(config, artifacts, activations, clock, secrets, pull)
    }

    fn made(
        config: Config,
        artifacts: Arc<MemoryArtifactStore>,
        activations: Arc<Journal>,
        clock: Arc<TestClock>,
        secrets: Secrets,
        scheduling: impl FnOnce(&Arc<Scripted>, &Arc<Roles>) -> Scheduling,
    ) -> Kit {
        let scheduler = Arc::new(Scripted {
            controller: OnceLock::new(),
            activations: activations.clone(),
            clock: clock.clone(),
            script: Mutex::new(Script::Finish(StatusCode::Success, r#"{"ok":true}"#)),
            scripts: Mutex::default(),
            submitted: Mutex::default(),
        });
        let faulty = Arc::new(Faulty::new(artifacts.clone()));
        let faults = faulty.faults().clone();
        let roles = Arc::new(Roles::default());
        let webhook = Arc::new(MemoryWebhook::new());
        let deps = Deps {
            artifacts: faulty,
            activations: activations.clone(),
            scheduling: scheduling(&scheduler, &roles),
            operated: Operated { scheduler: Some(roles.clone()), invokers: vec![roles.clone()] },
            clock: clock.clone(),
            ids: Arc::new(IdSource::new(clock.clone())),
            runtimes: Arc::new(RuntimeManifest::parse(MANIFEST).unwrap()),
            secrets: Arc::new(secrets),
            webhook: webhook.clone(),
            id: ControllerId(0),
        };
        let controller = Controller::new(config, deps);
        scheduler.controller.set(Arc::downgrade(&controller)).unwrap();
        Kit { controller, artifacts, faults, activations, scheduler, roles, clock, webhook }
    }

    /// Blocks the guest, or lets it in again.
    pub(crate) async fn block(&self, blocked: bool) {
        let subject = SubjectDocument { blocked, ..subject_of(GUEST) };
        let store = self.controller.artifacts();
        let old = store.get("subject:guest").await.unwrap().unwrap().revision;
        store.put(document_for(&subject, 2).unwrap(), None, Some(old)).await.unwrap();
    }

    /// Gives the guest limits of its own.
    pub(crate) async fn limit(&self, limits: UserLimits) {
        let store = self.controller.artifacts();
        let document = limits_document(&EntityName::new(GUEST).unwrap(), &limits, 1).unwrap();
        let old = store.get(&document.id).await.unwrap().map(|old| old.revision);
        store.put(document, None, old).await.unwrap();
    }

    /// Stores a package; `binding` is JSON.
    pub(crate) async fn package(
        &self,
        path: &str,
        publish: bool,
        binding: &str,
        parameters: &str,
    ) -> Revision {
        let (namespace, name) = path.split_once('/').unwrap();
        let text = format!(
            r#"{{"namespace":"{namespace}","name":"{name}","binding":{binding},"parameters":{parameters},
            "version":"0.0.1","publish":{publish},"annotations":[],"updated":1}}"#
        );
        let package: Package = serde_json::from_str(&text).unwrap();
        let document = entity::package_document(&package).unwrap();
        let store = self.controller.artifacts();
        let old = store.get(&document.id).await.unwrap().map(|old| old.revision);
        store.put(document, None, old).await.unwrap()
    }

    /// Creates an action as its owner; `fields` is JSON without braces, `exec` comes by itself.
    pub(crate) async fn action(&self, path: &str, fields: &str) {
        let (namespace, rest) = path.split_once('/').unwrap();
        let comma = if fields.is_empty() { "" } else { "," };
        let body = format!(r#"{{"exec":{{"kind":"nodejs:20","code":"x = 1"}}{comma}{fields}}}"#);
        let path = format!("/api/v1/namespaces/{namespace}/actions/{rest}?overwrite=true");
        let answer = self.request("PUT", &path).key(namespace).json(&body).send().await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> Request<'_> {
        let builder = ::http::Request::builder().method(method).uri(path);
        Request { kit: self, builder, body: Bytes::new() }.key(GUEST)
    }

    /// A request as the guest below `/api/v1/namespaces/_`.
    pub(crate) fn own(&self, method: &str, path: &str) -> Request<'_> {
        self.request(method, &format!("/api/v1/namespaces/_{path}"))
    }

    /// A request of the operator below `/admin`.
    pub(crate) fn admin(&self, method: &str, path: &str) -> Request<'_> {
        let bearer = format!("Bearer {ADMIN_SECRET}");
        self.request(method, &format!("/admin{path}")).header("authorization", &bearer)
    }

    /// A GET as the guest below `/api/v1/namespaces/_`.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.own("GET", path).send().await
    }

    /// A PUT as the guest below `/api/v1/namespaces/_`.
    pub(crate) async fn put(&self, path: &str, body: &str) -> Answer {
        self.own("PUT", path).json(body).send().await
    }

    /// An invocation as the guest.
    pub(crate) async fn post(&self, path: &str, body: &str) -> Answer {
        self.own("POST", path).json(body).send().await
    }
}

/// A subject whose namespace has its own name.
pub(crate) fn subject_of(name: &str) -> SubjectDocument {
    SubjectDocument {
        subject: Subject::new(name),
        namespaces: vec![NamespaceKey::plain(EntityName::new(name).unwrap(), &key_of(name))],
        blocked: false,
    }
}

fn key_of(name: &str) -> AuthKey {
    let uuid = format!("00000000-0000-0000-0000-{:0>12}", hex(name));
    AuthKey { uuid: Arc::from(uuid), key: Arc::from(format!("{name:x<64}")) }
}

fn hex(name: &str) -> String {
    name.bytes().take(6).map(|byte| format!("{byte:02x}")).collect()
}

/// The header of somebody's credentials.
pub(crate) fn credentials(name: &str) -> String {
    use base64::Engine as _;
    let text = key_of(name).to_string();
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(text))
}

pub(crate) struct Request<'a> {
    kit: &'a Kit,
    builder: ::http::request::Builder,
    body: Bytes,
}

impl Request<'_> {
    /// In somebody's name.
    pub(crate) fn key(mut self, name: &str) -> Self {
        if let Some(headers) = self.builder.headers_mut() {
            headers.insert("authorization", credentials(name).parse().unwrap());
        }
        self
    }

    /// In nobody's name.
    pub(crate) fn anonymous(mut self) -> Self {
        if let Some(headers) = self.builder.headers_mut() {
            headers.remove("authorization");
        }
        self
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        if let Some(headers) = self.builder.headers_mut() {
            headers.insert(name, value.parse().unwrap());
        }
        self
    }

    pub(crate) fn json(self, body: &str) -> Self {
        self.header("content-type", "application/json").body(body)
    }

    pub(crate) fn body(mut self, body: &str) -> Self {
        self.body = Bytes::from(body.to_owned());
        self
    }

    /// The response as it is, for bodies that do not end.
    pub(crate) async fn raw(self) -> ::http::Response<controller::Body> {
        let request = self.builder.body(Full::new(self.body)).unwrap();
        self.kit.controller.handle(request).await
    }

    pub(crate) async fn send(self) -> Answer {
        let response = self.raw().await;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let json = serde_json::from_str(&text).unwrap_or(Value::Null);
        Answer { status, headers, text, json }
    }
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: ::http::HeaderMap,
    pub(crate) text: String,
    pub(crate) json: Value,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The id of the activation, from the header.
    pub(crate) fn activation(&self) -> ActivationId {
        self.header("x-openwhisk-activation-id").expect("an activation id").parse().unwrap()
    }

    /// An error body in its shape (ERR-01), with this status and this text. It may say more.
    #[track_caller]
    pub(crate) fn is_error(&self, status: u16, text: &str) {
        assert_eq!((self.status, self.json["error"].as_str()), (status, Some(text)), "{}", self.text);
        assert_eq!(self.json["code"].as_str(), self.header("x-request-id"));
    }
}

/// Asks every 5 ms until there is an answer, `most` times. The time may be virtual, so that a minute is nothing.
pub(crate) async fn until<T>(what: &str, most: u32, ask: impl AsyncFn() -> Option<T>) -> T {
    for _ in 0..most {
        if let Some(answer) = ask().await {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("{what} did not come true");
}

/// Waits for a condition, up to a deadline.
pub(crate) async fn eventually(what: &str, condition: impl Fn() -> bool) {
    until(what, 1000, async || condition().then_some(())).await;
}

/// The record of an activation, once it is there.
pub(crate) async fn record(kit: &Kit, id: impl std::fmt::Display) -> Value {
    let path = format!("/activations/{id}");
    until(&format!("a record of {id}"), 30_000, async || {
        let answer = kit.get(&path).await;
        (answer.status == 200).then_some(answer.json)
    })
    .await
}

/// An annotation of a record or an entity; `null` if it is not there.
pub(crate) fn annotation<'a>(record: &'a Value, key: &str) -> &'a Value {
    let all = record["annotations"].as_array().unwrap();
    all.iter().find(|one| one["key"] == key).map_or(&Value::Null, |one| &one["value"])
}
