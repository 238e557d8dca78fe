//! The arguments of one activation: the payload over the default parameters (INV-11), as JSON text.
//!
//! Nothing is turned into values and back: what the client sent is what the function gets, its numbers, `null`s and
//! doubled keys included (HTTP-24, INV-12).

use crate::api::ApiError;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::sync::Arc;
use types::json::{self, Raw};
use types::{Lock, Parameter, Parameters};

/// An action's default parameters, written out once.
#[derive(Debug)]
pub(crate) struct Defaults {
    /// For each run.
    run: Vec<Fragment>,
    /// For the environment, at initialisation (RUN-10).
    init: Vec<Fragment>,
    /// Those that a payload may not set (INV-13).
    immutable: Vec<Arc<str>>,
    /// The arguments where there is no payload.
    alone: Arguments,
}

/// What an activation is given.
#[derive(Clone, Debug)]
pub(crate) struct Arguments {
    /// With the run: a JSON object.
    pub(crate) payload: Raw,
    /// In the environment: a JSON object, if there are init parameters.
    pub(crate) environment: Option<Raw>,
    /// Which members are locked, if any are: what comes from encrypted parameters and was not overridden.
    pub(crate) locks: Option<Arc<[Lock]>>,
}

/// One member of an object.
#[derive(Debug)]
struct Fragment {
    key: Arc<str>,
    /// `"key":value`
    text: String,
}

impl Fragment {
    fn new(parameter: &Parameter) -> Fragment {
        let text = json::member(&parameter.key, &parameter.value);
        Fragment { key: parameter.key.clone(), text }
    }

    fn text(&self) -> &str {
        &self.text
    }
}

impl Defaults {
    /// `closed`: the action is `final`, so that its parameters cannot be set, but for those that are `null`
    /// (INV-12, INV-13).
    pub(crate) fn new(parameters: &Parameters, closed: bool) -> Defaults {
        let (init, run): (Vec<&Parameter>, Vec<&Parameter>) = parameters.iter().partition(|p| p.init);
        let fragments = |all: Vec<&Parameter>| all.into_iter().map(Fragment::new).collect::<Vec<_>>();
        let immutable = |p: &&Parameter| closed && p.value.get() != "null";
        let (run, init) = (fragments(run), fragments(init));
        let alone = Arguments {
            payload: json::object(run.iter().map(Fragment::text)),
            environment: environment(init.iter().map(Fragment::text)),
            locks: locks(parameters),
        };
        let immutable = parameters.iter().filter(immutable).map(|p| p.key.clone()).collect();
        Defaults { run, init, immutable, alone }
    }

    /// Whether a payload may not set that parameter (INV-13).
    pub(crate) fn is_immutable(&self, key: &str) -> bool {
        self.immutable.iter().any(|immutable| **immutable == *key)
    }

    /// Those of a sequence, whose own parameters go nowhere; only what a payload may not set counts (SEQ-04, SEQ-18).
    pub(crate) fn of_sequence(parameters: &Parameters, closed: bool) -> Defaults {
        let immutable = Defaults::new(parameters, closed).immutable;
        Defaults { immutable, ..Defaults::new(&Parameters::default(), false) }
    }

    /// The arguments with a payload of the platform's own making, or with what flows through a sequence or composition:
    /// it has no white space and may set everything (SEQ-18). An array takes the place of the parameters (SEQ-05).
    pub(crate) fn pass(&self, payload: Option<&Raw>) -> Arguments {
        let Some(payload) = payload else { return self.alone.clone() };
        let as_it_is = || Arguments { payload: payload.clone(), ..self.alone.clone() };
        if self.run.is_empty() && self.init.is_empty() {
            return as_it_is();
        }
        match json::members(payload.get()) {
            Ok(members) => self.overlaid(payload.get(), &members),
            Err(_) => as_it_is(),
        }
    }

