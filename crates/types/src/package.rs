use crate::{Annotations, EntityName, EntityPath, FullyQualifiedName, Parameters, SemVer};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A package, or a binding of one (PKG-03). Its JSON is what clients read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Package {
    /// The namespace that it lives in.
    pub namespace: EntityPath,
    /// Its name.
    pub name: EntityName,
    /// The package that it stands for, if it is a binding.
    #[serde(default)]
    pub binding: Binding,
    /// Parameters for every action in it (INV-11).
    pub parameters: Parameters,
    /// Its version.
    pub version: SemVer,
    /// Whether others may read it and invoke what is in it (AUTH-09).
    pub publish: bool,
    /// Its annotations.
    pub annotations: Annotations,
    /// When it was written last, in milliseconds since 1970 (NAME-08).
    pub updated: u64,
}

impl Package {
    /// Its whole name.
    #[must_use]
    pub fn fully_qualified_name(&self) -> FullyQualifiedName {
        FullyQualifiedName::new(self.namespace.clone(), self.name.clone())
    }
}

/// What a package stands for. As JSON it is `{}` for a plain package, else `{namespace, name}` (PKG-02).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Binding(pub Option<FullyQualifiedName>);

impl Serialize for Binding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        let mut map = serializer.serialize_map(None)?;
        if let Some(provider) = &self.0 {
            map.serialize_entry("namespace", &provider.path)?;
            map.serialize_entry("name", &provider.name)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Binding {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Binding, D::Error> {
        #[derive(Deserialize)]
        struct Wire {
            namespace: Option<EntityName>,
            name: Option<EntityName>,
        }
        match Wire::deserialize(deserializer)? {
            Wire { namespace: None, name: None } => Ok(Binding(None)),
            Wire { namespace: Some(namespace), name: Some(name) } => {
                let path = EntityPath::of_namespace(&namespace);
                Ok(Binding(Some(FullyQualifiedName::new(path, name))))
            }
            Wire { .. } => Err(serde::de::Error::custom("binding needs a namespace and a name")),
        }
    }
}

/// The body of a package's PUT (PKG-01): everything may be left out, and what is not known is ignored.
#[derive(Debug, Default, Deserialize)]
pub struct PackagePut {
    /// Makes a binding, or points an old one at another package.
    #[serde(default)]
    pub binding: Option<Binding>,
    /// Replaces the old ones as a whole (PKG-04).
    #[serde(default)]
    pub parameters: Option<Parameters>,
    /// In place of the next patch version.
    #[serde(default)]
    pub version: Option<SemVer>,
    /// See [`Package::publish`].
    #[serde(default)]
    pub publish: Option<bool>,
    /// Replaces the old ones as a whole (PKG-04).
    #[serde(default)]
    pub annotations: Option<Annotations>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pkg_02_pkg_03_a_binding_is_empty_or_a_name() {
        let text = |binding: &str| {
            format!(
                r#"{{"namespace":"ns","name":"p","binding":{binding},"parameters":[],"version":"0.0.1","publish":false,"annotations":[],"updated":1}}"#
            )
        };
        for binding in ["{}", r#"{"namespace":"other","name":"q"}"#] {
            let package: Package = serde_json::from_str(&text(binding)).unwrap();
            assert_eq!(serde_json::to_string(&package).unwrap(), text(binding));
        }
        for bad in [r#"{"name":"q"}"#, r#"{"namespace":"ns/p","name":"q"}"#] {
            assert!(serde_json::from_str::<Package>(&text(bad)).is_err(), "{bad}");
        }
    }
}
