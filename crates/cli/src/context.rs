//! What the commands share.

use crate::args::Globals;
use crate::console::Console;
use crate::failure::{Failure, Outcome};
use crate::output::Format;
use crate::properties::Properties;
use crate::trace::Trace;
use client::{Client, Config, ConfigError, QualifiedName};
use std::sync::{Arc, OnceLock};

/// When this program was built, as the property `--cliversion`.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The namespace of whoever asks.
pub(crate) const OWN_NAMESPACE: &str = "_";

/// What the commands share.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) console: Console,
    pub(crate) globals: Globals,
    /// File and environment, with the global flags above them.
    pub(crate) properties: Properties,
    pub(crate) trace: Trace,
    client: OnceLock<Client>,
}

impl Context {
    pub(crate) fn new(globals: Globals) -> Context {
        let console = Console::new();
        let mut properties = Properties::load();
        for (flag, property) in [
            (&globals.apihost, &mut properties.host),
            (&globals.apiversion, &mut properties.version),
            (&globals.auth, &mut properties.auth),
            (&globals.cert, &mut properties.cert),
            (&globals.key, &mut properties.key),
        ] {
            if let Some(value) = flag.as_ref().filter(|value| !value.is_empty()) {
                property.clone_from(value);
            }
        }
        let trace = Trace::new(console, &globals);
        Context { console, globals, properties, trace, client: OnceLock::new() }
    }

    /// The server that the properties name.
    pub(crate) fn client(&self) -> Outcome<&Client> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let client = self.client_of(None, None)?;
        Ok(self.client.get_or_init(|| client))
    }

    /// The same server for somebody else, or another one.
    pub(crate) fn client_of(&self, host: Option<String>, auth: Option<String>) -> Outcome<Client> {
        let given = |value: &String| Some(value.clone()).filter(|value| !value.is_empty());
        let config = Config {
            host: host.unwrap_or_else(|| self.properties.host.clone()),
            version: self.properties.version.clone(),
            auth: auth.or_else(|| given(&self.properties.auth)),
            cert: given(&self.properties.cert),
            key: given(&self.properties.key),
            insecure: self.globals.insecure,
            user_agent: format!("OpenWhisk-CLI/1.0 ({VERSION}) {} {}", std::env::consts::OS, arch()),
        };
        Ok(Client::new(config).map_err(unusable)?.observed_by(Arc::new(self.trace.clone())))
    }

    /// The form in which documents are shown.
    pub(crate) fn format(&self) -> Format {
        self.globals.output.unwrap_or_default()
    }
}

/// The names of architectures as upstream's CLI has them.
fn arch() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// Why there is no client.
fn unusable(error: ConfigError) -> Failure {
    match error {
        ConfigError::NoHost | ConfigError::Host { .. } => {
            Failure::usage(format!("The API host is not valid: {error}"))
                .hint("set it once with: wsk property set --apihost HOST")
        }
        other => Failure::general(format!("Unable to initialize server connection: {other}")),
    }
}

/// Reads the name of an entity.
pub(crate) fn qualified(text: &str) -> Outcome<QualifiedName> {
    QualifiedName::parse(text)
        .map_err(|error| Failure::usage(format!("'{text}' is not a valid qualified name: {error}")))
}

/// Reads the name of a namespace: `/NAMESPACE`, or nothing for that of whoever asks.
pub(crate) fn namespace(text: Option<&String>) -> Outcome<String> {
    let Some(text) = text else { return Ok(OWN_NAMESPACE.to_owned()) };
    let name = qualified(text)?;
    if name.name().is_empty() {
        return Ok(name.namespace().to_owned());
    }
    Err(Failure::usage(format!(
        "An entity name, '{}', was provided instead of a namespace. Valid namespaces are of the following format: \
         /NAMESPACE.",
        name.entity()
    )))
}

/// The full name that rules, sequences and feeds refer to: `a` is `/_/a`.
pub(crate) fn full_name(text: &str) -> String {
    match text.split('/').collect::<Vec<_>>().as_slice() {
        ["", ..] => text.to_owned(),
        [_, _, _] => format!("/{text}"),
        _ => format!("/{OWN_NAMESPACE}/{text}"),
    }
}

/// A namespace as messages name it.
pub(crate) fn shown(namespace: &str) -> &str {
    if namespace == OWN_NAMESPACE { "default" } else { namespace }
}
