//! Y5: a WebAssembly module that is instantiated for each request and called once, in a loop in one thread. Instances come from
//! a pool, and their memory is copied on write.
//!
//! `oxiwhisk-bench-wasm MILLISECONDS` measures for that long each, and prints how many requests a second were answered by
//! instances of their own, and how many microseconds it takes to make an instance and to drop it again.

use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use wasmtime::{
    Config, Engine, InstanceAllocationStrategy, InstancePre, Linker, Module, PoolingAllocationConfig, Result,
    Store, error::format_err,
};

/// Instances at a time: one is used, another may be on its way out.
const INSTANCES: u32 = 16;
/// The most memory of an instance.
const MEMORY: usize = 16 << 20;
/// How many go by between two looks at the clock.
const STEPS: u32 = 100;
const REQUEST: &[u8] = br#"{"value":{"nonce":"0000000000000000"}}"#;
const ANSWER: &[u8] = br#"{"nonce":"0000000000000000"}"#;

fn main() -> ExitCode {
    let period = std::env::args().nth(1).and_then(|word| word.parse().ok()).map(Duration::from_millis);
    let Some(period) = period else {
        eprintln!("usage: oxiwhisk-bench-wasm MILLISECONDS");
        return ExitCode::FAILURE;
    };
    match measure(period) {
        Ok((rate, micros)) => {
            println!("{rate} {micros}");
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("{problem:#}");
            ExitCode::FAILURE
        }
    }
}

fn measure(period: Duration) -> Result<(f64, f64)> {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_core_instances(INSTANCES).total_memories(INSTANCES).max_memory_size(MEMORY);
    let mut config = Config::new();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool)).memory_init_cow(true);
    let engine = Engine::new(&config)?;
    let module = Module::new(&engine, include_str!("echo.wat"))?;
    let ready: InstancePre<()> = Linker::new(&engine).instantiate_pre(&module)?;
    let answers = often(period, || answer(&engine, &ready))?;
    let instances = often(period, || {
        let mut store = Store::new(&engine, ());
        black_box(ready.instantiate(&mut store)?);
        Ok(())
    })?;
    Ok((answers, 1e6 / instances))
}

/// Makes an instance, has it answer one request, and drops it.
fn answer(engine: &Engine, ready: &InstancePre<()>) -> Result<()> {
    let missing = |what: &str| format_err!("the module has no {what}");
    let mut store = Store::new(engine, ());
    let instance = ready.instantiate(&mut store)?;
    let memory = instance.get_memory(&mut store, "memory").ok_or_else(|| missing("memory"))?;
    let room = instance.get_global(&mut store, "room").ok_or_else(|| missing("room"))?;
    let room = room.get(&mut store).i32().and_then(|at| usize::try_from(at).ok()).unwrap_or_default();
    memory.write(&mut store, room, black_box(REQUEST))?;
    let run = instance.get_typed_func::<i32, i64>(&mut store, "run")?;
    let packed = run.call(&mut store, i32::try_from(REQUEST.len())?)?.cast_unsigned();
    let (at, length) = ((packed & 0xffff_ffff) as usize, (packed >> 32) as usize);
    let value = memory.data(&store).get(at..at + length);
    if value == Some(ANSWER) { Ok(()) } else { Err(format_err!("a wrong answer")) }
}

/// How often in a second that can be done.
fn often(period: Duration, mut one: impl FnMut() -> Result<()>) -> Result<f64> {
    let (started, mut count) = (Instant::now(), 0_u32);
    while started.elapsed() < period {
        for _ in 0..STEPS {
            one()?;
        }
        count += STEPS;
    }
    Ok(f64::from(count) / started.elapsed().as_secs_f64())
}
