//! What answers are like: one of some texts, digits, so many words or sentences.

use super::super::choice;
use crate::grammar::{CharSet, Regex};

pub fn any_of(mut texts: Vec<&str>) -> Regex {
    texts.sort_unstable();
    texts.dedup();
    if texts.is_empty() { Regex::NOTHING } else { choice::any_of(&texts) }
}

/// Digits, with a blank or a sign before them.
pub fn integer() -> Regex {
    let digit = Regex::Class(CharSet::new([('0' as u32, '9' as u32)]));
    let optional = |text: &str| Regex::text(text).repeat(0, Some(1));
    Regex::Concat(vec![optional(" "), optional("-"), digit.repeat(1, None)])
}

/// As [`integer`], with a point and more digits behind.
pub fn decimal() -> Regex {
    let digit = Regex::Class(CharSet::new([('0' as u32, '9' as u32)]));
    let part = Regex::Concat(vec![Regex::text("."), digit.repeat(1, None)]);
    Regex::Concat(vec![integer(), part.repeat(0, Some(1))])
}

/// Texts of so many words between whitespace.
pub fn words(min: u32, max: Option<u32>) -> Regex {
    let blank = CharSet::property("White_Space").expect("the tables have it");
    let word = Regex::Class(blank.complement()).repeat(1, None);
    let blanks = Regex::Class(blank);
    let gap = blanks.clone().repeat(0, None);
    let mut ways = Vec::new();
    if min == 0 {
        ways.push(gap.clone());
    }
    if max != Some(0) {
        let next = Regex::Concat(vec![blanks.repeat(1, None), word.clone()]);
        let more = next.repeat(min.max(1) - 1, max.map(|max| max - 1));
        ways.push(Regex::Concat(vec![gap.clone(), word, more, gap]));
    }
    Regex::alternation(ways)
}

/// Texts of so many sentences: what ends in a full stop, and what is behind the last.
pub fn sentences(min: u32, max: Option<u32>) -> Regex {
    let stop = CharSet::single('.' as u32);
    let within = Regex::Class(stop.complement());
    let whole = Regex::Concat(vec![within.clone().repeat(0, None), Regex::Class(stop)]);
    let mut ways = vec![whole.clone().repeat(min, max)];
    if max != Some(0) {
        let before = whole.repeat(min.saturating_sub(1), max.map(|max| max - 1));
        ways.push(Regex::Concat(vec![before, within.repeat(1, None)]));
    }
    Regex::Alternation(ways)
}
