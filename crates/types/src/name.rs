use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;
use std::sync::Arc;

/// The greatest number of characters of a name (NAME-01).
const LONGEST: usize = 256;

/// The name of one entity, or one segment of a path (NAME-01).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct EntityName(Arc<str>);

/// Why a text is not a name; the texts are those that clients know (NAME-02, NAME-03, ERR-03).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// A character outside the alphabet, or one in the wrong place.
    #[error("The name of the entity contains illegal characters.")]
    Illegal,
    /// More than 256 characters. Clients compare this spelling (DEF-03).
    #[error("Name segement longer than allowed: {0} > 256.")]
    TooLong(usize),
    /// The namespace has a character outside the alphabet.
    #[error("The namespace contains illegal characters.")]
    IllegalNamespace,
    /// The namespace has more than 256 characters.
    #[error("Namespace longer than allowed: {0} > 256.")]
    NamespaceTooLong(usize),
    /// A reference of fewer than two segments.
    #[error(
        "requirement failed: The fully qualified name of the entity must contain at least the namespace and the name of the entity."
    )]
    NotQualified,
}

impl NameError {
    /// The same fault, said of a namespace.
    #[must_use]
    pub fn of_namespace(self) -> NameError {
        match self {
            NameError::Illegal => NameError::IllegalNamespace,
            NameError::TooLong(length) => NameError::NamespaceTooLong(length),
            other => other,
        }
    }
}

impl EntityName {
    /// Reads a name.
    ///
    /// # Errors
    /// When the text breaks NAME-01.
    pub fn new(text: &str) -> Result<EntityName, NameError> {
        // There are no more characters than bytes.
        if text.len() > LONGEST {
            let length = text.chars().count();
            if length > LONGEST {
                return Err(NameError::TooLong(length));
            }
        }
        let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let inner = |byte: u8| word(byte) || matches!(byte, b'@' | b' ' | b'.' | b'&' | b'-');
        let first = text.bytes().next().is_some_and(word);
        if first && text.bytes().all(inner) && !text.ends_with(' ') {
            Ok(EntityName(Arc::from(text)))
        } else {
            Err(NameError::Illegal)
        }
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its text, to be kept without a copy.
    #[must_use]
    pub fn shared(&self) -> Arc<str> {
        self.0.clone()
    }
}

impl fmt::Display for EntityName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for EntityName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl<'de> Deserialize<'de> for EntityName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<EntityName, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        EntityName::new(&text).map_err(serde::de::Error::custom)
    }
}

/// Where an entity lives: `ns` or `ns/pkg` (NAME-09). Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct EntityPath(Arc<str>);

impl EntityPath {
    /// The path of a namespace.
    #[must_use]
    pub fn of_namespace(namespace: &EntityName) -> EntityPath {
        EntityPath(namespace.0.clone())
    }

    /// The path of a package.
    #[must_use]
    pub fn of_package(namespace: &EntityName, package: &EntityName) -> EntityPath {
        EntityPath(Arc::from(format!("{namespace}/{package}")))
    }

    /// Reads one or two segments, with or without a leading slash.
    ///
    /// # Errors
    /// When a segment is not a name, or there are more than two.
    pub fn parse(text: &str) -> Result<EntityPath, NameError> {
        let text = text.strip_prefix('/').unwrap_or(text);
        let (namespace, package) = match text.split_once('/') {
            None => (text, None),
            Some((namespace, package)) => (namespace, Some(package)),
        };
        let namespace = EntityName::new(namespace).map_err(NameError::of_namespace)?;
        match package {
            None => Ok(EntityPath(namespace.0)),
            Some(package) => Ok(EntityPath::of_package(&namespace, &EntityName::new(package)?)),
        }
    }

    /// The namespace, without the package.
    #[must_use]
    pub fn root(&self) -> &str {
        self.0.split_once('/').map_or(&*self.0, |(root, _)| root)
    }

    /// The namespace as a name.
    #[must_use]
    pub fn namespace(&self) -> EntityName {
        match self.0.split_once('/') {
            None => EntityName(self.0.clone()),
            Some((root, _)) => EntityName(Arc::from(root)),
        }
    }

    /// The package; `None` for the default package.
    #[must_use]
    pub fn package(&self) -> Option<&str> {
        self.0.split_once('/').map(|(_, package)| package)
    }

    /// The package as a name; `None` for the default package.
    #[must_use]
    pub fn package_name(&self) -> Option<EntityName> {
        self.package().map(|package| EntityName(Arc::from(package)))
    }

