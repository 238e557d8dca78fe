use base::config::Checks;
use std::path::PathBuf;
use std::time::Duration;

base::config_choice! {
    /// How the keys of subjects are kept.
    pub enum AtRest {
        /// As salted hashes: nobody can read them again.
        Hashed = "hashed",
        /// Sealed besides, so that the server can read them again.
        Sealed = "sealed",
    }
}

base::config_choice! {
    /// Which key an action gets that is annotated to get one.
    pub enum InContainers {
        /// One that ends soon after the activation.
        ShortLived = "short-lived",
        /// The caller's own.
        Own = "own",
    }
}

base::config_section! {
    /// The API keys of subjects.
    pub struct Keys {
        /// `hashed`: a key is shown once, when it is made, and only a salted hash of it is kept. `sealed`: it is kept
        /// encrypted besides, so that `oxiwhisk admin user get` shows it again and actions can get it. A key that was
        /// hashed only cannot be sealed later; renew it.
        pub at_rest: AtRest = AtRest::Hashed,
        /// What an action gets whose annotation `provide-api-key` asks for a key. `short-lived`: one of the same form that
        /// ends soon after the activation. `own`: the caller's own key, as Apache OpenWhisk does, which needs
        /// `keys.at_rest = "sealed"`; a caller whose key is not sealed is still given a short-lived one. The same holds for
        /// the header `authorization` that the actions of a trigger find in `__ow_headers`.
        pub in_containers: InContainers = InContainers::ShortLived,
        /// How long after the deadline of its activation a short-lived key is accepted.
        pub grace: Duration = secrets::GRACE,
        /// The file with the secret from which this server derives what it seals and signs with. Not set:
        /// `secrets/server.key` of the data directory, made at the first start. Without it sealed keys cannot be read.
        pub server_secret: Option<PathBuf> = None,
    }
    check: Keys::check
}

impl Keys {
    fn check(&self, checks: &mut Checks<'_>) {
        let possible = self.in_containers == InContainers::ShortLived || self.at_rest == AtRest::Sealed;
        let need = "short-lived, unless keys.at_rest is sealed: a key of which only a hash is kept cannot be handed on";
        checks.require(possible, "in_containers", need);
    }
}
