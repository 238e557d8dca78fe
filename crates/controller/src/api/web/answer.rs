//! From the result of a web action to a response.
//!
//! JSON is written for people to read, as upstream does here and nowhere else.

use super::media::MediaType;
use super::path::Extension;
use crate::api::ApiError;
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, DATE, SERVER, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::value::RawValue;
use std::borrow::Cow;
use types::{Activation, json, looks_like_base64};

const HTML: &str = "text/html; charset=UTF-8";
const JSON: &str = "application/json";
const PLAIN: &str = "text/plain; charset=UTF-8";
const SVG: &str = "image/svg+xml";

/// What is said to programs where a result is no response.
const BAD_RESPONSE: &str = "bad_response";

/// How results write base64: padding may be left away, and what is left over in the last character does not matter.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// How many header lines a result may have; clients take fewer. With more it is malformed.
const MAX_HEADERS: usize = 1000;

/// How deep lists of a header's values may lie in each other. Deeper it is malformed.
const MAX_LISTS: usize = 8;

/// What only the server says, whatever a result says of it.
const OF_SERVER: [HeaderName; 5] = [CONNECTION, CONTENT_LENGTH, DATE, SERVER, TRANSFER_ENCODING];

/// A response that a result asks for.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// Without `Content-Type`.
    pub(super) headers: HeaderMap,
    pub(super) body: Option<Content>,
}

/// A body and its type.
#[derive(Clone, Debug)]
pub(super) struct Content {
    /// As the header names it.
    pub(super) media: String,
    pub(super) bytes: Bytes,
}

impl Answer {
    fn ok(media: &str, bytes: impl Into<Bytes>) -> Answer {
        let body = Some(Content { media: media.to_owned(), bytes: bytes.into() });
        Answer { status: StatusCode::OK, headers: HeaderMap::new(), body }
    }
}

/// The response to an activation that has ended (WEB-21, WEB-22).
pub(super) fn of_activation(extension: Extension, activation: &Activation) -> Result<Answer, ApiError> {
    let result = activation.response.result.as_deref();
    match activation.response.status {
        types::StatusCode::Success => match result {
            Some(result) => of_result(extension, result),
            None => of_result(extension, &json::raw(&serde_json::Map::new())),
        },
        types::StatusCode::ApplicationError => {
            let error = result.and_then(|result| member(result, &["error"]));
            of_result(extension, error.ok_or_else(property_not_found)?.get())
        }
        types::StatusCode::DeveloperError | types::StatusCode::WhiskError => {
            let text = "There was an error processing your request.";
            Err(ApiError::bad_request(text).because("action_failed"))
        }
    }
}

/// The response that a result asks for (WEB-24 to WEB-39).
fn of_result(extension: Extension, result: &str) -> Result<Answer, ApiError> {
    match extension {
        Extension::Http => of_message(result),
        Extension::Json => {
            let is_structure = result.starts_with(['{', '[']);
            let body = is_structure.then(|| Answer::ok(JSON, json::pretty(result)));
            body.ok_or_else(|| invalid(JSON))
        }
        Extension::Html => text_of(result, "html", HTML).ok_or_else(|| invalid("text/html")),
        Extension::Svg => text_of(result, "svg", SVG).ok_or_else(|| invalid(SVG)),
        Extension::Text => {
            let value = projected(result, "text").ok_or_else(property_not_found)?;
            Ok(Answer::ok(PLAIN, json::text(value).unwrap_or_else(|| json::pretty(value))))
        }
    }
}

/// WEB-25, WEB-26
fn text_of(result: &str, name: &str, media: &str) -> Option<Answer> {
    Some(Answer::ok(media, json::text(projected(result, name)?)?))
}

/// Of an object the member `body`, else that of the extension's name; everything else is taken whole.
fn projected<'a>(result: &'a str, name: &str) -> Option<&'a str> {
    if result.starts_with('{') { member(result, &["body", name]).map(RawValue::get) } else { Some(result) }
}

/// The first of these members that is there.
fn member<'a>(object: &'a str, names: &[&str]) -> Option<&'a RawValue> {
    let members = json::members(object).ok()?;
    names.iter().find_map(|name| members.iter().find(|(key, _)| key == name).map(|(_, value)| *value))
}

/// WEB-28 to WEB-36
fn of_message(result: &str) -> Result<Answer, ApiError> {
    let Message { status, headers, media, body } = message(result)?;
    let (body, default) = match body.filter(|value| !matches!(value.get(), "null" | "\"\"")) {
        None => (None, StatusCode::NO_CONTENT),
        Some(value) => (Some(content(value, media.as_ref())?), StatusCode::OK),
    };
    let status = status.unwrap_or(default);
    Ok(Answer { status, headers, body: body.filter(|_| allows_body(status)) })
}

