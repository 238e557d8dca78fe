//! `wsk property`: what the properties file keeps.

use crate::context::{Context, OWN_NAMESPACE, VERSION};
use crate::failure::{Because as _, Failure, Outcome};
use crate::output::pretty;
use crate::properties;
use client::{Info, base_url};
use serde_json::{Map, Value};

/// What can be done with properties.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Property {
    /// get property
    Get(Get),
    /// set property
    Set(Set),
    /// unset property
    Unset(Unset),
}

/// Which properties are shown.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Get {
    #[arg(hide = true)]
    rest: Vec<String>,
    /// Where the server is
    #[arg(long)]
    apihost: bool,
    /// The key
    #[arg(long)]
    auth: bool,
    /// The namespace of the key
    #[arg(long)]
    namespace: bool,
    /// File with a certificate of one's own
    #[arg(long)]
    cert: bool,
    /// File with the certificate's key
    #[arg(long)]
    key: bool,
    /// The version of the API
    #[arg(long)]
    apiversion: bool,
    /// The version of this program
    #[arg(long)]
    cliversion: bool,
    /// When the server was built
    #[arg(long)]
    apibuild: bool,
    /// The number of the server's build
    #[arg(long)]
    apibuildno: bool,
    /// All of them, as without any flag
    #[arg(long)]
    all: bool,
    /// std, raw (the value alone), json or yaml
    #[arg(short, long, value_name = "FORMAT", default_value = "std", hide_default_value = true)]
    output: String,
}

/// What is kept from now on.
#[derive(Debug, clap::Args)]
pub(crate) struct Set {
    #[arg(hide = true)]
    rest: Vec<String>,
    /// Where the server is: HOST, HOST:PORT or a URL
    #[arg(long, value_name = "HOST")]
    apihost: Option<String>,
    /// The key to use: UUID:KEY
    #[arg(short = 'u', long, value_name = "KEY")]
    auth: Option<String>,
    /// The version of the API
    #[arg(long, value_name = "VERSION")]
    apiversion: Option<String>,
    /// File with a certificate of one's own
    #[arg(long, value_name = "FILE")]
    cert: Option<String>,
    /// File with the certificate's key
    #[arg(long, value_name = "FILE")]
    key: Option<String>,
}

/// What is forgotten.
#[derive(Debug, clap::Args)]
pub(crate) struct Unset {
    #[arg(hide = true)]
    rest: Vec<String>,
    /// Where the server is
    #[arg(long)]
    apihost: bool,
    /// The key
    #[arg(long)]
    auth: bool,
    /// The version of the API
    #[arg(long)]
    apiversion: bool,
    /// File with a certificate of one's own
    #[arg(long)]
    cert: bool,
    /// File with the certificate's key
    #[arg(long)]
    key: bool,
}

pub(crate) async fn run(command: Property, context: &Context) -> Outcome {
    match command {
        Property::Get(get) => self::get(get, context).await,
        Property::Set(set) => self::set(&set, context),
        Property::Unset(unset) => self::unset(&unset, context),
    }
}

/// A property that can be shown.
struct Shown {
    /// What it is called.
    label: &'static str,
    /// What stands between that and the value.
    tabs: &'static str,
    key: &'static str,
    value: String,
}

async fn get(mut arguments: Get, context: &Context) -> Outcome {
    let named = arguments.apihost | arguments.auth | arguments.namespace | arguments.cert | arguments.key;
    let named =
        named | arguments.apiversion | arguments.cliversion | arguments.apibuild | arguments.apibuildno;
    arguments.all |= !named;
    match arguments.output.as_str() {
        "raw" if arguments.all => {
            return Err(Failure::general("--output|-o raw only supported with specific property type"));
        }
        "std" | "raw" | "json" | "yaml" => {}
        _ => return Err(Failure::general("Supported output format are std|raw|json|yaml")),
    }
    let (shown, failure) = properties_of(&arguments, context).await;
    let console = context.console;
    let document = || {
        let pairs =
            shown.iter().map(|property| (property.key.to_owned(), Value::from(property.value.as_str())));
        Value::Object(Map::from_iter(pairs))
    };
    match arguments.output.as_str() {
        "raw" => shown.iter().for_each(|property| console.line(&property.value)),
        "json" => console.line(pretty(&document())),
        "yaml" => console.print(serde_norway::to_string(&document()).unwrap_or_default()),
        _ => {
            for Shown { label, tabs, value, .. } in &shown {
                console.line(format!("{label}{tabs}{}", console.bold(value)));
            }
        }
    }
    // CLI-13: a server that does not answer does not stop the rest.
    failure.map_or(Ok(()), Err)
}