    /// The arguments with a client's payload, which is an object.
    pub(crate) fn merge(&self, payload: Option<Raw>) -> Result<Arguments, ApiError> {
        let Some(payload) = payload else { return Ok(self.alone.clone()) };
        if self.run.is_empty() && self.init.is_empty() && self.immutable.is_empty() {
            return Ok(Arguments { payload: payload.apart(), environment: None, locks: None });
        }
        if self.init.is_empty()
            && let Some(named) = self.named_in(&payload)
        {
            if named.iter().any(|key| self.is_immutable(key)) {
                return Err(ApiError::parameters_not_allowed());
            }
            return Ok(self.overlaid_whole(&payload, |key| named.contains(&key)));
        }
        let members = json::members(&payload).map_err(|error| ApiError::malformed_json(&error))?;
        if members.iter().any(|(key, _)| self.is_immutable(key)) {
            return Err(ApiError::parameters_not_allowed());
        }
        Ok(self.overlaid(&payload, &members))
    }

    /// The members of `payload` over the parameters.
    fn overlaid(&self, payload: &str, members: &[(Cow<'_, str>, &RawValue)]) -> Arguments {
        let given = |key: &str| members.iter().any(|(name, _)| name == key);
        if self.init.is_empty() {
            return self.overlaid_whole(payload, given);
        }
        let left = |fragment: &&Fragment| !given(&fragment.key);
        let run = self.run.iter().filter(left).map(Fragment::text);
        let locks = self.locks_without(given);
        // What the payload says of an init parameter goes the same way as the parameter (RUN-10).
        let is_init = |key: &str| self.init.iter().any(|fragment| *fragment.key == *key);
        let (own_init, own_run): (Vec<_>, Vec<_>) = members.iter().partition(|(key, _)| is_init(key));
        let texts = |own: Vec<&(Cow<'_, str>, &RawValue)>| -> Vec<String> {
            own.into_iter().map(|(key, value)| json::member(key, value.get())).collect()
        };
        let (own_init, own_run) = (texts(own_init), texts(own_run));
        let init = self.init.iter().filter(left).map(Fragment::text);
        Arguments {
            payload: json::object(run.chain(own_run.iter().map(String::as_str))),
            environment: environment(init.chain(own_init.iter().map(String::as_str))),
            locks,
        }
    }

    /// The whole of `payload` over the parameters that it does not give, all of which go with the run.
    fn overlaid_whole(&self, payload: &str, given: impl Fn(&str) -> bool) -> Arguments {
        let run = self.run.iter().filter(|fragment| !given(&fragment.key)).map(Fragment::text);
        // The payload's own text, without its braces.
        let inner = payload.get(1..payload.len().saturating_sub(1)).unwrap_or_default();
        let inner = Some(inner).filter(|inner| !inner.is_empty());
        let locks = self.locks_without(&given);
        Arguments { payload: json::object(run.chain(inner)), environment: None, locks }
    }

    /// Those keys of a payload that name parameters: mostly none or few. `None`: a key has escapes, so that it must be
    /// read before it can be compared.
    fn named_in<'a>(&self, payload: &'a str) -> Option<Vec<&'a str>> {
        let mut named = Vec::new();
        for key in json::keys(payload) {
            if key.contains('\\') {
                return None;
            }
            if self.is_immutable(key) || self.run.iter().any(|fragment| *fragment.key == *key) {
                named.push(key);
            }
        }
        Some(named)
    }

    /// The locks that hold when a payload has overridden some members (INV-11).
    fn locks_without(&self, given: impl Fn(&str) -> bool) -> Option<Arc<[Lock]>> {
        let locks = self.alone.locks.as_ref()?;
        if !locks.iter().any(|lock| given(&lock.key)) {
            return Some(locks.clone());
        }
        let left: Arc<[Lock]> = locks.iter().filter(|lock| !given(&lock.key)).cloned().collect();
        (!left.is_empty()).then_some(left)
    }
}

/// The locks of parameters that are stored encrypted.
fn locks(parameters: &Parameters) -> Option<Arc<[Lock]>> {
    let lock = |parameter: &Parameter| {
        Some(Lock { key: parameter.key.clone(), cipher: parameter.encryption.clone()? })
    };
    let locks: Arc<[Lock]> = parameters.iter().filter_map(lock).collect();
    (!locks.is_empty()).then_some(locks)
}

