use types::InvokerId;

/// What a controller is to do about its invokers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Run a test action there, and say with `Event::Testing` under which id.
    Test {
        /// Where.
        invoker: InvokerId,
    },
    /// An invoker is another than it was, for whoever reads logs.
    Changed {
        /// Which.
        invoker: InvokerId,
        /// How it is now.
        health: super::Health,
    },
}
