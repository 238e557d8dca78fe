//! Places in stack traces: the files of a container as files of this machine.

use std::path::Path;

/// Where a container keeps the code of an action.
const INSIDE: &str = "/action/";

/// `text` with the files of the container replaced by those that they were made of.
pub(super) fn local(text: &str, artifact: &Path) -> String {
    if artifact.as_os_str().is_empty() || artifact.extension().is_some_and(|extension| extension == "zip") {
        return text.to_owned();
    }
    let shown = artifact.display().to_string();
    if artifact.is_dir() {
        return text.replace(INSIDE, &format!("{}/", shown.trim_end_matches('/')));
    }
    let text = text.replace("/action/index.js", &shown).replace("/action/__main__.py", &shown);
    text.replace("File \"main__.py\"", &format!("File \"{shown}\""))
        .replace("(main__.py, ", &format!("({shown}, "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_the_container_are_files_of_this_machine() {
        let js = Path::new("src/hello.js");
        assert_eq!(local("    at main (/action/index.js:1:25)", js), "    at main (src/hello.js:1:25)");
        let py = Path::new("e.py");
        assert_eq!(local("  File \"main__.py\", line 4, in main", py), "  File \"e.py\", line 4, in main");
        let dir = tempfile::tempdir().unwrap();
        let expected = format!("({}/lib.js:1:32)", dir.path().display());
        assert_eq!(local("(/action/lib.js:1:32)", dir.path()), expected);
        assert_eq!(local("(/action/lib.js:1:32)", Path::new("x.zip")), "(/action/lib.js:1:32)");
    }
}
