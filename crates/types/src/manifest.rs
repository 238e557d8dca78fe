use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The runtimes that a platform offers, in upstream's JSON format.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RuntimeManifest {
    /// By family (`nodejs`, `python`); of a family at most one kind is the default.
    pub runtimes: BTreeMap<String, Vec<RuntimeKind>>,
    /// Images that count as managed although users name them.
    #[serde(default)]
    pub blackboxes: Vec<ImageName>,
    /// What the file says of itself: a text or several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<serde_json::Value>,
    /// What stands before the names of images that say nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_image_prefix: Option<String>,
    /// The tag of images that say nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_image_tag: Option<String>,
    /// Whether images with `local_image_prefix` are there already and are not to be pulled, by back ends that run images.
    #[serde(default)]
    pub bypass_pull_for_local_images: bool,
    /// See `bypass_pull_for_local_images`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local_image_prefix: Option<String>,
}

/// One kind of runtime.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RuntimeKind {
    /// Family and version, such as `nodejs:20`.
    pub kind: Arc<str>,
    /// Whether `FAMILY:default` means this one.
    #[serde(default)]
    pub default: bool,
    /// Whether it can still be read and deleted, but neither made nor run (ACT-20).
    #[serde(default)]
    pub deprecated: bool,
    /// Whether an action must name its entry point (ACT-13).
    #[serde(default)]
    pub require_main: bool,
    /// The image, for back ends that run images.
    #[serde(default)]
    pub image: ImageName,
    /// Whether code is kept as an attachment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attached: Option<serde_json::Value>,
    /// Containers kept ready before anyone asks (POOL-04).
    #[serde(default)]
    pub stem_cells: Vec<StemCell>,
    /// Whether its log lines end in sentinels (LOG-01).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sentinelled_logs: Option<bool>,
    /// Whether one container of it can run more than one activation at a time (RUN-16). Not in upstream's format.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub concurrent: bool,
    /// Whether its web actions can give their response in pieces. Not in upstream's format.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub streams: bool,
}

/// The name of an image in its parts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageName {
    /// The registry, if it is not the configured one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry: Option<String>,
    /// What stands before the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// The name.
    #[serde(default)]
    pub name: String,
    /// The tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
}

impl ImageName {
    /// The whole name as one text, with the tag `latest` where there is none; empty where there is no image (HTTP-08).
    #[must_use]
    pub fn full(&self) -> String {
        let mut text = String::new();
        if self.name.is_empty() {
            return text;
        }
        for part in [&self.registry, &self.prefix].into_iter().flatten() {
            text.push_str(part);
            text.push('/');
        }
        text.push_str(&self.name);
        text.push(':');
        text.push_str(self.tag.as_deref().unwrap_or("latest"));
        text
    }
}

/// Containers that are kept ready for one kind and one size.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StemCell {
    /// How many.
    #[serde(alias = "count")]
    pub initial_count: u32,
    /// The memory of each, as `256 MB`.
    pub memory: crate::ByteSize,
    /// How the number follows demand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reactive: Option<Reactive>,
}

/// How the number of stem cells follows demand (POOL-04).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reactive {
    /// At least as many.
    pub min_count: u32,
    /// At most as many.
    pub max_count: u32,
    /// How long an unused one is kept, such as `2 minutes`.
    pub ttl: String,
    /// Misses that raise the number.
    pub threshold: u32,
    /// By how much.
    pub increment: u32,
}

/// What is wrong with a manifest.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// Not JSON, or not of the form.
    #[error("the manifest is not valid: {0}")]
    Form(#[from] serde_json::Error),
    /// A kind is of another family than the one it is listed under.
    #[error("kind '{kind}' is listed under family '{family}'")]
    Family {
        /// The kind.
        kind: String,
        /// Where it stands.
        family: String,
    },
    /// The same kind twice.
    #[error("kind '{0}' is listed twice")]
    Twice(String),
    /// No kind, or more than one, is the default of a family.
    #[error("family '{family}' has {count} default kinds; it needs exactly one")]
    Defaults {
        /// The family.
        family: String,
        /// How many are.
        count: usize,
    },
}

