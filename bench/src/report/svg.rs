//! Pictures as SVG: what all of them share. Text is escaped where it enters, colours follow the reader's light or dark
//! mode, and no colour says anything that a shape or a word does not say as well.

use std::fmt::Write as _;

/// Colours of lines that differ for the colour-blind as well (Okabe and Ito), on light and on dark ground.
const LINES: [(&str, &str); 7] = [
    ("#0072b2", "#56b4e9"),
    ("#d55e00", "#ff9052"),
    ("#009e73", "#3ad6a6"),
    ("#b4589a", "#e79fcb"),
    ("#a97b00", "#f0c541"),
    ("#3d3d3d", "#e0e0e0"),
    ("#2f8fc4", "#9bd3f5"),
];

/// How wide a character of this size is on average; letters of most fonts are narrower.
const CHARACTER: f64 = 0.56;

/// A drawing with its size.
#[derive(Debug)]
pub struct Picture {
    /// What it shows, for those who do not see it.
    pub title: String,
    /// In pixels, when it is not scaled.
    pub width: f64,
    /// In pixels, when it is not scaled.
    pub height: f64,
    /// The elements.
    pub body: String,
}

impl Picture {
    /// To stand in a page that has the [`style`].
    #[must_use]
    pub fn inline(&self, class: &str) -> String {
        let Picture { title, width, height, body } = self;
        let title = escape(title);
        format!(
            "<svg class=\"{class}\" viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\">\
             <title>{title}</title>{body}</svg>"
        )
    }

    /// A file of its own.
    #[must_use]
    pub fn file(&self) -> String {
        let Picture { title, width, height, body } = self;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
             viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\">\n<title>{}</title>\n<style>{}</style>\n\
             <rect class=\"paper\" width=\"100%\" height=\"100%\"/>\n{body}</svg>\n",
            escape(title),
            style()
        )
    }
}

/// The rules for everything that is drawn.
#[must_use]
pub fn style() -> String {
    let mut dark = String::new();
    let mut text = String::from(
        "svg text{font:12px system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;fill:#222}\
         svg .small{font-size:11px}svg .head{font-size:14px;font-weight:600}svg .faint{fill:#5c5c5c}\
         svg .end{text-anchor:end}svg .middle{text-anchor:middle}\
         .paper{fill:#fff}.grid{stroke:#e2e2e2;fill:none}.axis{stroke:#8a8a8a;fill:none}\
         .goal{stroke:#222;stroke-width:1.5}.stretch{stroke:#767676;stroke-dasharray:2 2}\
         .reached{fill:#0072b2;stroke:#0072b2}.likely{fill:#a97b00;stroke:#a97b00}.missed{fill:#d55e00;stroke:#d55e00}\
         .hollow{fill:#fff}.line{fill:none;stroke-width:2;stroke-linejoin:round}.band{stroke:none;fill-opacity:.16}\
         .range{stroke-width:5;stroke-opacity:.45}.trend{fill:none;stroke:#5c5c5c;stroke-width:1.5}.last{fill:#222}",
    );
    dark.push_str(
        "svg text{fill:#e6e6e6}svg .faint{fill:#a8a8a8}.paper{fill:#16181b}.grid{stroke:#34383d}.axis{stroke:#7d8590}\
         .goal{stroke:#e6e6e6}.stretch{stroke:#9aa0a6}.reached{fill:#56b4e9;stroke:#56b4e9}\
         .likely{fill:#f0c541;stroke:#f0c541}.missed{fill:#ff9052;stroke:#ff9052}.hollow{fill:#16181b}\
         .trend{stroke:#a8a8a8}.last{fill:#e6e6e6}",
    );
    for (number, (light, other)) in LINES.iter().enumerate() {
        let _ = write!(text, ".s{number}{{stroke:{light}}}.f{number}{{fill:{light}}}");
        let _ = write!(dark, ".s{number}{{stroke:{other}}}.f{number}{{fill:{other}}}");
    }
    format!("{text}@media(prefers-color-scheme:dark){{{dark}}}")
}

/// The class of a line: `s` for its stroke, `f` for what is filled.
pub(super) fn colour(kind: char, number: usize) -> String {
    format!("{kind}{}", number % LINES.len())
}

