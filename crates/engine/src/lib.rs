//! Every decision, as pure state machines.
