use crate::TokioClock;
use base::clock::Clock;
use base::ids::IdSource;
use base::shutdown::{Phase, Shutdown};
use bytes::Bytes;
use container::ContainerFactory;
use container::fake::{FakeFactory, Script};
use controller::Controller;
use engine::{pool, proxy};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use invoker::Invoker;
use rpc::{ControllerLink, Epoch, InvokerLink, LocalDirectory, Operated, SchedulerLink};
use scheduler::Scheduler;
use secrets::Secrets;
use serde_json::Value;
use std::sync::Arc;
use store::memory::{MemoryActivationStore, MemoryArtifactStore, RecordLimits};
use store::subject::{NamespaceKey, SubjectDocument, document_for};
use store::{ActivationStore, ArtifactStore};
use types::{
    AuthKey, ControllerId, EntityName, InvokerId, RuntimeManifest, SchedulerId, Subject, SystemLimits,
};
use webhook::MemoryWebhook;

/// The credentials of the namespace `guest`.
pub const GUEST_KEY: &str =
    "23bc46b1-71f6-4ed5-8c54-816aa4f8c502:123zO3xZCLrMN6v2BKK1dXYFpXlPkccOFqm12CdAsMgRU4VrNZ9lyGVCGuMDGIwP";

/// What a test can choose.
#[derive(Clone, Debug, Default)]
pub struct ClusterConfig {
    /// What the platform allows.
    pub limits: SystemLimits,
    /// Memory and stem cells.
    pub pool: pool::Config,
    /// How many containers a namespace may have.
    pub namespace_containers: Option<u32>,
    /// Everything else of the controller.
    pub controller: controller::Config,
}

/// A controller, a scheduler and an invoker in this process.
#[derive(Debug)]
pub struct Cluster {
    /// The REST API.
    pub controller: Arc<Controller>,
    /// The queues.
    pub scheduler: Arc<Scheduler>,
    /// The containers.
    pub invoker: Arc<Invoker>,
    /// What was done with containers.
    pub factory: Arc<FakeFactory>,
    /// Intents and records.
    pub activations: Arc<dyn ActivationStore>,
    shutdown: Shutdown,
    // The directory does not keep links alive.
    _links: (Arc<dyn ControllerLink>, Arc<dyn SchedulerLink>, Arc<dyn InvokerLink>),
}

/// An answer of the REST API.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Reply {
    /// The body as JSON; `null` where it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

impl ClusterConfig {
    fn invoker(&self) -> invoker::Config {
        invoker::Config {
            pool: self.pool.clone(),
            proxy: proxy::Config::default(),
            payload: self.limits.payload,
            truncation: self.limits.truncation,
            keeping: self.controller.keeping,
            durable_answers: true,
        }
    }
}

impl Cluster {
    /// Starts everything; containers do what `script` says.
    pub async fn start(config: ClusterConfig, script: impl Script) -> Cluster {
        let clock: Arc<dyn Clock> = Arc::new(TokioClock::new());
        let artifacts: Arc<dyn ArtifactStore> = Arc::new(MemoryArtifactStore::new());
        let activations: Arc<dyn ActivationStore> =
            Arc::new(MemoryActivationStore::new(clock.clone(), RecordLimits::default()));
        add_guest(&*artifacts).await;
        let runtimes = Arc::new(RuntimeManifest::for_tests());
        let factory = FakeFactory::new((*runtimes).clone(), clock.clone(), script);
        let directory = LocalDirectory::new();
        let shutdown = Shutdown::new();

        let scheduler = start_scheduler(config.namespace_containers, &clock, &directory, &shutdown);
        let scheduler_link: Arc<dyn SchedulerLink> = scheduler.clone();
        directory.add_scheduler(SchedulerId(0), &scheduler_link);

        let secrets = Arc::new(Secrets::for_tests());
        let invoker = Invoker::new(
            config.invoker(),
            invoker::Deps {
                id: InvokerId(0),
                schedulers: vec![SchedulerId(0)],
                clock: clock.clone(),
                directory: directory.clone(),
                artifacts: artifacts.clone(),
                activations: activations.clone(),
                secrets: secrets.clone(),
                factory: factory.clone() as Arc<dyn ContainerFactory>,
            },
            shutdown.watch(),
        );
        let invoker_link: Arc<dyn InvokerLink> = invoker.clone();
        directory.add_invoker(InvokerId(0), &invoker_link);

        let controller = Controller::new(
            controller::Config { limits: config.limits, ..config.controller },
            controller::Deps {
                artifacts,
                activations: activations.clone(),
                scheduling: controller::Scheduling::Pull(scheduler_link.clone()),
                operated: Operated { scheduler: Some(scheduler.clone()), invokers: vec![invoker.clone()] },
                ids: Arc::new(IdSource::new(clock.clone())),
                clock,
                runtimes,
                secrets,
                webhook: Arc::new(MemoryWebhook::new()),
                id: ControllerId(0),
            },
        );
        let controller_link: Arc<dyn ControllerLink> = controller.clone();
        directory.add_controller(ControllerId(0), &controller_link);
        invoker.start().await;

        let links = (controller_link, scheduler_link, invoker_link);
        Cluster { controller, scheduler, invoker, factory, activations, shutdown, _links: links }
    }

