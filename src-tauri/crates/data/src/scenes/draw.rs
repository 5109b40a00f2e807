//! Paints a scene. Everything is vector art with smooth edges, so any side gives the same picture.

use tiny_skia::{
    Color, FillRule, LineCap, LineJoin, Paint as Brush, Path, PathBuilder, Pixmap, Rect, Stroke, Transform,
};

use super::dice::Dice;
use super::scene::{Group, Item, Scene};
use super::shapes::{Paint, Shape};
use super::vocabulary::{Background, Colour, Kind, Place, Size};
use crate::image::Picture;

/// The scene as a square picture of `side` pixels; at least 8, at most 4096.
#[must_use]
pub fn draw(scene: &Scene, side: u32) -> Picture {
    let side = side.clamp(8, 4096);
    let mut canvas = Canvas::new(side);
    canvas.background(scene.background, scene.tint);
    for group in &scene.groups {
        for item in &group.items {
            canvas.object(group.kind, group.colour, item);
        }
    }
    canvas.picture()
}

/// Every kind in every colour, a row per kind, `cell` pixels each: to look at.
#[must_use]
pub fn contact_sheet(cell: u32) -> Picture {
    let (columns, rows) = (Colour::ALL.len() as u32 * 2, Kind::ALL.len().div_ceil(2) as u32);
    let mut sheet = vec![0; (columns * rows * cell * cell * 3) as usize];
    for (index, kind) in Kind::ALL.iter().enumerate() {
        for (number, colour) in Colour::ALL.iter().enumerate() {
            let background = Background::ALL[(index + number) % Background::ALL.len()];
            let item = Item { x: 500, y: 500, side: 820, tilt: 0, tint: 0 };
            let group = Group {
                kind: *kind,
                colour: *colour,
                size: Size::Big,
                place: Place::Middle,
                items: vec![item],
            };
            let picture = draw(&Scene { background, tint: 0, groups: vec![group] }, cell);
            let column = number as u32 + (index as u32 % 2) * Colour::ALL.len() as u32;
            for y in 0..cell {
                let from = (y * cell * 3) as usize;
                let to = (((index as u32 / 2 * cell + y) * columns + column) * cell * 3) as usize;
                let line = (cell * 3) as usize;
                sheet[to..to + line].copy_from_slice(&picture.rgb[from..from + line]);
            }
        }
    }
    Picture {
        width: columns * cell,
        height: rows * cell,
        rgb: sheet,
        format: None,
        orientation_applied: false,
    }
}

struct Canvas {
    pixels: Option<Pixmap>,
    side: u32,
}

impl Canvas {
    fn new(side: u32) -> Self {
        Self { pixels: Pixmap::new(side, side), side }
    }

    fn picture(self) -> Picture {
        let rgb = match &self.pixels {
            Some(pixels) => {
                pixels.data().as_chunks::<4>().0.iter().flat_map(|p| [p[0], p[1], p[2]]).collect()
            }
            None => vec![0; (self.side * self.side * 3) as usize],
        };
        Picture { width: self.side, height: self.side, rgb, format: None, orientation_applied: false }
    }

    fn background(&mut self, background: Background, tint: u32) {
        let (above, below) = match background {
            Background::Grass => ([198, 228, 246], [150, 206, 126]),
            Background::Sky => ([150, 202, 244], [206, 232, 250]),
            Background::Sand => ([214, 236, 244], [236, 216, 160]),
            Background::Night => ([34, 40, 84], [54, 60, 112]),
            Background::Snow => ([206, 218, 234], [234, 240, 248]),
        };
        let mut dice = Dice::new(u64::from(tint), 1);
        let [above, below] = [above, below].map(|rgb| varied(rgb, &mut dice, 6));
        let Some(pixels) = &mut self.pixels else { return };
        pixels.fill(colour(above));
        let (side, horizon) = (self.side as f32, dice.between(380, 520) as f32 / 1000.0);
        if let Some(rect) = Rect::from_xywh(0.0, side * horizon, side, side) {
            pixels.fill_rect(rect, &brush(below), Transform::identity(), None);
        }
    }

    fn object(&mut self, kind: Kind, main: Colour, item: &Item) {
        let mut dice = Dice::new(u64::from(item.tint), 2);
        let rgb = varied(main.rgb(), &mut dice, 8);
        let scale = self.side as f32 * item.side as f32 / 100_000.0;
        let (x, y) = (self.side as f32 * item.x as f32 / 1000.0, self.side as f32 * item.y as f32 / 1000.0);
        // A tilted square is wider: 0.92 keeps it within the item's square up to about 8 degrees.
        let place = Transform::from_row(scale * 0.92, 0.0, 0.0, scale * 0.92, x, y)
            .pre_concat(Transform::from_rotate(item.tilt as f32 / 10.0));
        let outline = if main == Colour::Black { [168, 168, 176] } else { [30, 30, 36] };
        for shape in kind.shapes() {
            self.shape(shape, rgb, outline, place);
        }
    }

