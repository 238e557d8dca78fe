//! Calls about activations.

use crate::name::segment;
use crate::{Activation, Client, Page, Result};
use bytes::Bytes;
use futures_util::Stream;
use http::Method;
use serde_json::Value;

/// Which activations a list shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActivationFilter {
    /// `NAME` or `PACKAGE/NAME` of an action, or the name of a trigger.
    pub name: Option<String>,
    /// Started at or after, in milliseconds since 1970.
    pub since: Option<i64>,
    /// Started at or before, in milliseconds since 1970.
    pub upto: Option<i64>,
    /// Whole records.
    pub docs: bool,
}

impl Client {
    /// The activations of a namespace, newest first.
    ///
    /// # Errors
    /// As [`crate::Request::send`], like all calls here.
    pub async fn list_activations(
        &self,
        namespace: &str,
        filter: &ActivationFilter,
        page: Page,
    ) -> Result<Vec<Activation>> {
        let request = self.request(Method::GET, &format!("namespaces/{}/activations", segment(namespace)));
        let request = request
            .query_opt("name", filter.name.as_deref())
            .query("limit", page.limit)
            .query("skip", page.skip)
            .query_opt("since", filter.since)
            .query_opt("upto", filter.upto);
        let request = if filter.docs { request.query("docs", true) } else { request };
        request.as_it_is().send().await?.json()
    }

    /// The record of one activation.
    ///
    /// # Errors
    /// As [`crate::Request::send`].
    pub async fn get_activation(&self, id: &str) -> Result<Activation> {
        self.activation(id, "").as_it_is().send().await?.json()
    }

    /// Its logs.
    ///
    /// # Errors
    /// As [`crate::Request::send`].
    pub async fn activation_logs(&self, id: &str) -> Result<Vec<String>> {
        #[derive(serde::Deserialize)]
        struct Logs {
            logs: Vec<String>,
        }
        let logs: Logs = self.activation(id, "/logs").as_it_is().send().await?.json()?;
        Ok(logs.logs)
    }

    /// Its result.
    ///
    /// # Errors
    /// As [`crate::Request::send`].
    pub async fn activation_result(&self, id: &str) -> Result<Value> {
        self.activation(id, "/result").as_it_is().send().await?.json()
    }

    /// Its logs while they are written, as the server sends them: lines, until the activation ends. A server that cannot
    /// follow sends what there is, as `{"logs": […]}`.
    ///
    /// # Errors
    /// As [`crate::Request::stream`].
    pub async fn follow_logs(&self, id: &str) -> Result<impl Stream<Item = Result<Bytes>> + Send + use<>> {
        self.activation(id, "/logs").query("follow", true).stream().await
    }

    fn activation(&self, id: &str, part: &str) -> crate::Request<'_> {
        self.request(Method::GET, &format!("namespaces/_/activations/{}{part}", segment(id)))
    }
}
