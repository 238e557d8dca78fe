//! Figures beside their goals: the bar of a row, the overview of all, and the trend of a metric.

use super::goals::Fraction;
use super::scale::{self, Scale};
use super::svg::{self, Picture, stroke, text};
use super::{Figure, Report, Row, Verdict};
use std::fmt::Write as _;

const BAR: (f64, f64) = (180.0, 26.0);
const TREND: (f64, f64) = (90.0, 26.0);
const OVERVIEW: f64 = 920.0;
const NAMES: f64 = 470.0;
const ROW: f64 = 24.0;

/// How far beyond the goal, either way, the axis may reach; what lies beyond is drawn at its end, as an arrow.
const FARTHEST: f64 = 1000.0;

/// The axis that all bars share, so that their goals stand below each other: fractions of the goal, in powers of ten.
#[derive(Clone, Copy, Debug)]
pub struct Axis(Scale);

impl Axis {
    /// For the bars of a table.
    #[must_use]
    pub fn of_bars(rows: &[Row]) -> Axis {
        Axis::over(rows, (6.0, BAR.0 - 6.0))
    }

    fn over(rows: &[Row], ends: (f64, f64)) -> Axis {
        let mut values = vec![0.5, 2.0];
        for fraction in rows.iter().filter_map(Fraction::of) {
            values.extend([fraction.low, fraction.median, fraction.high]);
            values.extend(fraction.stretch);
        }
        values.retain(|value| (1.0 / FARTHEST..=FARTHEST).contains(value));
        Axis(Scale::of(&values, true, ends))
    }
}

/// The interval of a row, its median, its goal and what would be near the limit.
#[must_use]
pub fn bar(row: &Row, axis: &Axis) -> Option<Picture> {
    let fraction = Fraction::of(row)?;
    let (width, height) = BAR;
    let mut body = stroke("axis", (0.0, height - 3.0), (width, height - 3.0));
    for tick in axis.0.ticks() {
        let at = axis.0.at(tick);
        body.push_str(&stroke("axis", (at, height - 3.0), (at, height)));
    }
    body.push_str(&figure(row, &fraction, axis, (0.0, height - 3.0)));
    let title = format!("{:.2} of the goal ({:.2} to {:.2})", fraction.median, fraction.low, fraction.high);
    Some(Picture { title, width, height, body })
}

/// What a bar and a row of the overview share, between these heights.
fn figure(row: &Row, fraction: &Fraction, axis: &Axis, (top, bottom): (f64, f64)) -> String {
    let middle = f64::midpoint(top, bottom);
    let (scale, class) = (axis.0, class(row.verdict()));
    let mut body = String::new();
    if let Some(stretch) = fraction.stretch {
        body.push_str(&stroke("stretch", (scale.at(stretch), top), (scale.at(stretch), bottom)));
    }
    body.push_str(&stroke("goal", (scale.at(1.0), top), (scale.at(1.0), bottom)));
    let range = ((scale.at(fraction.low), middle), (scale.at(fraction.high), middle));
    body.push_str(&stroke(&format!("range {class}"), range.0, range.1));
    let at = scale.at(fraction.median);
    if scale.holds(fraction.median) {
        body.push_str(&symbol(row.verdict(), at, middle));
    } else {
        let back = if fraction.median > 1.0 { -8.0 } else { 8.0 };
        let _ = write!(body, "<path class=\"{class}\" d=\"M{at:.1} {middle:.1}l{back:.1} -5v10z\"/>");
    }
    body
}

fn class(verdict: Option<Verdict>) -> &'static str {
    match verdict {
        Some(Verdict::Reached) => "reached",
        Some(Verdict::Likely) => "likely",
        Some(Verdict::Missed) | None => "missed",
    }
}

/// Full: reached. Half: by the median. Hollow: missed.
pub(super) fn symbol(verdict: Option<Verdict>, x: f64, y: f64) -> String {
    let class = class(verdict);
    let circle = |fill: &str| {
        format!("<circle class=\"{class} {fill}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4.5\" stroke-width=\"2\"/>")
    };
    match verdict {
        Some(Verdict::Reached) => circle(""),
        Some(Verdict::Likely) => {
            format!(
                "{}<path class=\"{class}\" d=\"M{x:.1} {:.1}a4.5 4.5 0 0 1 0 9z\"/>",
                circle("hollow"),
                y - 4.5
            )
        }
        Some(Verdict::Missed) | None => circle("hollow"),
    }
}

