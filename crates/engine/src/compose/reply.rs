//! What a conductor says (CON-02 to CON-06).

use types::json::{self, Raw};
use types::{EntityName, FullyQualifiedName};

/// The answer of one run of a conductor.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    /// The name of the part to be run next, as JSON; `None`: the composition ends.
    pub(super) action: Option<Raw>,
    /// What the part is given, or the result of the composition; an object.
    pub(super) params: Option<Raw>,
    /// What the next run of the conductor is given beside the part's result; an object.
    pub(super) state: Option<Raw>,
}

impl Reply {
    /// Reads an object; anything else says nothing.
    pub(super) fn read(result: &str) -> Reply {
        let members = json::members(result).unwrap_or_default();
        let member =
            |name: &str| members.iter().find(|(key, _)| key == name).map(|(_, value)| Raw::from(*value));
        Reply {
            action: member("action"),
            params: member("params").map(|params| boxed("value", params)),
            state: member("state").map(|state| boxed("state", state)),
        }
    }
}

/// The name of a part as a conductor gives it (CON-05): `x` and `p/x` are the caller's own, `/ns/x` and `ns/p/x` are
/// whole. `None`: it is no name.
pub(super) fn part_name(value: &Raw, caller: &EntityName) -> Option<FullyQualifiedName> {
    let text = json::text(value)?;
    let slashes = text.matches('/').count();
    let whole = match text.starts_with('/') || slashes > 1 {
        true => text,
        false => format!("{caller}/{text}"),
    };
    Some(FullyQualifiedName::parse(&whole).ok()?.resolved(caller))
}

/// `below` with the members of `above` laid over it (CON-04). Both are objects.
pub(super) fn overlaid(below: Option<&Raw>, above: &Raw) -> Raw {
    let below = below.and_then(|below| json::members(below.get()).ok()).unwrap_or_default();
    let above = json::members(above.get()).unwrap_or_default();
    let hidden = |key: &str| above.iter().any(|(name, _)| name == key);
    let kept = below.iter().filter(|(key, _)| !hidden(key));
    let members: Vec<String> =
        kept.chain(&above).map(|(key, value)| json::member(key, value.get())).collect();
    json::object(members.iter().map(String::as_str))
}

/// CON-03
fn boxed(key: &str, value: Raw) -> Raw {
    if is_object(&value) { value } else { json::object(std::iter::once(&*json::member(key, &value))) }
}

pub(super) fn is_object(value: &Raw) -> bool {
    value.get().starts_with('{')
}

pub(super) fn is_array(value: &Raw) -> bool {
    value.get().starts_with('[')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Raw {
        json::parse(text).unwrap()
    }

    #[test]
    fn con_02_con_03_what_is_no_object_is_put_into_one() {
        let reply = Reply::read(r#"{"action":"a","params":[1],"state":7}"#);
        assert_eq!(reply.params.unwrap().get(), r#"{"value":[1]}"#);
        assert_eq!(reply.state.unwrap().get(), r#"{"state":7}"#);
        let reply = Reply::read(r#"{"params":null,"state":{"a":1.0}}"#);
        assert!(reply.action.is_none());
        assert_eq!(reply.params.unwrap().get(), r#"{"value":null}"#);
        assert_eq!(reply.state.unwrap().get(), r#"{"a":1.0}"#);
        let reply = Reply::read(r#"{"x":1}"#);
        assert!(reply.action.is_none() && reply.params.is_none() && reply.state.is_none());
    }

    #[test]
    fn con_05_the_forms_of_names() {
        let caller = EntityName::new("me").unwrap();
        let name = |text: &str| part_name(&json(text), &caller).map(|name| name.to_string());
        for (given, whole) in [
            (r#""x""#, "me/x"),
            (r#""p/x""#, "me/p/x"),
            (r#""ns/p/x""#, "ns/p/x"),
            (r#""/ns/x""#, "ns/x"),
            (r#""/ns/p/x""#, "ns/p/x"),
            (r#""/_/x""#, "me/x"),
            (r#""_/p/x""#, "me/p/x"),
        ] {
            assert_eq!(name(given).as_deref(), Some(whole), "{given}");
        }
        for bad in
            [r#""""#, r#""/x""#, r#""a/b/c/d""#, r#""/a/b/c/d""#, r#"" ""#, r#""a//b""#, "7", "null", "{}"]
        {
            assert_eq!(name(bad), None, "{bad}");
        }
    }

    #[test]
    fn con_04_the_state_wins() {
        let result = json(r#"{"a":1,"b":2.0}"#);
        let state = json(r#"{"\u0061":3,"c":null}"#);
        assert_eq!(overlaid(Some(&result), &state).get(), r#"{"b":2.0,"a":3,"c":null}"#);
        assert_eq!(overlaid(None, &state).get(), r#"{"a":3,"c":null}"#);
    }
}
