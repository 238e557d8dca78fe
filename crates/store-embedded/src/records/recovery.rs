//! Putting together what an earlier process had in memory.

use super::Front;
use super::overlay::{Intents, Overlay};
use super::record::{decode, decode_intent, payload_of};
use super::segments::Segments;
use crate::journal::{self, Journal, Kind, Step};
use crate::{Config, OpenError};
use bytes::Bytes;
use std::collections::HashSet;
use std::path::Path;
use store::{Intent, Unfinished};
use types::ActivationId;

/// The state at which this process begins.
pub(super) struct Recovered {
    pub(super) front: Front,
    /// Up to where the journal had been moved.
    pub(super) watermark: u64,
    pub(super) gaps: u64,
}

/// Reads the journal and begins a new file of it.
pub(super) fn recover(config: &Config, dir: &Path, segments: &Segments) -> Result<Recovered, OpenError> {
    let watermark = segments.marks().watermark().map_err(OpenError::content(dir))?;
    let dir = dir.join("journal");
    std::fs::create_dir_all(&dir).map_err(OpenError::file("make directory", &dir))?;
    let (mut active, mut intents) = (Overlay::default(), Intents::default());
    let mut unreadable = 0u64;
    let replayed = journal::replay(&dir, watermark, |step| {
        let Step::Entry { position, entry, file } = step else {
            // What is missing may have said that one of these was started, and running it twice is worse than not at all.
            intents.start_all();
            return;
        };
        let known = match entry.kind {
            Kind::Accept => decode_intent(entry.payload).map(|(id, _)| intents.accept(id, position)),
            Kind::Started => decode_intent(entry.payload).map(|(id, _)| intents.start(id)),
            Kind::Dismissed => decode_intent(entry.payload).map(|(id, _)| {
                intents.end(id);
            }),
            Kind::AcceptStarted => decode_intent(entry.payload).map(|(id, _)| {
                intents.accept(id, position);
                intents.start(id);
            }),
            Kind::Record => decode(entry.payload, file).map(|record| {
                intents.end(record.id);
                if entry.sequence > watermark {
                    active.insert(record);
                }
            }),
        };
        unreadable += u64::from(known.is_none());
    })?;
    if unreadable > 0 {
        tracing::error!(entries = unreadable, "entries of the journal are whole and yet not understood");
    }
    let gaps = replayed.gaps + unreadable;
    if gaps > 0 {
        forget_ended(&mut intents, segments).map_err(OpenError::content(&dir))?;
    }
    let unfinished = read_unfinished(&intents, &dir)?;
    let journal = Journal::begin(&dir, config.journal_file_size.as_bytes(), replayed, watermark)?;
    let front = Front { journal, active, moving: None, moving_upto: None, intents, unfinished };
    Ok(Recovered { front, watermark, gaps })
}

/// Takes out intents whose records are on the disk, and only their entries in the journal are lost.
fn forget_ended(intents: &mut Intents, segments: &Segments) -> Result<(), super::marks::Fault> {
    let all: HashSet<ActivationId> = intents.all().into_iter().map(|(id, _)| id).collect();
    let mut open = all.clone();
    segments.take_out(&mut open)?;
    for id in all.difference(&open) {
        intents.end(*id);
    }
    Ok(())
}

fn read_unfinished(intents: &Intents, dir: &Path) -> Result<Vec<Unfinished>, OpenError> {
    let read = |(activation_id, intent): (ActivationId, super::overlay::OpenIntent)| {
        let text = journal::read_at(dir, intent.position).map_err(OpenError::file("read", dir))?;
        let body = decode_intent(payload_of(&text)).map(|(_, body)| body).unwrap_or_default();
        let body = Bytes::copy_from_slice(body);
        Ok(Unfinished { intent: Intent { activation_id, body }, started: intent.started })
    };
    intents.all().into_iter().map(read).collect()
}
