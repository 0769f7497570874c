//! A plan as a picture: each resource a card that is coloured by what becomes of it, each need an arrow. SVG, without a script and
//! without anything from elsewhere.
//!
//! It has no values of fields, only their names: a picture is passed around. `layout` says where things are; what they look like is said here.

mod layout;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::kind::KindName;
use crate::plan::{Change, InfraAction, InfraPlan};
use crate::stack::Observation;
use layout::{Layout, Spot, place};

/// The space around everything.
const MARGIN: f64 = 28.0;
/// What the heading and the legend take.
const HEADING: f64 = 84.0;
/// The height of a card, without a line for its fields.
const CARD_HEIGHT: f64 = 74.0;
/// What a line for the fields adds.
const LINE: f64 = 18.0;
/// Between the edge of a card and its text.
const INSET: f64 = 16.0;
/// The narrowest and the widest card.
const CARD_WIDTHS: (f64, f64) = (190.0, 360.0);
/// How wide a character of the small fixed font is, at most; one of the name; and one of the word beside it.
const CHARACTER: f64 = 6.45;
const NAME_CHARACTER: f64 = 8.6;
const WORD_CHARACTER: f64 = 6.9;
/// The sign before the name, and the space after it.
const SIGN: f64 = 40.0;

/// One card.
struct Card {
    name: String,
    kind: KindName,
    id: Option<String>,
    state: State,
    /// The fields that differ.
    fields: Vec<String>,
    /// What it needs.
    needs: BTreeSet<String>,
    /// Why, where the plan says it.
    reason: Option<String>,
}

/// What becomes of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    Create,
    Update,
    Adopt,
    Record,
    Delete,
    Refuse,
    Left,
    Unchanged,
}

impl State {
    const ALL: [Self; 8] = [
        Self::Create,
        Self::Update,
        Self::Adopt,
        Self::Record,
        Self::Delete,
        Self::Refuse,
        Self::Left,
        Self::Unchanged,
    ];

    fn of(action: InfraAction) -> Self {
        match action {
            InfraAction::Create => Self::Create,
            InfraAction::Update => Self::Update,
            InfraAction::Adopt => Self::Adopt,
            InfraAction::Record => Self::Record,
            InfraAction::Delete => Self::Delete,
            InfraAction::Refuse => Self::Refuse,
        }
    }

    /// The sign, the word, and the colours of the card's edge and ground.
    fn look(self) -> (&'static str, &'static str, &'static str, &'static str) {
        match self {
            Self::Create => ("+", "create", "#1a7f37", "#eefbf1"),
            Self::Update => ("~", "change", "#9a6700", "#fff9e6"),
            Self::Adopt => (">", "adopt", "#0969da", "#eff7ff"),
            Self::Record => ("·", "record", "#0e7490", "#ecfbfd"),
            Self::Delete => ("−", "delete", "#cf222e", "#fff1f0"),
            Self::Refuse => ("!", "refused", "#a40e26", "#ffe3e0"),
            Self::Left => ("?", "undeclared", "#8250df", "#f8f3ff"),
            Self::Unchanged => ("=", "unchanged", "#8c959f", "#f6f8fa"),
        }
    }
}

