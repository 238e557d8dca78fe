//! Whether what was printed is what was expected.
//!
//! A line is compared as it is, but for `[..]`, which stands for anything within the line, and `{id:NAME}`, which stands for
//! the id of an activation and gives it a name. A line `[...]` stands for any number of lines.

use std::collections::BTreeMap;

/// Stands for any number of lines.
const LINES: &str = "[...]";

/// Stands for anything within a line.
const ANYTHING: &str = "[..]";

/// Ids by their names.
pub(super) type Names = BTreeMap<String, String>;

/// Compares lines, and takes the ids into `names`. A difference is given line by line: what is missing with `-` and its line
/// in the file, what is too much with `+`.
pub(super) fn compare(
    expected: &[(usize, String)],
    printed: &[&str],
    names: &mut Names,
) -> Result<(), String> {
    // An id is often printed again further down.
    for (_, pattern) in expected.iter().filter(|(_, pattern)| pattern.contains("{id:")) {
        names.extend(printed.iter().find_map(|line| fits(pattern, line)).unwrap_or_default());
    }
    let path = cheapest(expected, printed, names);
    if path.iter().any(|turn| matches!(turn, Turn::Missing(_) | Turn::Surplus(_))) {
        return Err(path.iter().map(|turn| turn.show(expected, printed)).collect());
    }
    Ok(())
}

/// `text` with every `{NAME}` replaced that is known.
pub(super) fn fill(text: &str, names: &Names) -> String {
    names.iter().fold(text.to_owned(), |text, (name, id)| text.replace(&format!("{{{name}}}"), id))
}

/// What is next on the way: the index of a printed line, or of an expected one that is missing.
#[derive(Clone, Copy, Debug)]
enum Turn {
    Same(usize),
    Covered(usize),
    CoversNoMore,
    Missing(usize),
    Surplus(usize),
}

impl Turn {
    fn show(self, expected: &[(usize, String)], printed: &[&str]) -> String {
        match self {
            Turn::Same(line) | Turn::Covered(line) => format!("      | {}\n", printed[line]),
            Turn::CoversNoMore => String::new(),
            Turn::Missing(at) => format!("-{:>4} | {}\n", expected[at].0, expected[at].1),
            Turn::Surplus(line) => format!("+     | {}\n", printed[line]),
        }
    }
}

/// The way through both with the fewest lines that are missing or too much, from the start to the end.
fn cheapest(expected: &[(usize, String)], printed: &[&str], names: &Names) -> Vec<Turn> {
    let (rows, columns) = (expected.len(), printed.len());
    let patterns: Vec<String> = expected.iter().map(|(_, text)| fill(text, names)).collect();
    // The cost and the next turn from (row, column) to the end of both.
    let mut table = vec![vec![(0, None); columns + 1]; rows + 1];
    for row in (0..=rows).rev() {
        for column in (0..=columns).rev() {
            let mut turns = Vec::with_capacity(3);
            if row < rows && patterns[row] == LINES {
                turns.push((table[row + 1][column].0, Turn::CoversNoMore));
                if column < columns {
                    turns.push((table[row][column + 1].0, Turn::Covered(column)));
                }
            } else {
                if row < rows && column < columns && fits(&patterns[row], printed[column]).is_some() {
                    turns.push((table[row + 1][column + 1].0, Turn::Same(column)));
                }
                if row < rows {
                    turns.push((table[row + 1][column].0 + 1, Turn::Missing(row)));
                }
                if column < columns {
                    turns.push((table[row][column + 1].0 + 1, Turn::Surplus(column)));
                }
            }
            let best = turns.into_iter().min_by_key(|(cost, _)| *cost);
            table[row][column] = best.map_or((0, None), |(cost, turn)| (cost, Some(turn)));
        }
    }
    let (mut row, mut column, mut path) = (0, 0, Vec::new());
    while let Some(turn) = table[row][column].1 {
        path.push(turn);
        match turn {
            Turn::Same(_) => (row, column) = (row + 1, column + 1),
            Turn::CoversNoMore | Turn::Missing(_) => row += 1,
            Turn::Covered(_) | Turn::Surplus(_) => column += 1,
        }
    }
    path
}

