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
    let names = put_steps(&platform)?;
    Ok(Findings {
        rows: vec![sequence(settings, &platform, &names)?, rules(settings, &platform, &names)?],
        ..Findings::default()
    })
}

/// Ten native actions, warm.
fn put_steps(platform: &Platform) -> io::Result<Vec<String>> {
    let names: Vec<String> = (0..RULES).map(|number| format!("step-{number}")).collect();
    for name in &names {
        platform.put_native(name)?;
        platform.warm(name)?;
    }
    Ok(names)
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
    let rules = Rules::on(platform, names)?;
    let sides = in_turn(settings.rounds, 2, |side| {
        if side == 0 { rules.fires(settings.period) } else { rules.calls(settings.period) }
    })?;
    let [fires, calls] = sides.as_slice() else { return Err(io::Error::other("two sides")) };
    let what = "the platform's processor time for a trigger with 10 rules ÷ for 10 calls without waiting";
    let (fires, calls) = (Side::new("trigger", "µs", fires.clone()), Side::new("calls", "µs", calls.clone()));
    Ok(Row::ratio("B31", what, fires, calls).aims(Bound::AtMost(0.4), Bound::AtMost(0.25)))
}

/// A trigger with a rule for each of ten native actions.
pub(crate) struct Rules<'a> {
    platform: &'a Platform,
    fire: [Template; 1],
    calls: Vec<Template>,
}

impl<'a> Rules<'a> {
    /// The actions, warm, and the rules.
    pub(crate) fn put(platform: &'a Platform) -> io::Result<Rules<'a>> {
        Rules::on(platform, &put_steps(platform)?)
    }

    fn on(platform: &'a Platform, names: &[String]) -> io::Result<Rules<'a>> {
        let put = |path: &str, body: &serde_json::Value| {
            let answer = platform.api().send("PUT", path, Some(body));
            if answer.status == 200 {
                Ok(())
            } else {
                Err(io::Error::other(format!("{path}: {}", answer.text())))
            }
        };
        put("/triggers/fire", &json!({}))?;
        for name in names {
            let rule = json!({"trigger": "/_/fire", "action": format!("/_/{name}")});
            put(&format!("/rules/on-{name}"), &rule)?;
        }
        let authorization = platform.authorization();
        let post = |path: &str| {
            let target = format!("/api/v1/namespaces/_/{path}");
            Template::post(&target, Some(&authorization), ("", "")).accepted()
        };
        let fire = [post("triggers/fire")];
        let calls = names.iter().map(|name| post(&format!("actions/{name}"))).collect();
        Ok(Rules { platform, fire, calls })
    }

    /// The platform's processor time for a fire, in microseconds.
    pub(crate) fn fires(&self, period: Duration) -> io::Result<f64> {
        cost(self.platform, &self.fire, FIRES, period)
    }

    /// The platform's processor time for as many calls, in microseconds.
    pub(crate) fn calls(&self, period: Duration) -> io::Result<f64> {
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        let each = RULES as f64;
        Ok(each * cost(self.platform, &self.calls, FIRES * each, period)?)
    }
}

/// The platform's processor time for each request, with all that it causes.
fn cost(platform: &Platform, templates: &[Template], rate: f64, period: Duration) -> io::Result<f64> {
    let before = (platform.cpu_time(), platform.metric(ENDED)?);
    let outcome = load::run_open(platform.address(), templates, rate, period)?;
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let wanted = if templates.len() == 1 { outcome.count as f64 * 10.0 } else { outcome.count as f64 };
    // What was accepted need not have begun yet.
    let done = || match (platform.metric(IN_FLIGHT), platform.metric(ENDED)) {
        (Ok(0.0), Ok(ended)) if ended - before.1 >= wanted => Some(Ok(())),
        (Err(problem), _) | (_, Err(problem)) => Some(Err(problem)),
        _ => None,
    };
    time::poll(DRAIN_LIMIT, done).ok_or_else(|| io::Error::other("activations do not end"))??;
    let spent = platform.cpu_time().saturating_sub(before.0);
    Ok(micros_each(spent, outcome.count))
}

const IN_FLIGHT: &str = "oxiwhisk_controller_activations_in_flight";
/// Counts the activations of actions that have ended.
const ENDED: &str = "openwhisk_action_activations_total";
