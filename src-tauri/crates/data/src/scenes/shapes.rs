//! What does each kind look like? Drawings as data, in a square from -50 to 50, y downwards.
//!
//! The main surfaces have the object's colour; details are light or dark, so that they name no other colour.

use super::vocabulary::Kind;

/// What a surface is painted with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Paint {
    /// The object's colour, with an outline.
    Main,
    /// The object's colour, darker, with an outline.
    Shade,
    /// Nearly black, without an outline.
    Dark,
    /// Nearly white, without an outline.
    Light,
    /// A trunk, a stem, a mast: grey brown.
    Wood,
}

/// One surface or line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Shape {
    /// Centre, then half width and half height.
    Ellipse(Paint, [f32; 4]),
    /// Left, top, right, bottom.
    Box(Paint, [f32; 4]),
    /// Corners.
    Polygon(Paint, &'static [[f32; 2]]),
    /// Points on a closed smooth curve.
    Curve(Paint, &'static [[f32; 2]]),
    /// Points on a line of this width.
    Line(Paint, f32, &'static [[f32; 2]]),
    /// A ring: centre, radius, width.
    Ring(Paint, [f32; 4]),
    /// A star: number of points, inner and outer radius.
    Star(Paint, u8, [f32; 2]),
}

use Paint::{Dark, Light, Main, Shade, Wood};
use Shape::{Box, Curve, Ellipse, Line, Polygon, Ring, Star};

impl Kind {
    /// From back to front.
    pub(super) fn shapes(self) -> &'static [Shape] {
        match self {
            Self::Cat => CAT,
            Self::Dog => DOG,
            Self::Rabbit => RABBIT,
            Self::Bird => BIRD,
            Self::Fish => FISH,
            Self::Butterfly => BUTTERFLY,
            Self::Turtle => TURTLE,
            Self::Bus => BUS,
            Self::Car => CAR,
            Self::Boat => BOAT,
            Self::Plane => PLANE,
            Self::Rocket => ROCKET,
            Self::Tree => TREE,
            Self::Flower => FLOWER,
            Self::Mushroom => MUSHROOM,
            Self::Cactus => CACTUS,
            Self::Apple => APPLE,
            Self::Sun => SUN,
            Self::Moon => MOON,
            Self::Star => STAR,
            Self::Cloud => CLOUD,
            Self::House => HOUSE,
            Self::Chair => CHAIR,
            Self::Cup => CUP,
            Self::Bottle => BOTTLE,
            Self::Clock => CLOCK,
            Self::Key => KEY,
            Self::Umbrella => UMBRELLA,
            Self::Ball => BALL,
            Self::Hat => HAT,
            Self::Crown => CROWN,
            Self::Heart => HEART,
        }
    }
}

const CAT: &[Shape] = &[
    Polygon(Main, &[[-40., -6.], [-38., -48.], [-8., -26.]]),
    Polygon(Main, &[[40., -6.], [38., -48.], [8., -26.]]),
    Ellipse(Main, [0., 8., 42., 36.]),
    Ellipse(Light, [-16., 0., 9., 10.]),
    Ellipse(Light, [16., 0., 9., 10.]),
    Ellipse(Dark, [-15., 1., 4., 8.]),
    Ellipse(Dark, [15., 1., 4., 8.]),
    Polygon(Dark, &[[-6., 16.], [6., 16.], [0., 24.]]),
    Line(Dark, 2.5, &[[-12., 22.], [-46., 16.]]),
    Line(Dark, 2.5, &[[12., 22.], [46., 16.]]),
    Line(Dark, 2.5, &[[-12., 27.], [-44., 32.]]),
    Line(Dark, 2.5, &[[12., 27.], [44., 32.]]),
];
const DOG: &[Shape] = &[
    Ellipse(Main, [0., -4., 32., 38.]),
    Ellipse(Shade, [-36., -2., 12., 32.]),
    Ellipse(Shade, [36., -2., 12., 32.]),
    Ellipse(Light, [0., 20., 21., 19.]),
    Ellipse(Dark, [0., 10., 10., 7.]),
    Line(Dark, 3., &[[0., 14.], [0., 28.]]),
    Ellipse(Dark, [-14., -14., 5., 6.]),
    Ellipse(Dark, [14., -14., 5., 6.]),
];
const RABBIT: &[Shape] = &[
    Ellipse(Main, [-15., -26., 9., 24.]),
    Ellipse(Main, [15., -26., 9., 24.]),
    Ellipse(Light, [-15., -26., 4., 16.]),
    Ellipse(Light, [15., -26., 4., 16.]),
    Ellipse(Main, [0., 18., 32., 29.]),
    Ellipse(Dark, [-12., 10., 4., 5.]),
    Ellipse(Dark, [12., 10., 4., 5.]),
    Polygon(Dark, &[[-5., 20.], [5., 20.], [0., 26.]]),
    Box(Light, [-5., 28., 5., 40.]),
];
const BIRD: &[Shape] = &[
    Polygon(Shade, &[[-20., 0.], [-48., -18.], [-44., 14.]]),
    Line(Dark, 3.5, &[[-4., 26.], [-6., 46.]]),
    Line(Dark, 3.5, &[[8., 26.], [10., 46.]]),
    Ellipse(Main, [0., 8., 32., 23.]),
    Ellipse(Main, [22., -20., 17., 16.]),
    Polygon(Wood, &[[36., -26.], [50., -18.], [36., -12.]]),
    Ellipse(Light, [26., -24., 5., 5.]),
    Ellipse(Dark, [27., -24., 2.5, 2.5]),
    Ellipse(Shade, [-8., 8., 18., 10.]),
];
const FISH: &[Shape] = &[
    Polygon(Shade, &[[18., 0.], [48., -26.], [40., 0.], [48., 26.]]),
    Polygon(Shade, &[[-14., -20.], [8., -38.], [16., -14.]]),
    Curve(Main, &[[-48., 0.], [-30., -20.], [0., -25.], [28., -4.], [28., 4.], [0., 25.], [-30., 20.]]),
    Ellipse(Light, [-28., -6., 7., 7.]),
    Ellipse(Dark, [-29., -6., 3.5, 3.5]),
    Line(Dark, 2.5, &[[-12., -16.], [-7., 0.], [-12., 16.]]),
];
const BUTTERFLY: &[Shape] = &[
    Line(Dark, 2.5, &[[0., -16.], [-12., -46.]]),
    Line(Dark, 2.5, &[[0., -16.], [12., -46.]]),
    Ellipse(Main, [-25., -16., 22., 22.]),
    Ellipse(Main, [25., -16., 22., 22.]),
    Ellipse(Main, [-19., 22., 16., 19.]),
    Ellipse(Main, [19., 22., 16., 19.]),
    Ellipse(Light, [-27., -17., 9., 9.]),
    Ellipse(Light, [27., -17., 9., 9.]),
    Ellipse(Dark, [0., 4., 5., 32.]),
];
const TURTLE: &[Shape] = &[
    Ellipse(Light, [40., 10., 10., 9.]),
    Ellipse(Dark, [43., 8., 2.5, 2.5]),
    Ellipse(Shade, [-24., 24., 9., 11.]),
    Ellipse(Shade, [20., 24., 9., 11.]),
    Polygon(Shade, &[[-34., 12.], [-48., 20.], [-32., 20.]]),
    Curve(Main, &[[-38., 18.], [-32., -8.], [-14., -26.], [10., -26.], [28., -8.], [34., 18.], [0., 22.]]),
    Line(Dark, 3., &[[-18., 18.], [-12., -2.], [-18., -20.]]),
    Line(Dark, 3., &[[14., 18.], [8., -2.], [14., -20.]]),
    Line(Dark, 3., &[[-12., -2.], [8., -2.]]),
];
const BUS: &[Shape] = &[
    Box(Main, [-48., -32., 48., 26.]),
    Box(Light, [-42., -24., -26., -4.]),
    Box(Light, [-21., -24., -5., -4.]),
    Box(Light, [0., -24., 16., -4.]),
    Box(Light, [22., -24., 42., 18.]),
    Line(Dark, 2.5, &[[32., -24.], [32., 18.]]),
    Ellipse(Dark, [-26., 28., 12., 12.]),
    Ellipse(Dark, [24., 28., 12., 12.]),
    Ellipse(Light, [-26., 28., 5., 5.]),
    Ellipse(Light, [24., 28., 5., 5.]),
];
const CAR: &[Shape] = &[
    Polygon(Main, &[[-26., 0.], [-14., -26.], [16., -26.], [30., 0.]]),
    Box(Main, [-48., -2., 48., 20.]),
    Polygon(Light, &[[-17., -3.], [-9., -20.], [-1., -20.], [-1., -3.]]),
    Polygon(Light, &[[4., -3.], [4., -20.], [12., -20.], [21., -3.]]),
    Ellipse(Dark, [-26., 20., 13., 13.]),
    Ellipse(Dark, [26., 20., 13., 13.]),
    Ellipse(Light, [-26., 20., 5., 5.]),
    Ellipse(Light, [26., 20., 5., 5.]),
];
const BOAT: &[Shape] = &[
    Line(Wood, 4.5, &[[0., 16.], [0., -48.]]),
    Polygon(Light, &[[5., -44.], [5., 8.], [40., 8.]]),
    Polygon(Light, &[[-5., -34.], [-5., 8.], [-32., 8.]]),
    Polygon(Main, &[[-48., 14.], [48., 14.], [32., 44.], [-32., 44.]]),
];
const PLANE: &[Shape] = &[
    Polygon(Shade, &[[12., -4.], [-12., -46.], [-26., -46.], [-12., -4.]]),
    Polygon(Shade, &[[12., 4.], [-12., 46.], [-26., 46.], [-12., 4.]]),
    Polygon(Shade, &[[-30., 0.], [-40., -20.], [-48., -20.], [-46., 20.], [-40., 20.]]),
    Ellipse(Main, [2., 0., 46., 11.]),
    Ellipse(Light, [36., 0., 5., 5.]),
    Ellipse(Dark, [20., 0., 3., 3.]),
    Ellipse(Dark, [8., 0., 3., 3.]),
    Ellipse(Dark, [-4., 0., 3., 3.]),
];
const ROCKET: &[Shape] = &[
    Polygon(Wood, &[[-10., 24.], [10., 24.], [0., 50.]]),
    Polygon(Shade, &[[-12., 0.], [-34., 34.], [-12., 26.]]),
    Polygon(Shade, &[[12., 0.], [34., 34.], [12., 26.]]),
    Curve(Main, &[[0., -50.], [13., -30.], [17., 0.], [13., 28.], [-13., 28.], [-17., 0.], [-13., -30.]]),
    Ellipse(Dark, [0., -12., 10., 10.]),
    Ellipse(Light, [0., -12., 7., 7.]),
];
const TREE: &[Shape] = &[
    Box(Wood, [-7., 24., 7., 48.]),
    Polygon(Main, &[[0., -20.], [40., 32.], [-40., 32.]]),
    Polygon(Main, &[[0., -36.], [32., 8.], [-32., 8.]]),
    Polygon(Main, &[[0., -50.], [22., -14.], [-22., -14.]]),
];
const FLOWER: &[Shape] = &[
    Line(Wood, 5., &[[0., 0.], [0., 48.]]),
    Ellipse(Wood, [12., 32., 11., 5.]),
    Ellipse(Main, [0., -36., 12., 13.]),
    Ellipse(Main, [19., -24., 12., 12.]),
    Ellipse(Main, [14., -2., 12., 12.]),
    Ellipse(Main, [-14., -2., 12., 12.]),
    Ellipse(Main, [-19., -24., 12., 12.]),
    Ellipse(Dark, [0., -16., 12., 12.]),
    Ellipse(Light, [0., -16., 7., 7.]),
];
const MUSHROOM: &[Shape] = &[
    Box(Light, [-14., 0., 14., 44.]),
    Curve(Main, &[[-46., 6.], [-38., -22.], [0., -44.], [38., -22.], [46., 6.], [0., 10.]]),
    Ellipse(Light, [-20., -12., 8., 8.]),
    Ellipse(Light, [6., -26., 8., 8.]),
    Ellipse(Light, [24., -6., 7., 7.]),
    Ellipse(Light, [0., -2., 5., 5.]),
];
const CACTUS: &[Shape] = &[
    Line(Main, 13., &[[0., 14.], [-32., 14.], [-32., -16.]]),
    Line(Main, 13., &[[0., 0.], [32., 0.], [32., -28.]]),
    Line(Main, 20., &[[0., 32.], [0., -38.]]),
    Line(Light, 2., &[[-4., 28.], [-4., -36.]]),
    Line(Light, 2., &[[4., 28.], [4., -36.]]),
    Polygon(Wood, &[[-24., 28.], [24., 28.], [18., 49.], [-18., 49.]]),
];
const APPLE: &[Shape] = &[
    Line(Wood, 5., &[[0., -20.], [6., -44.]]),
    Ellipse(Wood, [20., -36., 13., 6.]),
    Curve(
        Main,
        &[
            [0., -18.],
            [20., -28.],
            [40., -6.],
            [32., 28.],
            [14., 44.],
            [0., 39.],
            [-14., 44.],
            [-32., 28.],
            [-40., -6.],
            [-20., -28.],
        ],
    ),
    Ellipse(Light, [-20., -6., 6., 10.]),
];
const SUN: &[Shape] = &[
    Star(Main, 12, [27., 50.]),
    Ellipse(Main, [0., 0., 27., 27.]),
    Ellipse(Dark, [-9., -6., 3.5, 4.5]),
    Ellipse(Dark, [9., -6., 3.5, 4.5]),
    Line(Dark, 3., &[[-11., 8.], [0., 14.], [11., 8.]]),
];
const MOON: &[Shape] = &[Polygon(
    Main,
    &[
        [14., -46.],
        [-8., -44.],
        [-28., -32.],
        [-39., -12.],
        [-39., 12.],
        [-28., 32.],
        [-8., 44.],
        [14., 46.],
        [26., 40.],
        [8., 32.],
        [-5., 18.],
        [-10., 0.],
        [-5., -18.],
        [8., -32.],
        [26., -40.],
    ],
)];
const STAR: &[Shape] = &[Star(Main, 5, [20., 50.])];
const CLOUD: &[Shape] = &[Curve(
    Main,
    &[
        [-34., 26.],
        [-48., 12.],
        [-38., -6.],
        [-24., -6.],
        [-14., -28.],
        [10., -28.],
        [20., -12.],
        [38., -10.],
        [48., 10.],
        [34., 26.],
        [0., 28.],
    ],
)];
const HOUSE: &[Shape] = &[
    Box(Main, [-36., -8., 36., 44.]),
    Polygon(Shade, &[[-48., -6.], [0., -46.], [48., -6.]]),
    Box(Dark, [-8., 14., 8., 44.]),
    Box(Light, [-28., 4., -14., 20.]),
    Box(Light, [14., 4., 28., 20.]),
];
const CHAIR: &[Shape] =
    &[Box(Main, [-30., -48., -18., 48.]), Box(Main, [18., 6., 30., 48.]), Box(Main, [-30., 0., 32., 12.])];
const CUP: &[Shape] = &[
    Ring(Main, [24., 2., 15., 8.]),
    Curve(Main, &[[-36., -30.], [20., -30.], [18., 20.], [6., 38.], [-22., 38.], [-34., 20.]]),
    Ellipse(Dark, [-8., -30., 27., 7.]),
];
const BOTTLE: &[Shape] = &[
    Box(Dark, [-8., -49., 8., -38.]),
    Polygon(
        Main,
        &[[-7., -38.], [7., -38.], [7., -20.], [20., -6.], [20., 48.], [-20., 48.], [-20., -6.], [-7., -20.]],
    ),
    Box(Light, [-20., 8., 20., 32.]),
];
const CLOCK: &[Shape] = &[
    Ellipse(Main, [0., 0., 47., 47.]),
    Ellipse(Light, [0., 0., 34., 34.]),
    Line(Dark, 5., &[[0., 0.], [0., -26.]]),
    Line(Dark, 5., &[[0., 0.], [18., 10.]]),
    Ellipse(Dark, [0., 0., 5., 5.]),
    Line(Dark, 3., &[[0., 28.], [0., 33.]]),
    Line(Dark, 3., &[[28., 0.], [33., 0.]]),
    Line(Dark, 3., &[[-28., 0.], [-33., 0.]]),
];
const KEY: &[Shape] = &[
    Box(Main, [-8., -5., 48., 6.]),
    Box(Main, [22., 4., 30., 22.]),
    Box(Main, [38., 4., 46., 20.]),
    Ring(Main, [-26., 0., 16., 12.]),
];
const UMBRELLA: &[Shape] = &[
    Line(Dark, 4.5, &[[0., -40.], [0., 36.], [6., 44.], [14., 44.], [18., 34.]]),
    Polygon(
        Main,
        &[
            [-48., 4.],
            [-42., -20.],
            [-24., -38.],
            [0., -44.],
            [24., -38.],
            [42., -20.],
            [48., 4.],
            [32., -6.],
            [16., 4.],
            [0., -6.],
            [-16., 4.],
            [-32., -6.],
        ],
    ),
    Line(Dark, 2.5, &[[0., -44.], [-16., 4.]]),
    Line(Dark, 2.5, &[[0., -44.], [16., 4.]]),
];
const BALL: &[Shape] = &[
    Ellipse(Main, [0., 0., 44., 44.]),
    Curve(Light, &[[-10., -42.], [10., -42.], [20., 0.], [10., 42.], [-10., 42.], [-20., 0.]]),
    Curve(Main, &[[-1., -40.], [1., -40.], [7., 0.], [1., 40.], [-1., 40.], [-7., 0.]]),
];
const HAT: &[Shape] =
    &[Box(Main, [-26., -40., 26., 26.]), Box(Light, [-26., 6., 26., 18.]), Box(Main, [-49., 24., 49., 38.])];
const CROWN: &[Shape] = &[
    Polygon(Main, &[[-40., 34.], [-48., -26.], [-22., 2.], [0., -42.], [22., 2.], [48., -26.], [40., 34.]]),
    Ellipse(Light, [-22., 22., 5., 5.]),
    Ellipse(Light, [0., 22., 5., 5.]),
    Ellipse(Light, [22., 22., 5., 5.]),
];
const HEART: &[Shape] = &[Curve(
    Main,
    &[
        [0., -22.],
        [14., -38.],
        [36., -36.],
        [46., -14.],
        [34., 12.],
        [3., 44.],
        [-3., 44.],
        [-34., 12.],
        [-46., -14.],
        [-36., -36.],
        [-14., -38.],
    ],
)];
