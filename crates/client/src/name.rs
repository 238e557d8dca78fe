//! The names of entities as people write them: `/NAMESPACE/[PACKAGE/]NAME`, or parts of it.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::fmt;

/// The namespace of whoever asks.
const OWN: &str = "_";

/// What a segment of a path may hold as it is.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'@');

/// An entity, with its namespace and package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QualifiedName {
    namespace: String,
    package: Option<String>,
    name: String,
}

/// A name that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("A valid qualified name must be specified.")]
pub struct NameError;

impl QualifiedName {
    /// Reads `NAME`, `PACKAGE/NAME`, `/NAMESPACE`, `/NAMESPACE/NAME`, `/NAMESPACE/PACKAGE/NAME`, and the last without its
    /// first `/`. A name without a namespace is in that of whoever asks.
    ///
    /// # Errors
    /// When a part is empty or `.`, or there are too many.
    pub fn parse(text: &str) -> Result<QualifiedName, NameError> {
        let parts: Vec<&str> = text.split('/').collect();
        let (namespace, rest) = match parts.as_slice() {
            ["", namespace, rest @ ..] => (*namespace, rest),
            [namespace, rest @ ..] if rest.len() == 2 => (*namespace, rest),
            rest => (OWN, rest),
        };
        let invalid = |part: &&str| part.is_empty() || *part == ".";
        if invalid(&namespace) || rest.iter().any(invalid) {
            return Err(NameError);
        }
        let (package, name) = match rest {
            // Upstream's clients take the namespace alone for its own entity, as lists need it.
            [] => (None, ""),
            [name] => (None, *name),
            [package, name] => (Some((*package).to_owned()), *name),
            _ => return Err(NameError),
        };
        Ok(QualifiedName { namespace: namespace.to_owned(), package, name: name.to_owned() })
    }

    /// `_` for that of whoever asks.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The package, of an action in one.
    #[must_use]
    pub fn package(&self) -> Option<&str> {
        self.package.as_deref()
    }

    /// The last part; empty where only a namespace was named.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `[PACKAGE/]NAME`
    #[must_use]
    pub fn entity(&self) -> String {
        match &self.package {
            Some(package) => format!("{package}/{}", self.name),
            None => self.name.clone(),
        }
    }

    /// The path of this entity in a collection: `namespaces/NS/COLLECTION/[PACKAGE/]NAME`.
    #[must_use]
    pub fn path(&self, collection: &str) -> String {
        let mut path = format!("namespaces/{}/{collection}", segment(&self.namespace));
        for part in
            self.package.as_deref().into_iter().chain([self.name.as_str()]).filter(|part| !part.is_empty())
        {
            path.push('/');
            path.push_str(&segment(part));
        }
        path
    }
}

/// `/NAMESPACE/[PACKAGE/]NAME`
impl fmt::Display for QualifiedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}", self.namespace)?;
        if self.name.is_empty() { Ok(()) } else { write!(f, "/{}", self.entity()) }
    }
}

/// `text` as a segment of a path.
#[must_use]
pub fn segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_name_is_understood() {
        for (text, full) in [
            ("a", "/_/a"),
            ("p/a", "/_/p/a"),
            ("/ns/a", "/ns/a"),
            ("/ns/p/a", "/ns/p/a"),
            ("ns/p/a", "/ns/p/a"),
            ("/ns", "/ns"),
        ] {
            assert_eq!(QualifiedName::parse(text).unwrap().to_string(), full, "{text}");
        }
        for text in ["", "/", ".", "/ns/", "p//a", "/ns/p/a/b", "a/b/c/d", "/./a"] {
            assert_eq!(QualifiedName::parse(text), Err(NameError), "{text:?}");
        }
    }

    #[test]
    fn segments_of_paths_are_encoded() {
        let name = QualifiedName::parse("/me@here/my pack/a?b").unwrap();
        assert_eq!(name.path("actions"), "namespaces/me@here/actions/my%20pack/a%3Fb");
    }
}
