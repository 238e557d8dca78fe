//! The part of a program that is counted.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The function inside which callgrind counts. What else a thread does is not counted, nor are other threads.
pub(crate) const REGION: &str = "*::counted::region";

thread_local! {
    /// How often this thread has asked for memory, or for more of it.
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

/// What one path has cost so far.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    /// How many operations were counted.
    pub(crate) operations: u64,
    /// How many allocations they made.
    pub(crate) allocations: u64,
}

impl Counted {
    /// Counts that many operations, which `go` carries out.
    pub(crate) fn count(&mut self, operations: u64, mut go: impl FnMut()) {
        let before = ALLOCATIONS.get();
        region(&mut go);
        self.allocations += ALLOCATIONS.get() - before;
        self.operations += operations;
    }
}

/// Not generic, so that it has one name.
#[inline(never)]
fn region(go: &mut dyn FnMut()) {
    go();
    // So that the call is not the last thing it does, and it is left only when the work is done.
    std::hint::black_box(());
}

/// The system's allocator, which the server uses, and a count.
struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

fn note() {
    // A thread that ends has nothing more to be counted.
    let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
}

// SAFETY: all is done by the system's allocator, and counting does not allocate.
#[expect(unsafe_code, reason = "an allocator is an unsafe thing")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note();
        // SAFETY: the caller keeps the promises that the system's allocator asks for; so below.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note();
        // SAFETY: see above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note();
        // SAFETY: see above.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: see above.
        unsafe { System.dealloc(pointer, layout) }
    }
}