    /// One request as the guest.
    pub async fn request(&self, method: Method, path: &str, body: impl Into<Bytes>) -> Reply {
        let (parts, body) = self.open(method, path, "*/*", body).await.into_parts();
        let body = body.collect().await.expect("the whole body is there").to_bytes();
        Reply { status: parts.status, headers: parts.headers, body }
    }

    /// One request as the guest with other headers, which come in the place of the usual ones.
    pub async fn request_with(
        &self,
        headers: HeaderMap,
        method: Method,
        path: &str,
        body: impl Into<Bytes>,
    ) -> Reply {
        let mut request = guests(method, path, "*/*", body);
        request.headers_mut().extend(headers);
        let (parts, body) = self.controller.handle(request).await.into_parts();
        let body = body.collect().await.expect("the whole body is there").to_bytes();
        Reply { status: parts.status, headers: parts.headers, body }
    }

    /// One request as the guest, whose answer is to be of some type and need not be whole yet.
    pub async fn open(
        &self,
        method: Method,
        path: &str,
        accept: &str,
        body: impl Into<Bytes>,
    ) -> Response<controller::Body> {
        self.controller.handle(guests(method, path, accept, body)).await
    }

    /// Makes or updates an action of the guest, `exec` of kind `nodejs:20`.
    pub async fn put_action(&self, name: &str, extra: Value) -> Reply {
        let mut body =
            serde_json::json!({"exec": {"kind": "nodejs:20", "code": "function main(a) { return a }"}});
        if let (Value::Object(body), Value::Object(extra)) = (&mut body, extra) {
            body.extend(extra);
        }
        let path = format!("/api/v1/namespaces/_/actions/{name}?overwrite=true");
        self.request(Method::PUT, &path, body.to_string()).await
    }

    /// Invokes an action of the guest.
    pub async fn invoke(&self, name: &str, query: &str, arguments: Value) -> Reply {
        let path = format!("/api/v1/namespaces/_/actions/{name}?{query}");
        self.request(Method::POST, &path, arguments.to_string()).await
    }
}

fn start_scheduler(
    namespace_containers: Option<u32>,
    clock: &Arc<dyn Clock>,
    directory: &Arc<LocalDirectory>,
    shutdown: &Shutdown,
) -> Arc<Scheduler> {
    let config = scheduler::Config { namespace_containers, ..scheduler::Config::default() };
    let deps = scheduler::Deps {
        id: SchedulerId(0),
        epoch: Epoch(1),
        clock: clock.clone(),
        directory: directory.clone(),
    };
    Scheduler::new(config, deps, shutdown.watch())
}

/// A request as the guest.
fn guests(method: Method, path: &str, accept: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    use base64::Engine as _;
    let credentials = base64::engine::general_purpose::STANDARD.encode(GUEST_KEY);
    Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", format!("Basic {credentials}"))
        .header("content-type", "application/json")
        .header("accept", accept)
        .body(Full::new(body.into()))
        .expect("a test's path is a valid one")
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.shutdown.advance(Phase::Stopped);
    }
}

async fn add_guest(artifacts: &dyn ArtifactStore) {
    let authkey = AuthKey::parse(GUEST_KEY).expect("the guest's key is well-formed");
    let name = EntityName::new("guest").expect("guest is a name");
    let namespaces = vec![NamespaceKey::plain(name, &authkey)];
    let guest = SubjectDocument { subject: Subject::new("guest"), namespaces, blocked: false };
    let document = document_for(&guest, 0).expect("the guest can be written");
    artifacts.put(document, None, None).await.expect("an empty store takes the guest");
}
