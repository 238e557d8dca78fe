//! What the crate `types` reads. What was read once is written and read again, and must be the same.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;
use std::fmt::{Debug, Display};
use std::str::FromStr;
use types::json as texts;
use types::{
    ActionPut, ActivationId, Annotations, AuthKey, Binding, ByteSize, EntityName, EntityPath, Exec,
    FullyQualifiedName, LimitsPut, Parameters, RuntimeManifest, SemVer, SystemLimits,
};

/// Names, paths, ids, versions, sizes, keys.
pub fn names(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(name) = EntityName::new(text) {
        assert_eq!(name.as_str(), text);
        assert!(text.chars().count() <= 256 && !text.contains('/'));
    }
    if let Ok(path) = EntityPath::parse(text) {
        assert_eq!(EntityPath::parse(path.as_str()).as_ref(), Ok(&path));
        assert_eq!(path.namespace().as_str(), path.root());
    }
    if let Ok(name) = FullyQualifiedName::parse(text) {
        assert_eq!(FullyQualifiedName::parse(&name.to_string()).as_ref(), Ok(&name));
    }
    reads_what_it_writes::<ActivationId>(text);
    reads_what_it_writes::<SemVer>(text);
    if let Ok(size) = text.parse::<ByteSize>() {
        let _ = size.as_bytes();
    }
    if let Some(key) = AuthKey::parse(text) {
        assert_eq!(AuthKey::parse(&key.to_string()).as_ref(), Some(&key));
    }
}

fn reads_what_it_writes<T>(text: &str)
where
    T: FromStr + Display + PartialEq + Debug,
    T::Err: Debug,
{
    if let Ok(value) = text.parse::<T>() {
        assert_eq!(value.to_string().parse::<T>().expect("what was written is read"), value);
    }
}

/// The bodies of requests that create and update.
pub fn entities(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    same_again::<Parameters>(text);
    same_again::<Annotations>(text);
    same_again::<Binding>(text);
    same_again::<FullyQualifiedName>(text);
    let runtimes = RuntimeManifest::for_tests();
    if let Ok(value) = serde_json::from_str::<&RawValue>(text)
        && let Ok(exec) = Exec::from_request(value, &runtimes)
    {
        let _ = (exec.kind(), exec.size(), exec.is_binary());
        let _ = exec.code().and_then(types::CodeExec::decoded);
        let written = serde_json::to_string(&exec).expect("what was read can be written");
        let value: &RawValue = serde_json::from_str(&written).expect("what is written is JSON");
        assert_eq!(Exec::from_request(value, &runtimes).map(|exec| exec.size()), Ok(exec.size()));
    }
    if let Ok(limits) = serde_json::from_str::<LimitsPut>(text)
        && let Ok(limits) = limits.over(SystemLimits::default().standard())
    {
        same_again::<types::ActionLimits>(&serde_json::to_string(&limits).expect("limits can be written"));
    }
    if let Ok(put) = serde_json::from_str::<ActionPut>(text)
        && let Some(exec) = put.exec
    {
        let _ = Exec::from_request(&exec, &runtimes);
    }
}

/// What is read and written is, read and written again, the same.
fn same_again<T: Serialize + DeserializeOwned>(text: &str) {
    if let Ok(value) = serde_json::from_str::<T>(text) {
        let written = serde_json::to_string(&value).expect("what was read can be written");
        let again: T = serde_json::from_str(&written).expect("what was written can be read");
        assert_eq!(serde_json::to_string(&again).expect("it was written before"), written);
    }
}

/// JSON that is passed on without being read as a tree.
pub fn json(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let shape = texts::shape(text);
    let Ok(value) = serde_json::from_str::<Value>(text) else {
        // Deep nesting and numbers beyond all bounds are JSON that makes no tree.
        return;
    };
    let compact = texts::compact(text);
    assert_eq!(serde_json::from_str::<Value>(&compact).ok().as_ref(), Some(&value), "{compact}");
    assert_eq!(texts::parse(text).expect("it is JSON").get(), compact);
    match (&value, shape.expect("it is JSON")) {
        (Value::Object(fields), texts::Shape::Object { has_error }) => {
            assert_eq!(fields.contains_key("error"), has_error);
            let members = texts::members(text).expect("it is an object");
            assert!(members.len() >= fields.len());
            assert!(members.iter().all(|(name, _)| fields.contains_key(&**name)));
        }
        (Value::Array(_), texts::Shape::Array) => {}
        (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_), texts::Shape::Scalar) => {}
        (value, shape) => panic!("{value} has the shape {shape:?}"),
    }
}

/// The manifest of the runtimes.
pub fn manifest(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(manifest) = RuntimeManifest::parse(text) else { return };
    for kind in manifest.kinds() {
        assert!(manifest.resolve(kind).is_some(), "{kind}");
    }
    for family in manifest.runtimes.keys() {
        assert!(manifest.resolve(&format!("{family}:default")).is_some(), "{family}");
    }
}
