use base::config::Checks;
use secrets::{ParameterKey, ParameterKeys};

base::config_choice! {
    /// Whether parameters are encrypted, and how.
    pub enum Encryption {
        /// They are stored as they are.
        Off = "off",
        /// AES-GCM with a key of 128 bits.
        Aes128 = "aes-128",
        /// AES-GCM with a key of 256 bits.
        Aes256 = "aes-256",
    }
}

base::config_section! {
    /// The encryption of the default parameters of actions and packages where they are stored. They are decrypted only
    /// where the code runs; the API shows what is stored. To change the key, name the new one and keep the old one in
    /// `retired` as long as parameters are stored that were encrypted with it.
    pub struct ParameterStorage {
        /// What parameters are encrypted with that are written from now on.
        pub current: Encryption = Encryption::Off,
        /// The key for `aes-128`: 16 bytes in base64 (`openssl rand -base64 16`).
        pub aes_128: Option<String> = None,
        /// The key for `aes-256`: 32 bytes in base64 (`openssl rand -base64 32`).
        pub aes_256: Option<String> = None,
        /// Keys of either kind that were in use before.
        pub retired: Vec<String> = Vec::new(),
    }
    check: ParameterStorage::check
}

impl ParameterStorage {
    /// The keys.
    #[must_use]
    pub fn to_keys(&self) -> ParameterKeys {
        let parse = |text: &Option<String>| text.as_deref().and_then(ParameterKey::parse);
        let (aes_128, aes_256) = (parse(&self.aes_128), parse(&self.aes_256));
        let current = match self.current {
            Encryption::Off => None,
            Encryption::Aes128 => aes_128.clone(),
            Encryption::Aes256 => aes_256.clone(),
        };
        let retired = self.retired.iter().filter_map(|text| ParameterKey::parse(text));
        ParameterKeys::new(current, aes_128.into_iter().chain(aes_256).chain(retired).collect())
    }

    fn check(&self, checks: &mut Checks<'_>) {
        let named = [
            ("aes_128", "16 bytes in base64", Encryption::Aes128, &self.aes_128),
            ("aes_256", "32 bytes in base64", Encryption::Aes256, &self.aes_256),
        ];
        for (name, form, encryption, text) in named {
            let cipher = name.replace('_', "-");
            let parsed = text.as_deref().map(ParameterKey::parse);
            let fits =
                parsed.as_ref().is_none_or(|key| key.as_ref().is_some_and(|key| key.cipher() == cipher));
            checks.require(fits, name, form);
            let wanted = self.current == encryption;
            checks.require(
                !wanted || parsed.is_some(),
                name,
                &format!("a key, as parameter_storage.current is {cipher}"),
            );
        }
        let fits = self.retired.iter().all(|text| ParameterKey::parse(text).is_some());
        checks.require(fits, "retired", "keys of 16 or 32 bytes in base64");
    }
}