/// Draws a plan of what was observed.
pub fn picture(plan: &InfraPlan, observation: &Observation) -> String {
    let cards = cards(plan, observation);
    let width = cards.iter().map(width).fold(CARD_WIDTHS.0, f64::max).min(CARD_WIDTHS.1);
    let spots: Vec<Spot> = cards.iter().map(|card| Spot { width, height: height(card) }).collect();
    let layout = place(&spots, &arrows(&cards));
    let legend = legend(&cards);
    let whole =
        ((layout.width + 2.0 * MARGIN).max(legend.width + 2.0 * MARGIN), layout.height + HEADING + 2.0 * MARGIN);
    let mut svg = String::new();
    open(&mut svg, plan, whole);
    svg.push_str(&legend.text);
    draw_arrows(&mut svg, &cards, &layout);
    for (card, at) in cards.iter().zip(&layout.cards) {
        draw_card(&mut svg, card, *at, width);
    }
    if cards.is_empty() {
        _ = writeln!(svg, r#"<text class="kind" x="{MARGIN}" y="{}">nothing is declared</text>"#, HEADING + MARGIN);
    }
    svg.push_str("</svg>\n");
    svg
}

fn cards(plan: &InfraPlan, observation: &Observation) -> Vec<Card> {
    let of_change = |change: &Change| Card {
        name: change.resource.clone(),
        kind: change.kind,
        id: change.id.clone(),
        state: State::of(change.action),
        fields: change
            .differences
            .iter()
            .map(|one| one.field().to_owned())
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect(),
        needs: change.depends_on.clone(),
        reason: change.reason.clone(),
    };
    let (deleted, changed): (Vec<_>, Vec<_>) =
        plan.changes.iter().partition(|change| change.action == InfraAction::Delete);
    let mut changed: BTreeMap<&str, Card> =
        changed.into_iter().map(|change| (change.resource.as_str(), of_change(change))).collect();
    let mut cards = Vec::new();
    for one in &observation.resources {
        if let Some(card) = changed.remove(one.resource.as_str()) {
            cards.push(card);
        } else if plan.unchanged.contains(&one.resource) {
            cards.push(Card {
                name: one.resource.clone(),
                kind: one.spec.kind(),
                id: one.id.clone(),
                state: State::Unchanged,
                fields: Vec::new(),
                needs: one.depends_on.clone(),
                reason: None,
            });
        }
    }
    cards.extend(deleted.into_iter().map(of_change));
    cards.extend(plan.left.iter().map(|left| Card {
        name: left.resource.clone(),
        kind: left.kind,
        id: left.id.clone(),
        state: State::Left,
        fields: Vec::new(),
        needs: BTreeSet::new(),
        reason: None,
    }));
    cards
}

/// From what is needed to what needs it, by the numbers of the cards. Of two cards of one name, one of them deleted, what is deleted needs
/// that one, and the rest the other.
fn arrows(cards: &[Card]) -> Vec<(usize, usize)> {
    let number = |name: &str, deleted: bool| {
        let mut named = cards.iter().enumerate().filter(|(_, card)| card.name == name);
        let first = named.clone().next();
        named.find(|(_, card)| (card.state == State::Delete) == deleted).or(first).map(|(number, _)| number)
    };
    let of_card = |(to, card): (usize, &Card)| {
        let needed = card.needs.iter().filter_map(|need| number(need, card.state == State::Delete));
        needed.filter(|from| *from != to).map(|from| (from, to)).collect::<Vec<_>>()
    };
    cards.iter().enumerate().flat_map(of_card).collect()
}

fn height(card: &Card) -> f64 {
    if shown_fields(card).is_some() { CARD_HEIGHT + LINE } else { CARD_HEIGHT }
}

fn width(card: &Card) -> f64 {
    let (_, word, _, _) = card.state.look();
    let head = letters(&card.name, NAME_CHARACTER) + letters(word, WORD_CHARACTER) + SIGN;
    let id = letters(card.id.as_deref().unwrap_or_default(), CHARACTER);
    let fields = letters(&shown_fields(card).unwrap_or_default(), CHARACTER);
    head.max(id).max(fields) + 2.0 * INSET
}

fn letters(text: &str, width: f64) -> f64 {
    text.chars().count() as f64 * width
}

/// The fields that a card has a line for: those of a change. What is made has all of them.
fn shown_fields(card: &Card) -> Option<String> {
    let shown = matches!(card.state, State::Update | State::Adopt | State::Refuse) && !card.fields.is_empty();
    shown.then(|| card.fields.join(", "))
}

fn open(svg: &mut String, plan: &InfraPlan, (width, height): (f64, f64)) {
    let title = escaped(&format!("{} / {}", plan.project, plan.environment));
    let place = escaped(&format!("account {}, {}", plan.account, plan.region));
    let hash = plan.hash.to_string();
    _ = write!(
        svg,
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0}" height="{height:.0}" viewBox="0 0 {width:.0} {height:.0}" role="img">
<title>{title}: what an apply changes</title>
<style>
text {{ font-family: system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: #1f2328; }}
.title {{ font-size: 19px; font-weight: 600; }}
.place, .word {{ font-size: 12px; fill: #59636e; }}
.name {{ font-size: 14px; font-weight: 600; }}
.kind {{ font-size: 12px; fill: #59636e; }}
.id {{ font-size: 10.5px; font-family: ui-monospace, "DejaVu Sans Mono", monospace; fill: #59636e; }}
.state {{ font-size: 11px; font-weight: 600; }}
.arrow {{ fill: none; stroke: #afb8c1; stroke-width: 1.6; }}
</style>
<defs><marker id="head" viewBox="0 0 8 8" refX="7.2" refY="4" markerWidth="10" markerHeight="10" markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0.6 L8 4 L0 7.4 Z" fill="#8c959f"/></marker></defs>
<rect width="100%" height="100%" fill="#ffffff"/>
<text class="title" x="{MARGIN}" y="44">{title}</text>
<text class="place" x="{MARGIN}" y="64">{place} · plan {}</text>
"##,
        hash.get(..12).unwrap_or(&hash),
    );
}

/// What the colours mean, of those that there are.
struct Legend {
    text: String,
    width: f64,
}

fn legend(cards: &[Card]) -> Legend {
    let (mut text, mut x) = (String::new(), MARGIN);
    for state in State::ALL {
        let count = cards.iter().filter(|card| card.state == state).count();
        if count == 0 {
            continue;
        }
        let (_, word, edge, ground) = state.look();
        let label = format!("{count} {word}");
        _ = writeln!(
            text,
            r#"<rect x="{x:.1}" y="80" width="12" height="12" rx="3" fill="{ground}" stroke="{edge}" stroke-width="1.5"/>"#
        );
        _ = writeln!(text, r#"<text class="word" x="{:.1}" y="90">{label}</text>"#, x + 18.0);
        x += 18.0 + 6.8 * label.chars().count() as f64 + 20.0;
    }
    Legend { text, width: x - MARGIN }
}

fn draw_arrows(svg: &mut String, cards: &[Card], layout: &Layout) {
    for arrow in &layout.arrows {
        let mut points = arrow.points.iter().map(|(x, y)| (x + MARGIN, y + HEADING + MARGIN));
        let Some((mut x, mut y)) = points.next() else { continue };
        let mut path = format!("M{x:.1} {y:.1}");
        for (to_x, to_y) in points {
            let bend = (to_x - x) / 2.0;
            _ = write!(path, " C{:.1} {y:.1} {:.1} {to_y:.1} {to_x:.1} {to_y:.1}", x + bend, to_x - bend);
            (x, y) = (to_x, to_y);
        }
        let said = escaped(&format!("{} needs {}", cards[arrow.to].name, cards[arrow.from].name));
        _ = writeln!(svg, r#"<path class="arrow" d="{path}" marker-end="url(#head)"><title>{said}</title></path>"#);
    }
}

fn draw_card(svg: &mut String, card: &Card, (x, y): (f64, f64), width: f64) {
    let (sign, word, edge, ground) = card.state.look();
    let dashes = if matches!(card.state, State::Delete | State::Left) { r#" stroke-dasharray="5 3""# } else { "" };
    let (x, y, height) = (x + MARGIN, y + HEADING + MARGIN, height(card));
    let inside = width - 2.0 * INSET;
    let room = (inside / CHARACTER) as usize;
    let name_room = ((inside - letters(word, WORD_CHARACTER) - SIGN) / NAME_CHARACTER) as usize;
    let mut said = format!("{}: {word}", card.name);
    for part in card.reason.iter().chain(&card.id).chain(&card.fields) {
        _ = write!(said, "\n{part}");
    }
    _ = write!(
        svg,
        r#"<g transform="translate({x:.1} {y:.1})"><title>{}</title>
<rect width="{width:.1}" height="{height:.1}" rx="8" fill="{ground}" stroke="{edge}" stroke-width="1.5"{dashes}/>
<text class="name" x="{INSET}" y="26"><tspan fill="{edge}">{sign}</tspan> {}</text>
<text class="state" x="{:.1}" y="26" text-anchor="end" fill="{edge}" style="fill:{edge}">{word}</text>
<text class="kind" x="{INSET}" y="45">{}</text>
"#,
        escaped(&said),
        escaped(&shortened(&card.name, name_room)),
        width - INSET,
        card.kind.as_str(),
    );
    if let Some(id) = &card.id {
        _ = writeln!(svg, r#"<text class="id" x="{INSET}" y="62">{}</text>"#, escaped(&shortened(id, room)));
    }
    if let Some(fields) = shown_fields(card) {
        let fields = escaped(&shortened(&fields, room));
        _ = writeln!(svg, r#"<text class="id" x="{INSET}" y="{}" style="fill:{edge}">{fields}</text>"#, 62.0 + LINE);
    }
    svg.push_str("</g>\n");
}

/// A text of at most `room` characters: its beginning and its end, which tell names apart.
fn shortened(text: &str, room: usize) -> String {
    let count = text.chars().count();
    if count <= room {
        return text.to_owned();
    }
    let end = room / 2;
    let start: String = text.chars().take(room.saturating_sub(end + 1)).collect();
    let rest: String = text.chars().skip(count - end).collect();
    format!("{start}…{rest}")
}

/// A text for XML, without what XML cannot say.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\n' => safe.push(letter),
            other if other.is_control() || matches!(other, '\u{fffe}' | '\u{ffff}') => safe.push('\u{fffd}'),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests;
