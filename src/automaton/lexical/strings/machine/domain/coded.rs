//! What completes an A-label.
//!
//! The text behind `xn--` is read in two ways: as it stands, where more digits may follow, and as basic characters
//! altogether, if a hyphen follows. The first way is searched to the depth of three digits; the second has a completion of
//! a hyphen and three digits unless hyphens stand where none may, and never a shorter one, since less than three digits
//! are a control character.

use super::label::Verdict;
use super::punycode::{self, Decoder};

const DIGITS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
/// Octets of `xn--`.
const PREFIX: usize = 4;
/// Digits that the first way is searched for.
const DEPTH: usize = 3;

/// The least number of characters that complete the label; `judge` tells about decoded ones.
pub fn least(text: &str, room: usize, judge: &dyn Fn(&[char]) -> Verdict) -> Option<u32> {
    let room = room.checked_sub(PREFIX + text.len())?;
    let sound = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if !sound {
        return None;
    }
    let text = text.to_ascii_lowercase();
    let (basic, digits) = punycode::split(&text);
    let mut decoder = Decoder::new(basic);
    let read = digits.bytes().try_for_each(|digit| read(&mut decoder, digit));
    if read.is_some() {
        for depth in 0..=DEPTH.min(room) {
            if reaches(&decoder, basic, depth, judge) {
                return Some(depth as u32);
            }
        }
    }
    let hyphened = with_hyphen(&text, judge).filter(|more| *more <= room);
    hyphened.map(|more| more as u32)
}

/// A digit, if the character that it completes may stand in a label.
fn read(decoder: &mut Decoder, digit: u8) -> Option<()> {
    let c = decoder.digit(digit)?;
    c.is_none_or(super::label::is_allowed).then_some(())
}

/// Whether so many digits complete the label.
fn reaches(decoder: &Decoder, basic: &str, depth: usize, judge: &dyn Fn(&[char]) -> Verdict) -> bool {
    if depth == 0 {
        let whole = decoder.is_between() && decoder.label.len() > basic.len();
        return whole && judge(&decoder.label) == Verdict::Valid;
    }
    DIGITS.iter().any(|digit| {
        let mut next = decoder.clone();
        read(&mut next, *digit).is_some() && reaches(&next, basic, depth - 1, judge)
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
