use base::config::Checks;
use std::path::PathBuf;
use std::time::Duration;
use types::ByteSize;

base::config_section! {
    /// Where the embedded store keeps its files, how much, and for how long.
    pub struct Config {
        /// Where the files are. Not set: in `store` below the server's data directory; whoever uses the store without a
        /// server keeps nothing on the disk then.
        pub dir: Option<PathBuf> = None,
        /// How long records of activations are kept. They go in groups, so some stay a sixteenth longer.
        pub retention_age: Duration = Duration::from_secs(30 * 24 * 60 * 60),
        /// How much of the disk the records may take; when it is more, the oldest go.
        pub retention_size: ByteSize as "size such as \"64 MB\"" = ByteSize::mb(8 << 10),
        /// How much the records may take where there are no files; when it is more, the oldest go.
        pub memory: ByteSize as "size such as \"64 MB\"" = ByteSize::mb(256),
        /// After what time a write that nobody waits for is brought to the disk. A process that is killed loses
        /// nothing; a machine that loses its power may lose what was written in this time.
        pub sync_interval: Duration = Duration::from_millis(10),
        /// How much of the newest records is held in memory before it is sorted and moved out of the journal.
        pub move_size: ByteSize as "size such as \"64 MB\"" = ByteSize::mb(6),
        /// How much may wait to be moved, when the disk is slower than the activations. Above it no activation is
        /// accepted any more; above four times as much no record is taken either.
        pub pending_size: ByteSize as "size such as \"64 MB\"" = ByteSize::mb(32),
        /// The size of one file of the journal.
        pub journal_file_size: ByteSize as "size such as \"64 MB\"" = ByteSize::mb(16),
        /// How much of the disk's records is kept in memory for reading.
        pub record_cache: ByteSize as "size such as \"64 MB\"" = ByteSize::mb(8),
        /// How much of the disk's entities is kept in memory for reading.
        pub entity_cache: ByteSize as "size such as \"64 MB\"" = ByteSize::mb(4),
    }
    check: Config::check
}

impl Config {
    fn check(&self, checks: &mut Checks<'_>) {
        checks.require(!self.retention_age.is_zero(), "retention_age", "more than 0 s");
        checks.require(self.retention_size >= ByteSize::mb(64), "retention_size", "at least 64 MB");
        checks.require(self.move_size >= ByteSize::kb(64), "move_size", "at least 64 KB");
        checks.require(self.pending_size >= self.move_size, "pending_size", "at least as much as move_size");
        checks.require(self.journal_file_size >= ByteSize::kb(64), "journal_file_size", "at least 64 KB");
    }
}
