//! Where the time of an activation went.

use crate::console::Console;
use client::{Activation, WithKeyValues as _};
use serde::Serialize;
use serde_json::Value;

/// How long the longest bar is, in characters.
const LONGEST: usize = 40;

/// A part of the time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Phase {
    pub(super) phase: &'static str,
    pub(super) milliseconds: f64,
}

/// The phases that the record tells: the annotation `phases` of this server, or what upstream's annotations give.
pub(super) fn of(record: &Activation) -> Vec<Phase> {
    let phase = |phase, milliseconds| Phase { phase, milliseconds };
    if let Some(phases) = record.annotations.value("phases").filter(|phases| phases.is_object()) {
        let names = ["queued", "container", "init", "run", "logs"];
        return names.map(|name| phase(name, phases[name].as_f64().unwrap_or_default())).to_vec();
    }
    let annotation = |key: &str| record.annotations.value(key).and_then(Value::as_f64);
    let init = annotation("initTime");
    let run = record.duration as f64 - init.unwrap_or_default();
    let mut phases = Vec::new();
    phases.extend(annotation("waitTime").map(|wait| phase("queued", wait)));
    phases.extend(init.map(|init| phase("init", init)));
    phases.push(phase("run", run.max(0.0)));
    phases
}

/// A bar for each, as long as its share of the whole.
pub(super) fn bars(phases: &[Phase], console: Console) -> String {
    let total: f64 = phases.iter().map(|phase| phase.milliseconds).sum();
    let block = if console.knows_unicode() { "█" } else { "#" };
    let line = |phase: &Phase| {
        let share = if total > 0.0 { phase.milliseconds / total } else { 0.0 };
        // What took any time at all can be seen.
        let length = ((share * LONGEST as f64).round() as usize).max(usize::from(phase.milliseconds > 0.0));
        let bar = format!("{}{}", block.repeat(length), " ".repeat(LONGEST - length.min(LONGEST)));
        let (name, time) = (phase.phase, written(phase.milliseconds));
        format!("  {name:<9} {bar} {time:>9} {:>4.0} %\n", share * 100.0)
    };
    phases.iter().map(line).collect()
}

/// Milliseconds for people.
pub(super) fn written(milliseconds: f64) -> String {
    match milliseconds {
        ..1.0 => format!("{milliseconds:.3} ms"),
        1.0..1000.0 => format!("{milliseconds:.1} ms"),
        _ => format!("{:.2} s", milliseconds / 1000.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn record(annotations: Value) -> Activation {
        Activation {
            duration: 100,
            annotations: serde_json::from_value(annotations).unwrap(),
            ..Activation::default()
        }
    }

    #[test]
    fn upstreams_annotations_tell_less_than_phases() {
        let upstream =
            of(&record(json!([{"key": "waitTime", "value": 7}, {"key": "initTime", "value": 40}])));
        let told: Vec<_> = upstream.iter().map(|phase| (phase.phase, phase.milliseconds)).collect();
        assert_eq!(told, [("queued", 7.0), ("init", 40.0), ("run", 60.0)]);
        let ours = of(&record(json!([{"key": "phases", "value": {"queued": 0.5, "run": 1.25}}])));
        assert_eq!(ours.len(), 5);
        assert_eq!((ours[0].milliseconds, ours[3].milliseconds), (0.5, 1.25));
    }

    #[test]
    fn a_bar_is_as_long_as_its_share() {
        let phases =
            [Phase { phase: "init", milliseconds: 75.0 }, Phase { phase: "run", milliseconds: 25.0 }];
        let text = bars(&phases, Console::plain());
        let lengths: Vec<usize> = text.lines().map(|line| line.matches('#').count()).collect();
        assert_eq!(lengths, [30, 10]);
        assert!(text.contains("75 %"), "{text}");
    }
}