/// Beyond as many lines as there are colours, the dashes tell them apart.
pub(super) fn dashes(number: usize) -> &'static str {
    ["", " stroke-dasharray=\"7 4\"", " stroke-dasharray=\"2 3\""][number / LINES.len() % 3]
}

/// The mark of a point of a line: another shape for each of four.
pub(super) fn mark(number: usize, x: f64, y: f64) -> String {
    let class = colour('f', number);
    match number % 4 {
        0 => format!("<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\"/>"),
        1 => {
            format!(
                "<rect class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\" width=\"6.4\" height=\"6.4\"/>",
                x - 3.2,
                y - 3.2
            )
        }
        2 => format!("<path class=\"{class}\" d=\"M{x:.1} {:.1}l4.4 7.4h-8.8z\"/>", y - 4.6),
        _ => format!("<path class=\"{class}\" d=\"M{x:.1} {:.1}l4.6 4.6-4.6 4.6-4.6-4.6z\"/>", y - 4.6),
    }
}

/// Text whose line is at `y`.
pub(super) fn text(class: &str, x: f64, y: f64, words: &str) -> String {
    format!("<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>", escape(words))
}

/// A straight line.
pub(super) fn stroke(class: &str, from: (f64, f64), to: (f64, f64)) -> String {
    let ((x1, y1), (x2, y2)) = (from, to);
    format!("<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>")
}

/// About how wide a text is.
pub(super) fn width(words: &str, size: f64) -> f64 {
    words.chars().count() as f64 * size * CHARACTER
}

/// A text that is not wider than that, with an ellipsis where something was left out.
pub(super) fn shortened(words: &str, size: f64, most: f64) -> String {
    let fitting = (most / size / CHARACTER).floor().max(1.0) as usize;
    if words.chars().count() <= fitting {
        return words.to_owned();
    }
    let kept: String = words.chars().take(fitting - 1).collect();
    format!("{}…", kept.trim_end())
}

/// The same, with both ends left and the ellipsis between: names of rows often differ at the end only.
pub(super) fn without_middle(words: &str, size: f64, most: f64) -> String {
    let (all, fitting) = (words.chars().count(), (most / size / CHARACTER).floor().max(1.0) as usize);
    if all <= fitting {
        return words.to_owned();
    }
    let end = fitting * 2 / 5;
    let first: String = words.chars().take(fitting - 1 - end).collect();
    let last: String = words.chars().skip(all - end).collect();
    format!("{}…{}", first.trim_end(), last.trim_start())
}

/// The text in lines that are not wider than that.
pub(super) fn wrapped(words: &str, size: f64, most: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words.split_whitespace() {
        match lines.last_mut() {
            Some(line) if width(line, size) + width(word, size) + size * CHARACTER <= most => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// As text or the value of an attribute, in HTML and in XML. What XML cannot hold at all is left out.
#[must_use]
pub fn escape(words: &str) -> String {
    let mut escaped = String::with_capacity(words.len());
    for character in words.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\t' | '\n' => escaped.push(character),
            control if control.is_control() || matches!(control, '\u{fffe}' | '\u{ffff}') => {}
            plain => escaped.push(plain),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_can_become_markup() {
        assert_eq!(escape("<a href='x'>\"&\u{0}"), "&lt;a href=&#39;x&#39;&gt;&quot;&amp;");
        let drawn = text("t", 0.0, 0.0, "</text><script>");
        assert!(!drawn.contains("<script>"), "{drawn}");
        let picture = Picture { title: "a\"><b".to_owned(), width: 1.0, height: 1.0, body: String::new() };
        assert!(picture.inline("x").contains("<title>a&quot;&gt;&lt;b</title>"));
    }

    #[test]
    fn long_texts_are_shortened_and_wrapped() {
        assert_eq!(shortened("plain processes", 12.0, 200.0), "plain processes");
        assert_eq!(shortened("plain processes", 12.0, 55.0), "plain p…");
        assert_eq!(without_middle("ours ÷ theirs with 2 processes", 10.0, 100.0), "ours ÷ the…cesses");
        assert_eq!(wrapped("one two three", 10.0, 45.0), ["one two", "three"]);
        assert_eq!(wrapped("unbreakable", 10.0, 5.0), ["unbreakable"]);
    }

    #[test]
    fn lines_beyond_the_colours_are_dashed() {
        assert_eq!(colour('s', 0), colour('s', LINES.len()));
        assert_ne!(dashes(0), dashes(LINES.len()));
    }
}
