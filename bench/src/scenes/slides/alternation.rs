//! Two actions of 2 ms in turn with room for one container, so that each call needs the other's container gone. The
//! slides say 1,302 ms for a call of 2 ms, 650 times as long.

use crate::designs;
use crate::load::{self, Template};
use crate::platform::Platform;
use crate::report::{Bound, Findings, Row, Side};
use crate::rounds::in_turn;
use crate::settings::Settings;
use std::io;
use std::time::Duration;

/// A Node.js action that takes 2 ms.
const TWO_MILLIS: &str =
    "function main(args) { return new Promise(done => setTimeout(() => done(args), 2)) }";
const NATIVE: &str = "native";

pub(super) fn run(settings: &Settings) -> io::Result<Findings> {
    let mut found = Findings::default();
    for design in designs::ALL.into_iter().chain([designs::PULL_SHORT_REST]) {
        for kind in [NATIVE, "Node.js"] {
            let id = if design.name == designs::PULL.name {
                "B26".to_owned()
            } else {
                format!("B26 {}", design.name)
            };
            let what = format!("a call of two {kind} actions of 2 ms in turn, room for one ÷ a warm call");
            let room = ["limits.memory.std", "limits.memory.max", "invoker.memory"];
            match design.start(&room.map(|key| (key, "128 MB".to_owned()))) {
                Ok(platform) => {
                    let row = measure(settings, &platform, kind, &id, &what)?;
                    found.rows.push(row.aims(Bound::AtMost(3.0), Bound::AtMost(2.0)));
                }
                Err(refusal) if refusal.kind() == io::ErrorKind::Unsupported => {
                    found.rows.push(Row::not_built(&id, &what, &refusal.to_string(), None));
                }
                Err(problem) => return Err(problem),
            }
        }
    }
    Ok(found)
}

fn measure(settings: &Settings, platform: &Platform, kind: &str, id: &str, what: &str) -> io::Result<Row> {
    let templates: Vec<Template> = ["a", "b"]
        .iter()
        .map(|name| {
            if kind == NATIVE {
                platform.put_native(name)?;
                return Ok(platform.template_with(name, ",\"millis\":2"));
            }
            platform.put_script(name, TWO_MILLIS);
            Ok(platform.template(name))
        })
        .collect::<io::Result<_>>()?;
    let sides = in_turn(settings.rounds, 2, |side| {
        let set = if side == 0 { &templates[..] } else { &templates[..1] };
        // The first call of a round may find the other's container.
        load::run(platform.address(), set, 1, Duration::from_millis(1))?;
        Ok(1000.0 / platform.run(set, 1, settings.period)?.rate)
    })?;
    let mut sides = sides.into_iter();
    let (both, one) = (sides.next().unwrap_or_default(), sides.next().unwrap_or_default());
    Ok(Row::ratio(id, what, Side::new("in turn", "ms", both), Side::new("warm", "ms", one)))
}
