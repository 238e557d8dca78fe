//! `wsk api create`, and the routes of a project.

use super::list::without_slash;
use super::{failed, gateway, route};
use crate::args;
use crate::context::{Context, OWN_NAMESPACE, qualified};
use crate::failure::{Because as _, Failure, Outcome};
use client::{Api, ApiTarget, Client, NewApi, QualifiedName, SwaggerTarget, WithKeyValues as _};
use serde_json::Value;
use std::path::PathBuf;

/// What must be given.
const WANTED: &str =
    "Specify a swagger file or specify an API base path with an API path, an API verb, and an action name.";
/// What upstream's CLI exits with for a name that is none: 405 as a byte.
const NOT_ALLOWED: u8 = 149;
const FAILED: &str = "Unable to create API";
/// The only type of response with which path parameters reach the action (GW-14).
const HTTP: &str = "http";

/// A route, or a document with many.
#[derive(Debug, clap::Args)]
pub(crate) struct Create {
    #[arg(value_names = ["BASE_PATH", "API_PATH", "API_VERB", "ACTION"], num_args = 0..)]
    rest: Vec<String>,
    /// The name of the API, where it is not its base path
    #[arg(short = 'n', long, value_name = "NAME")]
    apiname: Option<String>,
    /// Create what is in a Swagger document, JSON or YAML
    #[arg(short, long, value_name = "CFG_FILE")]
    config_file: Option<PathBuf>,
    /// What the web action answers: html, http, json, svg, text
    #[arg(long, value_name = "TYPE", default_value = "json")]
    response_type: String,
}

pub(super) async fn run(create: &Create, context: &Context) -> Outcome {
    let mut api = match (&create.rest[..], &create.config_file) {
        ([], None) => return Err(Failure::usage(format!("Invalid argument(s). {WANTED}"))),
        ([], Some(file)) => {
            let swagger =
                route::document(file).map_err(|failure| failure.because("Unable to parse swagger file"))?;
            NewApi { namespace: OWN_NAMESPACE.to_owned(), swagger, ..NewApi::default() }
        }
        (rest, _) => {
            args::between(rest, 3, 4, WANTED)?;
            let (api, action) = parsed(create, context)
                .map_err(|failure| failure.because("Unable to parse api command arguments"))?;
            with_secret(api, &action, context.client()?).await?
        }
    };
    if api.api_name.is_empty() {
        api.api_name = create.apiname.clone().unwrap_or_default();
    }
    if !api.swagger.is_empty() {
        api.api_name.clear();
    }
    let made = gateway(context)?.create(&api, &create.response_type).await;
    let made = made.map_err(|error| failed(error, FAILED).exit(1))?;
    route::sound(made.apidoc.as_ref()).map_err(|failure| failure.because(FAILED))?;
    context.show(&made, || {
        tell(&api, &made, context);
        Ok(())
    })
}

/// Creates a route of a project.
pub(crate) async fn create_route(route: &project::ApiRoute, client: &Client, context: &Context) -> Outcome {
    let what = format!("api {}{} {}", route.base, route.path, route.method);
    let action = qualified(&route.action)?;
    let api = NewApi {
        api_name: route.api.clone(),
        gateway_path: route.path.clone(),
        gateway_method: route::verb(&route.method).map_err(|failure| failure.because(&what))?,
        ..of(&route.base, &action, client)
    };
    let response = route.response.as_deref().unwrap_or(HTTP);
    let api = NewApi { path_parameters: checked_parameters(&api, response).because(&what)?, ..finished(api) };
    let api = with_secret(api, &action, client).await?;
    let gateway = client.gateway(Some(&context.properties.gateway_token));
    let made = gateway.create(&api, response).await.map_err(|error| failed(error, &what))?;
    route::sound(made.apidoc.as_ref()).map_err(|failure| failure.because(&what))
}