/// Every metric with a goal, as a fraction of it.
#[must_use]
pub fn overview(report: &Report) -> Picture {
    let rows: Vec<(&Row, Fraction)> =
        report.rows.iter().filter_map(|row| Some((row, Fraction::of(row)?))).collect();
    let axis = Axis::over(&report.rows, (NAMES, OVERVIEW - 100.0));
    let title = "Fraction of the goal for each metric";
    let mut body = text("head", 14.0, 24.0, title);
    let said = "right of the line is better than the goal; dashed: near the physical limit";
    body.push_str(&text("small faint", 14.0, 42.0, said));
    keys(&mut body);
    let top = 62.0;
    let bottom = top + rows.len() as f64 * ROW;
    for tick in axis.0.ticks() {
        let at = axis.0.at(tick);
        body.push_str(&stroke("grid", (at, top), (at, bottom)));
        let name = if tick == 1.0 { "goal".to_owned() } else { scale::label(tick) };
        body.push_str(&text("small faint middle", at, bottom + 16.0, &name));
    }
    for (number, (row, fraction)) in rows.iter().enumerate() {
        let (y, end) = (top + number as f64 * ROW, top + (number + 1) as f64 * ROW);
        body.push_str(&text("", 14.0, y + 16.0, &row.id));
        let what = svg::without_middle(&row.what, 11.0, NAMES - 80.0);
        let _ = write!(
            body,
            "<g><title>{}</title>{}</g>",
            svg::escape(&row.what),
            text("small faint", 62.0, y + 16.0, &what)
        );
        body.push_str(&figure(row, fraction, &axis, (y, end)));
        let value = if fraction.median.is_finite() {
            Figure(fraction.median, "").to_string()
        } else {
            "∞".to_owned()
        };
        body.push_str(&text("end", OVERVIEW - 14.0, y + 16.0, &value));
    }
    let place = format!("commit {}, {}, {}", report.commit, report.date, report.command);
    body.push_str(&text("small faint", 14.0, bottom + 40.0, &svg::shortened(&place, 11.0, OVERVIEW - 28.0)));
    Picture { title: title.to_owned(), width: OVERVIEW, height: bottom + 54.0, body }
}

fn keys(body: &mut String) {
    let keys =
        [(Verdict::Reached, "reached"), (Verdict::Likely, "by the median"), (Verdict::Missed, "missed")];
    let mut x = OVERVIEW - 310.0;
    for (verdict, word) in keys {
        body.push_str(&symbol(Some(verdict), x, 38.0));
        body.push_str(&text("small", x + 10.0, 42.0, word));
        x += 48.0 + svg::width(word, 11.0);
    }
}

/// A metric over the recorded runs, the latest at the end.
#[must_use]
pub fn trend(values: &[f64]) -> Picture {
    let (width, height) = TREND;
    let (low, high) = values
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(*value), high.max(*value)));
    let spread = if high > low { high - low } else { 1.0 };
    let steps = values.len().saturating_sub(1).max(1) as f64;
    let at = |number: usize, value: f64| {
        let x = 4.0 + (width - 8.0) * number as f64 / steps;
        let share = if high > low { (value - low) / spread } else { 0.5 };
        (x, height - 5.0 - (height - 10.0) * share)
    };
    let mut points = String::new();
    for (number, value) in values.iter().enumerate() {
        let (x, y) = at(number, *value);
        let _ = write!(points, "{x:.1},{y:.1} ");
    }
    let mut body = format!("<polyline class=\"trend\" points=\"{}\"/>", points.trim_end());
    if let Some(last) = values.last() {
        let (x, y) = at(values.len() - 1, *last);
        let _ = write!(body, "<circle class=\"last\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"/>");
    }
    let title = format!("{} recorded runs, from {} to {}", values.len(), Figure(low, ""), Figure(high, ""));
    Picture { title, width, height, body }
}

#[cfg(test)]
mod tests {
    use super::super::{Bound, sample};
    use super::*;

    #[test]
    fn all_bars_have_their_goal_at_the_same_place() {
        let rows = sample::report().rows;
        let axis = Axis::of_bars(&rows);
        let goals: Vec<String> = rows
            .iter()
            .filter_map(|row| bar(row, &axis))
            .filter_map(|bar| {
                Some(bar.body.split("class=\"goal\" x1=\"").nth(1)?.split('"').next()?.to_owned())
            })
            .collect();
        assert_eq!(goals.len(), 5);
        assert!(goals.iter().all(|goal| *goal == goals[0]), "{goals:?}");
    }

    #[test]
    fn a_figure_beyond_the_axis_is_an_arrow_at_its_end() {
        let rows = [sample::value("B33", &[0.0]).aims(Bound::AtMost(0.1), Bound::AtMost(0.02))];
        let drawn = bar(&rows[0], &Axis::of_bars(&rows)).unwrap().body;
        assert!(drawn.contains("<path class=\"reached\" d=\"M174.0 "), "{drawn}");
        assert!(!drawn.contains("NaN") && !drawn.contains("inf"), "{drawn}");
    }

    #[test]
    fn the_overview_names_every_metric_with_a_goal_and_shapes_differ_with_the_verdict() {
        let drawn = overview(&sample::report()).body;
        for id in ["B1", "B3", "B7", "B8", "B33"] {
            assert!(drawn.contains(&format!(">{id}</text>")), "{id}");
        }
        assert!(!drawn.contains(">B4</text>"), "nothing was measured there");
        let shapes = [Verdict::Reached, Verdict::Likely, Verdict::Missed].map(|verdict| {
            symbol(Some(verdict), 0.0, 0.0).replace("reached", "").replace("likely", "").replace("missed", "")
        });
        assert!(shapes[0] != shapes[1] && shapes[1] != shapes[2] && shapes[0] != shapes[2]);
    }

    #[test]
    fn a_trend_goes_up_when_values_do() {
        let drawn = trend(&[1.0, 2.0, 3.0]).body;
        assert!(drawn.contains("points=\"4.0,21.0 45.0,13.0 86.0,5.0\""), "{drawn}");
        assert!(trend(&[2.0, 2.0]).body.contains("4.0,13.0"), "no change is a line in the middle");
    }
}
