//! Media types: which of them are text, and how they stand in a header.
//!
//! Which types count as text decides what an action gets and what it must give, so the tables are those of upstream's HTTP
//! library. A type that it does not know is binary, unless it comes with a charset.

use mime::{CHARSET, Mime};
use std::fmt::Write as _;

/// What is text below `application/`, but for JSON's family.
const APPLICATION_TEXT: &[&str] = &[
    "atom+xml",
    "base64",
    "javascript",
    "problem+xml",
    "rss+xml",
    "soap+xml",
    "vnd.google-earth.kml+xml",
    "x-latex",
    "x-vrml",
    "x-www-form-urlencoded",
    "xhtml+xml",
    "xml",
    "xml-dtd",
];

/// What is binary below `application/` even if it comes with a charset.
const APPLICATION_BINARY: &[&str] = &[
    "cbor",
    "gnutar",
    "grpc+proto",
    "java-archive",
    "lha",
    "lzx",
    "msword",
    "octet-stream",
    "pdf",
    "postscript",
    "vnd.google-earth.kmz",
    "x-7z-compressed",
    "x-ace-compressed",
    "x-apple-diskimage",
    "x-arc-compressed",
    "x-bzip",
    "x-bzip2",
    "x-chrome-extension",
    "x-compress",
    "x-compressed",
    "x-debian-package",
    "x-dvi",
    "x-font-opentype",
    "x-font-truetype",
    "x-gtar",
    "x-gzip",
    "x-rar-compressed",
    "x-redhat-package-manager",
    "x-shockwave-flash",
    "x-tar",
    "x-tex",
    "x-texinfo",
    "x-x509-ca-cert",
    "x-xpinstall",
    "zip",
];

/// The same, whole families at a time.
const APPLICATION_BINARY_FAMILIES: &[&str] =
    &["vnd.ms-", "vnd.oasis.opendocument.", "vnd.openxmlformats-officedocument."];

/// What is text below `text/`.
const TEXT: &[&str] = &[
    "asp",
    "cache-manifest",
    "calendar",
    "css",
    "csv",
    "event-stream",
    "html",
    "markdown",
    "mcf",
    "plain",
    "richtext",
    "tab-separated-values",
    "uri-list",
    "vnd.wap.wml",
    "vnd.wap.wmlscript",
    "x-asm",
    "x-c",
    "x-component",
    "x-h",
    "x-java-source",
    "x-pascal",
    "x-script",
    "x-scriptcsh",
    "x-scriptelisp",
    "x-scriptksh",
    "x-scriptlisp",
    "x-scriptperl",
    "x-scriptperl-module",
    "x-scriptphyton",
    "x-scriptrexx",
    "x-scriptscheme",
    "x-scriptsh",
    "x-scripttcl",
    "x-scripttcsh",
    "x-scriptzsh",
    "x-server-parsed-html",
    "x-setext",
    "x-sgml",
    "x-speech",
    "x-uuencode",
    "x-vcalendar",
    "x-vcard",
    "xml",
];

/// Types that are always UTF-8, so that their header names no charset; JSON's family is so too.
const FIXED_CHARSET: &[&str] = &["application/x-www-form-urlencoded", "text/event-stream"];

/// A media type as a header names it.
#[derive(Clone, Debug)]
pub(super) struct MediaType(Mime);

impl MediaType {
    /// Reads a header's value; `None`: that is no media type.
    pub(super) fn parse(value: &str) -> Option<MediaType> {
        let media: Mime = value.trim().parse().ok()?;
        (!media.subtype().as_str().is_empty()).then_some(MediaType(media))
    }

    /// Type and subtype, in lower case.
    pub(super) fn essence(&self) -> &str {
        self.0.essence_str()
    }

    /// `application/json`, or a type that ends in `+json` (WEB-14).
    pub(super) fn is_json_family(&self) -> bool {
        self.essence() == "application/json" || self.essence().ends_with("+json")
    }