/// Whether a line fits a pattern, and the ids in it.
fn fits(pattern: &str, line: &str) -> Option<Names> {
    let any = pattern.find(ANYTHING);
    let id = pattern.find("{id:").and_then(|at| Some((at, at + pattern[at..].find('}')?)));
    match (any, id) {
        (None, None) => (pattern == line).then(Names::new),
        (Some(any), id) if id.is_none_or(|(at, _)| any < at) => {
            let rest = line.strip_prefix(&pattern[..any])?;
            let after = &pattern[any + ANYTHING.len()..];
            rest.char_indices().map(|(at, _)| at).chain([rest.len()]).find_map(|at| fits(after, &rest[at..]))
        }
        (_, Some((at, end))) => {
            let rest = line.strip_prefix(&pattern[..at])?;
            let found = rest.get(..32)?;
            let hexadecimal = found.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
            let mut names = hexadecimal.then(|| fits(&pattern[end + 1..], &rest[32..]))??;
            names.insert(pattern[at + 4..end].to_owned(), found.to_owned());
            Some(names)
        }
        (Some(_), None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef";

    fn check(expected: &[&str], printed: &[&str]) -> Result<Names, String> {
        let expected: Vec<_> =
            expected.iter().enumerate().map(|(at, line)| (at + 10, (*line).to_owned())).collect();
        let mut names = Names::new();
        compare(&expected, printed, &mut names).map(|()| names)
    }

    #[test]
    fn lines_are_compared_as_they_are() {
        assert!(check(&["a", ""], &["a", ""]).is_ok());
        assert_eq!(check(&["a", "b"], &["a", "c"]).unwrap_err(), "      | a\n-  11 | b\n+     | c\n");
    }

    #[test]
    fn a_missing_line_and_one_too_much_are_found() {
        assert_eq!(check(&["a", "b", "c"], &["a", "c"]).unwrap_err(), "      | a\n-  11 | b\n      | c\n");
        assert_eq!(check(&["a"], &["a", "b"]).unwrap_err(), "      | a\n+     | b\n");
        assert_eq!(check(&[], &["b"]).unwrap_err(), "+     | b\n");
        assert_eq!(check(&["a", ""], &["a"]).unwrap_err(), "      | a\n-  11 | \n");
    }

    #[test]
    fn anything_stays_within_its_line() {
        assert!(check(&["a[..]c[..]"], &["abccd"]).is_ok());
        assert!(check(&["a[..]"], &["a"]).is_ok());
        assert!(check(&["a[..]c"], &["ab"]).is_err());
        assert!(check(&["[..]"], &["a", "b"]).is_err());
    }

    #[test]
    fn any_number_of_lines_ends_where_the_next_fits() {
        assert!(check(&["a", "[...]", "d"], &["a", "b", "d", "c", "d"]).is_ok());
        assert!(check(&["a", "[...]", "d"], &["a", "d"]).is_ok());
        assert!(check(&["[...]"], &[]).is_ok());
        assert!(check(&["a", "[...]", "d"], &["a", "b"]).is_err());
    }

    #[test]
    fn an_id_gets_a_name() {
        let line = format!("ok: {ID} there");
        let names = check(&["[...]", "ok: {id:it} there"], &["x", &line]).unwrap();
        assert_eq!(names.get("it").map(String::as_str), Some(ID));
        assert_eq!(fill("get {it} {other}", &names), format!("get {ID} {{other}}"));
        assert!(check(&["ok: {id:it} there"], &["ok: 0123 there"]).is_err());
        assert!(check(&["[..]{id:it}[..]", "{it}"], &[&line, ID]).is_ok());
    }
}
