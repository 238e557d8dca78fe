//! The pool, the proxies that pull, and the finishing of activations.