    /// Whether what is of this type travels as base64 in JSON (WEB-16, WEB-32).
    pub(super) fn is_binary(&self) -> bool {
        let (family, name) = self.essence().split_once('/').unwrap_or_default();
        let is_text = match family {
            _ if self.is_json_family() => true,
            "text" if TEXT.contains(&name) => true,
            "application" if APPLICATION_TEXT.contains(&name) => true,
            "application" if APPLICATION_BINARY.contains(&name) => false,
            "application" if APPLICATION_BINARY_FAMILIES.iter().any(|known| name.starts_with(known)) => false,
            "audio" | "font" | "image" | "message" | "multipart" | "video" => false,
            _ => self.0.get_param(CHARSET).is_some(),
        };
        !is_text
    }

    /// How a response names it: its charset is always UTF-8, because that is what results are written in.
    pub(super) fn of_response(&self) -> String {
        let mut text = self.essence().to_owned();
        for (name, value) in self.0.params().filter(|(name, _)| *name != CHARSET) {
            let value = value.as_str();
            let is_token = !value.is_empty() && value.bytes().all(is_token);
            // Writing to a text never fails.
            let _ = if is_token {
                write!(text, "; {name}={value}")
            } else {
                write!(text, "; {name}=\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
            };
        }
        let is_fixed = self.is_json_family() || FIXED_CHARSET.contains(&self.essence());
        if !self.is_binary() && !is_fixed {
            text.push_str("; charset=UTF-8");
        }
        text
    }
}

/// What a value may have in it that stands without quotes.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn media(value: &str) -> MediaType {
        MediaType::parse(value).unwrap()
    }

    #[test]
    fn web_16_web_32_what_is_binary() {
        for binary in [
            "application/octet-stream",
            "application/pdf; charset=utf-8",
            "application/vnd.ms-excel; charset=utf-8",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            "application/zip",
            "application/x-unknown",
            "image/png",
            "image/svg+xml; charset=utf-8",
            "image/unknown",
            "audio/mpeg",
            "font/woff2",
            "multipart/form-data; boundary=x",
            "message/http",
            "text/javascript",
            "text/unknown",
            "foo/bar",
        ] {
            assert!(media(binary).is_binary(), "{binary}");
        }
        for text in [
            "text/html",
            "TEXT/Plain",
            "text/csv; header=present",
            "text/event-stream",
            "application/javascript",
            "application/xml",
            "application/x-www-form-urlencoded",
            "application/json",
            "application/hal+json",
            "application/x-unknown; charset=utf-8",
            "text/javascript; charset=utf-8",
            "foo/bar; Charset=x",
        ] {
            assert!(!media(text).is_binary(), "{text}");
        }
    }

    #[test]
    fn web_14_jsons_family() {
        for json in
            ["application/json", "Application/JSON; charset=utf-8", "application/hal+json", "x/y+json"]
        {
            assert!(media(json).is_json_family(), "{json}");
        }
        for other in ["text/json", "application/jsonp", "application/xml", "application/json+xml"] {
            assert!(!media(other).is_json_family(), "{other}");
        }
    }

    #[test]
    fn web_32_a_response_is_in_utf_8() {
        for (given, named) in [
            ("text/html", "text/html; charset=UTF-8"),
            ("Text/HTML;charset=iso-8859-1", "text/html; charset=UTF-8"),
            ("text/csv; header=present; x=\"a b\"", "text/csv; header=present; x=\"a b\"; charset=UTF-8"),
            ("application/json; charset=utf-8", "application/json"),
            ("application/hal+json", "application/hal+json"),
            ("text/event-stream", "text/event-stream"),
            ("image/png; charset=x", "image/png"),
            ("multipart/mixed; boundary=a", "multipart/mixed; boundary=a"),
            ("foo/bar; charset=x", "foo/bar; charset=UTF-8"),
        ] {
            assert_eq!(media(given).of_response(), named, "{given}");
        }
    }

    #[test]
    fn web_35_what_is_no_media_type() {
        for bad in ["xyzbar", "", "text", "text/", "/html", "a b/c", "text/html; charset"] {
            assert!(MediaType::parse(bad).is_none(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(value in "([a-z/;=\"+ ]|.){0,24}") {
            if let Some(media) = MediaType::parse(&value) {
                prop_assert!(http::HeaderValue::from_str(&media.of_response()).is_ok() || !value.is_ascii());
            }
        }
    }
}
