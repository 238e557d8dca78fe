//! What must hold, one file each.

pub(crate) mod ends_once;
pub(crate) mod fifo;
pub(crate) mod limits;
pub(crate) mod live_throttle;
pub(crate) mod memory;
pub(crate) mod nothing_left;
pub(crate) mod one_run;
pub(crate) mod right_code;

use crate::world::World;

/// What can be checked at any time.
pub(crate) fn after_step(world: &mut World) {
    memory::after_step(world);
    limits::after_step(world);
}
