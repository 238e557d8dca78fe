//! Code of actions: which kind a file or directory tells, and a directory as an archive.

use glob::{MatchOptions, Pattern};
use std::io::{self, Cursor, Write as _};
use std::path::{Path, PathBuf};
use zip::write::SimpleFileOptions;

/// The languages of files, by their extensions.
const KINDS: &[(&str, &str)] = &[
    ("js", "nodejs"),
    ("mjs", "nodejs"),
    ("cjs", "nodejs"),
    ("py", "python"),
    ("jar", "java"),
    ("java", "java"),
    ("swift", "swift"),
    ("php", "php"),
    ("rb", "ruby"),
    ("rs", "rust"),
    ("go", "go"),
    ("balx", "ballerina"),
];

/// What a directory must have to be an action, and its language.
const ENTRIES: &[(&str, &str)] = &[
    ("package.json", "nodejs"),
    ("index.js", "nodejs"),
    ("__main__.py", "python"),
    ("index.php", "php"),
    ("main.rb", "ruby"),
];

/// Files that do not belong into an archive.
const LEFT_OUT: &[&str] = &[".git", ".hg", ".svn", ".DS_Store"];

/// Files, wherever they are.
pub trait Files {
    /// The bytes of a file.
    ///
    /// # Errors
    /// When it cannot be read.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// All files below a directory.
    ///
    /// # Errors
    /// When it cannot be listed.
    fn below(&self, directory: &Path) -> io::Result<Vec<PathBuf>>;

    /// Whether it is a directory.
    fn is_directory(&self, path: &Path) -> bool;

    /// Whether a file can be executed.
    fn is_executable(&self, path: &Path) -> bool;
}

/// Files of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Disk;

impl Files for Disk {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        std::fs::read(path)
    }

    fn below(&self, directory: &Path) -> io::Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(directory)? {
            let entry = entry?;
            if LEFT_OUT.iter().any(|name| entry.file_name() == *name) {
                continue;
            }
            let path = entry.path();
            // A link is followed: the archive has what it points to.
            if path.is_dir() { found.extend(self.below(&path)?) } else { found.push(path) }
        }
        found.sort();
        Ok(found)
    }

    fn is_directory(&self, path: &Path) -> bool {
        path.is_dir()
    }

    fn is_executable(&self, path: &Path) -> bool {
        use std::os::unix::fs::PermissionsExt as _;
        path.metadata().is_ok_and(|metadata| metadata.permissions().mode() & 0o100 != 0)
    }
}

/// The language of a file or directory, as the first part of a kind; `None` where it does not tell one.
#[must_use]
pub fn kind_of(path: &Path, files: &dyn Files) -> Option<&'static str> {
    if files.is_directory(path) {
        let listed = files.below(path).unwrap_or_default();
        let entry = ENTRIES.iter().find(|(entry, _)| listed.contains(&path.join(entry)));
        return entry.map(|(_, kind)| *kind);
    }
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    KINDS.iter().find(|(known, _)| *known == extension).map(|(_, kind)| *kind)
}

/// What tells a kind: for messages.
#[must_use]
pub fn kinds() -> String {
    let files = KINDS.iter().map(|(extension, _)| format!(".{extension}"));
    let entries = ENTRIES.iter().map(|(entry, _)| (*entry).to_owned());
    format!("a file ending with {}, or a directory with {}", listed(files), listed(entries))
}

fn listed(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}

/// A directory as a zip archive: the same files give the same bytes. `include` are further files of `base`, with the place
/// that they get (`[FROM]` or `[FROM, TO]`); `exclude` are patterns of what is left out.
///
/// # Errors
/// When a file cannot be read, or a pattern is none.
pub fn pack(
    directory: &Path,
    files: &dyn Files,
    base: &Path,
    include: &[Vec<String>],
    exclude: &[String],
) -> io::Result<Vec<u8>> {
    let patterns: Vec<Pattern> = exclude.iter().map(|text| pattern(text)).collect::<io::Result<_>>()?;
    let excluded = |file: &Path| {
        let (own, from_base) = (relative(file, directory), relative(file, base));
        patterns
            .iter()
            .any(|pattern| pattern.matches_with(&own, DEEP) || pattern.matches_with(&from_base, DEEP))
    };
    let own = files.below(directory)?.into_iter().filter(|file| !excluded(file));
    let mut packed: Vec<(String, PathBuf)> = own.map(|file| (relative(&file, directory), file)).collect();
    // What is included is meant, also where it was excluded.
    for pair in include {
        packed.extend(included(pair, base, files)?);
    }
    packed.sort();
    packed.dedup_by(|next, before| next.0 == before.0);
    archive(&packed, files)
}

/// `*` stays within a directory, `**` does not.
const FLAT: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: false,
};
/// What is left out is so wherever it is.
const DEEP: MatchOptions = MatchOptions { require_literal_separator: false, ..FLAT };

fn pattern(text: &str) -> io::Result<Pattern> {
    Pattern::new(text).map_err(|error| io::Error::other(format!("{text}: {error}")))
}

fn relative(file: &Path, directory: &Path) -> String {
    file.strip_prefix(directory).unwrap_or(file).to_string_lossy().into_owned()
}

