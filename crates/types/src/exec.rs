use crate::json;
use crate::{EntityName, FullyQualifiedName, RuntimeManifest};
use base64::Engine as _;
use bytes::Bytes;
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use std::sync::Arc;

/// What an action runs (ACT-17).
#[derive(Clone, Debug)]
pub enum Exec {
    /// Source or an archive for a managed runtime.
    Code(CodeExec),
    /// An image of the user's own.
    Blackbox {
        /// Its name, as the client gave it.
        image: String,
        /// Code to be injected, if any. `main` and `code` are as for a managed runtime.
        code: CodeExec,
    },
    /// Other actions, one after the other.
    Sequence {
        /// In their order.
        components: Vec<FullyQualifiedName>,
    },
}

/// The code of an action.
#[derive(Clone, Debug)]
pub struct CodeExec {
    /// The kind with its version, such as `nodejs:20`; `blackbox` for an image of the user's own.
    pub kind: Arc<str>,
    /// The entry point; `None`: the runtime's own choice.
    pub main: Option<Arc<str>>,
    /// Whether the code is base64 of an archive or an executable (ACT-14).
    pub binary: bool,
    /// The code as the client sent it; `None` where it was left out (`code=false`, or an image without code).
    pub code: Option<Bytes>,
}

/// Why an `exec` is refused; the texts are those that clients know (ACT-10 to ACT-16).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExecError {
    /// Not an object.
    #[error("exec undefined")]
    Undefined,
    /// ACT-11
    #[error("'kind' must be a string defined in 'exec'")]
    Kind,
    /// ACT-10
    #[error("The specified runtime '{kind}' is not supported by this platform. Valid values are: {valid}.")]
    Unsupported {
        /// What was asked for.
        kind: String,
        /// What there is, each in quotes.
        valid: String,
    },
    /// ACT-12
    #[error("'code' must be a string or attachment object defined in 'exec' for '{0}' actions")]
    Code(String),
    /// ACT-13
    #[error("'main' must be a string defined in 'exec' for '{0}' actions")]
    MainMissing(String),
    /// ACT-13
    #[error("if defined, 'main' be a string in 'exec' for '{0}' actions")]
    Main(String),
    /// ACT-15
    #[error("'image' must be a string defined in 'exec' for 'blackbox' actions")]
    Image,
    /// ACT-15
    #[error("could not parse image name")]
    ImageName,
    /// ACT-16
    #[error("'components' must be defined for sequence kind")]
    ComponentsMissing,
    /// ACT-16
    #[error("'components' must be an array")]
    Components,
    /// A component whose name is none.
    #[error("{0}")]
    ComponentName(#[from] crate::NameError),
}

