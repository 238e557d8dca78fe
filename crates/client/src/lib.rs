//! A client of OpenWhisk's REST API, for our server and for any other.
//!
//! [`Client`] knows where a server is and who asks. A [`Request`] is built on it and sent; what comes back is an
//! [`Answer`], or an [`Error`] that says whether the network, the server or the function failed. The modules with the
//! nouns (`actions`, `activations`, …) add a method for each call that the API has.
//!
//! The documents here are more lenient than the server's own (`types`): a client must show whatever a server sends, and
//! leave to the server what is valid.

mod actions;
mod activations;
mod answer;
mod apis;
mod config;
mod documents;
mod error;
mod name;
mod others;
mod request;

pub use activations::ActivationFilter;
pub use answer::Answer;
pub use apis::{
    Api, ApiEntry, ApiFilter, ApiParameter, ApiTarget, Apis, Gateway, NewApi, Swagger, SwaggerInfo,
    SwaggerOperation, SwaggerPath, SwaggerTarget,
};
pub use config::{Config, ConfigError, base_url};
pub use documents::{
    Action, Activation, Binding, Bound, Exec, KeyValue, KeyValues, Limits, Package, Response, Rule, RuleRef,
    Trigger, WithKeyValues,
};
pub use error::Error;
pub use name::{NameError, QualifiedName, segment};
pub use others::Info;
pub use request::{Observer, Request, Sent, Silent};

use std::sync::Arc;
use url::Url;

/// What the calls answer.
pub type Result<T> = std::result::Result<T, Error>;

/// Which part of a list is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// At most so many; the server has a limit of its own (LIST-02), 0 is that limit.
    pub limit: i64,
    /// How many to leave out at the beginning.
    pub skip: i64,
}

/// A server, and who asks it. Cheap to clone; the clones share their connections.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    config: Arc<Config>,
    /// `…/api`
    base: Url,
    observer: Arc<dyn Observer>,
}

impl Client {
    /// A client of the server that `config` names. Nothing is sent yet.
    ///
    /// # Errors
    /// When the host is no URL, or the certificate of the client cannot be read.
    pub fn new(config: Config) -> std::result::Result<Client, ConfigError> {
        let base = base_url(&config.host)?;
        let http = config.transport(&base)?;
        Ok(Client { http, config: Arc::new(config), base, observer: Arc::new(Silent) })
    }

    /// The same, with every request and answer shown to `observer`.
    #[must_use]
    pub fn observed_by(mut self, observer: Arc<dyn Observer>) -> Client {
        self.observer = observer;
        self
    }

    /// Where the server is, as it was configured.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The URL of the API, without its version: `https://host/api`.
    #[must_use]
    pub fn base(&self) -> &Url {
        &self.base
    }

    /// The URL of `path`, whose segments are encoded already, under the API's version: `https://host/api/v1/PATH`.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}/{}/{}", self.base.as_str().trim_end_matches('/'), self.config.version, path)
    }
}
