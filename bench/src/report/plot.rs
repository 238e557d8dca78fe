//! A curve as a picture: axes with ticks, a band for the intervals, a legend, and each line's name at its end.

use super::scale::{self, Scale};
use super::svg::{self, Picture, colour, dashes, mark, stroke, text};
use super::{Curve, Figure, Line};
use std::fmt::Write as _;

/// Narrow, so that its text can still be read on a phone.
const WIDTH: f64 = 440.0;
const PLOT_HEIGHT: f64 = 220.0;
const LEFT: f64 = 46.0;
const SIDE: f64 = 8.0;
const HEAD: f64 = 14.0;
const TEXT: f64 = 12.0;
const LINE_HEIGHT: f64 = 18.0;

/// Half of the words at the last tick.
const LAST_TICK: f64 = 12.0;

/// The most room for the names at the lines' ends.
const NAMES: f64 = 112.0;

/// Where the plot itself is.
struct Frame {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

/// A curve as a picture.
#[must_use]
pub fn curve(curve: &Curve) -> Picture {
    let several = curve.lines.len() > 1;
    let longest = curve.lines.iter().map(|line| svg::width(&line.name, TEXT)).fold(0.0, f64::max);
    let names = if several { longest.min(NAMES) + 14.0 } else { 0.0 };
    let mut body = String::new();
    let mut y = 4.0;
    for line in svg::wrapped(&curve.title, HEAD, WIDTH - 2.0 * SIDE) {
        y += LINE_HEIGHT;
        body.push_str(&text("head", SIDE, y, &line));
    }
    if several {
        y = legend(&curve.lines, y + LINE_HEIGHT, &mut body);
    }
    y += LINE_HEIGHT + 2.0;
    body.push_str(&text("small faint", SIDE, y, &curve.y));
    let top = y + 12.0;
    let frame =
        Frame { left: LEFT, right: WIDTH - SIDE - names.max(LAST_TICK), top, bottom: top + PLOT_HEIGHT };
    let (x, y) = scales(curve, &frame);
    axes(curve, &frame, (&x, &y), &mut body);
    for (number, line) in curve.lines.iter().enumerate() {
        body.push_str(&drawn(number, line, (&x, &y)));
    }
    if several {
        ends(&curve.lines, &frame, &y, &mut body);
    }
    Picture { title: curve.title.clone(), width: WIDTH, height: frame.bottom + 48.0, body }
}

fn scales(curve: &Curve, frame: &Frame) -> (Scale, Scale) {
    let points = || curve.lines.iter().flat_map(|line| &line.points);
    let xs: Vec<f64> = points().map(|(x, _)| *x).collect();
    let medians = points().map(|(_, y)| y.median);
    // The lower end of an interval may be zero where its median is not; it must not cost the axis its powers of ten.
    let positive = curve.logarithmic.1 && medians.clone().all(|median| median > 0.0);
    let ends = points().flat_map(|(_, y)| [y.low, y.high]).filter(|value| !positive || *value > 0.0);
    let ys: Vec<f64> = medians.chain(ends).collect();
    (
        Scale::of(&xs, curve.logarithmic.0, (frame.left, frame.right)),
        Scale::of(&ys, curve.logarithmic.1, (frame.bottom, frame.top)),
    )
}

/// The names of all lines with their marks, in as many rows as they need; gives where the last row is.
fn legend(lines: &[Line], first: f64, body: &mut String) -> f64 {
    let (mut x, mut y) = (SIDE, first + 2.0);
    for (number, line) in lines.iter().enumerate() {
        let name = svg::shortened(&line.name, TEXT, WIDTH - 2.0 * SIDE - 30.0);
        let width = svg::width(&name, TEXT) + 46.0;
        if x > SIDE && x + width - 18.0 > WIDTH - SIDE {
            (x, y) = (SIDE, y + LINE_HEIGHT);
        }
        let _ = write!(
            body,
            "<path class=\"line {}\"{} d=\"M{x:.1} {:.1}h22\"/>{}{}",
            colour('s', number),
            dashes(number),
            y - 4.0,
            mark(number, x + 11.0, y - 4.0),
            text("", x + 28.0, y, &name)
        );
        x += width;
    }
    y
}

fn axes(curve: &Curve, frame: &Frame, (x, y): (&Scale, &Scale), body: &mut String) {
    let Frame { left, right, top, bottom } = *frame;
    for tick in y.ticks() {
        let at = y.at(tick);
        body.push_str(&stroke("grid", (left, at), (right, at)));
        body.push_str(&text("small faint end", left - 6.0, at + 4.0, &scale::label(tick)));
    }
    for tick in x.ticks() {
        let at = x.at(tick);
        body.push_str(&stroke("axis", (at, bottom), (at, bottom + 4.0)));
        body.push_str(&text("small faint middle", at, bottom + 17.0, &scale::label(tick)));
    }
    body.push_str(&stroke("axis", (left, bottom), (right, bottom)));
    body.push_str(&stroke("axis", (left, top), (left, bottom)));
    body.push_str(&text("small faint middle", f64::midpoint(left, right), bottom + 36.0, &curve.x));
}

/// One line: its band, itself, and its points, each of which shows its values to the mouse.
fn drawn(number: usize, line: &Line, (x, y): (&Scale, &Scale)) -> String {
    let mut points = line.points.clone();
    points.retain(|(at, value)| at.is_finite() && value.median.is_finite());
    points.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    let mut upper = String::new();
    let mut lower = String::new();
    let mut path = String::new();
    let mut marks = String::new();
    for (at, value) in &points {
        let place = (x.at(*at), y.at(value.median));
        let _ = write!(upper, "{:.1},{:.1} ", place.0, y.at(value.high));
        lower.insert_str(0, &format!("{:.1},{:.1} ", place.0, y.at(value.low)));
        let _ = write!(path, "{}{:.1} {:.1}", if path.is_empty() { 'M' } else { 'L' }, place.0, place.1);
        let said = format!(
            "{}, {}: {} ({} to {})",
            line.name,
            scale::label(*at),
            Figure(value.median, ""),
            Figure(value.low, ""),
            Figure(value.high, "")
        );
        let _ =
            write!(marks, "<g><title>{}</title>{}</g>", svg::escape(&said), mark(number, place.0, place.1));
    }
    let mut text = String::new();
    if let [(at, value)] = points.as_slice() {
        let ends = ((x.at(*at), y.at(value.low)), (x.at(*at), y.at(value.high)));
        text.push_str(&stroke(&colour('s', number), ends.0, ends.1));
    }
    let (stroke, fill) = (colour('s', number), colour('f', number));
    let _ = write!(
        text,
        "<polygon class=\"band {fill}\" points=\"{upper}{}\"/><path class=\"line {stroke}\"{} d=\"{path}\"/>{marks}",
        lower.trim_end(),
        dashes(number)
    );
    text
}

/// Each line's name where it ends, moved apart where they would overlap.
fn ends(lines: &[Line], frame: &Frame, y: &Scale, body: &mut String) {
    let last = |line: &Line| {
        let points = line.points.iter().filter(|(_, value)| value.median.is_finite());
        points.max_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, value)| y.at(value.median))
    };
    let mut places: Vec<(usize, f64)> =
        lines.iter().enumerate().filter_map(|(number, line)| Some((number, last(line)?))).collect();
    places.sort_by(|(_, a), (_, b)| a.total_cmp(b));
    let mut heights: Vec<f64> = places.iter().map(|(_, at)| *at).collect();
    apart(&mut heights, TEXT + 2.0, frame.bottom);
    for ((number, _), at) in places.into_iter().zip(heights) {
        let name = svg::shortened(&lines[number].name, TEXT, NAMES);
        body.push_str(&text(&colour('f', number), frame.right + 10.0, at + 4.0, &name));
    }
}

