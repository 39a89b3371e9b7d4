//! Conditions at the end of a terminal on the character behind it.

use crate::grammar::{CharSet, Look, Regex};

/// The ways of a terminal, each with the characters that must not come next: `/if\b/`, `/<(?!=)/`. Conditions of another
/// kind stay where they are.
pub fn parted(regex: Regex) -> Vec<(Regex, Option<CharSet>)> {
    if !regex.has_look() {
        return vec![(regex, None)];
    }
    match regex {
        Regex::Alternation(ways) => {
            let mut parted_ways: Vec<(Vec<Regex>, Option<CharSet>)> = Vec::new();
            for (way, edge) in ways.into_iter().flat_map(parted) {
                match parted_ways.iter_mut().find(|(_, known)| *known == edge) {
                    Some((alike, _)) => alike.push(way),
                    None => parted_ways.push((vec![way], edge)),
                }
            }
            parted_ways.into_iter().map(|(ways, edge)| (Regex::alternation(ways), edge)).collect()
        }
        Regex::And(parts) => {
            // All of them end at the same place, so all their conditions hold there.
            let mut bodies = Vec::with_capacity(parts.len());
            let mut edge = None;
            for part in &parts {
                let [(body, behind)] = &parted(part.clone())[..] else { return vec![(Regex::And(parts), None)] };
                bodies.push(body.clone());
                edge = joined(edge, behind.clone());
            }
            vec![(Regex::And(bodies), edge)]
        }
        Regex::Concat(mut parts) => match parts.pop() {
            None => vec![(Regex::Empty, None)],
            Some(Regex::Look(look)) => match excluded(&look, parts.last()) {
                Some(set) => {
                    let before = parted(Regex::concat(parts));
                    before.into_iter().map(|(body, edge)| (body, joined(edge, Some(set.clone())))).collect()
                }
                None => {
                    parts.push(Regex::Look(look));
                    vec![(Regex::Concat(parts), None)]
                }
            },
            Some(last) => {
                let whole = |end: Regex| Regex::Concat(parts.iter().cloned().chain([end]).collect());
                parted(last).into_iter().map(|(end, edge)| (whole(end), edge)).collect()
            }
        },
        other => vec![(other, None)],
    }
}

fn joined(a: Option<CharSet>, b: Option<CharSet>) -> Option<CharSet> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.union(&b)),
        (a, b) => a.or(b),
    }
}

/// What a condition excludes of the next character.
fn excluded(look: &Look, before: Option<&Regex>) -> Option<CharSet> {
    match look {
        Look::Ahead { body, negated: true } => class(body),
        Look::Boundary { word, negated: false } if ends_in(before?, word) => Some(word.clone()),
        _ => None,
    }
}

fn class(regex: &Regex) -> Option<CharSet> {
    match regex {
        Regex::Class(set) => Some(set.clone()),
        Regex::Alternation(ways) => {
            ways.iter().map(class).try_fold(CharSet::default(), |all, set| Some(all.union(&set?)))
        }
        Regex::Concat(parts) if parts.len() == 1 => class(&parts[0]),
        _ => None,
    }
}

/// Every text of the expression ends with a character of the set.
fn ends_in(regex: &Regex, set: &CharSet) -> bool {
    match regex {
        Regex::Class(class) => !class.is_empty() && class.union(set) == *set,
        Regex::Concat(parts) => match parts.split_last() {
            // One that may be left out, such as the rest of a name: then what is before it ends the text.
            Some((Regex::Repeat { body, min: 0, .. }, before)) => {
                ends_in(body, set) && ends_in(&Regex::Concat(before.to_vec()), set)
            }
            Some((last, _)) => ends_in(last, set),
            None => false,
        },
        Regex::Alternation(ways) => !ways.is_empty() && ways.iter().all(|way| ends_in(way, set)),
        Regex::And(parts) => parts.iter().any(|part| ends_in(part, set)),
        Regex::Repeat { body, min, .. } => *min > 0 && ends_in(body, set),
        Regex::Shortest(body) => ends_in(body, set),
        Regex::Empty | Regex::Bytes(..) | Regex::Not(_) | Regex::Look(_) => false,
    }
}