    fn shape(&mut self, shape: &Shape, main: [u8; 3], outline: [u8; 3], place: Transform) {
        let Some(pixels) = &mut self.pixels else { return };
        let (paint, path, width) = match shape {
            Shape::Ellipse(paint, [x, y, half_width, half_height]) => {
                let rect = Rect::from_ltrb(x - half_width, y - half_height, x + half_width, y + half_height);
                (*paint, rect.and_then(PathBuilder::from_oval), None)
            }
            Shape::Box(paint, [left, top, right, bottom]) => {
                (*paint, Rect::from_ltrb(*left, *top, *right, *bottom).map(PathBuilder::from_rect), None)
            }
            Shape::Polygon(paint, points) => (*paint, polygon(points), None),
            Shape::Curve(paint, points) => (*paint, curve(points), None),
            Shape::Line(paint, width, points) => (*paint, line(points), Some(*width)),
            Shape::Ring(paint, [x, y, radius, width]) => {
                (*paint, PathBuilder::from_circle(*x, *y, *radius), Some(*width))
            }
            Shape::Star(paint, points, [inner, outer]) => (*paint, star(*points, *inner, *outer), None),
        };
        let Some(path) = path else { return };
        let (rgb, outlined) = match paint {
            Paint::Main => (main, true),
            Paint::Shade => (darker(main), true),
            Paint::Dark => ([30, 30, 36], false),
            Paint::Light => ([244, 244, 240], false),
            Paint::Wood => ([122, 108, 92], false),
        };
        let mut stroke = |width: f32, rgb: [u8; 3]| {
            let stroke =
                Stroke { width, line_cap: LineCap::Round, line_join: LineJoin::Round, ..Stroke::default() };
            pixels.stroke_path(&path, &brush(rgb), &stroke, place, None);
        };
        match width {
            Some(width) => {
                if outlined {
                    stroke(width + 2.0 * OUTLINE, outline);
                }
                stroke(width, rgb);
            }
            None => {
                // Drawn before the surface, half of a line of twice the width stays visible.
                if outlined {
                    stroke(2.0 * OUTLINE, outline);
                }
                pixels.fill_path(&path, &brush(rgb), FillRule::Winding, place, None);
            }
        }
    }
}

/// Width of outlines, in the units of shapes.
const OUTLINE: f32 = 3.0;

fn colour([red, green, blue]: [u8; 3]) -> Color {
    Color::from_rgba8(red, green, blue, 255)
}

fn brush(rgb: [u8; 3]) -> Brush<'static> {
    let mut brush = Brush::default();
    brush.set_color(colour(rgb));
    brush.anti_alias = true;
    brush
}

fn varied(rgb: [u8; 3], dice: &mut Dice, by: i32) -> [u8; 3] {
    rgb.map(|value| (i32::from(value) + dice.between(-by, by)).clamp(0, 255) as u8)
}

/// Black has no darker shade that would be seen, so it becomes lighter.
fn darker(rgb: [u8; 3]) -> [u8; 3] {
    if rgb.iter().all(|value| *value < 60) {
        rgb.map(|value| value + 34)
    } else {
        rgb.map(|v| (f32::from(v) * 0.78) as u8)
    }
}

fn line(points: &[[f32; 2]]) -> Option<Path> {
    let mut path = PathBuilder::new();
    for (index, [x, y]) in points.iter().enumerate() {
        if index == 0 { path.move_to(*x, *y) } else { path.line_to(*x, *y) }
    }
    path.finish()
}

fn polygon(points: &[[f32; 2]]) -> Option<Path> {
    let mut path = PathBuilder::new();
    for (index, [x, y]) in points.iter().enumerate() {
        if index == 0 { path.move_to(*x, *y) } else { path.line_to(*x, *y) }
    }
    path.close();
    path.finish()
}

/// A closed Catmull-Rom curve through the points, as cubic Bézier pieces.
fn curve(points: &[[f32; 2]]) -> Option<Path> {
    let mut path = PathBuilder::new();
    let at = |index: usize| points[index % points.len()];
    let first = points.first()?;
    path.move_to(first[0], first[1]);
    for index in 0..points.len() {
        let (before, from, to, after) =
            (at(index + points.len() - 1), at(index), at(index + 1), at(index + 2));
        path.cubic_to(
            from[0] + (to[0] - before[0]) / 6.0,
            from[1] + (to[1] - before[1]) / 6.0,
            to[0] - (after[0] - from[0]) / 6.0,
            to[1] - (after[1] - from[1]) / 6.0,
            to[0],
            to[1],
        );
    }
    path.close();
    path.finish()
}

fn star(points: u8, inner: f32, outer: f32) -> Option<Path> {
    let mut path = PathBuilder::new();
    for index in 0..2 * u16::from(points) {
        let radius = if index % 2 == 0 { outer } else { inner };
        let angle = std::f32::consts::PI * (f32::from(index) / f32::from(points) - 0.5);
        let (x, y) = (radius * angle.cos(), radius * angle.sin());
        if index == 0 { path.move_to(x, y) } else { path.line_to(x, y) }
    }
    path.close();
    path.finish()
}
