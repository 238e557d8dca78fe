//! Invocations that are asked for on standard input, and the records of all others.

use super::report::Report;
use super::wanted::Wanted;
use crate::commands::activation::{Seen, logs};
use crate::context::{Context, OWN_NAMESPACE, qualified};
use crate::failure::{Because as _, Failure, Outcome};
use crate::listing::ALL;
use crate::suggest::closest;
use client::{Activation, ActivationFilter};
use serde_json::{Value, json};
use std::time::Duration;

/// How often a record is looked for that is not there when its logs end, and how long between two looks.
const LOOKS: u32 = 100;
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

/// A line of standard input.
#[derive(Debug, PartialEq)]
pub(super) enum Input {
    Help,
    Invoke { name: String, payload: Value },
}

/// Understands a line: `NAME {"json": 1}`, either alone, or nothing.
pub(super) fn parsed(line: &str, wanted: &Wanted, last: Option<&str>) -> Result<Input, String> {
    if line == "?" {
        return Ok(Input::Help);
    }
    let actions = wanted.actions();
    let names: Vec<&str> = actions.iter().map(|one| one.name.as_str()).collect();
    let split = line.find(['{', '[']).unwrap_or(line.len());
    let (name, payload) = (line[..split].trim(), line[split..].trim());
    let name = match (name, last, names.as_slice()) {
        ("", Some(last), _) => last.to_owned(),
        ("", None, [only]) => (*only).to_owned(),
        ("", None, _) => return Err(format!("which action? {}", names.join(", "))),
        (name, _, _) if names.contains(&name) => name.to_owned(),
        (name, _, _) => {
            let near = closest(name, names.iter().copied()).map(|near| format!("; did you mean '{near}'?"));
            return Err(format!("there is no action '{name}'{}", near.unwrap_or_default()));
        }
    };
    let payload = if payload.is_empty() { Ok(json!({})) } else { serde_json::from_str(payload) };
    let payload = payload.map_err(|error| format!("the payload is no JSON: {error}"))?;
    Ok(Input::Invoke { name, payload })
}

/// Invokes an action, shows its logs while they are written, and gives its record.
pub(super) async fn invoke(
    name: &str,
    payload: &Value,
    seen: &mut Seen,
    report: &Report<'_>,
    wanted: &Wanted,
    context: &Context,
) -> Outcome<Activation> {
    let client = context.client()?;
    let unable = format!("Unable to invoke action '{name}'");
    let answer = client.invoke_action(&qualified(name)?, payload, false, false).await.because(&unable)?;
    let started: Value = answer.json()?;
    let id = started["activationId"].as_str().unwrap_or_default().to_owned();
    seen.mark(&id);
    let actions = wanted.actions();
    let artifact =
        actions.iter().find(|one| one.name == name).map(|one| one.artifact.clone()).unwrap_or_default();
    logs::follow(&id, context, &mut |line| report.log(name, line, &artifact)).await.because(&unable)?;
    for _ in 0..LOOKS {
        match client.get_activation(&id).await {
            Err(error) if error.status() == Some(404) => tokio::time::sleep(BETWEEN_LOOKS).await,
            record => return record.because(unable),
        }
    }
    Err(Failure::general(format!("the record of {id} does not come")))
}

/// The records of what began at or after `since`.
pub(super) async fn newer(since: i64, context: &Context) -> client::Result<Vec<Activation>> {
    let filter = ActivationFilter { since: Some(since), docs: true, ..ActivationFilter::default() };
    match context.client() {
        Ok(client) => client.list_activations(OWN_NAMESPACE, &filter, ALL).await,
        Err(_) => Ok(Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::action::Flags;
    use crate::commands::dev::wanted::One;

    #[test]
    fn a_line_names_an_action_a_payload_both_or_neither() {
        let one = |name: &str| One { name: name.to_owned(), artifact: "x".into() };
        let wanted =
            Wanted::Actions { actions: vec![one("hello"), one("other")], flags: Box::<Flags>::default() };
        let invoke = |name: &str, payload| Ok(Input::Invoke { name: name.to_owned(), payload });
        assert_eq!(parsed("hello", &wanted, None), invoke("hello", json!({})));
        assert_eq!(parsed("other {\"a\": 1}", &wanted, None), invoke("other", json!({"a": 1})));
        assert_eq!(parsed("{\"a\": 1}", &wanted, Some("hello")), invoke("hello", json!({"a": 1})));
        assert_eq!(parsed("", &wanted, Some("other")), invoke("other", json!({})));
        assert_eq!(parsed("?", &wanted, None), Ok(Input::Help));
        assert!(parsed("", &wanted, None).unwrap_err().contains("hello, other"));
        assert!(parsed("helo", &wanted, None).unwrap_err().contains("'hello'"));
        assert!(parsed("hello {oops", &wanted, None).unwrap_err().contains("no JSON"));
    }
}