fn included(pair: &[String], base: &Path, files: &dyn Files) -> io::Result<Vec<(String, PathBuf)>> {
    let [from, to @ ..] = pair else { return Ok(Vec::new()) };
    let source = base.join(from);
    let to = to.first().map(|to| to.trim_start_matches("./").to_owned());
    if files.is_directory(&source) {
        let place = |file: PathBuf| {
            let inner = relative(&file, &source);
            let above = to.as_ref().unwrap_or(from).trim_end_matches('/').to_owned();
            (if above.is_empty() || above == "." { inner } else { format!("{above}/{inner}") }, file)
        };
        return Ok(files.below(&source)?.into_iter().map(place).collect());
    }
    if !from.contains('*') {
        let name = source.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let place = match to {
            Some(to) if to.is_empty() || to.ends_with('/') => format!("{to}{name}"),
            Some(to) => to,
            None => from.clone(),
        };
        return Ok(vec![(place, source)]);
    }
    // `dir/*` and the like: what lies directly, or with `**` anywhere, below the part without stars.
    let matches = pattern(from)?;
    let fixed: PathBuf = Path::new(from)
        .components()
        .take_while(|part| !part.as_os_str().to_string_lossy().contains('*'))
        .collect();
    // A pattern that a directory matches means all that is in it.
    let meant = |file: &PathBuf| {
        let path = relative(file, base);
        Path::new(&path).ancestors().any(|above| matches.matches_path_with(above, FLAT))
    };
    let found = files.below(&base.join(&fixed))?.into_iter().filter(meant);
    let place = |file: PathBuf| {
        let name = match &to {
            Some(to) => format!("{}/{}", to.trim_end_matches('/'), relative(&file, &base.join(&fixed))),
            None => relative(&file, base),
        };
        (name, file)
    };
    Ok(found.map(place).collect())
}

fn archive(packed: &[(String, PathBuf)], files: &dyn Files) -> io::Result<Vec<u8>> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, file) in packed {
        let bytes = files
            .read(file)
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", file.display())))?;
        // Whether it can be executed matters to native actions; the rest of its mode depends on the machine.
        let mode = if files.is_executable(file) { 0o755 } else { 0o644 };
        archive
            .start_file(name.as_str(), SimpleFileOptions::default().unix_permissions(mode))
            .map_err(io::Error::other)?;
        archive.write_all(&bytes)?;
    }
    Ok(archive.finish().map_err(io::Error::other)?.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// Files of a test, by path.
    struct Fake(BTreeMap<PathBuf, &'static str>);

    impl Files for Fake {
        fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
            self.0
                .get(path)
                .map(|text| text.as_bytes().to_vec())
                .ok_or_else(|| io::ErrorKind::NotFound.into())
        }

        fn below(&self, directory: &Path) -> io::Result<Vec<PathBuf>> {
            Ok(self.0.keys().filter(|path| path.starts_with(directory)).cloned().collect())
        }

        fn is_directory(&self, path: &Path) -> bool {
            !self.0.contains_key(path) && self.0.keys().any(|file| file.starts_with(path))
        }

        fn is_executable(&self, _: &Path) -> bool {
            false
        }
    }

    fn fake() -> Fake {
        let files =
            ["p/a/package.json", "p/a/index.js", "p/a/test/x.js", "p/common/one.js", "p/common/deep/two.js"];
        Fake(files.into_iter().map(|file| (PathBuf::from(file), "x")).collect())
    }

    fn names(bytes: Vec<u8>) -> Vec<String> {
        let archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        let mut names: Vec<String> = archive.file_names().map(str::to_owned).collect();
        names.sort();
        names
    }

    #[test]
    fn the_kind_is_told_by_the_file_or_what_is_in_the_directory() {
        assert_eq!(kind_of(Path::new("p/a/index.js"), &fake()), Some("nodejs"));
        assert_eq!(kind_of(Path::new("p/a"), &fake()), Some("nodejs"));
        assert_eq!(kind_of(Path::new("p/common"), &fake()), None);
        assert_eq!(kind_of(Path::new("x.zip"), &fake()), None);
    }

    #[test]
    fn a_directory_is_packed_with_what_is_included_and_without_what_is_excluded() {
        let pack = |include: &[&[&str]], exclude: &[&str]| {
            let include: Vec<Vec<String>> =
                include.iter().map(|pair| pair.iter().map(|part| (*part).to_owned()).collect()).collect();
            let exclude: Vec<String> = exclude.iter().map(|text| (*text).to_owned()).collect();
            names(super::pack(Path::new("p/a"), &fake(), Path::new("p"), &include, &exclude).unwrap())
        };
        assert_eq!(pack(&[], &[]), ["index.js", "package.json", "test/x.js"]);
        assert_eq!(pack(&[], &["test/*"]), ["index.js", "package.json"]);
        let more = pack(&[&["common/one.js"], &["common/*.js", "./lib/"]], &["test/*", "*.json"]);
        assert_eq!(more, ["common/one.js", "index.js", "lib/one.js"]);
        assert_eq!(
            pack(&[&["a/test/x.js", "x.js"], &["common/*"]], &["*"]),
            ["common/deep/two.js", "common/one.js", "x.js"]
        );
        let deep = pack(&[&["common", "lib"]], &["test/*"]);
        assert_eq!(deep, ["index.js", "lib/deep/two.js", "lib/one.js", "package.json"]);
    }
}
