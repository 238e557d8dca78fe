//! Calls about actions.

use crate::name::segment;
use crate::{Action, Answer, Client, Page, QualifiedName, Result};
use http::Method;
use serde::Serialize;

/// The collection.
const ACTIONS: &str = "actions";

impl Client {
    /// The actions of a namespace, or of one of its packages.
    ///
    /// # Errors
    /// As [`crate::Request::send`], like all calls here.
    pub async fn list_actions(
        &self,
        namespace: &str,
        package: Option<&str>,
        page: Page,
    ) -> Result<Vec<Action>> {
        let mut path = format!("namespaces/{}/{ACTIONS}", segment(namespace));
        if let Some(package) = package {
            path.push_str(&format!("/{}/", segment(package)));
        }
        self.request(Method::GET, &path)
            .query("limit", page.limit)
            .query("skip", page.skip)
            .send()
            .await?
            .json()
    }

    /// One action; its code is left out where it is not wanted.
    ///
    /// # Errors
    /// As [`crate::Request::send`].
    pub async fn get_action(&self, name: &QualifiedName, code: bool) -> Result<Action> {
        self.request(Method::GET, &name.path(ACTIONS)).query("code", code).send().await?.json()
    }

    /// Creates an action, or where `overwrite`, replaces the fields that are given (CLI-04).
    ///
    /// # Errors
    /// As [`crate::Request::send`]; 409 where it exists and must not.
    pub async fn put_action(&self, name: &QualifiedName, action: &Action, overwrite: bool) -> Result<Action> {
        let request = self.request(Method::PUT, &name.path(ACTIONS)).query("overwrite", overwrite);
        request.json(action)?.send().await?.json()
    }

    /// Deletes an action.
    ///
    /// # Errors
    /// As [`crate::Request::send`].
    pub async fn delete_action(&self, name: &QualifiedName) -> Result<()> {
        self.request(Method::DELETE, &name.path(ACTIONS)).send().await.map(drop)
    }

    /// Invokes an action. The status tells what the answer is: 200 the record, or with `result` the result alone; 202 the
    /// id of an activation that goes on (CLI-03).
    ///
    /// # Errors
    /// As [`crate::Request::send`]; [`crate::Error::Application`] where the function failed.
    pub async fn invoke_action(
        &self,
        name: &QualifiedName,
        payload: &impl Serialize,
        blocking: bool,
        result: bool,
    ) -> Result<Answer> {
        let request = self.request(Method::POST, &name.path(ACTIONS)).query("blocking", blocking);
        let request = request.query("result", result).json(payload)?;
        if result { request.as_it_is().send().await } else { request.send().await }
    }
}