impl RuntimeManifest {
    /// Reads upstream's format and checks it.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn parse(text: &str) -> Result<RuntimeManifest, ManifestError> {
        let mut manifest: RuntimeManifest = serde_json::from_str(text)?;
        manifest.complete();
        manifest.check()?;
        Ok(manifest)
    }

    /// Says what is left out: the only kind of a family is its default, and images have the default prefix and tag.
    fn complete(&mut self) {
        for kinds in self.runtimes.values_mut() {
            if let [only] = &mut kinds[..] {
                only.default = true;
            }
        }
        let images = self.runtimes.values_mut().flatten().map(|kind| &mut kind.image);
        for image in images.chain(&mut self.blackboxes).filter(|image| !image.name.is_empty()) {
            if image.prefix.is_none() {
                image.prefix.clone_from(&self.default_image_prefix);
            }
            if image.tag.is_none() {
                image.tag.clone_from(&self.default_image_tag);
            }
        }
    }

    /// Checks that every kind is unique, stands under its family, and every family has one default.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), ManifestError> {
        let mut seen = std::collections::BTreeSet::new();
        for (family, kinds) in &self.runtimes {
            for kind in kinds {
                if kind.kind.split(':').next() != Some(family) {
                    return Err(ManifestError::Family {
                        kind: kind.kind.to_string(),
                        family: family.clone(),
                    });
                }
                if !seen.insert(&kind.kind) {
                    return Err(ManifestError::Twice(kind.kind.to_string()));
                }
            }
            let count = kinds.iter().filter(|kind| kind.default).count();
            if count != 1 {
                return Err(ManifestError::Defaults { family: family.clone(), count });
            }
        }
        Ok(())
    }

    /// The kind of that name, or the default of the family for `FAMILY:default` (ACT-09).
    #[must_use]
    pub fn resolve(&self, kind: &str) -> Option<&RuntimeKind> {
        match kind.strip_suffix(":default") {
            Some(family) => self.runtimes.get(family)?.iter().find(|kind| kind.default),
            None => self.all().find(|known| &*known.kind == kind),
        }
    }

    /// Every kind, by family.
    pub fn all(&self) -> impl Iterator<Item = &RuntimeKind> {
        self.runtimes.values().flatten()
    }

    /// The names of all kinds, by family.
    pub fn kinds(&self) -> impl Iterator<Item = &str> {
        self.all().map(|kind| &*kind.kind)
    }

    /// Two families with one kind each, for tests.
    #[doc(hidden)]
    #[must_use]
    pub fn for_tests() -> RuntimeManifest {
        let kind = |name: &str| RuntimeKind {
            kind: Arc::from(name),
            default: true,
            deprecated: false,
            require_main: false,
            image: ImageName::default(),
            attached: None,
            stem_cells: Vec::new(),
            sentinelled_logs: None,
            concurrent: name == "nodejs:20",
            streams: name == "nodejs:20",
        };
        let runtimes = [("nodejs", "nodejs:20"), ("python", "python:3.11")];
        let runtimes = runtimes.map(|(family, name)| (family.to_owned(), vec![kind(name)]));
        RuntimeManifest { runtimes: runtimes.into(), ..RuntimeManifest::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upstreams_format_is_read() {
        let text = r#"{"runtimes":{"nodejs":[{"kind":"nodejs:20","default":true,
            "image":{"prefix":"openwhisk","name":"action-nodejs-v20","tag":"nightly"},"deprecated":false,
            "attached":{"attachmentName":"codefile","attachmentType":"text/plain"},
            "stemCells":[{"initialCount":2,"memory":"256 MB","reactive":{"minCount":1,"maxCount":4,
            "ttl":"2 minutes","threshold":1,"increment":1}}]}]},
            "blackboxes":[{"prefix":"openwhisk","name":"dockerskeleton","tag":"nightly"}]}"#;
        let manifest = RuntimeManifest::parse(text).unwrap();
        let kind = manifest.resolve("nodejs:default").unwrap();
        assert_eq!(&*kind.kind, "nodejs:20");
        assert_eq!(kind.image.full(), "openwhisk/action-nodejs-v20:nightly");
        assert_eq!(kind.stem_cells[0].initial_count, 2);
    }

    #[test]
    fn http_08_std_01_a_whole_file_of_upstreams_form_is_read() {
        let manifest = RuntimeManifest::parse(include_str!("../testdata/runtimes.json")).unwrap();
        let image = |kind: &str| manifest.resolve(kind).unwrap().image.full();
        assert_eq!(image("nodejs:default"), "registry.example:5000/openwhisk/action-nodejs-v20:1.2");
        // What is left out comes from the file's own defaults.
        assert_eq!(image("nodejs:6"), "openwhisk/nodejs6action:nightly");
        assert_eq!(manifest.blackboxes[1].full(), "openwhisk/example:nightly");
        // The only kind of a family needs not say that it is the default.
        let java = manifest.resolve("java:default").unwrap();
        assert!(java.require_main && java.attached.is_some() && java.sentinelled_logs == Some(false));
        assert!(manifest.resolve("nodejs:6").unwrap().deprecated);
        let defaults: Vec<&str> =
            manifest.all().filter(|kind| kind.default).map(|kind| &*kind.kind).collect();
        let expected = [
            "dotnet:3.1",
            "go:1.20",
            "java:8",
            "nodejs:20",
            "php:8.1",
            "python:3.10",
            "ruby:2.5",
            "rust:1.34",
            "swift:5.3",
        ];
        assert_eq!(defaults, expected);
        let [first, second] = &manifest.resolve("nodejs:20").unwrap().stem_cells[..] else {
            panic!("two sizes")
        };
        assert_eq!((first.initial_count, first.memory), (2, crate::ByteSize::mb(256)));
        assert_eq!(
            first.reactive.as_ref().map(|reactive| (reactive.min_count, reactive.max_count)),
            Some((1, 4))
        );
        assert_eq!((second.initial_count, second.memory), (1, crate::ByteSize::mb(512)));
        assert!(manifest.bypass_pull_for_local_images);
        assert_eq!(manifest.local_image_prefix.as_deref(), Some("whisk"));
    }

    #[test]
    fn http_08_an_image_without_a_tag_is_the_latest() {
        let name = |name: &str| ImageName { name: name.to_owned(), ..ImageName::default() }.full();
        assert_eq!((name("a").as_str(), name("").as_str()), ("a:latest", ""));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let text = |kinds: &str| RuntimeManifest::parse(kinds).unwrap_err().to_string();
        let other = text(r#"{"runtimes":{"nodejs":[{"kind":"python:3","default":true}]}}"#);
        assert_eq!(other, "kind 'python:3' is listed under family 'nodejs'");
        let none = text(r#"{"runtimes":{"nodejs":[{"kind":"nodejs:20"},{"kind":"nodejs:18"}]}}"#);
        assert_eq!(none, "family 'nodejs' has 0 default kinds; it needs exactly one");
    }
}
