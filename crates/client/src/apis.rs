//! Calls about the routes of an API gateway, and their documents.
//!
//! The API has nothing of it (GW-01): the calls go to web actions in `/whisk.system/apimgmt`, which talk with the gateway.
//! A server without a gateway has no such package, and answers 404.

use crate::{Answer, Client, Page, Result};
use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What a gateway is told where nobody has a token for it (GW-06).
const NO_TOKEN: &str = "DUMMY TOKEN";

/// Which part of an API is meant; none of it where nothing is said (GW-02).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApiFilter {
    /// The base path of the API, or its name.
    pub base: Option<String>,
    /// One path in it.
    pub path: Option<String>,
    /// One verb of that path: `GET`.
    pub verb: Option<String>,
}

/// What is to become of an API (GW-03): either its parts, or a whole document as text.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewApi {
    /// `_` for that of whoever asks.
    pub namespace: String,
    /// Its name, where it has one that is not its base path.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub api_name: String,
    /// `/base`, or the name of the API.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub gateway_base_path: String,
    /// `/path`
    #[serde(skip_serializing_if = "String::is_empty")]
    pub gateway_path: String,
    /// `GET`
    #[serde(skip_serializing_if = "String::is_empty")]
    pub gateway_method: String,
    /// `API:NAMESPACE:BASE`
    #[serde(skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// A whole document, in JSON.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub swagger: String,
    /// Where the route leads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<ApiTarget>,
    /// The parameters in its path.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub path_parameters: Vec<ApiParameter>,
}

/// A body keeps its order in a trace.
#[derive(Serialize)]
struct NewDocument<'a> {
    apidoc: &'a NewApi,
}

/// The web action where a route leads.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ApiTarget {
    /// `[PACKAGE/]NAME`
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// `GET`
    pub backend_method: String,
    /// Its URL.
    pub backend_url: String,
    /// The key of whoever asks.
    #[serde(rename = "authkey")]
    pub auth: String,
    /// The secret that the web action wants.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secure_key: Option<Value>,
}

/// A list of APIs (GW-04).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Apis {
    /// Each of them.
    pub apis: Vec<ApiEntry>,
}

/// One of a list.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ApiEntry {
    /// The API.
    pub value: Option<Api>,
    /// What else the gateway sent.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// An API as the gateway has it (GW-04).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Api {
    /// Whose it is.
    pub namespace: String,
    /// Its URL.
    pub gw_api_url: String,
    /// Whether it is served.
    pub gw_api_activated: bool,
    /// Whose it is, for the gateway.
    pub tenant_id: String,
    /// What it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub apidoc: Option<Swagger>,
    /// What else the gateway sent.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// What an API is (GW-10).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Swagger {
    /// `2.0`
    #[serde(skip_serializing_if = "String::is_empty")]
    pub swagger: String,
    /// `/base`
    #[serde(skip_serializing_if = "String::is_empty")]
    pub base_path: String,
    /// Its title and version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub info: Option<SwaggerInfo>,
    /// What is in it, by path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paths: Option<BTreeMap<String, SwaggerPath>>,
    /// What else is in the document.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// The name of an API.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SwaggerInfo {
    /// Its name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// Its version.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// What else is in the document.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// One path of an API.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "each is the verb of its name")]
pub struct SwaggerPath {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub get: Option<SwaggerOperation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub put: Option<SwaggerOperation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub post: Option<SwaggerOperation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delete: Option<SwaggerOperation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub options: Option<SwaggerOperation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub head: Option<SwaggerOperation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patch: Option<SwaggerOperation>,
    /// The parameters of all of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<ApiParameter>,
    /// What else is in the document.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

impl SwaggerPath {
    /// The verbs of this path that there are, and what is behind each.
    pub fn operations(&self) -> impl Iterator<Item = (&'static str, &SwaggerOperation)> {
        [
            ("get", &self.get),
            ("put", &self.put),
            ("post", &self.post),
            ("delete", &self.delete),
            ("options", &self.options),
            ("head", &self.head),
            ("patch", &self.patch),
        ]
        .into_iter()
        .filter_map(|(verb, operation)| Some((verb, operation.as_ref()?)))
    }
}

/// One verb of a path.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SwaggerOperation {
    /// Its name (GW-12).
    pub operation_id: String,
    /// Its parameters.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<ApiParameter>,
    /// What it answers.
    pub responses: Value,
    /// Where it leads.
    #[serde(rename = "x-openwhisk", skip_serializing_if = "Option::is_none")]
    pub target: Option<SwaggerTarget>,
    /// What else is in the document.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// The action where an operation leads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SwaggerTarget {
    /// Its name, without a package.
    pub action: String,
    /// Its namespace.
    pub namespace: String,
    /// Its package, or nothing.
    pub package: String,
    /// Its URL.
    pub url: String,
}

