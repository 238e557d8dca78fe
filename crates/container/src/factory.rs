use crate::ContextValue;
use async_trait::async_trait;
use bytes::Bytes;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use types::json::Raw;
use types::{ActivationId, ByteSize, RuntimeManifest};

/// Makes containers.
#[async_trait]
pub trait ContainerFactory: Send + Sync + fmt::Debug {
    /// The kinds that it can really run here.
    fn runtimes(&self) -> &RuntimeManifest;

    /// What works on this machine and what does not, for `oxiwhisk doctor` and the log.
    fn probes(&self) -> Vec<Probe>;

    /// Makes a container whose runtime has been started and waits for code.
    ///
    /// # Errors
    /// See [`CreateError`]; nothing is left behind then.
    async fn create(&self, spec: ContainerSpec) -> Result<Arc<dyn Container>, CreateError>;

    /// Removes what earlier processes of this instance left behind (POOL-10).
    async fn sweep(&self);
}

/// One thing that was looked at on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// What was looked at, such as `cgroup memory controller`.
    pub name: String,
    /// Whether it works.
    pub verdict: Verdict,
    /// What was found.
    pub detail: String,
    /// What to do about it; empty where nothing is wrong.
    pub remedy: String,
}

/// Whether a thing works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// It works.
    Works,
    /// It does not, and the platform does without.
    Degraded,
    /// It does not, and the platform cannot run.
    Broken,
}

/// What a container is to be like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerSpec {
    /// A name, unique among the containers of this instance and never used again; letters, digits, `_` and `-`.
    pub name: String,
    /// The kind of runtime.
    pub kind: Arc<str>,
    /// The image, for `blackbox`.
    pub image: Option<Arc<str>>,
    /// The memory it may use.
    pub memory: ByteSize,
}

/// Why a container was not made.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// This kind or image cannot be had, and that is the developer's fault (CLS-13).
    #[error("{0}")]
    Developer(String),
    /// The machine failed (CLS-14).
    #[error("cannot create a container: {action}")]
    Platform {
        /// What was tried.
        action: String,
        /// What came of it.
        #[source]
        source: std::io::Error,
    },
}

/// A running container.
///
/// `init` is called once, before any `run`; never more runs at a time than it says. After an [`Answer`] other than
/// [`Answer::Reply`] the container takes nothing more and is to be destroyed, once what runs in it has ended.
#[async_trait]
pub trait Container: Send + Sync + fmt::Debug {
    /// The name it was made with.
    fn name(&self) -> &str;

    /// Hands over the code (RUN-02) and waits until it was loaded, at most `limit`.
    async fn init(&self, request: InitRequest, limit: Duration) -> Answer;

    /// Runs the code once (RUN-06), at most `limit`.
    async fn run(&self, request: RunRequest, limit: Duration) -> Answer;

    /// Takes what an activation logged, at most `limit` of it (LOG-05). Called after a failed `init` and after each
    /// `run`; where one runs at a time, before the next one begins.
    ///
    /// Where several run at a time, what cannot be told to be of one of them goes to the one whose logs are taken next,
    /// behind its own lines.
    async fn logs(&self, activation: ActivationId, limit: ByteSize) -> Logs;

    /// Waits until an activation whose `init` or `run` is under way has logged more than `from` whole lines, and gives
    /// those behind the first `from`, or some of them. None: it is over, or has logged the `limit` that it may.
    async fn follow(&self, activation: ActivationId, from: usize, limit: ByteSize) -> Vec<LogLine>;

    /// Tells a run that gives its response in pieces how it goes on. Where there is no such run, nothing happens.
    fn flow(&self, activation: ActivationId, flow: Flow);

    /// Stops its processes from running until [`Container::resume`].
    ///
    /// # Errors
    /// When the machine cannot; the container is to be destroyed then.
    async fn pause(&self) -> std::io::Result<()>;

    /// Lets its processes run again.
    ///
    /// # Errors
    /// When the machine cannot; the container is to be destroyed then.
    async fn resume(&self) -> std::io::Result<()>;

    /// Ends its processes and removes every trace of it. A second call does nothing.
    async fn destroy(&self);

    /// Returns when its main process has ended, whatever the reason.
    async fn ended(&self);
}

/// What `/init` carries (RUN-02, RUN-04).
#[derive(Clone, Debug)]
pub struct InitRequest {
    /// The activation that brings the code (POOL-05).
    pub activation: ActivationId,
    /// How many runs there will be at a time (RUN-16).
    pub concurrency: u32,
    /// The bare action name.
    pub name: String,
    /// The entry point; `main` where the action names none.
    pub main: String,
    /// Whether `code` is base64 of an archive or an executable.
    pub binary: bool,
    /// The code as the client sent it; `None` for an image without code.
    pub code: Option<Bytes>,
    /// The environment: `__OW_*` and init parameters, values as texts already.
    pub environment: Vec<(String, String)>,
}

/// What `/run` carries (RUN-06).
#[derive(Clone, Debug)]
pub struct RunRequest {
    /// Which activation this is.
    pub activation: ActivationId,
    /// The arguments: a JSON object.
    pub value: Raw,
    /// The context: `namespace`, `action_name`, `action_version`, `activation_id`, `transaction_id`, `deadline`,
    /// `api_key`; exported to the code as `__OW_` and the name in capitals (RUN-07).
    pub context: Vec<(&'static str, ContextValue)>,
    /// What takes the response where the code gives it in pieces. `None`: it is to be given whole.
    pub stream: Option<Arc<dyn ResponseStream>>,
}

/// Takes the response of a run in pieces, before the run ends with its result. Called while the container is read, so
/// neither method waits: no more than [`STREAM_WINDOW`] chunks come that were not answered by [`Flow::More`].
pub trait ResponseStream: Send + Sync + fmt::Debug {
    /// The response begins. `head` is the result without its body: JSON, if the code is honest.
    fn begin(&self, head: Bytes);

    /// A piece of its body.
    fn chunk(&self, bytes: Bytes);
}

/// How many chunks of a response may be under way.
pub const STREAM_WINDOW: u32 = 8;

/// What the code is told of a response that it gives in pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// One chunk was taken: another may come.
    More,
    /// Nobody takes any more. The run is to end.
    Stop,
}

/// How a call into a container ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The runtime answered.
    Reply {
        /// Whether it says that the call succeeded: status 200 in the HTTP protocol.
        ok: bool,
        /// What it said: JSON, or what came instead. At most as long as results may be (CLS-12).
        body: Bytes,
        /// How long the whole answer was, where it was cut.
        cut_from: Option<u64>,
    },
    /// It did not answer in time (CLS-08, CLS-09).
    TimedOut,
    /// Its process ended before it answered (CLS-10).
    Exited {
        /// What is known of the end, for the log: `exit code 3`, `signal 9`.
        detail: String,
    },
    /// It was ended for using too much memory (CLS-11).
    OutOfMemory,
}

/// What a container logged during one call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Logs {
    /// The lines, in the order in which they were read.
    pub lines: Vec<LogLine>,
    /// Whether there was more than the limit, which was dropped (LOG-05).
    pub truncated: bool,
    /// Whether something went wrong while reading (LOG-06).
    pub incomplete: bool,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// When it was read, in nanoseconds since 1970.
    pub unix_nanos: u64,
    /// Where it came from.
    pub stream: LogStream,
    /// Its text without the line end; what was not UTF-8 is replaced.
    pub text: String,
}

/// Standard output or standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogStream {
    /// `stdout`
    Stdout,
    /// `stderr`
    Stderr,
}
