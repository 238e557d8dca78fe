//! `oxiwhisk doctor`: what works on this machine and what does not.

use super::{Exit, config, print, runtime};
use crate::args::DoctorArgs;
use node::{Probe, Verdict};
use serde_json::json;
use std::fmt::Write;
use std::process::ExitCode;

pub(crate) fn run(args: &DoctorArgs) -> ExitCode {
    let probes = match examine(args) {
        Ok(probes) => probes,
        Err(exit) => return exit.report(),
    };
    let worst = probes.iter().map(|probe| probe.verdict).max().unwrap_or(Verdict::Works);
    print(&if args.json { as_json(&probes, worst) } else { as_text(&probes, worst) });
    match worst {
        Verdict::Works => ExitCode::SUCCESS,
        Verdict::Degraded => ExitCode::from(1),
        Verdict::Broken => ExitCode::from(2),
    }
}

fn examine(args: &DoctorArgs) -> Result<Vec<Probe>, Exit> {
    let overrides = args.config.overrides();
    let (config, mut probes) = match config::load(args.config.config.as_deref(), overrides) {
        Ok(config) => (config, vec![probe("configuration", Verdict::Works, "it is valid", "")]),
        Err(exit) => {
            let remedy = "mend it; `oxiwhisk config-reference` lists every key";
            let broken = probe("configuration", Verdict::Broken, exit.message(), remedy);
            // With the defaults, so that the rest can be looked at too.
            (node::Config::default(), vec![broken])
        }
    };
    probes.extend(runtime(&config)?.block_on(node::doctor(&config)));
    Ok(probes)
}

fn probe(name: &str, verdict: Verdict, detail: &str, remedy: &str) -> Probe {
    Probe { name: name.to_owned(), verdict, detail: detail.to_owned(), remedy: remedy.to_owned() }
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Works => "works",
        Verdict::Degraded => "degraded",
        Verdict::Broken => "broken",
    }
}

fn as_text(probes: &[Probe], worst: Verdict) -> String {
    let mut text = String::new();
    let width = probes.iter().map(|probe| probe.name.chars().count()).max().unwrap_or(0);
    for Probe { name, verdict, detail, remedy } in probes {
        let detail = detail.replace('\n', &format!("\n{:indent$}", "", indent = width + 12));
        // Writing to a text does not fail.
        let _ = writeln!(text, "{:<8}  {name:<width$}  {detail}", word(*verdict));
        if !remedy.is_empty() {
            let _ = writeln!(text, "{:indent$}remedy: {remedy}", "", indent = width + 12);
        }
    }
    let summary = match worst {
        Verdict::Works => "everything works",
        Verdict::Degraded => "the platform runs, but not everything works",
        Verdict::Broken => "the platform cannot run as configured",
    };
    let _ = writeln!(text, "\n{summary}");
    text
}

fn as_json(probes: &[Probe], worst: Verdict) -> String {
    let list: Vec<_> = probes
        .iter()
        .map(|Probe { name, verdict, detail, remedy }| {
            json!({"name": name, "verdict": word(*verdict), "detail": detail, "remedy": remedy})
        })
        .collect();
    format!("{:#}\n", json!({"verdict": word(worst), "probes": list}))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probes() -> Vec<Probe> {
        vec![
            probe("seccomp", Verdict::Works, "filters can be loaded", ""),
            probe("cgroup memory", Verdict::Degraded, "not delegated", "run as root"),
        ]
    }

    #[test]
    fn the_text_says_verdict_reason_and_remedy() {
        let expected = concat!(
            "works     seccomp        filters can be loaded\n",
            "degraded  cgroup memory  not delegated\n",
            "                         remedy: run as root\n",
            "\nthe platform runs, but not everything works\n",
        );
        assert_eq!(as_text(&probes(), Verdict::Degraded), expected);
    }

    #[test]
    fn the_json_has_every_probe() {
        let value: serde_json::Value = serde_json::from_str(&as_json(&probes(), Verdict::Degraded)).unwrap();
        assert_eq!(value["verdict"], "degraded");
        assert_eq!(value["probes"][1]["remedy"], "run as root");
        assert_eq!(value["probes"].as_array().unwrap().len(), 2);
    }
}
