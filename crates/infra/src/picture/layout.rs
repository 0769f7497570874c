//! Where the cards and the arrows of a picture are. Owns no look; the algorithm is layout-rs's (ranks, crossings, Brandes and Köpf).

use layout::core::base::Orientation;
use layout::core::format::{ClipHandle, RenderBackend};
use layout::core::geometry::{Point, Position};
use layout::core::style::StyleAttr;
use layout::std_shapes::shapes::{Arrow, Element, ShapeKind};
use layout::topo::layout::VisualGraph;

/// The space that is kept free around a card: beside it is room for arrows to bend.
const HALO: (f64, f64) = (64.0, 22.0);

/// The size of a card.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot {
    pub(super) width: f64,
    pub(super) height: f64,
}

/// Where everything is, from 0, 0.
#[derive(Debug, Default)]
pub(super) struct Layout {
    pub(super) width: f64,
    pub(super) height: f64,
    /// The upper left corner of each card.
    pub(super) cards: Vec<(f64, f64)>,
    pub(super) arrows: Vec<Route>,
}

/// An arrow's way: from the right edge of one card, between others, to the left edge of another.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) points: Vec<(f64, f64)>,
}

/// Places cards, all of one width, from left to right, each to the right of what has an arrow to it. `arrows` are pairs of numbers of `spots`, and go in no circle.
pub(super) fn place(spots: &[Spot], arrows: &[(usize, usize)]) -> Layout {
    if spots.is_empty() {
        return Layout::default();
    }
    let mut graph = VisualGraph::new(Orientation::LeftToRight);
    let handles: Vec<_> = spots
        .iter()
        .enumerate()
        .map(|(number, spot)| {
            let size = Point::new(spot.width, spot.height);
            let shape = ShapeKind::new_box("");
            let properties = number.to_string();
            let mut element =
                Element::create_with_properties(shape, StyleAttr::simple(), Orientation::LeftToRight, size, properties);
            element.pos = Position::new(Point::zero(), size, Point::zero(), Point::new(HALO.0, HALO.1));
            graph.add_node(element)
        })
        .collect();
    for (number, (from, to)) in arrows.iter().enumerate() {
        let arrow = Arrow { properties: Some(number.to_string()), ..Arrow::default() };
        graph.add_edge(arrow, handles[*from], handles[*to]);
    }
    let mut drawn = Drawn { cards: vec![Point::zero(); spots.len()], ways: vec![Vec::new(); arrows.len()] };
    graph.do_it(false, false, false, &mut drawn);
    drawn.layout(spots, arrows)
}

/// What layout-rs drew.
struct Drawn {
    cards: Vec<Point>,
    /// The points between other cards that an arrow goes through.
    ways: Vec<Vec<Point>>,
}

impl Drawn {
    fn layout(self, spots: &[Spot], arrows: &[(usize, usize)]) -> Layout {
        let left = self.cards.iter().map(|at| at.x).fold(f64::INFINITY, f64::min);
        let all_y = self.cards.iter().chain(self.ways.iter().flatten()).map(|at| at.y);
        let top = all_y.fold(f64::INFINITY, f64::min);
        let cards: Vec<(f64, f64)> = self.cards.iter().map(|at| (at.x - left, at.y - top)).collect();
        let beside = |number: usize, share: f64| {
            let ((x, y), spot) = (cards[number], spots[number]);
            (spot.width.mul_add(share, x), y + spot.height / 2.0)
        };
        let arrows = arrows.iter().zip(self.ways).map(|(&(from, to), way)| {
            // Between the cards of a column it is straight, so that it bends where there are none.
            let half = spots[from].width / 2.0;
            let between = way.into_iter().flat_map(|at| {
                let (x, y) = (at.x - left, at.y - top);
                [(x - half, y), (x + half, y)]
            });
            Route {
                from,
                to,
                points: [beside(from, 1.0)].into_iter().chain(between).chain([beside(to, 0.0)]).collect(),
            }
        });
        let arrows: Vec<Route> = arrows.collect();
        let corners = cards.iter().zip(spots).map(|((x, y), spot)| (x + spot.width, y + spot.height));
        let far = corners.chain(arrows.iter().flat_map(|arrow| arrow.points.iter().copied()));
        let (width, height) = far.fold((0.0, 0.0), |(x, y): (f64, f64), at| (x.max(at.0), y.max(at.1)));
        Layout { width, height, cards, arrows }
    }
}

