//! What completes an A-label.
//!
//! The text behind `xn--` is read in two ways: as it stands, where more digits may follow, and as basic characters
//! altogether, if a hyphen follows. The first way is searched to the depth of three digits; the second has a completion of
//! a hyphen and three digits unless hyphens stand where none may, and never a shorter one, since less than three digits
//! are a control character.

use super::label::{Verdict, is_allowed};
use super::punycode::{self, Decoder};

/// Octets of `xn--`.
const PREFIX: usize = 4;
/// Digits that the first way is searched for.
const DEPTH: usize = 3;

/// Whether something completes the label; `judge` tells about decoded ones.
pub fn is_live(text: &str, room: usize, judge: &dyn Fn(&[char]) -> Verdict) -> bool {
    let left = room.checked_sub(PREFIX + text.len());
    let sound = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let soon = |left: usize| with_hyphen(&text.to_ascii_lowercase(), judge).is_some_and(|more| more <= left);
    sound && (left.is_some_and(soon) || least(text, room, judge).is_some())
}

/// The least number of characters that complete the label.
pub fn least(text: &str, room: usize, judge: &dyn Fn(&[char]) -> Verdict) -> Option<u32> {
    let room = room.checked_sub(PREFIX + text.len())?;
    let text = text.to_ascii_lowercase();
    if let Some((label, decoder)) = punycode::read(&text) {
        let basic = label.iter().filter(|c| c.is_ascii()).count();
        let allowed = label.iter().all(|c| c.is_ascii() || is_allowed(*c));
        for depth in 0..=if allowed { DEPTH.min(room) } else { 0 } {
            if reaches(&label, decoder, basic, depth, judge) {
                return Some(depth as u32);
            }
        }
    }
    with_hyphen(&text, judge).filter(|more| *more <= room).map(|more| more as u32)
}

/// Whether so many digits complete the label.
fn reaches(label: &[char], decoder: Decoder, basic: usize, depth: usize, judge: &dyn Fn(&[char]) -> Verdict) -> bool {
    if depth == 0 {
        return decoder.is_between() && label.len() > basic && judge(label) == Verdict::Valid;
    }
    (0..36).filter_map(|digit| decoder.digit(digit, label.len())).any(|(next, complete)| match complete {
        None => depth > 1 && reaches(label, next, basic, depth - 1, judge),
        Some((c, _)) if !is_allowed(c) => false,
        Some((c, at)) => {
            let mut longer = label.to_vec();
            longer.insert(at, c);
            reaches(&longer, next, basic, depth - 1, judge)
        }
    })
}

/// The least number of characters that complete the label if a hyphen comes now, or after one letter.
fn with_hyphen(text: &str, judge: &dyn Fn(&[char]) -> Verdict) -> Option<usize> {
    let wanted = |basic: &str| {
        let chars: Vec<char> = basic.chars().collect();
        let one = (0..=chars.len()).rev().flat_map(|place| LETTERS.map(|letter| (place, letter))).find_map(
            |(place, letter)| {
                let mut label = chars.clone();
                label.insert(place, letter);
                (judge(&label) == Verdict::Valid).then(|| punycode::encode(&label)).flatten()
            },
        );
        one.map(|coded| coded.len() - text.len())
    };
    let now = if text.is_empty() { None } else { wanted(text) };
    now.into_iter().chain(wanted(&format!("{text}a"))).min()
}

/// Letters that take three digits in a label of any length, of either direction.
const LETTERS: [char; 4] = ['\u{DF}', '\u{E0}', '\u{153}', '\u{E9}'];