/// The route that the arguments describe, and the action where it leads.
fn parsed(create: &Create, context: &Context) -> Outcome<(NewApi, QualifiedName)> {
    let (base, rest) = match &create.rest[..] {
        [base, rest @ ..] if rest.len() == 3 => (base.as_str(), rest),
        rest => ("/", rest),
    };
    if !route::parameters(base).is_empty() {
        return Err(Failure::usage(format!(
            "The base path '{base}' cannot have parameters. Only the relative path supports path parameters."
        )));
    }
    let (path, verb, action) = (&rest[0], &rest[1], &rest[2]);
    route::begins_with_slash(path)?;
    let path_only = NewApi { gateway_path: path.clone(), ..NewApi::default() };
    let path_parameters = checked_parameters(&path_only, &create.response_type)?;
    let gateway_method = route::verb(verb)?;
    let name = QualifiedName::parse(action).map_err(|error| {
        Failure::usage(format!("'{action}' is not a valid action name: {error}")).exit(NOT_ALLOWED)
    })?;
    if name.name().is_empty() {
        return Err(Failure::usage(format!("'{action}' is not a valid action name.")));
    }
    let api_name = create.apiname.clone().unwrap_or_default();
    if !api_name.is_empty() && !base.starts_with('/') {
        return Err(Failure::usage("An API name can only be specified once."));
    }
    let api = NewApi {
        api_name,
        gateway_path: path.clone(),
        gateway_method,
        path_parameters,
        ..of(base, &name, context.client()?)
    };
    Ok((finished(api), name))
}

fn checked_parameters(api: &NewApi, response: &str) -> Outcome<Vec<client::ApiParameter>> {
    let parameters = route::parameters(&api.gateway_path);
    if !parameters.is_empty() && response != HTTP {
        return Err(Failure::usage("A response type of 'http' is required when using path parameters."));
    }
    Ok(parameters)
}

/// An API that leads to `action`. `base` is its name where it does not begin with `/`.
fn of(base: &str, action: &QualifiedName, client: &Client) -> NewApi {
    let config = client.config();
    let host = config.host.trim_end_matches('/');
    let scheme = if host.starts_with("http") { "" } else { "https://" };
    let (namespace, package) = (action.namespace(), action.package().unwrap_or("default"));
    NewApi {
        namespace: OWN_NAMESPACE.to_owned(),
        gateway_base_path: base.to_owned(),
        id: if base.starts_with('/') { format!("API:{OWN_NAMESPACE}:{base}") } else { String::new() },
        action: Some(ApiTarget {
            name: action.entity(),
            namespace: namespace.to_owned(),
            // GW-17; the gateway puts the type of response in the place of the last part.
            backend_url: format!("{scheme}{host}/api/v1/web/{namespace}/{package}/{}.http", action.name()),
            auth: config.auth.clone().unwrap_or_default(),
            ..ApiTarget::default()
        }),
        ..NewApi::default()
    }
}

/// With the verb for the web action too.
fn finished(mut api: NewApi) -> NewApi {
    if let Some(action) = &mut api.action {
        action.backend_method.clone_from(&api.gateway_method);
    }
    api
}

/// GW-18: a route leads to a web action, and knows the secret that it wants.
async fn with_secret(mut api: NewApi, action: &QualifiedName, client: &Client) -> Outcome<NewApi> {
    let found = client.get_action(action, false).await;
    let found = found.because(format!("Unable to get action '{action}'"));
    let found = found.map_err(|failure| failure.exit(1).pointing_at_help())?;
    let annotations = found.annotations.unwrap_or_default();
    if annotations.value("web-export") != Some(&Value::Bool(true)) {
        return Err(Failure::usage(format!(
            "Action '{action}' is not a web action. Issue 'wsk action update \"{action}\" --web true' to convert the \
             action to a web action."
        )));
    }
    if let Some(target) = &mut api.action {
        target.secure_key = annotations.value("require-whisk-auth").cloned();
    }
    Ok(api)
}

/// CLI-25: what was created, and where each of it answers.
fn tell(api: &NewApi, made: &Api, context: &Context) {
    let console = context.console;
    let url = without_slash(&made.gw_api_url);
    if let (Some(action), true) = (&api.action, api.swagger.is_empty()) {
        let (base, path) = (without_slash(&api.gateway_base_path), &api.gateway_path);
        let name = console.bold(format!("/{}/{}", action.namespace, action.name));
        console.ok(format!("created API {base}{path} {} for action {name}", api.gateway_method));
        console.line(format!("{url}{path}"));
        return;
    }
    let Some(document) = &made.apidoc else { return };
    let base = without_slash(&document.base_path);
    for (path, operations) in document.paths.iter().flatten() {
        for (verb, operation) in operations.operations() {
            let action = operation.target.as_ref().map(SwaggerTarget::to_string);
            let action = action.map(|name| format!(" for action {}", console.bold(name))).unwrap_or_default();
            console.ok(format!("created API {base}{path} {verb}{action}"));
            console.line(format!("{url}{path}"));
        }
    }
}
