//! Y9: the least that a durable note costs: many writers append to a file whose blocks are there already, and all that came
//! while the disk was busy share the next write and the next fdatasync.

use oxiwhisk_test_e2e::time;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::LocalSet;

/// The size of the file; writing goes on at its beginning when it is full.
const SIZE: usize = 64 << 20;
const BLOCK: usize = 1 << 20;

type Note = (Vec<u8>, oneshot::Sender<()>);

/// How many notes of `bytes` bytes a second that many writers get onto the disk, each waiting for its own before it
/// writes the next.
///
/// # Errors
/// When the disk fails.
pub fn rate(dir: &Path, writers: usize, bytes: usize, period: Duration) -> io::Result<f64> {
    let mut file = File::options().create(true).write(true).truncate(true).open(dir.join("append"))?;
    for _ in 0..SIZE / BLOCK {
        file.write_all(&[0; BLOCK])?;
    }
    file.sync_all()?;
    let (send, notes) = sync_channel::<Note>(writers);
    let disk = std::thread::Builder::new().spawn(move || write_all(&file, &notes))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let started = time::now();
    let count = LocalSet::new().block_on(&runtime, async {
        let tasks: Vec<_> = (0..writers)
            .map(|_| tokio::task::spawn_local(writer(send.clone(), vec![b'x'; bytes], period)))
            .collect();
        drop(send);
        let mut count = 0;
        for task in tasks {
            count += task.await.map_err(io::Error::other)??;
        }
        Ok::<_, io::Error>(count)
    })?;
    let elapsed = started.elapsed();
    disk.join().map_err(|_| io::Error::other("the writing thread ended badly"))??;
    Ok(f64::from(count) / elapsed.as_secs_f64())
}

async fn writer(send: SyncSender<Note>, note: Vec<u8>, period: Duration) -> io::Result<u32> {
    let started = time::now();
    let mut count = 0;
    while started.elapsed() < period {
        let (tell, told) = oneshot::channel();
        // There is room for one note of each writer.
        send.try_send((note.clone(), tell)).map_err(io::Error::other)?;
        told.await.map_err(io::Error::other)?;
        count += 1;
    }
    Ok(count)
}

fn write_all(file: &File, notes: &Receiver<Note>) -> io::Result<()> {
    let (mut batch, mut waiting, mut at) = (Vec::new(), Vec::new(), 0);
    while let Ok(first) = notes.recv() {
        for (bytes, tell) in std::iter::once(first).chain(notes.try_iter()) {
            batch.extend_from_slice(&bytes);
            waiting.push(tell);
        }
        if at + batch.len() > SIZE {
            at = 0;
        }
        file.write_all_at(&batch, at as u64)?;
        file.sync_data()?;
        at += batch.len();
        batch.clear();
        for tell in waiting.drain(..) {
            // Nobody stops waiting.
            let _ = tell.send(());
        }
    }
    Ok(())
}
