//! Curves as SVG, small enough to be read as text: a logarithmic axis of sizes, an axis of values from zero, and at the
//! end of each curve its name. It brings its own background, so it is legible on any page, by day and by night.

use std::fmt::Write;

pub(crate) struct Picture {
    pub(crate) title: String,
    pub(crate) x: String,
    pub(crate) y: String,
    pub(crate) curves: Vec<Curve>,
    /// Written above the points of the first curve.
    pub(crate) ratios: Vec<f64>,
}

pub(crate) struct Curve {
    pub(crate) name: String,
    /// Sizes, which grow, and values.
    pub(crate) points: Vec<(f64, f64)>,
}

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 400.0;
/// The corners of what the axes enclose.
const LEFT: f64 = 64.0;
const RIGHT: f64 = 600.0;
const TOP: f64 = 48.0;
const BOTTOM: f64 = 336.0;

const STYLE: &str = "\
text { font: 13px system-ui, sans-serif; fill: #24292f }
.back { fill: #ffffff } .grid { stroke: #d0d7de } .small { font-size: 12px; fill: #57606a }
.halo { stroke: #ffffff; stroke-width: 4px; paint-order: stroke }
.curve { fill: none; stroke-width: 2 }
.c0 { stroke: #0550ae } .c1 { stroke: #bc4c00; stroke-dasharray: 7 4 } .c2 { stroke: #1a7f37; stroke-dasharray: 2 3 }
.p0 { fill: #0550ae } .p1 { fill: #bc4c00 } .p2 { fill: #1a7f37 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .back { fill: #0d1117 } .grid { stroke: #30363d } .small { fill: #9ba5b0 }
  .halo { stroke: #0d1117 }
  .c0 { stroke: #79c0ff } .c1 { stroke: #ffa657 } .c2 { stroke: #7ee787 }
  .p0 { fill: #79c0ff } .p1 { fill: #ffa657 } .p2 { fill: #7ee787 }
}
";

impl Picture {
    pub(crate) fn svg(&self) -> String {
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" \
             height=\"{HEIGHT}\" role=\"img\" aria-labelledby=\"title desc\">\n<title id=\"title\">{}</title>\n\
             <desc id=\"desc\">{}</desc>\n<style>\n{STYLE}</style>\n<rect class=\"back\" width=\"{WIDTH}\" \
             height=\"{HEIGHT}\"/>\n",
            escaped(&self.title),
            escaped(&self.description()),
        );
        let scale = Scale::of(&self.curves);
        text(&mut svg, LEFT, 28.0, "", "start", &self.title);
        self.axes(&scale, &mut svg);
        for (n, curve) in self.curves.iter().enumerate() {
            draw(curve, n, &scale, &mut svg);
        }
        self.names(&scale, &mut svg);
        if let Some(first) = self.curves.first() {
            for ((x, y), ratio) in first.points.iter().zip(&self.ratios) {
                let words = format!("{ratio:.2} ×");
                text(&mut svg, scale.x(*x), scale.y(*y) - 10.0, "small halo", "middle", &words);
            }
        }
        svg + "</svg>\n"
    }

    /// The same in words.
    fn description(&self) -> String {
        let curves = self.curves.iter().map(|curve| {
            let points = curve.points.iter().map(|(x, y)| format!("{y:.2} at {}", number(*x)));
            format!("{}: {}.", curve.name, points.collect::<Vec<_>>().join(", "))
        });
        let ratios = self.ratios.iter().map(|ratio| format!("{ratio:.2}")).collect::<Vec<_>>().join(", ");
        let ratios = (!ratios.is_empty()).then(|| format!("The ratio of the first two: {ratios}."));
        curves.chain(ratios).collect::<Vec<_>>().join(" ")
    }

    fn axes(&self, scale: &Scale, svg: &mut String) {
        let mut value = 0.0;
        while value <= scale.most {
            let y = scale.y(value);
            let _ = writeln!(
                svg,
                "<line class=\"grid\" x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{RIGHT}\" y2=\"{y:.1}\"/>"
            );
            text(svg, LEFT - 8.0, y + 4.0, "small", "end", &number(value));
            value += scale.step;
        }
        for (size, _) in self.curves.first().into_iter().flat_map(|curve| &curve.points) {
            text(svg, scale.x(*size), BOTTOM + 20.0, "small", "middle", &number(*size));
        }
        text(svg, f64::midpoint(LEFT, RIGHT), BOTTOM + 46.0, "", "middle", &self.x);
        let (x, y) = (18.0, f64::midpoint(TOP, BOTTOM));
        let _ = writeln!(
            svg,
            "<text transform=\"translate({x} {y}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
            escaped(&self.y)
        );
    }

    /// Behind the last points, and not one upon the other.
    fn names(&self, scale: &Scale, svg: &mut String) {
        let end = |curve: &Curve| curve.points.last().map_or(0.0, |(_, y)| scale.y(*y));
        let mut ends: Vec<_> = self.curves.iter().map(|curve| (end(curve), curve.name.as_str())).collect();
        ends.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut least = 0.0_f64;
        for (y, name) in ends {
            let y = y.max(least);
            text(svg, RIGHT + 10.0, y + 4.0, "", "start", name);
            least = y + 16.0;
        }
    }
}

/// From values to places.
struct Scale {
    sizes: (f64, f64),
    /// The end of the axis of values, and how far its lines are apart.
    most: f64,
    step: f64,
}

impl Scale {
    fn of(curves: &[Curve]) -> Self {
        let points = || curves.iter().flat_map(|curve| &curve.points);
        let least = points().map(|(x, _)| *x).fold(f64::INFINITY, f64::min);
        let most = points().map(|(x, _)| *x).fold(least, f64::max);
        let highest = points().map(|(_, y)| *y).filter(|y| y.is_finite()).fold(f64::MIN_POSITIVE, f64::max);
        let step = round_step(highest / 5.0);
        Self { sizes: (least, most), most: (highest / step).ceil() * step, step }
    }

    fn x(&self, size: f64) -> f64 {
        let (least, most) = self.sizes;
        let width = (most / least).ln();
        let share = if width > 0.0 { (size / least).ln() / width } else { 0.5 };
        // The first point keeps off the axis.
        LEFT + 24.0 + (RIGHT - LEFT - 24.0) * share
    }

    fn y(&self, value: f64) -> f64 {
        BOTTOM - (BOTTOM - TOP) * value / self.most
    }
}

/// The next of 1, 2, 5, 10, 20, 50 …
fn round_step(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    [1.0, 2.0, 5.0].map(|step| step * power).into_iter().find(|step| *step >= value).unwrap_or(10.0 * power)
}

fn draw(curve: &Curve, n: usize, scale: &Scale, svg: &mut String) {
    let class = n % 3;
    let places: Vec<_> = curve.points.iter().map(|(x, y)| (scale.x(*x), scale.y(*y))).collect();
    let line: Vec<_> = places.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    let _ = writeln!(svg, "<polyline class=\"curve c{class}\" points=\"{}\"/>", line.join(" "));
    for (x, y) in places {
        let _ = writeln!(svg, "<circle class=\"p{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\"/>");
    }
}

fn text(svg: &mut String, x: f64, y: f64, class: &str, anchor: &str, words: &str) {
    let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
    let words = escaped(words);
    let _ = writeln!(svg, "<text{class} x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{words}</text>");
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A number for people: commas between thousands, no more digits than it has.
pub(crate) fn number(value: f64) -> String {
    let text = format!("{value:.3}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(whole, rest)| (whole, Some(rest)));
    let digits: Vec<_> = whole.chars().collect();
    let groups: Vec<String> = digits.rchunks(3).rev().map(|group| group.iter().collect()).collect();
    fraction.into_iter().fold(groups.join(","), |text, fraction| text + "." + fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture() -> Picture {
        let curve = |name: &str, values: [f64; 3]| Curve {
            name: name.to_owned(),
            points: [10.0, 100.0, 1000.0].into_iter().zip(values).collect(),
        };
        Picture {
            title: "a & b".to_owned(),
            x: "readers".to_owned(),
            y: "µs".to_owned(),
            curves: vec![curve("hub", [2.0, 2.0, 3.0]), curve("floor", [1.0, 1.0, 1.5])],
            ratios: vec![2.0, 2.0, 2.0],
        }
    }

    #[test]
    fn each_tenfold_is_as_wide_and_zero_is_at_the_bottom() {
        let scale = Scale::of(&picture().curves);
        assert!((scale.x(100.0) - scale.x(10.0) - (scale.x(1000.0) - scale.x(100.0))).abs() < 1e-9);
        assert!((scale.y(0.0) - BOTTOM).abs() < 1e-9 && scale.y(3.0) >= TOP);
    }

    #[test]
    fn what_is_drawn_is_also_told_in_words() {
        let svg = picture().svg();
        assert!(svg.contains("hub: 2.00 at 10, 2.00 at 100, 3.00 at 1,000. floor: 1.00 at 10"));
        assert!(svg.contains("<title id=\"title\">a &amp; b</title>"));
        assert_eq!(svg.matches("<circle").count(), 6);
    }

    #[test]
    fn numbers_are_for_people() {
        assert_eq!([0.0, 0.25, 30.0, 1_000_000.0].map(number), ["0", "0.25", "30", "1,000,000"]);
        assert_eq!([0.3, 1.0, 1.2, 7.0].map(|value| number(round_step(value))), ["0.5", "1", "2", "10"]);
    }
}