/// The response that begins with such a result and whose body comes in pieces: its bytes are not here.
pub(super) fn of_head(extension: Extension, head: &[u8]) -> Result<Answer, ApiError> {
    let fixed = |media| Ok(Answer::ok(media, Bytes::new()));
    match extension {
        Extension::Http => {
            let head: &RawValue = serde_json::from_slice(head).map_err(|_| invalid("message/http"))?;
            let Message { status, headers, media, .. } = message(head.get())?;
            let media = media.as_ref().map(known).transpose()?;
            let media = media.map_or_else(|| HTML.to_owned(), |media| media.of_response());
            let status = status.unwrap_or(StatusCode::OK);
            let body = allows_body(status).then(|| Content { media, bytes: Bytes::new() });
            Ok(Answer { status, headers, body })
        }
        Extension::Json => fixed(JSON),
        Extension::Html => fixed(HTML),
        Extension::Svg => fixed(SVG),
        Extension::Text => fixed(PLAIN),
    }
}

/// What a result says of a response.
struct Message<'a> {
    status: Option<StatusCode>,
    /// Without `Content-Type`, and without what only the server says.
    headers: HeaderMap,
    media: Option<HeaderValue>,
    body: Option<&'a RawValue>,
}

fn message(result: &str) -> Result<Message<'_>, ApiError> {
    let malformed = || invalid("message/http");
    let members = json::members(result).map_err(|_| malformed())?;
    let member = |name: &str| members.iter().find(|(key, _)| key == name).map(|(_, value)| *value);
    let status = member("statusCode").map(|value| status(value).ok_or_else(malformed)).transpose()?;
    let mut headers = match member("headers") {
        None => HeaderMap::new(),
        Some(value) => headers(value).ok_or_else(malformed)?,
    };
    let media = headers.remove(CONTENT_TYPE);
    for name in OF_SERVER {
        headers.remove(name);
    }
    Ok(Message { status, headers, media, body: member("body") })
}

/// WEB-35
fn known(media: &HeaderValue) -> Result<MediaType, ApiError> {
    let media = media.to_str().ok().and_then(MediaType::parse);
    media.ok_or_else(|| ApiError::bad_request("Response did not specify a known content-type."))
}

/// A whole number, or a text of one, that can be the status of a response (WEB-29, WEB-36).
fn status(value: &RawValue) -> Option<StatusCode> {
    let number = match json::text(value.get()) {
        Some(text) => text.parse().ok()?,
        None => {
            let number: f64 = value.get().parse().ok()?;
            (number.fract() == 0.0 && (0.0..1000.0).contains(&number)).then_some(number as u16)?
        }
    };
    // What is below announces a response, and is none.
    if (200..600).contains(&number) { StatusCode::from_u16(number).ok() } else { None }
}

fn allows_body(status: StatusCode) -> bool {
    !matches!(status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED)
}

/// WEB-28
fn headers(value: &RawValue) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (name, value) in json::members(value.get()).ok()? {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        add_header(&mut headers, &name, value, MAX_LISTS)?;
    }
    Some(headers)
}

/// `lists`: how many may lie in each other.
fn add_header(headers: &mut HeaderMap, name: &HeaderName, value: &RawValue, lists: usize) -> Option<()> {
    let text = match (json::text(value.get()), value.get()) {
        (Some(text), _) => Cow::Owned(text),
        (None, list) if list.starts_with('[') => {
            let lists = lists.checked_sub(1)?;
            let mut values = serde_json::from_str::<Vec<&RawValue>>(list).ok()?.into_iter();
            return values.try_for_each(|value| add_header(headers, name, value, lists));
        }
        (None, "null") => return None,
        (None, object) if object.starts_with('{') => return None,
        (None, scalar) => Cow::Borrowed(scalar),
    };
    let value = HeaderValue::from_bytes(text.as_bytes()).ok()?;
    (headers.len() < MAX_HEADERS).then(|| headers.append(name, value)).map(|_| ())
}

/// A body that is not empty, and its type (WEB-32 to WEB-35).
fn content(value: &RawValue, media: Option<&HeaderValue>) -> Result<Content, ApiError> {
    let media = media.map(known).transpose()?;
    let mismatch = || {
        ApiError::bad_request("Response type in header did not match generated content type.")
            .because(BAD_RESPONSE)
    };
    let (named, bytes) = match (json::text(value.get()), media) {
        (Some(text), None) => (HTML.to_owned(), text.into_bytes()),
        (Some(text), Some(media)) => {
            let is_encoded = media.is_binary() || media.is_json_family() && looks_like_base64(&text);
            let bytes = if is_encoded { decoded(&text).ok_or_else(mismatch)? } else { text.into_bytes() };
            (media.of_response(), bytes)
        }
        (None, None) => (JSON.to_owned(), json::pretty(value.get()).into_bytes()),
        (None, Some(media)) if media.is_json_family() => {
            (media.essence().to_owned(), json::pretty(value.get()).into_bytes())
        }
        (None, Some(_)) => return Err(mismatch()),
    };
    Ok(Content { media: named, bytes: bytes.into() })
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    BASE64.decode(text.trim_ascii()).ok()
}

/// WEB-24 to WEB-26, WEB-29
fn invalid(media: &str) -> ApiError {
    ApiError::bad_request(format!("Response is not valid '{media}'.")).because(BAD_RESPONSE)
}

/// WEB-27
fn property_not_found() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "Response does not include requested property.")
        .because(BAD_RESPONSE)
}

#[cfg(test)]
mod tests;