async fn properties_of(arguments: &Get, context: &Context) -> (Vec<Shown>, Option<Failure>) {
    let properties = &context.properties;
    let all = arguments.all;
    let mut shown = Vec::new();
    let mut show = |wanted: bool, label, tabs, key, value: &str| {
        if wanted || all {
            shown.push(Shown { label, tabs, key, value: value.to_owned() });
        }
    };
    show(arguments.apihost, "whisk API host", "\t\t", "apihost", &properties.host);
    show(arguments.auth, "whisk auth", "\t\t", "auth", &properties.auth);
    if arguments.namespace || all {
        show(true, "whisk namespace", "\t\t", "namespace", &namespace(context).await);
    }
    show(arguments.cert, "client cert", "\t\t", "cert", &properties.cert);
    show(arguments.key, "Client key", "\t\t", "key", &properties.key);
    // In the order of upstream's, which differs between all of them and some.
    let versions = [
        (arguments.apiversion, "whisk API version", "apiversion", properties.version.as_str()),
        (arguments.cliversion, "whisk CLI version", "cliversion", VERSION),
    ];
    let order = if all { [0, 1] } else { [1, 0] };
    for (wanted, label, key, value) in order.map(|at| versions[at]) {
        show(wanted, label, "\t", key, value);
    }
    if !(all || arguments.apibuild || arguments.apibuildno) {
        return (shown, None);
    }
    let (info, failure) = match info(context).await {
        Ok(info) => (info, None),
        Err(failure) => (Info { build: "Unknown".to_owned(), buildno: "Unknown".to_owned() }, Some(failure)),
    };
    show(arguments.apibuild, "whisk API build", "\t\t", "apibuild", &info.build);
    show(arguments.apibuildno, "whisk API build number", "\t", "apibuildno", &info.buildno);
    (shown, failure)
}

async fn info(context: &Context) -> Outcome<Info> {
    context.client()?.info().await.because("Unable to obtain API build information")
}

/// The namespace of the key; `_` where no server can be asked.
async fn namespace(context: &Context) -> String {
    let Ok(client) = context.client() else { return OWN_NAMESPACE.to_owned() };
    let namespaces = client.list_namespaces().await.unwrap_or_default();
    namespaces.into_iter().next().unwrap_or_else(|| OWN_NAMESPACE.to_owned())
}

fn set(arguments: &Set, context: &Context) -> Outcome {
    let file = &context.properties.file;
    let console = context.console;
    let mut lines = properties::read(file);
    let mut said = Vec::new();
    if let Some(host) = given(&arguments.apihost) {
        base_url(host).map_err(|error| {
            Failure::usage(format!(
                "Unable to set API host value; the API host value '{host}' is invalid: {error}"
            ))
        })?;
    }
    for (name, key, value, flag) in [
        ("client cert", "CERT", &arguments.cert, "--cert"),
        ("client key", "KEY", &arguments.key, "--key"),
        ("whisk auth", "AUTH", &arguments.auth, "--auth"),
    ] {
        if let Some(value) = given(value) {
            lines.insert(key.to_owned(), value.clone());
            said.push(format!("{name} set. Run 'wsk property get {flag}' to see the new value."));
        }
    }
    for (name, key, value) in [
        ("whisk API host", "APIHOST", &arguments.apihost),
        ("whisk API version", "APIVERSION", &arguments.apiversion),
    ] {
        if let Some(value) = given(value) {
            lines.insert(key.to_owned(), value.clone());
            said.push(format!("{name} set to {}", console.bold(value)));
        }
    }
    write(file, &lines, "Unable to set the property value(s)")?;
    said.iter().for_each(|text| console.ok(text));
    Ok(())
}

fn given(value: &Option<String>) -> Option<&String> {
    value.as_ref().filter(|value| !value.is_empty())
}

fn unset(arguments: &Unset, context: &Context) -> Outcome {
    let file = &context.properties.file;
    let console = context.console;
    let mut lines = properties::read(file);
    let mut said = Vec::new();
    for (wanted, name, key) in [
        (arguments.cert, "client cert unset.", "CERT"),
        (arguments.key, "client key unset.", "KEY"),
        (arguments.auth, "whisk auth unset.", "AUTH"),
        (arguments.apihost, "whisk API host unset.", "APIHOST"),
    ] {
        if wanted {
            lines.remove(key);
            said.push(name.to_owned());
        }
    }
    if arguments.apiversion {
        lines.remove("APIVERSION");
        said.push(format!(
            "whisk API version unset; the default value of {} will be used.",
            console.bold("v1")
        ));
    }
    write(file, &lines, "Unable to unset the property value")?;
    said.iter().for_each(|text| console.ok(text));
    Ok(())
}

fn write(file: &std::path::Path, lines: &std::collections::BTreeMap<String, String>, what: &str) -> Outcome {
    properties::write(file, lines).because(what)
}
