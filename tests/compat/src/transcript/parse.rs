//! From the text of a Markdown file to the commands in it.

use std::path::{Path, PathBuf};

/// Stands in a comment of its own and says that no property file is there at first.
const WITHOUT_PROPERTIES: &str = "<!-- transcript: without properties -->";

/// Begins a comment with what the server is told, as `key=value`.
const SERVER: &str = "<!-- transcript: server ";

/// A file with commands.
#[derive(Clone, Debug)]
pub struct Transcript {
    /// Where it is.
    pub path: PathBuf,
    /// Whether `~/.wskprops` names the server and the key before the first command.
    pub with_properties: bool,
    /// What the server is told, each as `key=value`.
    pub settings: Vec<String>,
    /// Its commands and files, in their order.
    pub items: Vec<Item>,
}

/// What stands in a fenced block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A file, which is there for the commands that follow.
    File {
        /// Its name.
        name: String,
        /// What is in it.
        text: String,
    },
    /// A command.
    Step(Step),
}

/// A command and what it should print.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// The line that it stands on, counted from 1.
    pub line: usize,
    /// What the shell gets.
    pub command: String,
    /// What is expected on standard output: line of the file, and pattern.
    pub stdout: Vec<(usize, String)>,
    /// What is expected on standard error.
    pub stderr: Vec<(usize, String)>,
    /// The exit code that is expected.
    pub code: i32,
    /// Whether only our own `wsk` does it so.
    pub ours: bool,
}

impl Transcript {
    /// Reads a file.
    ///
    /// # Panics
    /// When it cannot be read, is not of the form, or has no command.
    #[must_use]
    pub fn read(path: &Path) -> Transcript {
        let text =
            std::fs::read_to_string(path).unwrap_or_else(|problem| panic!("{}: {problem}", path.display()));
        let items = items(&text).unwrap_or_else(|problem| panic!("{}:{problem}", path.display()));
        assert!(items.iter().any(|item| matches!(item, Item::Step(_))), "{}: no command", path.display());
        let told = text.lines().filter_map(|line| line.strip_prefix(SERVER)?.strip_suffix(" -->"));
        let settings = told.map(str::to_owned).collect();
        let with_properties = !text.contains(WITHOUT_PROPERTIES);
        Transcript { path: path.to_owned(), with_properties, settings, items }
    }
}

/// The fenced blocks that are of ours.
fn items(text: &str) -> Result<Vec<Item>, String> {
    let mut items = Vec::new();
    let mut lines = text.lines().enumerate().map(|(index, line)| (index + 1, line));
    while let Some((number, line)) = lines.next() {
        let Some(info) = line.strip_prefix("```") else { continue };
        let mut block = Vec::new();
        loop {
            match lines.next() {
                Some((_, "```")) => break,
                Some(line) => block.push(line),
                None => return Err(format!("{number}: a block without an end")),
            }
        }
        match info.split(' ').collect::<Vec<_>>()[..] {
            ["console"] => items.extend(steps(&block, false)?.into_iter().map(Item::Step)),
            ["console", "ours"] => items.extend(steps(&block, true)?.into_iter().map(Item::Step)),
            ["console", _] => return Err(format!("{number}: what is this console?")),
            [_, name] => {
                let text = block.iter().flat_map(|(_, line)| [line, "\n"]).collect();
                items.push(Item::File { name: name.to_owned(), text });
            }
            _ => {}
        }
    }
    Ok(items)
}

/// The commands of a block.
fn steps(block: &[(usize, &str)], ours: bool) -> Result<Vec<Step>, String> {
    let mut steps: Vec<Step> = Vec::new();
    for &(line, text) in block {
        if let Some(command) = text.strip_prefix("$ ") {
            steps.push(Step { line, command: command.to_owned(), ours, ..Step::default() });
            continue;
        }
        let step = steps.last_mut().ok_or(format!("{line}: a block begins with a command"))?;
        if let Some(code) = text.strip_prefix("? ") {
            step.code = code.parse().map_err(|_| format!("{line}: no exit code: {code}"))?;
        } else if let Some(text) = text.strip_prefix("! ").or_else(|| (text == "!").then_some("")) {
            step.stderr.push((line, text.to_owned()));
        } else {
            step.stdout.push((line, text.to_owned()));
        }
    }
    Ok(steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_commands_come_in_their_order() {
        let text = "# Title\n```js a.js\nx\ny\n```\n```console\n$ one\nout\n\n! err\n!\n? 3\n$ two\n```\n```text\nno\n```\n";
        let one = Step {
            line: 7,
            command: "one".to_owned(),
            stdout: vec![(8, "out".to_owned()), (9, String::new())],
            stderr: vec![(10, "err".to_owned()), (11, String::new())],
            code: 3,
            ours: false,
        };
        let two = Step { line: 13, command: "two".to_owned(), ..Step::default() };
        let file = Item::File { name: "a.js".to_owned(), text: "x\ny\n".to_owned() };
        assert_eq!(items(text), Ok(vec![file, Item::Step(one), Item::Step(two)]));
    }

    #[test]
    fn what_is_ours_says_so() {
        let found = items("```console ours\n$ one\n```\n").unwrap();
        assert!(matches!(&found[..], [Item::Step(Step { ours: true, .. })]));
    }

    #[test]
    fn a_mistake_is_named_with_its_line() {
        assert_eq!(items("\n```console\n$ x\n").unwrap_err(), "2: a block without an end");
        assert_eq!(items("```console\nx\n```\n").unwrap_err(), "2: a block begins with a command");
        assert_eq!(items("```console\n$ x\n? y\n```\n").unwrap_err(), "3: no exit code: y");
        assert_eq!(items("```console theirs\n$ x\n```\n").unwrap_err(), "1: what is this console?");
    }
}
