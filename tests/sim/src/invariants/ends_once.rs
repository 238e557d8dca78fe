//! An accepted activation ends in exactly one record; a refused one in none.
//!
//! Where a crash or a broken link took the knowledge of how far it came, at least one.

use crate::world::World;
use types::ActivationId;

const NAME: &str = "an activation ends once";

pub(crate) fn at_record(world: &mut World, id: ActivationId) {
    let known = world.oracle.known(id);
    if known.records.len() > 1 && !known.excused {
        let text = format!("{id} has the records {:?}", known.records);
        world.violate(NAME, || text);
    }
}

/// Nobody has told the controller in time.
pub(crate) fn at_overdue(world: &mut World, id: ActivationId) {
    let known = world.oracle.known(id);
    if !known.excused {
        let text = format!("nobody told its controller how {id} ended: {known:?}");
        world.violate(NAME, || text);
    }
}

pub(crate) fn at_end(world: &mut World) {
    let wrong = world.oracle.all().find_map(|(id, known)| {
        let ended = !known.records.is_empty();
        let should = known.accepted.is_some() || known.excused;
        (ended != should && (ended || known.accepted.is_some())).then(|| format!("{id}: {known:?}"))
    });
    if let Some(text) = wrong {
        world.violate(NAME, || text);
    }
}
