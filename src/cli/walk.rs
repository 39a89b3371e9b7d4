//! Random walks through the masks of a constraint, as short documents with readable text.

use espalier::{
    matcher::{Matcher, Steering},
    vocab::{TokenId, TokenKind, Vocabulary},
};

/// A small generator of good random numbers (Steele, Lea, Flood: SplitMix, 2014).
pub(super) struct Random(pub u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// From 0 to 1, without 1.
    fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// How a walk ended.
pub(super) enum Walk {
    /// With a complete answer.
    Finished(Vec<u8>),
    /// With so many tokens that it was cut.
    Cut(Vec<u8>),
    /// Where no token is allowed: a defect of the engine.
    Stuck(Vec<u8>),
}

/// Walks until the answer ends, within `most` tokens if it can be completed by as many.
pub(super) fn walk(matcher: &mut Matcher, vocabulary: &Vocabulary, random: &mut Random, most: usize) -> Walk {
    let (mut text, mut steering) = (Vec::new(), Steering::new(matcher));
    for step in 0..most {
        let (mask, progress) = (matcher.mask(), step as f64 / most as f64);
        let drawn = steering.draw(matcher, mask, most - step - 1, |mask| {
            let weighted = mask.iter().map(|token| (token, weight(vocabulary, token, text.last(), progress)));
            draw(weighted.collect(), random)
        });
        let Ok(Some(token)) = drawn else { return Walk::Stuck(text) };
        if vocabulary.kind(token) == TokenKind::EndOfGeneration {
            return Walk::Finished(text);
        }
        text.extend_from_slice(vocabulary.bytes(token));
    }
    if matcher.is_accepting() { Walk::Finished(text) } else { Walk::Cut(text) }
}

fn draw(weighted: Vec<(TokenId, f64)>, random: &mut Random) -> Option<TokenId> {
    let total: f64 = weighted.iter().map(|(_, weight)| weight).sum();
    let mut left = random.fraction() * total;
    let last = weighted.last()?.0;
    let found = weighted.into_iter().find(|(_, weight)| {
        left -= weight;
        left < 0.0
    });
    Some(found.map_or(last, |(token, _)| token))
}

/// Readable characters are likely, and the longer the answer the more likely is what closes something.
///
/// `progress`: the part of the walk that is behind, 0 to 1.
fn weight(vocabulary: &Vocabulary, token: TokenId, before: Option<&u8>, progress: f64) -> f64 {
    let haste = 1.0 + 200.0 * progress;
    if vocabulary.kind(token) == TokenKind::EndOfGeneration {
        return 40.0 * haste;
    }
    match vocabulary.bytes(token).first() {
        Some(b'"' | b'}' | b']') => 2.0 * haste,
        // Numbers with exponents are mostly beyond what other programs can read.
        Some(b'e' | b'E') if before.is_some_and(u8::is_ascii_digit) => 0.01,
        Some(b'a'..=b'z' | b'{' | b'[') => 1.0,
        Some(b'0'..=b'9' | b'A'..=b'Z') => 0.5,
        Some(b' ') => 0.3,
        Some(0x20..=0x7e) => 0.1,
        _ => 0.002,
    }
}
