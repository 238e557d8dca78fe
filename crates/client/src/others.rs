//! Calls about packages, triggers, rules and namespaces, and about the server itself.

use crate::name::segment;
use crate::{Answer, Client, Package, Page, QualifiedName, Result, Rule, Trigger};
use http::Method;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

/// What `GET /api/v1` tells (HTTP-05).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Info {
    /// When the server was built.
    pub build: String,
    /// Its number.
    pub buildno: String,
}

// All of these fail as `Request::send` does.
#[expect(clippy::missing_errors_doc, reason = "the line above")]
impl Client {
    /// The packages of a namespace.
    pub async fn list_packages(&self, namespace: &str, page: Page) -> Result<Vec<Package>> {
        self.list(namespace, "packages", page).await
    }

    /// One package, with its actions and feeds.
    pub async fn get_package(&self, name: &QualifiedName) -> Result<Package> {
        self.get(name, "packages").await
    }

    /// Creates or, where `overwrite`, updates a package or binding.
    pub async fn put_package(
        &self,
        name: &QualifiedName,
        package: &Package,
        overwrite: bool,
    ) -> Result<Package> {
        self.put(name, "packages", package, overwrite).await
    }

    /// Deletes a package or binding.
    pub async fn delete_package(&self, name: &QualifiedName) -> Result<()> {
        self.delete(name, "packages").await
    }

    /// Binds anew what the server offers (PKG-…).
    pub async fn refresh_packages(&self, namespace: &str) -> Result<Value> {
        let path = format!("namespaces/{}/packages/refresh", segment(namespace));
        self.request(Method::POST, &path).send().await?.json()
    }

    /// The triggers of a namespace.
    pub async fn list_triggers(&self, namespace: &str, page: Page) -> Result<Vec<Trigger>> {
        self.list(namespace, "triggers", page).await
    }

    /// One trigger, with its rules.
    pub async fn get_trigger(&self, name: &QualifiedName) -> Result<Trigger> {
        self.get(name, "triggers").await
    }

    /// Creates or, where `overwrite`, updates a trigger.
    pub async fn put_trigger(
        &self,
        name: &QualifiedName,
        trigger: &Trigger,
        overwrite: bool,
    ) -> Result<Trigger> {
        self.put(name, "triggers", trigger, overwrite).await
    }

    /// Deletes a trigger, and answers what it was.
    pub async fn delete_trigger(&self, name: &QualifiedName) -> Result<Trigger> {
        self.request(Method::DELETE, &name.path("triggers")).send().await?.json()
    }

    /// Fires a trigger: 202 with the id of its record, or 204 where no rule is active.
    pub async fn fire_trigger(&self, name: &QualifiedName, payload: &impl Serialize) -> Result<Answer> {
        self.request(Method::POST, &name.path("triggers")).json(payload)?.send().await
    }

    /// The rules of a namespace, without their status (LIST-10).
    pub async fn list_rules(&self, namespace: &str, page: Page) -> Result<Vec<Rule>> {
        self.list(namespace, "rules", page).await
    }

    /// One rule, with its status.
    pub async fn get_rule(&self, name: &QualifiedName) -> Result<Rule> {
        self.get(name, "rules").await
    }

    /// Creates or, where `overwrite`, updates a rule.
    pub async fn put_rule(&self, name: &QualifiedName, rule: &Rule, overwrite: bool) -> Result<Rule> {
        self.put(name, "rules", rule, overwrite).await
    }

    /// Makes a rule `active` or `inactive`.
    pub async fn set_rule_state(&self, name: &QualifiedName, active: bool) -> Result<()> {
        let state = json!({ "status": if active { "active" } else { "inactive" } });
        self.request(Method::POST, &name.path("rules")).json(&state)?.send().await.map(drop)
    }

    /// Deletes a rule.
    pub async fn delete_rule(&self, name: &QualifiedName) -> Result<()> {
        self.delete(name, "rules").await
    }

    /// The namespaces of whoever asks.
    pub async fn list_namespaces(&self) -> Result<Vec<String>> {
        self.request(Method::GET, "namespaces").send().await?.json()
    }

    /// What the API says of itself; it needs no key.
    pub async fn info(&self) -> Result<Info> {
        let url = format!("{}/{}", self.base().as_str().trim_end_matches('/'), self.config().version);
        self.request_url(Method::GET, url).anonymous().send().await?.json()
    }

    /// What the server says of itself at `/`: its runtimes and limits.
    pub async fn manifest(&self) -> Result<Value> {
        let url = self.base().as_str().trim_end_matches("/api").to_owned();
        self.request_url(Method::GET, url).anonymous().send().await?.json()
    }

    async fn list<T: DeserializeOwned>(
        &self,
        namespace: &str,
        collection: &str,
        page: Page,
    ) -> Result<Vec<T>> {
        let path = format!("namespaces/{}/{collection}", segment(namespace));
        self.request(Method::GET, &path)
            .query("limit", page.limit)
            .query("skip", page.skip)
            .send()
            .await?
            .json()
    }

    async fn get<T: DeserializeOwned>(&self, name: &QualifiedName, collection: &str) -> Result<T> {
        self.request(Method::GET, &name.path(collection)).send().await?.json()
    }

    async fn put<T: Serialize + DeserializeOwned>(
        &self,
        name: &QualifiedName,
        collection: &str,
        document: &T,
        overwrite: bool,
    ) -> Result<T> {
        let request = self.request(Method::PUT, &name.path(collection)).query("overwrite", overwrite);
        request.json(document)?.send().await?.json()
    }

    async fn delete(&self, name: &QualifiedName, collection: &str) -> Result<()> {
        self.request(Method::DELETE, &name.path(collection)).send().await.map(drop)
    }
}