/// Moves ascending heights apart, down first and then up from the bottom.
fn apart(heights: &mut [f64], gap: f64, bottom: f64) {
    let mut least = f64::NEG_INFINITY;
    for height in heights.iter_mut() {
        *height = height.max(least);
        least = *height + gap;
    }
    let mut most = bottom;
    for height in heights.iter_mut().rev() {
        *height = height.min(most);
        most = *height - gap;
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn names_at_the_ends_do_not_overlap() {
        let mut heights = [10.0, 11.0, 98.0, 99.0, 100.0];
        apart(&mut heights, 14.0, 100.0);
        assert_eq!(heights, [10.0, 24.0, 72.0, 86.0, 100.0]);
    }

    #[test]
    fn every_line_has_its_name_in_the_legend_and_at_its_end() {
        let drawn = curve(&sample::curve()).body;
        for name in ["pull", "sharding &lt;hash&gt;"] {
            assert_eq!(drawn.matches(&format!(">{name}</text>")).count(), 2, "{name}: {drawn}");
        }
        assert_eq!(drawn.matches("<polygon").count(), 2);
        assert!(drawn.contains("<title>pull, 100: 17100 (16200 to 18000)</title>"), "{drawn}");
        assert!(drawn.contains(">10k</text>"), "ticks of y: {drawn}");
    }

    #[test]
    fn a_zero_in_an_interval_leaves_the_axis_logarithmic() {
        let mut curve = sample::curve();
        curve.lines[0].points[0].1.low = 0.0;
        let frame = Frame { left: 0.0, right: 100.0, top: 0.0, bottom: 100.0 };
        let (_, y) = scales(&curve, &frame);
        assert!(!y.ticks().contains(&0.0), "{:?}", y.ticks());
    }

    #[test]
    fn a_curve_without_points_is_drawn_all_the_same() {
        let mut empty = sample::curve();
        empty.lines.iter_mut().for_each(|line| line.points.clear());
        let drawn = curve(&empty);
        assert!(!drawn.body.contains("NaN") && !drawn.body.contains("inf"), "{}", drawn.body);
    }
}