impl Exec {
    /// Reads the `exec` of a request and resolves its kind against the runtimes that there are (ACT-09 to ACT-16).
    ///
    /// # Errors
    /// The first of those rules that is broken.
    pub fn from_request(text: &RawValue, runtimes: &RuntimeManifest) -> Result<Exec, ExecError> {
        let members = json::members(text.get()).map_err(|_| ExecError::Undefined)?;
        let member = |name: &str| members.iter().find(|(key, _)| key == name).map(|(_, value)| *value);
        let text_of = |name: &str| member(name).map(|value| serde_json::from_str::<String>(value.get()));
        let kind = match text_of("kind") {
            Some(Ok(kind)) => kind.trim().to_lowercase(),
            Some(Err(_)) | None => return Err(ExecError::Kind),
        };
        let main = match text_of("main") {
            None => None,
            Some(Ok(main)) => Some(Arc::from(main)),
            Some(Err(_)) if member("main").is_some_and(|v| v.get() == "null") => None,
            Some(Err(_)) => return Err(ExecError::Main(kind)),
        };
        let code = text_of("code").or_else(|| text_of("jar"));
        match kind.as_str() {
            "sequence" => Exec::sequence(member("components")),
            "blackbox" => {
                let image = match text_of("image") {
                    Some(Ok(image)) => image,
                    Some(Err(_)) | None => return Err(ExecError::Image),
                };
                if !is_image_name(&image) {
                    return Err(ExecError::ImageName);
                }
                let code = match code {
                    Some(Ok(code)) if !code.trim().is_empty() => Some(code),
                    Some(_) | None => None,
                };
                let binary = code.as_deref().is_some_and(looks_like_base64);
                let code = code.map(Bytes::from);
                Ok(Exec::Blackbox {
                    image,
                    code: CodeExec { kind: Arc::from("blackbox"), main, binary, code },
                })
            }
            _ => {
                let runtime = runtimes.resolve(&kind).ok_or_else(|| ExecError::Unsupported {
                    kind: kind.clone(),
                    valid: runtimes.kinds().map(|kind| format!("'{kind}'")).collect::<Vec<_>>().join(", "),
                })?;
                let kind: Arc<str> = runtime.kind.clone();
                let code = match code {
                    Some(Ok(code)) => code,
                    Some(Err(_)) | None => return Err(ExecError::Code(kind.to_string())),
                };
                if runtime.require_main && main.is_none() {
                    return Err(ExecError::MainMissing(kind.to_string()));
                }
                let binary = looks_like_base64(&code);
                Ok(Exec::Code(CodeExec { kind, main, binary, code: Some(Bytes::from(code)) }))
            }
        }
    }

    fn sequence(components: Option<&RawValue>) -> Result<Exec, ExecError> {
        let components = components.ok_or(ExecError::ComponentsMissing)?;
        let names: Vec<Box<RawValue>> =
            serde_json::from_str(components.get()).map_err(|_| ExecError::Components)?;
        let components = names
            .iter()
            .map(|name| match serde_json::from_str::<String>(name.get()) {
                Ok(text) => FullyQualifiedName::parse(&text).map_err(ExecError::from),
                Err(_) => serde_json::from_str(name.get()).map_err(|_| ExecError::Components),
            })
            .collect::<Result<_, _>>()?;
        Ok(Exec::Sequence { components })
    }

    /// The same where the namespace `_` in the names of components stands for `owner` (HTTP-03).
    #[must_use]
    pub fn resolved(self, owner: &EntityName) -> Exec {
        match self {
            Exec::Sequence { components } => {
                Exec::Sequence { components: components.iter().map(|name| name.resolved(owner)).collect() }
            }
            other => other,
        }
    }

    /// The kind, as it stands in records and in the annotation `exec`.
    #[must_use]
    pub fn kind(&self) -> &str {
        match self {
            Exec::Code(code) | Exec::Blackbox { code, .. } => &code.kind,
            Exec::Sequence { .. } => "sequence",
        }
    }

    /// The code part; `None` for sequences.
    #[must_use]
    pub fn code(&self) -> Option<&CodeExec> {
        match self {
            Exec::Code(code) | Exec::Blackbox { code, .. } => Some(code),
            Exec::Sequence { .. } => None,
        }
    }

    /// Whether the code is an archive or an executable, in base64.
    #[must_use]
    pub fn is_binary(&self) -> bool {
        self.code().is_some_and(|code| code.binary)
    }

    /// The bytes that count against the code limit (LIM-01): code, main and image.
    #[must_use]
    pub fn size(&self) -> u64 {
        let image = if let Exec::Blackbox { image, .. } = self { image.len() } else { 0 };
        let code = self.code().map_or(0, |code| {
            code.code.as_ref().map_or(0, Bytes::len) + code.main.as_ref().map_or(0, |main| main.len())
        });
        (image + code) as u64
    }

    /// The same without the code (ACT-18).
    #[must_use]
    pub fn without_code(&self) -> Exec {
        let mut exec = self.clone();
        if let Exec::Code(code) | Exec::Blackbox { code, .. } = &mut exec {
            code.code = None;
        }
        exec
    }
}