fn number(properties: Option<String>) -> Option<usize> {
    properties?.parse().ok()
}

impl RenderBackend for Drawn {
    fn draw_rect(&mut self, at: Point, _: Point, _: &StyleAttr, properties: Option<String>, _: Option<ClipHandle>) {
        if let Some(number) = number(properties) {
            self.cards[number] = at;
        }
    }

    fn draw_arrow(
        &mut self,
        path: &[(Point, Point)],
        _: bool,
        _: (bool, bool),
        _: &StyleAttr,
        properties: Option<String>,
        _: &str,
    ) {
        // The first and the last point are at the cards.
        if let (Some(number), Some(between)) = (number(properties), path.get(1..path.len().saturating_sub(1))) {
            self.ways[number] = between.iter().map(|(_, end)| *end).collect();
        }
    }

    fn draw_line(&mut self, _: Point, _: Point, _: &StyleAttr, _: Option<String>) {}

    fn draw_circle(&mut self, _: Point, _: Point, _: &StyleAttr, _: Option<String>) {}

    fn draw_text(&mut self, _: Point, _: &str, _: &StyleAttr) {}

    fn create_clip(&mut self, _: Point, _: Point, _: usize) -> ClipHandle {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CARD: Spot = Spot { width: 200.0, height: 80.0 };

    fn overlap(a: (f64, f64), b: (f64, f64)) -> bool {
        (a.0 - b.0).abs() < CARD.width && (a.1 - b.1).abs() < CARD.height
    }

    /// Whether a point is on a card.
    fn covers(card: (f64, f64), (x, y): (f64, f64)) -> bool {
        x > card.0 && x < card.0 + CARD.width && y > card.1 && y < card.1 + CARD.height
    }

    #[test]
    fn what_is_needed_is_to_the_left_and_nothing_is_on_top_of_anything() {
        let arrows = [(0, 1), (0, 2), (1, 3), (2, 3), (0, 3), (3, 4), (0, 4), (5, 4)];
        let layout = place(&[CARD; 8], &arrows);
        for (number, card) in layout.cards.iter().enumerate() {
            assert!(layout.cards[..number].iter().all(|other| !overlap(*card, *other)), "{layout:?}");
        }
        for arrow in &layout.arrows {
            assert!(layout.cards[arrow.from].0 + CARD.width < layout.cards[arrow.to].0, "{layout:?}");
            assert!(arrow.points.windows(2).all(|pair| pair[0].0 <= pair[1].0), "{arrow:?}");
            // Where it is straight it goes between cards, and where it bends no card is.
            for pair in arrow.points.windows(2) {
                for share in 0..=20 {
                    let part = f64::from(share) / 20.0;
                    let point =
                        (pair[0].0 + (pair[1].0 - pair[0].0) * part, pair[0].1 + (pair[1].1 - pair[0].1) * part);
                    assert!(!layout.cards.iter().any(|card| covers(*card, point)), "{arrow:?} {layout:?}");
                }
            }
        }
        let inside = |(x, y): &(f64, f64)| (0.0..=layout.width).contains(x) && (0.0..=layout.height).contains(y);
        assert!(layout.arrows.iter().flat_map(|arrow| &arrow.points).all(inside), "{layout:?}");
    }

    #[test]
    fn the_same_graph_is_placed_in_the_same_way() {
        let arrows = [(0, 1), (0, 2), (1, 3), (2, 3), (0, 4)];
        assert_eq!(format!("{:?}", place(&[CARD; 6], &arrows)), format!("{:?}", place(&[CARD; 6], &arrows)));
    }
}
