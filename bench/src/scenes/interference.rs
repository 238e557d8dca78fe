//! Many actions in turn against one, beside the same programs driven directly.

use super::{Scene, file, function};
use crate::load::Template;
use crate::pipes::{Fleet, Program};
use crate::platform::Platform;
use crate::report::{Bound, Findings, Row, Side};
use crate::rounds::interleaved;
use crate::settings::{CONNECTIONS, Settings};
use std::io;

pub(super) const SCENE: Scene = Scene {
    name: "interference",
    metrics: &["B24"],
    about: "a hundred actions in turn against one",
    quick: true,
    run,
};

const MANY: usize = 100;

fn run(settings: &Settings) -> io::Result<Findings> {
    let names: Vec<String> = (0..MANY).map(|number| format!("many-{number}")).collect();
    let mut rows = Vec::new();
    let launcher = file("../runtimes/nodejs/launcher.js");
    let code = std::fs::read_to_string(file("functions/echo.js"))?;
    for (kind, program) in
        [("native", Program::ActionLoop(function())), ("nodejs", Program::Node { launcher, code })]
    {
        // A server for each kind: the containers of both would not fit at the same time.
        let platform = Platform::with_stem_cells(0)?;
        for name in names.iter().map(String::as_str).chain(["one"]) {
            if kind == "native" { platform.put_native(name)? } else { platform.put_node(name)? }
        }
        rows.extend(many_and_one(settings, &platform, &names, kind, &program)?);
    }
    Ok(Findings { rows, ..Findings::default() })
}

fn many_and_one(
    settings: &Settings,
    platform: &Platform,
    names: &[String],
    kind: &str,
    program: &Program,
) -> io::Result<Vec<Row>> {
    let Settings { rounds, period, .. } = *settings;
    let many: Vec<Template> = names.iter().map(|name| platform.template(name)).collect();
    let one = [platform.template("one")];
    for name in names {
        platform.warm(name)?;
    }
    platform.run(&many, CONNECTIONS, period)?;
    platform.run(&one, CONNECTIONS, period)?;
    // The same number of processes on both sides: a hundred actions in turn, sixteen at a time, keep as many containers.
    let mut direct_many = Fleet::start(program, MANY)?;
    let mut direct_one = Fleet::start(program, CONNECTIONS)?;
    let ours = interleaved(
        rounds,
        || Ok(platform.run(&many, CONNECTIONS, period)?.rate),
        || Ok(platform.run(&one, CONNECTIONS, period)?.rate),
    )?;
    let theirs = interleaved(
        rounds,
        || direct_many.rate(CONNECTIONS, period),
        || direct_one.rate(CONNECTIONS, period),
    )?;
    let quotients = |pairs: &[(f64, f64)]| pairs.iter().map(|(many, one)| many / one).collect::<Vec<_>>();
    let (with, without) = (quotients(&ours), quotients(&theirs));
    let (many, one) = ours.into_iter().unzip();
    Ok(vec![
        Row::ratio(
            "B24a",
            &format!("rate of {MANY} {kind} actions in turn ÷ one action"),
            Side::new("a hundred", "/s", many),
            Side::new("one", "/s", one),
        )
        .aims(Bound::AtLeast(0.9), Bound::AtLeast(0.99)),
        Row::ratio(
            "B24",
            &format!(
                "the same ÷ the same of plain {kind} processes over their pipes ({MANY} ÷ {CONNECTIONS})"
            ),
            Side::new("ours", "", with),
            Side::new("plain processes", "", without),
        )
        .aims(Bound::AtLeast(0.95), Bound::AtLeast(0.99)),
    ])
}
