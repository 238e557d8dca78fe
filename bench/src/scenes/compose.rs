//! Sequences and rules beside the single calls that they replace.

use super::Scene;
use crate::designs::PULL;
use crate::load::{self, Template};
use crate::platform::{Platform, micros_each};
use crate::report::{Bound, Findings, Row, Side};
use crate::rounds::in_turn;
use crate::settings::Settings;
use oxiwhisk_test_e2e::time;
use serde_json::json;
use std::io;
use std::time::Duration;

pub(super) const SCENE: Scene = Scene {
    name: "compose",
    metrics: &["B31"],
    about: "a sequence of five and a trigger with ten rules beside single calls",
    quick: true,
    run,
};

const STEPS: usize = 5;
const RULES: usize = 10;
/// Fires of the trigger in a second; each causes ten activations.
const FIRES: f64 = 40.0;
/// How long the activations that were accepted may take.
const DRAIN_LIMIT: Duration = Duration::from_secs(60);

fn run(settings: &Settings) -> io::Result<Findings> {
    let platform = PULL.start(&[])?;
    let names: Vec<String> = (0..RULES).map(|number| format!("step-{number}")).collect();
    for name in &names {
        platform.put_native(name)?;
        platform.warm(name)?;
    }
    Ok(Findings {
        rows: vec![sequence(settings, &platform, &names)?, rules(settings, &platform, &names)?],
        ..Findings::default()
    })
}

fn sequence(settings: &Settings, platform: &Platform, names: &[String]) -> io::Result<Row> {
    let components: Vec<String> = names[..STEPS].iter().map(|name| format!("/_/{name}")).collect();
    platform.api().put("sequence", &json!({"exec": {"kind": "sequence", "components": components}}));
    let whole = [platform.template("sequence")];
    let single: Vec<Template> = names[..STEPS].iter().map(|name| platform.template(name)).collect();
    platform.run(&whole, 1, settings.period)?;
    let sides = in_turn(settings.rounds, 2, |side| {
        let set = if side == 0 { &whole[..] } else { &single[..] };
        Ok(platform.run(set, 1, settings.period)?.p50)
    })?;
    let [whole, single] = sides.as_slice() else { return Err(io::Error::other("two sides")) };
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let five = single.iter().map(|time| time * STEPS as f64).collect();
    let what = "latency of a sequence of 5 native no-ops ÷ 5 single calls one after the other";
    Ok(Row::ratio(
        "B31",
        what,
        Side::new("sequence", "µs", whole.clone()),
        Side::new("five calls", "µs", five),
    )
    .aims(Bound::AtMost(0.6), Bound::AtMost(0.45)))
}

fn rules(settings: &Settings, platform: &Platform, names: &[String]) -> io::Result<Row> {
    let api = platform.api();
    let put = |path: &str, body: &serde_json::Value| {
        let answer = api.send("PUT", path, Some(body));
        if answer.status == 200 {
            Ok(())
        } else {
            Err(io::Error::other(format!("{path}: {}", answer.text())))
        }
    };
    put("/triggers/fire", &json!({}))?;
    for name in names {
        put(&format!("/rules/on-{name}"), &json!({"trigger": "/_/fire", "action": format!("/_/{name}")}))?;
    }
    let authorization = platform.authorization();
    let post = |path: &str| {
        let target = format!("/api/v1/namespaces/_/{path}");
        Template::post(&target, Some(&authorization), ("", "")).accepted()
    };
    let fire = [post("triggers/fire")];
    let calls: Vec<Template> = names.iter().map(|name| post(&format!("actions/{name}"))).collect();
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let each = RULES as f64;
    let sides = in_turn(settings.rounds, 2, |side| {
        if side == 0 {
            return cost(platform, &fire, FIRES, settings.period);
        }
        Ok(each * cost(platform, &calls, FIRES * each, settings.period)?)
    })?;
    let [fires, calls] = sides.as_slice() else { return Err(io::Error::other("two sides")) };
    let what = "the platform's processor time for a trigger with 10 rules ÷ for 10 calls without waiting";
    let (fires, calls) = (Side::new("trigger", "µs", fires.clone()), Side::new("calls", "µs", calls.clone()));
    Ok(Row::ratio("B31", what, fires, calls).aims(Bound::AtMost(0.4), Bound::AtMost(0.25)))
}

/// The platform's processor time for each request, with all that it causes.
fn cost(platform: &Platform, templates: &[Template], rate: f64, period: Duration) -> io::Result<f64> {
    let before = (platform.cpu_time(), platform.metric(ENDED)?);
    let outcome = load::run_open(platform.address(), templates, rate, period)?;
    let idle = || match platform.metric("oxiwhisk_controller_activations_in_flight") {
        Ok(0.0) => Some(Ok(())),
        Ok(_) => None,
        Err(problem) => Some(Err(problem)),
    };
    time::poll(DRAIN_LIMIT, idle).ok_or_else(|| io::Error::other("activations do not end"))??;
    let spent = platform.cpu_time().saturating_sub(before.0);
    let ended = platform.metric(ENDED)? - before.1;
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let wanted = if templates.len() == 1 { outcome.count as f64 * 10.0 } else { outcome.count as f64 };
    if ended < wanted {
        return Err(io::Error::other(format!("{ended} of {wanted} activations have ended")));
    }
    Ok(micros_each(spent, outcome.count))
}

/// Counts the activations of actions that have ended.
const ENDED: &str = "openwhisk_action_activations_total";
