//! What comes before the first stop.

use crate::grammar::{CharSet, Regex};

/// Stops beyond these numbers are not listed.
const MAX_STOPS: usize = 256;
const MAX_LENGTH: usize = 1_000;

/// The texts of `body` that a stop follows for the first time, without the stop; None if the stops cannot be listed.
///
/// With `reach` as what matches with the stop behind it, a text counts if it and a stop are in `reach`, and no beginning of
/// both is.
pub fn before(body: Regex, stop: &Regex) -> Option<Regex> {
    let stops = texts(stop)?;
    let some = Regex::Class(CharSet::all()).repeat(1, None);
    let reach = Regex::Concat(vec![body, stop.clone()]);
    let beyond = Regex::Concat(vec![reach.clone(), some]);
    let without = |stop: &Vec<char>| {
        let ends = stop.iter().rev().fold(reach.clone(), |regex, c| shorter(&regex, *c));
        let late = stop.iter().rev().fold(beyond.clone(), |regex, c| shorter(&regex, *c));
        Regex::And(vec![ends, Regex::Not(Box::new(late))])
    };
    Some(Regex::alternation(stops.iter().map(without).collect()))
}

/// The texts of a stop, without those that go on behind a shorter one; None if there are too many.
fn texts(stop: &Regex) -> Option<Vec<Vec<char>>> {
    let mut texts = all(stop)?;
    texts.sort_unstable();
    texts.dedup();
    texts.iter().all(|text| text.len() <= MAX_LENGTH).then_some(texts)
}

/// The texts of an expression; where it ends with a repeat without end, those with the fewest turns.
fn all(regex: &Regex) -> Option<Vec<Vec<char>>> {
    let found = match regex {
        Regex::Empty => vec![Vec::new()],
        Regex::Class(set) => {
            let (low, high) = (set.ranges().first()?.0, set.ranges().last()?.1);
            set.within(low, high).take(MAX_STOPS + 1).map(|c| vec![c]).collect()
        }
        Regex::Alternation(parts) => {
            let parts = parts.iter().map(all).collect::<Option<Vec<_>>>()?;
            parts.into_iter().flatten().collect()
        }
        Regex::Concat(parts) => {
            let (last, firsts) = parts.split_last()?;
            let mut texts = vec![Vec::new()];
            for part in firsts {
                texts = joined(&texts, &finite(part)?)?;
            }
            joined(&texts, &all(last)?)?
        }
        Regex::Repeat { body, min, max: None } => all(&(**body).clone().repeat(*min, Some(*min)))?,
        Regex::Repeat { .. } => finite(regex)?,
        _ => return None,
    };
    (found.len() <= MAX_STOPS).then_some(found)
}

/// All texts of an expression that has not too many.
fn finite(regex: &Regex) -> Option<Vec<Vec<char>>> {
    match regex {
        Regex::Repeat { max: None, .. } => None,
        Regex::Repeat { body, min, max: Some(max) } => {
            if *max as usize > MAX_LENGTH {
                return None;
            }
            let once = finite(body)?;
            let (mut texts, mut turn) = (Vec::new(), vec![Vec::new()]);
            for count in 0..=*max {
                if count >= *min {
                    texts.extend(turn.iter().cloned());
                }
                if count < *max {
                    turn = joined(&turn, &once)?;
                }
            }
            (texts.len() <= MAX_STOPS).then_some(texts)
        }
        Regex::Concat(parts) => {
            let mut texts = vec![Vec::new()];
            for part in parts {
                texts = joined(&texts, &finite(part)?)?;
            }
            Some(texts)
        }
        Regex::Alternation(parts) => {
            let parts = parts.iter().map(finite).collect::<Option<Vec<_>>>()?;
            Some(parts.into_iter().flatten().collect())
        }
        other => all(other),
    }
}

fn joined(left: &[Vec<char>], right: &[Vec<char>]) -> Option<Vec<Vec<char>>> {
    if left.len().saturating_mul(right.len()) > MAX_STOPS {
        return None;
    }
    Some(left.iter().flat_map(|a| right.iter().map(|b| a.iter().chain(b).copied().collect())).collect())
}

/// The texts that match with this character behind them.
fn shorter(regex: &Regex, c: char) -> Regex {
    match regex {
        Regex::Class(set) if set.meets(c as u32, c as u32) => Regex::Empty,
        Regex::Empty | Regex::Class(_) | Regex::Bytes(..) | Regex::Look(_) => Regex::NOTHING,
        Regex::Alternation(parts) => Regex::Alternation(
            parts.iter().map(|part| shorter(part, c)).filter(|part| *part != Regex::NOTHING).collect(),
        ),
        Regex::And(parts) => Regex::And(parts.iter().map(|part| shorter(part, c)).collect()),
        Regex::Not(body) => Regex::Not(Box::new(shorter(body, c))),
        Regex::Concat(parts) => {
            let mut ways = Vec::new();
            for (at, part) in parts.iter().enumerate().rev() {
                let rest = shorter(part, c);
                if rest != Regex::NOTHING {
                    let mut whole = parts[..at].to_vec();
                    if rest != Regex::Empty {
                        whole.push(rest);
                    }
                    ways.push(Regex::concat(whole));
                }
                if !part.is_nullable() {
                    break;
                }
            }
            Regex::Alternation(ways)
        }
        Regex::Repeat { max: Some(0), .. } => Regex::NOTHING,
        Regex::Repeat { body, min, max } => {
            let rest = shorter(body, c);
            if rest == Regex::NOTHING {
                return rest;
            }
            let turns = (**body).clone().repeat(min.saturating_sub(1), max.map(|max| max - 1));
            Regex::Concat(vec![turns, rest])
        }
        // Taken apart as what it means: a match of which no proper beginning is one.
        Regex::Shortest(body) => {
            let some = Regex::Class(CharSet::all()).repeat(1, None);
            let late = Regex::Concat(vec![(**body).clone(), some]);
            Regex::And(vec![shorter(body, c), Regex::Not(Box::new(shorter(&late, c)))])
        }
    }
}
