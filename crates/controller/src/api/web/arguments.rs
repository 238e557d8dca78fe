//! From a request to what a web action is given.

use super::media::MediaType;
use crate::api::ApiError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use types::EntityName;
use types::json::{self, Raw};

const METHOD: &str = "__ow_method";
const HEADERS: &str = "__ow_headers";
const PATH: &str = "__ow_path";
const USER: &str = "__ow_user";
const QUERY: &str = "__ow_query";
const BODY: &str = "__ow_body";

/// What no request may set (WEB-18).
const RESERVED: [&str; 6] = [METHOD, HEADERS, PATH, USER, QUERY, BODY];

/// What a query may have in it as it is (WEB-19).
const QUERY_ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b',')
    .remove(b'@')
    .remove(b':')
    .remove(b'/')
    .remove(b'?');

/// A request to a web action.
#[derive(Clone, Copy, Debug)]
pub(super) struct WebRequest<'a> {
    /// Its method.
    pub(super) method: &'a Method,
    /// Its headers.
    pub(super) headers: &'a HeaderMap,
    /// What follows the action in its path.
    pub(super) rest: &'a str,
    /// What follows the question mark.
    pub(super) query: Option<&'a str>,
    /// The namespace of whoever has valid credentials (WEB-06).
    pub(super) user: Option<&'a EntityName>,
    /// Its body.
    pub(super) body: &'a [u8],
}

/// How a body is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// There is none.
    Nothing,
    /// As JSON.
    Json,
    /// As a form.
    Form,
    /// As a text.
    Text,
    /// Not at all.
    Base64,
}

/// What a body becomes.
enum Content<'a> {
    /// Nothing.
    Nothing,
    /// Fields: a JSON object, and the names that are in it.
    Fields(Cow<'a, str>, HashSet<String>),
    /// One value, as JSON.
    Value(Cow<'a, str>),
}

/// The arguments of a web action, as a JSON object (WEB-13 to WEB-18); `is_protected` says which parameters of the action
/// a request may not set.
pub(super) fn cooked(request: &WebRequest<'_>, is_protected: impl Fn(&str) -> bool) -> Result<Raw, ApiError> {
    let content = content(request.body, reading(request.headers, request.body, false))?;
    let query = pairs(request.query.unwrap_or_default().as_bytes());
    let in_body = match &content {
        Content::Fields(_, names) => Some(names),
        Content::Nothing | Content::Value(_) => None,
    };
    let mut names = query.iter().map(|(name, _)| name).chain(in_body.into_iter().flatten());
    if names.any(|name| RESERVED.contains(&&**name) || is_protected(name)) {
        return Err(ApiError::parameters_not_allowed());
    }
    let mut arguments = about(request);
    // What the body says wins (WEB-17).
    let only_in_query = |name: &String| in_body.is_none_or(|names| !names.contains(name));
    for (name, value) in query.iter().filter(|(name, _)| only_in_query(name)) {
        arguments.add_text(name, value);
    }
    match &content {
        Content::Nothing => {}
        Content::Fields(object, _) => arguments.add_members_of(object),
        Content::Value(value) => arguments.add(BODY, value),
    }
    arguments.into_object()
}

/// The arguments of a web action that reads query and body itself (WEB-19).
pub(super) fn raw(request: &WebRequest<'_>) -> Result<Raw, ApiError> {
    let mut arguments = about(request);
    arguments.add_text(QUERY, &rendered(request.query.unwrap_or_default()));
    match content(request.body, reading(request.headers, request.body, true))? {
        Content::Value(value) => arguments.add(BODY, &value),
        Content::Nothing | Content::Fields(..) => arguments.add_text(BODY, ""),
    }
    arguments.into_object()
}

/// What a body is read as (WEB-14 to WEB-16, WEB-19).
fn reading(headers: &HeaderMap, body: &[u8], raw: bool) -> Reading {
    if body.is_empty() {
        return Reading::Nothing;
    }
    // What says nothing of its type, or nothing that can be understood, is as good as `application/octet-stream`.
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let Some(media) = value.and_then(MediaType::parse) else { return Reading::Base64 };
    match media.essence() {
        _ if !raw && media.is_json_family() => Reading::Json,
        "application/x-www-form-urlencoded" if !raw => Reading::Form,
        // Raw actions have always got JSON in base64.
        "application/json" => Reading::Base64,
        _ if media.is_binary() => Reading::Base64,
        _ => Reading::Text,
    }
}

fn content(body: &[u8], reading: Reading) -> Result<Content<'_>, ApiError> {
    match reading {
        Reading::Nothing => Ok(Content::Nothing),
        Reading::Json => of_json(std::str::from_utf8(body).map_err(ApiError::malformed)?),
        Reading::Form => {
            let mut fields = Members::default();
            let pairs = pairs(body);
            for (name, value) in &pairs {
                fields.add_text(name, value);
            }
            let names = pairs.into_iter().map(|(name, _)| name).collect();
            Ok(Content::Fields(fields.into_text().into(), names))
        }
        Reading::Text => {
            let text = json::raw(&*String::from_utf8_lossy(body));
            Ok(Content::Value(text.get().to_owned().into()))
        }
        // Base64 has nothing in it that JSON escapes.
        Reading::Base64 => Ok(Content::Value(format!("\"{}\"", STANDARD.encode(body)).into())),
    }
}

