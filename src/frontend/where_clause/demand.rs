//! What is demanded of an answer: a filter, and where it stops.

use super::{super::regex, shape::any_of};
use crate::grammar::{CharSet, Regex};

/// More nodes than this an expression does not have: where an answer stops says everything else more than once.
const MAX_WEIGHT: u64 = 200_000;

/// What is demanded: a filter, and where the answer stops.
pub struct Demand {
    pub filter: Regex,
    pub at: Vec<String>,
    pub before: Vec<String>,
}

impl Demand {
    pub fn new(filter: Regex) -> Self {
        Self { filter, at: Vec::new(), before: Vec::new() }
    }

    pub fn and(self, other: Self) -> Self {
        let filter = match (self.filter, other.filter) {
            (all, part) if part == Regex::anything() => all,
            (all, part) if all == Regex::anything() => part,
            (Regex::And(mut all), part) => {
                all.push(part);
                Regex::And(all)
            }
            (all, part) => Regex::And(vec![all, part]),
        };
        Self { filter, at: [self.at, other.at].concat(), before: [self.before, other.before].concat() }
    }

    /// The answers: a phrase counts where the filter holds, be it up to its end or up to its beginning.
    ///
    /// None: that is too much to say.
    pub fn language(self) -> Option<Regex> {
        if self.at.is_empty() && self.before.is_empty() {
            return Some(self.filter);
        }
        if regex::weight(&self.filter) > MAX_WEIGHT {
            return None;
        }
        let phrases = |texts: &[String]| any_of(texts.iter().map(|text| &**text).collect());
        let behind = |first: Regex| Regex::Concat(vec![first, Regex::anything()]);
        let stopped = Regex::And(vec![self.filter.clone(), Regex::Concat(vec![Regex::anything(), phrases(&self.at)])]);
        let mut all = vec![self.filter.clone()];
        if !self.before.is_empty() {
            let passed = behind(Regex::Concat(vec![self.filter, phrases(&self.before)]));
            all.push(Regex::Not(Box::new(passed)));
        }
        let mut ends = Vec::new();
        if !self.at.is_empty() {
            ends.push(Regex::Shortest(Box::new(stopped.clone())));
        }
        if !self.before.is_empty() {
            ends.push(if self.at.is_empty() { Regex::anything() } else { Regex::Not(Box::new(behind(stopped))) });
        }
        all.push(Regex::alternation(ends));
        Some(Regex::And(all))
    }
}

/// Phrases of so many characters, all together, may come behind tokens.
const MAX_PHRASES: usize = 200;

/// Beginnings of answers, and for each what follows it so that phrases count from there on only: one that ends in the
/// beginning is none. A beginning is told apart by its end, as far as a phrase begins with it. All of them together have
/// every text but the empty one.
///
/// None: that is too much to say.
pub fn behind_tokens(demand: &Demand) -> Option<Vec<(Regex, Regex)>> {
    let length: usize = demand.at.iter().map(String::len).sum();
    if length > MAX_PHRASES {
        return None;
    }
    let mut begun: Vec<&str> = demand.at.iter().flat_map(|phrase| upto(phrase)).chain([""]).collect();
    begun.sort_unstable();
    begun.dedup();
    let some = || Regex::Class(CharSet::all()).repeat(1, None);
    let ending = |end: &str| Regex::concat(vec![Regex::anything(), Regex::text(end)]);
    let parts = begun.iter().map(|end| {
        let longer = begun.iter().filter(|other| other.len() > end.len() && other.ends_with(end));
        let not = longer.map(|other| Regex::Not(Box::new(ending(other))));
        let before = Regex::And([some(), ending(end)].into_iter().chain(not).collect());
        (before, behind(demand, end))
    });
    Some(parts.collect())
}

/// What follows a beginning with this end.
fn behind(demand: &Demand, end: &str) -> Regex {
    let some = || Regex::Class(CharSet::all()).repeat(1, None);
    let after = |first: Regex| Regex::Concat(vec![first, Regex::anything()]);
    let mut all = vec![some()];
    if !demand.before.is_empty() {
        let phrases = any_of(demand.before.iter().map(|text| &**text).collect());
        all.push(Regex::Not(Box::new(after(Regex::Concat(vec![some(), phrases])))));
    }
    if !demand.at.is_empty() {
        // A phrase as a whole, or what is left of one that has begun.
        let mut ways =
            vec![Regex::Concat(vec![Regex::anything(), any_of(demand.at.iter().map(|text| &**text).collect())])];
        for phrase in &demand.at {
            let rests = upto(phrase).filter(|begun| !begun.is_empty() && begun.len() < phrase.len());
            ways.extend(rests.filter(|begun| end.ends_with(begun)).map(|begun| Regex::text(&phrase[begun.len()..])));
        }
        let stopped = Regex::Alternation(ways);
        let shortest = Regex::Shortest(Box::new(stopped.clone()));
        all.push(match demand.before.is_empty() {
            true => shortest,
            false => Regex::Alternation(vec![shortest, Regex::Not(Box::new(after(stopped)))]),
        });
    }
    Regex::And(all)
}

/// All that a text begins with, itself and nothing included.
fn upto(text: &str) -> impl Iterator<Item = &str> {
    text.char_indices().map(|(at, _)| at).chain([text.len()]).map(|end| &text[..end])
}
