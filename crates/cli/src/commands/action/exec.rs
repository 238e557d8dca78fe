//! What an action runs, from a file, a directory, an image: the kind that its name tells, and its code.

use crate::failure::{Failure, Outcome};
use base64::Engine as _;
use client::Exec;
use project::{Disk, kind_of, kinds, pack};
use std::io::ErrorKind;
use std::path::Path;

/// The image of actions that are an executable of their own.
const NATIVE_IMAGE: &str = "openwhisk/dockerskeleton";

/// Where the code is, and what is said of it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Code<'a> {
    pub(crate) artifact: Option<&'a Path>,
    pub(crate) kind: Option<&'a str>,
    pub(crate) main: Option<&'a str>,
    pub(crate) docker: Option<&'a str>,
    pub(crate) native: bool,
}

/// What is to run.
///
/// # Errors
/// When the file cannot be read, or its kind is not known and not given.
pub(crate) fn exec_of(code: Code<'_>) -> Outcome<Exec> {
    let source = code.artifact.map(read).transpose()?;
    if source.is_none() && code.docker.is_none() {
        return Err(no_artifact());
    }
    let image = match (code.native, code.docker) {
        (true, _) => Some(NATIVE_IMAGE.to_owned()),
        (false, image) => image.map(str::to_owned),
    };
    let kind = match (code.kind, &image) {
        (Some(kind), _) => kind.to_owned(),
        (None, Some(_)) => "blackbox".to_owned(),
        (None, None) => format!("{}:default", guessed(code.artifact.unwrap_or(Path::new("")))?),
    };
    if kind == "java" && code.main.is_none() {
        return Err(Failure::file(
            "Java actions require --main to specify the fully-qualified name of the main class",
        ));
    }
    Ok(Exec {
        image: image.filter(|_| kind == "blackbox"),
        kind,
        code: source.as_ref().map(Source::encoded),
        main: code.main.map(str::to_owned),
        ..Exec::default()
    })
}

/// No code was named.
pub(super) fn no_artifact() -> Failure {
    Failure::file("An action name and code artifact are required.")
}

/// Code, as it was found.
enum Source {
    Text(String),
    Binary(Vec<u8>),
}

impl Source {
    fn encoded(&self) -> String {
        match self {
            Source::Text(text) => text.clone(),
            Source::Binary(bytes) => base64::engine::general_purpose::STANDARD.encode(bytes),
        }
    }
}

fn read(artifact: &Path) -> Outcome<Source> {
    if artifact.is_dir() {
        return Ok(Source::Binary(archive(artifact)?));
    }
    let shown = artifact.display();
    let bytes = std::fs::read(artifact).map_err(|error| match error.kind() {
        ErrorKind::NotFound => {
            Failure::file(format!("File '{shown}' is not a valid file or it does not exist"))
        }
        _ => Failure::usage(format!("Unable to read the file '{shown}': {error}")),
    })?;
    if ["zip", "jar", "balx"].contains(&extension(artifact)) {
        return Ok(Source::Binary(bytes));
    }
    // An executable, say, which is no text: it goes as base64, as archives do.
    Ok(String::from_utf8(bytes).map_or_else(|error| Source::Binary(error.into_bytes()), Source::Text))
}

fn extension(path: &Path) -> &str {
    path.extension().and_then(|extension| extension.to_str()).unwrap_or_default()
}

/// The language of a file or directory, without a version: the server knows its default.
fn guessed(artifact: &Path) -> Outcome<&'static str> {
    if let Some(kind) = kind_of(artifact, &Disk) {
        return Ok(kind);
    }
    let extension = extension(artifact);
    Err(if artifact.is_dir() {
        Failure::file(format!("the directory '{}' does not tell its kind", artifact.display()))
            .hint(format!("give --kind, or {}", kinds()))
    } else if extension == "zip" {
        Failure::file(
            "creating an action from a .zip artifact requires specifying the action kind explicitly",
        )
        .hint("give --kind, as in --kind nodejs:default")
    } else {
        let dotted = if extension.is_empty() { String::new() } else { format!(".{extension}") };
        Failure::file(format!("'{dotted}' is not a supported action runtime"))
            .hint(format!("give --kind, or {}", kinds()))
    })
}

/// A directory with all that is in it as a zip archive.
fn archive(directory: &Path) -> Outcome<Vec<u8>> {
    pack(directory, &Disk, directory, &[], &[])
        .map_err(|error| Failure::general(format!("Unable to pack '{}': {error}", directory.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(artifact: &Path) -> Code<'_> {
        Code { artifact: Some(artifact), ..Code::default() }
    }

    #[test]
    fn the_kind_is_told_by_the_file() {
        let dir = tempfile::tempdir().unwrap();
        for (file, kind) in [("a.js", "nodejs:default"), ("a.py", "python:default"), ("a.go", "go:default")] {
            let path = dir.path().join(file);
            std::fs::write(&path, "text").unwrap();
            let exec = exec_of(code(&path)).unwrap();
            assert_eq!((exec.kind.as_str(), exec.code.as_deref()), (kind, Some("text")), "{file}");
        }
        let zip = dir.path().join("a.zip");
        std::fs::write(&zip, b"PK").unwrap();
        assert!(exec_of(code(&zip)).unwrap_err().message.contains("requires specifying the action kind"));
        let exec = exec_of(Code { kind: Some("nodejs:20"), ..code(&zip) }).unwrap();
        assert_eq!((exec.kind.as_str(), exec.code.as_deref()), ("nodejs:20", Some("UEs=")));
        assert!(exec_of(code(&dir.path().join("none.js"))).unwrap_err().message.contains("does not exist"));
    }

    #[test]
    fn images_and_executables_are_blackboxes() {
        let exec = exec_of(Code { docker: Some("me/image"), ..Code::default() }).unwrap();
        assert_eq!(
            (exec.kind.as_str(), exec.image.as_deref(), exec.code),
            ("blackbox", Some("me/image"), None)
        );
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("exec");
        std::fs::write(&file, [0xff, 0xfe]).unwrap();
        let exec = exec_of(Code { native: true, ..code(&file) }).unwrap();
        assert_eq!((exec.image.as_deref(), exec.code.as_deref()), (Some(NATIVE_IMAGE), Some("//4=")));
    }

    #[test]
    fn a_directory_is_packed_alike_every_time() {
        let pack = || {
            let dir = tempfile::tempdir().unwrap();
            std::fs::create_dir_all(dir.path().join("node_modules/x")).unwrap();
            std::fs::write(dir.path().join("package.json"), "{}").unwrap();
            std::fs::write(dir.path().join("node_modules/x/index.js"), "1").unwrap();
            exec_of(code(dir.path())).unwrap()
        };
        assert_eq!(pack().kind, "nodejs:default");
        assert_eq!(pack().code, pack().code);
    }
}