/// `/NAMESPACE/[PACKAGE/]NAME`
impl std::fmt::Display for SwaggerTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.package.as_str() {
            "" => write!(f, "/{}/{}", self.namespace, self.action),
            package => write!(f, "/{}/{package}/{}", self.namespace, self.action),
        }
    }
}

/// A parameter of a path (GW-16).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ApiParameter {
    /// Its name.
    pub name: String,
    /// `path`
    #[serde(rename = "in")]
    pub place: String,
    /// For people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Whether it must be there.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
    /// `string`
    #[serde(rename = "type", skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// What else is in the document.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// The APIs of whoever asks.
#[derive(Clone, Copy, Debug)]
pub struct Gateway<'a> {
    client: &'a Client,
    token: &'a str,
}

impl Client {
    /// The gateway of this server, for whoever has `token` (GW-06).
    #[must_use]
    pub fn gateway<'a>(&'a self, token: Option<&'a str>) -> Gateway<'a> {
        Gateway { client: self, token: token.filter(|token| !token.is_empty()).unwrap_or(NO_TOKEN) }
    }
}

// All of these fail as `Request::send` does.
#[expect(clippy::missing_errors_doc, reason = "the line above")]
impl Gateway<'_> {
    /// Creates an API, or adds to one (GW-08); `response` is what its web action answers: `json`, `http`, …
    pub async fn create(&self, api: &NewApi, response: &str) -> Result<Api> {
        let query = [("responsetype", response.to_owned())];
        self.call(Method::POST, "createApi", &ApiFilter::default(), &query, Some(api)).await?.json()
    }

    /// The APIs of whoever asks.
    pub async fn list(&self, page: Page) -> Result<Apis> {
        let query = [("limit", page.limit.to_string()), ("skip", page.skip.to_string())];
        self.call(Method::GET, "getApi", &ApiFilter::default(), &query, None).await?.json()
    }

    /// The API that is meant, or none.
    pub async fn get(&self, filter: &ApiFilter) -> Result<Apis> {
        self.call(Method::GET, "getApi", filter, &[], None).await?.json()
    }

    /// Deletes an API, or a part of it (GW-09).
    pub async fn delete(&self, filter: &ApiFilter) -> Result<()> {
        self.call(Method::DELETE, "deleteApi", filter, &[], None).await.map(drop)
    }

    async fn call(
        &self,
        method: Method,
        action: &str,
        filter: &ApiFilter,
        more: &[(&'static str, String)],
        new: Option<&NewApi>,
    ) -> Result<Answer> {
        let auth = self.client.config().auth.as_deref().unwrap_or_default();
        let space = auth.split(':').next().unwrap_or_default();
        let mut query = vec![("accesstoken", self.token.to_owned()), ("spaceguid", space.to_owned())];
        let parts = [("basepath", &filter.base), ("relpath", &filter.path), ("operation", &filter.verb)];
        query.extend(parts.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))));
        query.extend_from_slice(more);
        // As upstream's clients order them: their traces are compared.
        query.sort();
        let path = format!("web/whisk.system/apimgmt/{action}.http");
        let mut request = self.client.request(method, &path);
        for (name, value) in query {
            request = request.query(name, value);
        }
        match new {
            Some(apidoc) => request.json(&NewDocument { apidoc })?.send().await,
            None => request.send().await,
        }
    }
}
