//! The secrets that a server makes for itself at its first start: files of the data directory that only their owner may
//! read.

use crate::StartError;
use crate::config::{AtRest, Config, InContainers};
use secrets::{Credential, Keeper, Secrets, ServerSecret};
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where, below the data directory, they are.
const SECRETS_DIR: &str = "secrets";
/// The operator's credential.
const ADMIN_FILE: &str = "admin.key";
/// What the server derives its keys from.
const SERVER_FILE: &str = "server.key";

/// How many characters a secret has that is made here.
const LENGTH: usize = 64;

/// What comes of them.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    /// The operator's credential.
    pub(crate) admin: Credential,
    /// What the roles share.
    pub(crate) secrets: Arc<Secrets>,
}

/// Reads or makes the secrets of the data directory.
pub(crate) fn keys(config: &Config, data_dir: &Path) -> Result<Keys, StartError> {
    let admin = admin_credential(config.admin.credential.as_deref(), data_dir)?;
    let file =
        config.keys.server_secret.clone().unwrap_or_else(|| data_dir.join(SECRETS_DIR).join(SERVER_FILE));
    let server = ServerSecret::new(&kept(&file)?);
    let keeper = match config.keys.at_rest {
        AtRest::Hashed => Keeper::hashing(),
        AtRest::Sealed => Keeper::sealing(&server),
    };
    let hand_on = config.keys.in_containers == InContainers::Own;
    let parameters = config.parameter_storage.to_keys();
    let secrets = Secrets { keeper, hand_on, grace: config.keys.grace, parameters, ..Secrets::new(&server) };
    Ok(Keys { admin, secrets: Arc::new(secrets) })
}

/// The file with the operator's credential, where the configuration names none.
#[must_use]
pub fn admin_file(data_dir: &Path) -> PathBuf {
    data_dir.join(SECRETS_DIR).join(ADMIN_FILE)
}

/// The operator's credential: the configured one, or that of the data directory, made at the first start.
fn admin_credential(configured: Option<&str>, data_dir: &Path) -> Result<Credential, StartError> {
    let secret = match configured {
        Some(secret) => secret.to_owned(),
        None => kept(&admin_file(data_dir))?,
    };
    Ok(Credential::new(&secret))
}

/// The secret in that file, which is made if it is not there.
fn kept(file: &Path) -> Result<String, StartError> {
    let failed = |source| StartError::SecretFile { file: file.to_owned(), source };
    match fs::read_to_string(file) {
        Ok(text) if text.trim().len() >= Credential::LEAST => Ok(text.trim().to_owned()),
        Ok(_) => {
            let text = format!("it holds less than {} characters", Credential::LEAST);
            Err(failed(io::Error::new(io::ErrorKind::InvalidData, text)))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let secret = base::ids::secret(LENGTH);
            write_private(file, &secret).map_err(failed)?;
            Ok(secret)
        }
        Err(error) => Err(failed(error)),
    }
}

/// Writes a file that only its owner may read. It appears whole or not at all.
fn write_private(file: &Path, text: &str) -> io::Result<()> {
    let dir = file.parent().unwrap_or(Path::new("."));
    if !dir.is_dir() {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    }
    let draft = file.with_extension("new");
    // What an earlier start may have left half-written.
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut draft_file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    draft_file.write_all(text.as_bytes())?;
    draft_file.write_all(b"\n")?;
    draft_file.sync_all()?;
    fs::rename(&draft, file)?;
    fs::File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn place(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("oxiwhisk-keyfiles-{name}-{}", std::process::id()));
        fs::remove_dir_all(&dir).ok();
        dir
    }

    #[test]
    fn a_secret_is_made_once_for_its_owner_alone() {
        let dir = place("once");
        let first = admin_credential(None, &dir).unwrap();
        let file = admin_file(&dir);
        let secret = fs::read_to_string(&file).unwrap();
        assert_eq!(secret.trim().len(), LENGTH);
        assert!(first.fits(secret.trim().as_bytes()));
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(file.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(admin_credential(None, &dir).unwrap(), first);
        fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn a_configured_credential_leaves_no_file_and_a_cut_off_one_is_refused() {
        let dir = place("configured");
        let chosen = "c".repeat(Credential::LEAST);
        assert!(admin_credential(Some(&chosen), &dir).unwrap().fits(chosen.as_bytes()));
        assert!(!admin_file(&dir).exists());
        write_private(&admin_file(&dir), "short").unwrap();
        let refused = admin_credential(None, &dir).unwrap_err();
        assert!(matches!(refused, StartError::SecretFile { .. }), "{refused:?}");
        fs::remove_dir_all(&dir).unwrap();
    }
}
