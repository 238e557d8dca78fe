//! Lists: what is in memory and what is in the segments, merged in one order, and read only as far as the page goes.

use super::marks::Fault;
use super::overlay::Overlay;
use super::record::Record;
use super::segment::{Reader, Segment};
use super::segments::Segments;
use bytes::Bytes;
use std::cmp::Reverse;
use std::sync::Arc;
use store::ActivationQuery;
use store::index::Place;

/// One record of a list, and where it is.
enum Found {
    Memory(Arc<Record>),
    Disk(Arc<Segment>, fjall::Slice),
}

type Entries = Box<dyn Iterator<Item = Result<(Place, Found), Fault>>>;

/// What is in memory of a query's list, from its beginning as far as its page goes.
pub(crate) type InMemory = Vec<(Place, Arc<Record>)>;

/// The part of an overlay that a page may need.
pub(crate) fn in_memory(overlay: &Overlay, query: &ActivationQuery) -> InMemory {
    overlay.first(query, query.skip.saturating_add(query.limit))
}

/// Which text of a record is shown.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shown {
    /// ATV-06
    Whole,
    /// LIST-11
    Summary,
}

/// One page. `memory` must have been taken before this is called: what is moved meanwhile is found twice then, and
/// shown once, and never missed.
pub(crate) fn page(
    memory: Vec<InMemory>,
    segments: &Segments,
    query: &ActivationQuery,
    shown: Shown,
) -> Result<Vec<Bytes>, Fault> {
    let mut merge = Merge::new(memory, segments, query);
    let (mut page, mut reader) = (Vec::new(), Reader::default());
    let (mut to_skip, mut last) = (query.skip, None);
    while page.len() < query.limit {
        let Some((place, found)) = merge.next()? else { break };
        // A segment that is opened late may hold by now what was in memory, and was passed, at the beginning.
        if last >= Some(place) {
            continue;
        }
        last = Some(place);
        if to_skip > 0 {
            to_skip -= 1;
            continue;
        }
        // Nothing is found where retention has just dropped it.
        page.extend(show(&mut reader, found, place, query, shown)?);
    }
    Ok(page)
}

fn show(
    reader: &mut Reader,
    found: Found,
    place: Place,
    query: &ActivationQuery,
    shown: Shown,
) -> Result<Option<Bytes>, Fault> {
    Ok(match (found, shown) {
        (Found::Memory(record), Shown::Whole) => Some(record.text.whole()),
        (Found::Memory(record), Shown::Summary) => Some(record.summary.clone()),
        (Found::Disk(segment, summary), Shown::Summary) => Some(reader.summary(&segment, place, &summary)?),
        (Found::Disk(segment, _), Shown::Whole) => reader.text(&segment, &query.namespace, place.1)?,
    })
}

/// Sources that are each in order, merged. A segment is looked into only once its newest record could be the next.
struct Merge<'a> {
    query: &'a ActivationQuery,
    /// With the entry that comes next of each.
    open: Vec<(Place, Found, Entries)>,
    /// The one with the newest record last.
    closed: Vec<(u64, Arc<Segment>)>,
}

impl<'a> Merge<'a> {
    fn new(memory: Vec<InMemory>, segments: &Segments, query: &'a ActivationQuery) -> Merge<'a> {
        let all = segments.all();
        let overlapping = all.iter().filter(|segment| segment.overlaps(query));
        let mut closed: Vec<_> = overlapping.map(|segment| (segment.last_start(), segment.clone())).collect();
        closed.sort_by_key(|(last, _)| *last);
        let mut merge = Merge { query, open: Vec::new(), closed };
        for records in memory {
            let entries = records.into_iter().map(|(place, record)| Ok((place, Found::Memory(record))));
            // Entries of memory cannot fail.
            let _ = merge.add(Box::new(entries));
        }
        merge
    }

    fn next(&mut self) -> Result<Option<(Place, Found)>, Fault> {
        while let Some((last, _)) = self.closed.last() {
            let next = self.open.iter().map(|(place, ..)| *place).min();
            if next.is_some_and(|(Reverse(start), _)| start > *last) {
                break;
            }
            if let Some((_, segment)) = self.closed.pop() {
                let entries = segment.places(self.query);
                self.add(Box::new(entries.map(move |entry| {
                    entry.map(|(place, summary)| (place, Found::Disk(segment.clone(), summary)))
                })))?;
            }
        }
        let least = self.open.iter().enumerate().min_by_key(|(_, (place, ..))| *place);
        let Some((at, _)) = least else { return Ok(None) };
        let (place, found, entries) = &mut self.open[at];
        Ok(Some(match entries.next().transpose()? {
            Some(next) => (std::mem::replace(place, next.0), std::mem::replace(found, next.1)),
            None => {
                let (place, found, _) = self.open.swap_remove(at);
                (place, found)
            }
        }))
    }

    fn add(&mut self, mut entries: Entries) -> Result<(), Fault> {
        if let Some((place, found)) = entries.next().transpose()? {
            self.open.push((place, found, entries));
        }
        Ok(())
    }
}