impl Serialize for Exec {
    /// The shapes of ACT-17; where the code was left out, those of ACT-18.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("kind", self.kind())?;
        if let Exec::Blackbox { image, .. } = self {
            map.serialize_entry("image", image)?;
        }
        match self {
            Exec::Sequence { components } => {
                let names: Vec<String> = components.iter().map(|name| format!("/{name}")).collect();
                map.serialize_entry("components", &names)?;
            }
            Exec::Code(code) | Exec::Blackbox { code, .. } => {
                if let Some(text) = &code.code {
                    map.serialize_entry("code", std::str::from_utf8(text).unwrap_or_default())?;
                }
                map.serialize_entry("binary", &code.binary)?;
                if let Some(main) = &code.main {
                    map.serialize_entry("main", main)?;
                }
            }
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Exec {
    /// Reads what [`Serialize`] wrote; for what a client sends see [`Exec::from_request`].
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Exec, D::Error> {
        #[derive(Deserialize)]
        struct Wire {
            kind: Arc<str>,
            image: Option<String>,
            components: Option<Vec<FullyQualifiedName>>,
            code: Option<String>,
            #[serde(default)]
            binary: bool,
            main: Option<Arc<str>>,
        }
        let wire = Wire::deserialize(deserializer)?;
        if let Some(components) = wire.components {
            return Ok(Exec::Sequence { components });
        }
        let code = wire.code.map(Bytes::from);
        let code = CodeExec { kind: wire.kind, main: wire.main, binary: wire.binary, code };
        Ok(match wire.image {
            Some(image) => Exec::Blackbox { image, code },
            None => Exec::Code(code),
        })
    }
}

/// Whether a text counts as base64 (ACT-14): its trimmed length divides by four and its alphabet and padding fit.
#[must_use]
pub fn looks_like_base64(text: &str) -> bool {
    let text = text.trim();
    let body = text.strip_suffix("==").or_else(|| text.strip_suffix('=')).unwrap_or(text);
    !text.is_empty()
        && text.len().is_multiple_of(4)
        && body.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/')
}

impl CodeExec {
    /// The bytes of the archive or executable; `None` where the code is not binary or not base64.
    #[must_use]
    pub fn decoded(&self) -> Option<Vec<u8>> {
        let code = self.code.as_ref().filter(|_| self.binary)?;
        base64::engine::general_purpose::STANDARD.decode(code.trim_ascii()).ok()
    }
}

/// `[registry[:port]/]path/name[:tag][@digest]`, by the grammar of Docker references.
fn is_image_name(text: &str) -> bool {
    let (name, digest) = text.split_once('@').map_or((text, None), |(name, digest)| (name, Some(digest)));
    let slash = name.rfind('/').map_or(0, |at| at + 1);
    let (path, tag) = match name[slash..].find(':') {
        None => (name, None),
        Some(at) => (&name[..slash + at], Some(&name[slash + at + 1..])),
    };
    let good_tag = tag.is_none_or(|tag| {
        (1..=128).contains(&tag.len())
            && tag.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
            && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
    });
    let good_digest = digest.is_none_or(|digest| {
        digest.split_once(':').is_some_and(|(algorithm, hash)| {
            !algorithm.is_empty() && hash.len() >= 32 && hash.bytes().all(|b| b.is_ascii_hexdigit())
        })
    });
    let mut parts: Vec<&str> = path.split('/').collect();
    let registry = |part: &str| part.contains('.') || part.contains(':') || part == "localhost";
    if parts.len() > 1 && registry(parts[0]) {
        parts.remove(0);
    }
    let good_part = |part: &&str| {
        let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        part.starts_with(edge)
            && part.ends_with(edge)
            && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b))
    };
    good_tag && good_digest && parts.iter().all(good_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Exec, ExecError> {
        let raw = RawValue::from_string(text.to_owned()).unwrap();
        Exec::from_request(&raw, &RuntimeManifest::for_tests())
    }

    fn written(text: &str) -> String {
        serde_json::to_string(&read(text).unwrap()).unwrap()
    }

    #[test]
    fn act_09_the_default_of_a_family_is_resolved() {
        let exec = written(r#"{"kind":" NodeJS:default ","code":"function main() {}"}"#);
        assert_eq!(exec, r#"{"kind":"nodejs:20","code":"function main() {}","binary":false}"#);
    }

    #[test]
    fn act_10_to_act_13_texts() {
        let text = |given: &str| read(given).unwrap_err().to_string();
        assert_eq!(
            text(r#"{"kind":"cobol:1","code":"x"}"#),
            "The specified runtime 'cobol:1' is not supported by this platform. Valid values are: 'nodejs:20', 'python:3.11'."
        );
        assert_eq!(text(r#"{"kind":7}"#), "'kind' must be a string defined in 'exec'");
        assert_eq!(text("{}"), "'kind' must be a string defined in 'exec'");
        assert_eq!(
            text(r#"{"kind":"nodejs:20"}"#),
            "'code' must be a string or attachment object defined in 'exec' for 'nodejs:20' actions"
        );
        assert!(
            text(r#"{"kind":"nodejs:20","code":"x","main":1}"#)
                .starts_with("if defined, 'main' be a string in 'exec'")
        );
    }

    #[test]
    fn act_14_binary_is_computed() {
        assert!(looks_like_base64("QUJD"));
        assert!(looks_like_base64(" QUI=\n"));
        assert!(looks_like_base64("word"));
        for plain in ["", "words", "a b c d e f", "QU=D"] {
            assert!(!looks_like_base64(plain), "{plain}");
        }
        assert!(read(r#"{"kind":"nodejs:20","code":"QUJD","binary":false}"#).unwrap().is_binary());
    }

    #[test]
    fn act_15_images_follow_the_reference_grammar() {
        for good in ["a", "a/b:latest", "host:5000/a/b", "reg.io/x/y:1.0_x", "localhost/x"] {
            assert!(is_image_name(good), "{good}");
        }
        for bad in ["", "A", "a//b", "a:", "-a", "a b", "a@sha256:xyz", "a:b:c"] {
            assert!(!is_image_name(bad), "{bad}");
        }
        let exec = written(r#"{"kind":"blackbox","image":"me/fn","code":" "}"#);
        assert_eq!(exec, r#"{"kind":"blackbox","image":"me/fn","binary":false}"#);
    }

    #[test]
    fn act_16_act_17_sequences_name_their_components() {
        let exec = written(r#"{"kind":"sequence","components":["/ns/a","ns/p/b"]}"#);
        assert_eq!(exec, r#"{"kind":"sequence","components":["/ns/a","/ns/p/b"]}"#);
        assert_eq!(read(r#"{"kind":"sequence","components":1}"#).unwrap_err(), ExecError::Components);
        assert_eq!(read(r#"{"kind":"sequence"}"#).unwrap_err(), ExecError::ComponentsMissing);
    }

    #[test]
    fn what_was_written_is_read_again() {
        for text in [
            r#"{"kind":"nodejs:20","code":"x y","binary":false,"main":"go"}"#,
            r#"{"kind":"blackbox","image":"me/fn","binary":false}"#,
            r#"{"kind":"sequence","components":["/ns/a"]}"#,
        ] {
            let exec: Exec = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&exec).unwrap(), text);
        }
    }

    #[test]
    fn act_18_code_can_be_left_out() {
        let exec =
            read(r#"{"kind":"python:3.11","code":"def main(a): pass","main":"go"}"#).unwrap().without_code();
        assert_eq!(
            serde_json::to_string(&exec).unwrap(),
            r#"{"kind":"python:3.11","binary":false,"main":"go"}"#
        );
    }
}