    /// The same path where the namespace `_` stands for `owner` (HTTP-03).
    #[must_use]
    pub fn resolved(&self, owner: &EntityName) -> EntityPath {
        match self.0.strip_prefix('_') {
            Some("") => EntityPath::of_namespace(owner),
            Some(rest) if rest.starts_with('/') => EntityPath(Arc::from(format!("{owner}{rest}"))),
            Some(_) | None => self.clone(),
        }
    }

    /// Its text, without a leading slash.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EntityPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for EntityPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl<'de> Deserialize<'de> for EntityPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<EntityPath, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        EntityPath::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// The whole name of an entity: its path and its name. As JSON it is an object `{path, name}`, and it is read from the
/// text `/ns[/pkg]/name` too (NAME-05).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct FullyQualifiedName {
    /// Where it lives.
    pub path: EntityPath,
    /// What it is called there.
    pub name: EntityName,
}

impl FullyQualifiedName {
    /// The entity `name` at `path`.
    #[must_use]
    pub fn new(path: EntityPath, name: EntityName) -> FullyQualifiedName {
        FullyQualifiedName { path, name }
    }

    /// Reads `ns/name` or `ns/pkg/name`, with or without a leading slash (NAME-05).
    ///
    /// # Errors
    /// When there are fewer than two segments, more than three, or one is not a name.
    pub fn parse(text: &str) -> Result<FullyQualifiedName, NameError> {
        let text = text.strip_prefix('/').unwrap_or(text);
        let (path, name) = text.rsplit_once('/').ok_or(NameError::NotQualified)?;
        Ok(FullyQualifiedName { path: EntityPath::parse(path)?, name: EntityName::new(name)? })
    }

    /// The same name where the namespace `_` stands for `owner` (HTTP-03).
    #[must_use]
    pub fn resolved(&self, owner: &EntityName) -> FullyQualifiedName {
        FullyQualifiedName { path: self.path.resolved(owner), name: self.name.clone() }
    }
}

impl fmt::Display for FullyQualifiedName {
    /// Without a leading slash: `ns/pkg/name`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.path, self.name)
    }
}

impl fmt::Debug for FullyQualifiedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl<'de> Deserialize<'de> for FullyQualifiedName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<FullyQualifiedName, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Text(String),
            Object { path: EntityPath, name: EntityName },
        }
        match Form::deserialize(deserializer)? {
            Form::Text(text) => FullyQualifiedName::parse(&text).map_err(serde::de::Error::custom),
            Form::Object { path, name } => Ok(FullyQualifiedName { path, name }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_01_names_have_their_alphabet_and_length() {
        for good in ["a", "_", "a b", "a@b.c&d-e_f", "0", &"x".repeat(256)] {
            assert_eq!(EntityName::new(good).unwrap().as_str(), good);
        }
        for bad in ["", " a", "a ", ".a", "-a", "a/b", "ä", "a\n", "a$b"] {
            assert_eq!(EntityName::new(bad), Err(NameError::Illegal), "{bad:?}");
        }
    }

    #[test]
    fn name_02_name_03_the_texts_are_those_that_clients_compare() {
        let long = "x".repeat(257);
        assert_eq!(
            EntityName::new(&long).unwrap_err().to_string(),
            "Name segement longer than allowed: 257 > 256."
        );
        assert_eq!(
            EntityPath::parse(&long).unwrap_err().to_string(),
            "Namespace longer than allowed: 257 > 256."
        );
        assert_eq!(
            EntityPath::parse("a$").unwrap_err().to_string(),
            "The namespace contains illegal characters."
        );
    }

    #[test]
    fn http_03_an_underscore_stands_for_the_owner() {
        let owner = EntityName::new("me").unwrap();
        for (given, resolved) in
            [("_/a", "me/a"), ("/_/p/a", "me/p/a"), ("_x/a", "_x/a"), ("ns/_/a", "ns/_/a"), ("ns/_", "ns/_")]
        {
            let name = FullyQualifiedName::parse(given).unwrap().resolved(&owner);
            assert_eq!(name.to_string(), resolved);
        }
    }

    #[test]
    fn name_05_references_are_texts_or_objects() {
        let expected = FullyQualifiedName::parse("/ns/pkg/name").unwrap();
        assert_eq!(expected.path.root(), "ns");
        assert_eq!(expected.path.package(), Some("pkg"));
        for form in
            [r#""/ns/pkg/name""#, r#""ns/pkg/name""#, r#"{"path":"ns/pkg","name":"name","version":"0.0.1"}"#]
        {
            assert_eq!(serde_json::from_str::<FullyQualifiedName>(form).unwrap(), expected);
        }
        assert_eq!(FullyQualifiedName::parse("name"), Err(NameError::NotQualified));
        assert!(FullyQualifiedName::parse("/a/b/c/d").is_err());
    }
}