fn environment<'a>(members: impl Iterator<Item = &'a str> + Clone) -> Option<Raw> {
    members.clone().next().is_some().then(|| json::object(members))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Map, Value};

    fn defaults(text: &str, closed: bool) -> Defaults {
        Defaults::new(&serde_json::from_str(text).unwrap(), closed)
    }

    fn merged(parameters: &str, payload: Option<&str>) -> (String, Option<String>) {
        let payload = payload.map(|text| json::parse(text).unwrap());
        let arguments = defaults(parameters, false).merge(payload).unwrap();
        (arguments.payload.get().to_owned(), arguments.environment.map(|env| env.get().to_owned()))
    }

    #[test]
    fn inv_11_the_payload_wins() {
        let parameters = r#"[{"key":"a","value":1},{"key":"b","value":{"x":1.0}}]"#;
        assert_eq!(merged(parameters, None).0, r#"{"a":1,"b":{"x":1.0}}"#);
        assert_eq!(merged(parameters, Some("{ }")).0, r#"{"a":1,"b":{"x":1.0}}"#);
        assert_eq!(merged(parameters, Some(r#"{"b": null, "c": 2}"#)).0, r#"{"a":1,"b":null,"c":2}"#);
    }

    #[test]
    fn http_24_what_nobody_looks_into_is_passed_on_as_it_came() {
        let payload = r#"{"n":12345678901234567890123,"e":1e400,"z":null,"n":1.50}"#;
        assert_eq!(merged("[]", Some(payload)).0, payload);
        assert_eq!(
            merged(r#"[{"key":"k","value":1}]"#, Some(payload)).0,
            format!(r#"{{"k":1,{}"#, &payload[1..])
        );
        assert_eq!(merged("[]", Some("{\n \"a\": 1 }\n")).0, r#"{"a":1}"#);
    }

    #[test]
    fn run_10_init_parameters_go_to_the_environment_wherever_they_come_from() {
        let parameters = r#"[{"key":"a","value":1},{"key":"i","value":"x","init":true}]"#;
        assert_eq!(merged(parameters, None), (r#"{"a":1}"#.to_owned(), Some(r#"{"i":"x"}"#.to_owned())));
        assert_eq!(
            merged(parameters, Some(r#"{"i":"y","b":2}"#)),
            (r#"{"a":1,"b":2}"#.to_owned(), Some(r#"{"i":"y"}"#.to_owned()))
        );
    }

    #[test]
    fn inv_11_what_the_payload_overrides_is_not_locked_any_more() {
        let defaults = defaults(
            r#"[{"key":"a","value":"x","encryption":"aes-128"},{"key":"b","value":1},
                {"key":"i","value":"y","encryption":"aes-256","init":true}]"#,
            false,
        );
        let locked = |payload: Option<&str>| -> Vec<String> {
            let arguments = defaults.merge(payload.map(|text| json::parse(text).unwrap())).unwrap();
            let locks = arguments.locks.as_deref().unwrap_or_default();
            locks.iter().map(|lock| format!("{} {}", lock.key, lock.cipher)).collect()
        };
        assert_eq!(locked(None), ["a aes-128", "i aes-256"]);
        assert_eq!(locked(Some(r#"{"b":2}"#)), ["a aes-128", "i aes-256"]);
        assert_eq!(locked(Some(r#"{"a":2}"#)), ["i aes-256"]);
        assert_eq!(locked(Some(r#"{"i":1,"\u0061":2}"#)), [""; 0]);
    }

    #[test]
    fn inv_12_inv_13_what_is_final_cannot_be_set_unless_it_is_null() {
        let defaults = defaults(r#"[{"key":"a","value":1},{"key":"n","value":null}]"#, true);
        let merge = |text| defaults.merge(Some(json::parse(text).unwrap()));
        let refused = merge(r#"{"\u0061":2}"#).unwrap_err();
        let text = "Request defines parameters that are not allowed (e.g., reserved properties).";
        assert_eq!(refused.text(), text);
        let merged = merge(r#"{"n":2,"b":3}"#).unwrap();
        assert_eq!(merged.payload.get(), r#"{"a":1,"n":2,"b":3}"#);
    }

    #[test]
    fn seq_04_seq_05_seq_18_a_part_gets_what_flows_over_its_own_parameters() {
        let parameters =
            r#"[{"key":"a","value":1},{"key":"b","value":2},{"key":"i","value":"x","init":true}]"#;
        let pass = |closed, payload: Option<&str>| {
            let payload = payload.map(|text| json::parse(text).unwrap());
            let arguments = defaults(parameters, closed).pass(payload.as_ref());
            (arguments.payload.get().to_owned(), arguments.environment.map(|env| env.get().to_owned()))
        };
        let environment = Some(r#"{"i":"x"}"#.to_owned());
        assert_eq!(pass(false, None), (r#"{"a":1,"b":2}"#.to_owned(), environment.clone()));
        let laid_over = (r#"{"b":2,"a":3,"c":4}"#.to_owned(), environment.clone());
        assert_eq!(pass(true, Some(r#"{"a":3,"c":4}"#)), laid_over);
        assert_eq!(pass(false, Some(r#"[{"a":3}]"#)), (r#"[{"a":3}]"#.to_owned(), environment));
    }

    #[test]
    fn seq_18_a_sequence_keeps_its_parameters_to_itself() {
        let parameters =
            serde_json::from_str(r#"[{"key":"a","value":1},{"key":"i","value":2,"init":true}]"#).unwrap();
        let merge =
            |closed, text| Defaults::of_sequence(&parameters, closed).merge(Some(json::parse(text).unwrap()));
        let open = merge(false, r#"{"a":5}"#).unwrap();
        assert_eq!((open.payload.get(), open.environment.is_none()), (r#"{"a":5}"#, true));
        assert_eq!(merge(true, r#"{"b":5}"#).unwrap().payload.get(), r#"{"b":5}"#);
        assert!(merge(true, r#"{"a":5}"#).is_err());
        assert!(merge(true, r#"{"i":5}"#).is_err());
        assert_eq!(Defaults::of_sequence(&parameters, true).merge(None).unwrap().payload.get(), "{}");
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(2, 8, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map(".{0,4}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    fn members() -> impl Strategy<Value = Map<String, Value>> {
        proptest::collection::btree_map("[abc\"\\\\ ]{0,2}", json(), 0..5)
            .prop_map(|map| map.into_iter().collect())
    }

    proptest! {
            /// Merging text gives what merging values would.
            #[test]
            fn inv_11_text_is_merged_as_values_are(below in members(), init in 0usize..3, payload in members(), pretty: bool) {
                let parameters: Vec<Value> = below.iter().enumerate().map(|(at, (key, value))| {
                    serde_json::json!({"key": key, "value": value, "init": at < init})
                }).collect();
                let parameters: Parameters = serde_json::from_value(Value::from(parameters)).unwrap();
                let payload_value = Value::Object(payload.clone());
                let text = if pretty { serde_json::to_string_pretty(&payload_value) } else { serde_json::to_string(&payload_value) }.unwrap();
                let arguments = Defaults::new(&parameters, false).merge(Some(json::parse(&text).unwrap())).unwrap();
                let mut expected = below.clone();
                expected.extend(payload);
                let mut expected_environment = Map::new();
                for (at, key) in below.keys().enumerate() {
                    if at < init {
                        expected_environment.insert(key.clone(), expected.remove(key).unwrap());
                    }
                }
                let read = |raw: &Raw| serde_json::from_str::<Map<String, Value>>(raw.get()).unwrap();
                prop_assert_eq!(read(&arguments.payload), expected);
                prop_assert_eq!(arguments.environment.as_ref().map(read).unwrap_or_default(), expected_environment);
                prop_assert!(!arguments.payload.get().contains('\n'));
            }

            #[test]
            fn no_payload_makes_it_panic(payload in ".{0,64}") {
                if let Some(payload) = json::parse(&payload).ok().filter(|payload| payload.starts_with('{')) {
                    defaults(r#"[{"key":"a","value":1,"init":true},{"key":"b","value":2}]"#, true)
    .merge(Some(payload)).ok();
                }
            }
        }
}
