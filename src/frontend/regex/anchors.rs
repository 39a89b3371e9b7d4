//! Anchors whose place decides them, in an expression that matches a whole text.

use crate::grammar::{Look, Regex};

/// What is known of the text on one side of a place.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    /// There is none.
    Nothing,
    /// There is some.
    Something,
    Unknown,
}

/// The same expression, with `^` and `$` taken out wherever their place alone tells whether they hold.
pub fn decided(regex: Regex) -> Regex {
    if regex.has_look() { within(regex, Side::Nothing, Side::Nothing) } else { regex }
}

fn within(regex: Regex, left: Side, right: Side) -> Regex {
    match regex {
        Regex::Look(Look::Start | Look::LineStart) if left == Side::Nothing => Regex::Empty,
        Regex::Look(Look::Start) if left == Side::Something => Regex::NOTHING,
        Regex::Look(Look::End | Look::LineEnd) if right == Side::Nothing => Regex::Empty,
        Regex::Look(Look::End) if right == Side::Something => Regex::NOTHING,
        Regex::Look(Look::Ahead { body, negated }) => match holds(&body, right, Look::End) {
            Some(holds) => {
                if holds != negated {
                    Regex::Empty
                } else {
                    Regex::NOTHING
                }
            }
            None => Regex::Look(Look::Ahead { body, negated }),
        },
        Regex::Look(Look::Behind { body, negated }) => match holds(&body, left, Look::Start) {
            Some(holds) => {
                if holds != negated {
                    Regex::Empty
                } else {
                    Regex::NOTHING
                }
            }
            None => Regex::Look(Look::Behind { body, negated }),
        },
        Regex::Concat(parts) => {
            let sides = |parts: &mut dyn Iterator<Item = &Regex>, first: Side| {
                let mut sides = vec![first];
                for part in parts {
                    let last = sides[sides.len() - 1];
                    sides.push(behind(last, part));
                }
                sides
            };
            let lefts = sides(&mut parts.iter(), left);
            let rights = sides(&mut parts.iter().rev(), right);
            let count = parts.len();
            let parts = parts.into_iter().enumerate();
            Regex::concat(parts.map(|(at, part)| within(part, lefts[at], rights[count - 1 - at])).collect())
        }
        Regex::Alternation(parts) => {
            Regex::Alternation(parts.into_iter().map(|part| within(part, left, right)).collect())
        }
        Regex::Repeat { body, min: 1, max: Some(1) } => within(*body, left, right),
        // Once or not at all: what stands beside it is the same.
        Regex::Repeat { body, min: 0, max: Some(1) } => within(*body, left, right).repeat(0, Some(1)),
        Regex::Repeat { body, min, max } => within(*body, Side::Unknown, Side::Unknown).repeat(min, max),
        other => other,
    }
}

/// What is known behind a part.
fn behind(side: Side, part: &Regex) -> Side {
    match (side, length(part)) {
        (Side::Something, _) | (_, Length::Some) => Side::Something,
        (side, Length::None) => side,
        (_, Length::Unknown) => Side::Unknown,
    }
}

/// Whether a lookaround's body matches where nothing is left of the text; None if there may be some, or it is not plain.
fn holds(body: &Regex, side: Side, edge: Look) -> Option<bool> {
    if side != Side::Nothing {
        return None;
    }
    match body {
        Regex::Empty => Some(true),
        Regex::Look(look) if *look == edge => Some(true),
        Regex::Class(_) | Regex::Bytes(..) => Some(false),
        Regex::Concat(parts) => {
            let all = parts.iter().map(|part| holds(part, side, edge.clone())).collect::<Option<Vec<bool>>>()?;
            Some(all.into_iter().all(|holds| holds))
        }
        Regex::Alternation(parts) => {
            let all = parts.iter().map(|part| holds(part, side, edge.clone())).collect::<Option<Vec<bool>>>()?;
            Some(all.into_iter().any(|holds| holds))
        }
        Regex::Repeat { min: 0, .. } => Some(true),
        Regex::Repeat { body, .. } => holds(body, side, edge),
        _ => None,
    }
}

enum Length {
    None,
    Some,
    Unknown,
}

fn length(regex: &Regex) -> Length {
    match regex {
        Regex::Empty | Regex::Look(_) => Length::None,
        Regex::Class(_) | Regex::Bytes(..) => Length::Some,
        Regex::Concat(parts) => {
            let lengths: Vec<Length> = parts.iter().map(length).collect();
            if lengths.iter().any(|length| matches!(length, Length::Some)) {
                Length::Some
            } else if lengths.iter().all(|length| matches!(length, Length::None)) {
                Length::None
            } else {
                Length::Unknown
            }
        }
        Regex::Alternation(parts) => {
            let all = |wanted: fn(&Length) -> bool| parts.iter().all(|part| wanted(&length(part)));
            match () {
                () if all(|length| matches!(length, Length::Some)) => Length::Some,
                () if all(|length| matches!(length, Length::None)) => Length::None,
                () => Length::Unknown,
            }
        }
        Regex::Repeat { max: Some(0), .. } => Length::None,
        Regex::Repeat { body, min, .. } => match length(body) {
            Length::Some if *min > 0 => Length::Some,
            Length::None => Length::None,
            _ => Length::Unknown,
        },
        Regex::And(_) | Regex::Not(_) | Regex::Shortest(_) => Length::Unknown,
    }
}
