use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be listened at.
    #[error("cannot listen at {address}{}", advice(source, *address))]
    Address {
        /// Which.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The data directory cannot be used.
    #[error("cannot use the data directory {}; choose another one with --data-dir, or keep nothing with --ephemeral", dir.display())]
    DataDir {
        /// Which.
        dir: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file with a secret of the server cannot be used.
    #[error("cannot use the secret in {}", file.display())]
    SecretFile {
        /// Which.
        file: PathBuf,
        /// What the system said, or what is wrong with it.
        #[source]
        source: io::Error,
    },
    /// There is no place for the data directory.
    #[error("neither XDG_DATA_HOME nor HOME is set; choose a data directory with --data-dir")]
    NoDataDir,
    /// The store cannot be opened.
    #[error("cannot open the store")]
    Store(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The manifest cannot be read or is wrong.
    #[error("cannot use the manifest {}", path.display())]
    Manifest {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A kind of `runtimes.stem_cells` is none.
    #[error("runtimes.stem_cells names the kind {kind}, which is not offered; there are {offered}")]
    StemCells {
        /// What stands there.
        kind: String,
        /// What could stand there.
        offered: String,
    },
    /// The memory is not enough for so many invokers.
    #[error(
        "{instances} invokers would have {each} MB each, but limits.memory.max is {least} MB; set a greater invoker.memory, or fewer invoker.instances"
    )]
    InvokerMemory {
        /// How many there are to be.
        instances: u32,
        /// What each would have, in MB.
        each: u64,
        /// What each must have, in MB.
        least: u64,
    },
    /// The machine has nothing to run functions with.
    #[error("no usable interpreter was found:{}", lines(.0))]
    NoRuntime(
        /// What is missing and how to get it.
        Vec<String>,
    ),
    /// The well-known key was configured for an address that others can reach.
    #[error("users.{namespace} has a well-known key, which is refused at {address}; give it another key")]
    WellKnownKey {
        /// Whose.
        namespace: String,
        /// Where.
        address: SocketAddr,
    },
    /// Sandboxes cannot be made, or not isolated as is required.
    #[error("cannot make sandboxes")]
    Sandboxes(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// What the most likely reason means.
fn advice(source: &io::Error, address: SocketAddr) -> &'static str {
    match source.kind() {
        io::ErrorKind::AddrInUse => "; another program listens there, so stop it or choose another --port",
        io::ErrorKind::AddrNotAvailable => "; this machine has no such address, so choose another --host",
        io::ErrorKind::PermissionDenied if address.port() < 1024 => {
            "; ports below 1024 are for root, so choose another --port"
        }
        _ => "",
    }
}

fn lines(items: &[String]) -> String {
    items.iter().map(|item| format!("\n  {item}")).collect()
}

/// An error with its causes, in one line.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