/// WEB-14
fn of_json(body: &str) -> Result<Content<'_>, ApiError> {
    let value: &RawValue = serde_json::from_str(body).map_err(|error| ApiError::malformed_json(&error))?;
    if !value.get().starts_with('{') {
        return Ok(Content::Value(json::compact(value.get())));
    }
    let members = json::members(value.get()).map_err(|error| ApiError::malformed_json(&error))?;
    let names = members.into_iter().map(|(name, _)| name.into_owned()).collect();
    Ok(Content::Fields(json::compact(value.get()), names))
}

/// What is always there (WEB-13).
fn about(request: &WebRequest<'_>) -> Members {
    let mut headers = Members::default();
    for name in request.headers.keys() {
        // Of one that stands twice the last value counts.
        let last = request.headers.get_all(name).iter().next_back();
        let value = last.map(|value| String::from_utf8_lossy(value.as_bytes())).unwrap_or_default();
        headers.add_text(name.as_str(), &value);
    }
    let mut arguments = Members::default();
    arguments.add_text(METHOD, &request.method.as_str().to_ascii_lowercase());
    arguments.add(HEADERS, &headers.into_text());
    arguments.add_text(PATH, request.rest);
    if let Some(user) = request.user {
        arguments.add_text(USER, user.as_str());
    }
    arguments
}

/// The pairs of a query or a form; of a name that stands twice the last value counts.
fn pairs(text: &[u8]) -> Vec<(String, String)> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for (name, value) in form_urlencoded::parse(text) {
        match places.get(&*name) {
            Some(&place) => pairs[place].1 = value.into_owned(),
            None => {
                places.insert(name.to_string(), pairs.len());
                pairs.push((name.into_owned(), value.into_owned()));
            }
        }
    }
    pairs
}

/// A query, read and written again, so that the same characters are always encoded (WEB-19).
fn rendered(query: &str) -> String {
    let again = |text: &str| {
        let spaced = text.replace('+', " ");
        let decoded = percent_decode_str(&spaced).decode_utf8_lossy();
        utf8_percent_encode(&decoded, QUERY_ENCODED).to_string().replace("%20", "+")
    };
    let pair = |pair: &str| match pair.split_once('=') {
        None => again(pair),
        Some((name, value)) => format!("{}={}", again(name), again(value)),
    };
    query.split('&').map(pair).collect::<Vec<_>>().join("&")
}

/// A JSON object that is being written.
struct Members(String);

impl Default for Members {
    fn default() -> Members {
        Members(String::from("{"))
    }
}

impl Members {
    /// `value` is JSON.
    fn add(&mut self, name: &str, value: &str) {
        self.separate();
        self.0.push_str(json::raw(name).get());
        self.0.push(':');
        self.0.push_str(value);
    }

    fn add_text(&mut self, name: &str, value: &str) {
        self.add(name, json::raw(value).get());
    }

    /// Everything that is in another object.
    fn add_members_of(&mut self, object: &str) {
        let members = object.strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap_or_default();
        if !members.is_empty() {
            self.separate();
            self.0.push_str(members);
        }
    }

    fn separate(&mut self) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
    }

    fn into_text(mut self) -> String {
        self.0.push('}');
        self.0
    }

    fn into_object(self) -> Result<Raw, ApiError> {
        Raw::of(self.into_text().into_boxed_str().into()).map_err(|error| ApiError::internal(&error))
    }
}

#[cfg(test)]
mod tests;
