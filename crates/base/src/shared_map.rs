//! Maps that many threads read at a time.

/// A map that is read without a lock.
///
/// Its hash function is seeded anew in each process, and answers in a fraction of the time that the standard library's
/// takes: on the way of each activation several such maps are asked. It is no cryptographic one, but whoever would make
/// keys that collide would have to see hashes or orders of iteration, and nothing shows them.
pub type SharedMap<K, V> = papaya::HashMap<K, V, foldhash::fast::RandomState>;
