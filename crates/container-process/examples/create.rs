//! How long a sandbox with a program in it takes until the program's first answer, beside the same program started
//! without a sandbox.
//!
//! `cargo run --release -p oxiwhisk-container-process --example create -- PROGRAM [COUNT] [PAUSE-MS]`
//!
//! PROGRAM is an executable after the ActionLoop convention; a static one shows the sandbox alone. Both ways are
//! measured in turn, because a machine's speed changes while one looks. Without a pause between two of them no sandbox
//! is ready when the next one is asked for, which shows what making one costs.

use base::clock::{Clock, SystemClock};
use container::line::SessionLimits;
use container::{Answer, ContainerFactory, ContainerSpec, InitRequest, RunRequest};
use oxiwhisk_container_process::{Config, Places, ProcessFactory, Settings, runtimes};
use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::Duration;
use types::{ActivationId, ByteSize};

const LIMIT: Duration = Duration::from_secs(10);

/// What is measured, in the order in which it is shown.
const COLUMNS: [&str; 5] = ["bare", "create", "init", "run", "destroy"];

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("spawner") {
        return oxiwhisk_container_process::spawner::main();
    }
    let measured =
        tokio::runtime::Runtime::new().map_err(Into::into).and_then(|runtime| runtime.block_on(measure()));
    match measured {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn measure() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let program = arguments.next().ok_or("which program?")?;
    let count: usize = arguments.next().map_or(Ok(100), |text| text.parse())?;
    let pause: u64 = arguments.next().map_or(Ok(0), |text| text.parse())?;
    let dir = std::env::temp_dir().join(format!("oxiwhisk-create-{}", std::process::id()));
    let clock = SystemClock::shared();
    let settings = Settings {
        config: Config::default(),
        runtimes: runtimes::Config { interpreters: Vec::new(), search: false, ..runtimes::Config::default() },
        manifest: None,
        places: Places::new(dir.clone())?,
        limits: SessionLimits { result: ByteSize::mb(1), logs: ByteSize::mb(1) },
        clock: clock.clone(),
    };
    let began = clock.now();
    let factory = ProcessFactory::open(settings).await?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "open: {:?}", clock.now() - began)?;
    let code = std::fs::read(&program)?;
    let mut rows = Vec::new();
    for number in 0..count {
        tokio::time::sleep(Duration::from_millis(pause)).await;
        let bare = bare(&program, &*clock)?;
        let [create, init, run, destroy] = sandboxed(&factory, number, &code, &clock).await?;
        rows.push([bare, create, init, run, destroy]);
    }
    for (at, name) in COLUMNS.iter().enumerate() {
        let mut column: Vec<Duration> = rows.iter().map(|row| row[at]).collect();
        column.sort();
        let of = |percent: usize| column.get(column.len() * percent / 100).copied().unwrap_or_default();
        writeln!(out, "{name:>8}: least {:>10.1?}  median {:>10.1?}  p90 {:>10.1?}", of(0), of(50), of(90))?;
    }
    factory.close().await;
    std::fs::remove_dir_all(dir)?;
    Ok(())
}

/// Starts the program as any program, and waits for its first answer.
fn bare(program: &str, clock: &dyn Clock) -> Result<Duration, Box<dyn Error>> {
    let began = clock.now();
    // Its results come on descriptor 3, which a shell would have to arrange: standard error serves as well here.
    let mut child = Command::new(program)
        .arg("2")
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    let (mut input, output) =
        (child.stdin.take().ok_or("no input")?, child.stderr.take().ok_or("no output")?);
    input.write_all(b"{\"value\":{}}\n")?;
    BufReader::new(output).read_line(&mut String::new())?;
    let took = clock.now() - began;
    child.kill()?;
    child.wait()?;
    Ok(took)
}

/// Makes a container, loads the program, runs it once and destroys it.
async fn sandboxed(
    factory: &ProcessFactory,
    number: usize,
    code: &[u8],
    clock: &Arc<dyn Clock>,
) -> Result<[Duration; 4], Box<dyn Error>> {
    let mut last = clock.now();
    let mut lap = || {
        let now = clock.now();
        std::mem::replace(&mut last, now).as_nanos().abs_diff(now.as_nanos())
    };
    let container = factory
        .create(ContainerSpec {
            name: format!("create-{number}"),
            kind: "native:actionloop".into(),
            image: None,
            memory: ByteSize::mb(128),
        })
        .await?;
    let create = lap();
    let request = InitRequest {
        activation: ActivationId::from_bits(1),
        concurrency: 1,
        name: "x".to_owned(),
        main: "main".to_owned(),
        binary: true,
        code: Some(base64_simd::STANDARD.encode_to_string(code).into()),
        environment: Vec::new(),
    };
    expect(container.init(request, LIMIT).await)?;
    let init = lap();
    let request = RunRequest {
        activation: ActivationId::from_bits(1),
        value: types::json::parse("{}")?,
        context: Vec::new(),
        stream: None,
    };
    expect(container.run(request, LIMIT).await)?;
    let run = lap();
    container.destroy().await;
    Ok([create, init, run, lap()].map(Duration::from_nanos))
}

fn expect(answer: Answer) -> Result<(), Box<dyn Error>> {
    match answer {
        Answer::Reply { ok: true, .. } => Ok(()),
        other => Err(format!("{other:?}").into()),
    }
}
