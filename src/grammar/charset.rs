//! Sets of Unicode scalar values.

use regex_syntax::hir::{Class, HirKind};

/// The largest scalar value.
const LAST: u32 = 0x10_FFFF;

/// A set of scalar values as sorted, disjoint, non-adjacent ranges (both ends included), without surrogates: text that
/// is UTF-8 cannot hold one, so a pattern that asks for one asks for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct CharSet(Vec<(u32, u32)>);

impl CharSet {
    /// The union of the ranges, in any order; surrogates and everything above U+10FFFF are left out.
    pub fn new(ranges: impl IntoIterator<Item = (u32, u32)>) -> Self {
        let mut parts: Vec<(u32, u32)> = Vec::new();
        for (low, high) in ranges {
            parts.extend([(low, high.min(0xD7FF)), (low.max(0xE000), high.min(LAST))].iter().filter(|(l, h)| l <= h));
        }
        parts.sort_unstable();
        let mut merged: Vec<(u32, u32)> = Vec::with_capacity(parts.len());
        for (low, high) in parts {
            match merged.last_mut() {
                Some(last) if low <= last.1.saturating_add(1) => last.1 = last.1.max(high),
                // The surrogates between two ranges are no gap.
                Some(last) if last.1 == 0xD7FF && low == 0xE000 => last.1 = high,
                _ => merged.push((low, high)),
            }
        }
        Self(merged)
    }

    pub fn all() -> Self {
        Self::new([(0, LAST)])
    }

    pub fn single(c: u32) -> Self {
        Self::new([(c, c)])
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The ranges; one may span the surrogates, which are then not meant.
    pub fn ranges(&self) -> &[(u32, u32)] {
        &self.0
    }

    /// Whether a value of `low..=high` is in the set.
    pub fn meets(&self, low: u32, high: u32) -> bool {
        let first = self.0.partition_point(|range| range.1 < low);
        self.0.get(first).is_some_and(|range| range.0 <= high)
    }

    /// The scalar values of `low..=high` that are in the set, in order.
    pub fn within(&self, low: u32, high: u32) -> impl Iterator<Item = char> {
        let first = self.0.partition_point(|range| range.1 < low);
        let ranges = self.0[first..].iter().take_while(move |range| range.0 <= high);
        ranges.flat_map(move |range| range.0.max(low)..=range.1.min(high)).filter_map(char::from_u32)
    }

    pub fn union(&self, other: &Self) -> Self {
        Self::new(self.0.iter().chain(&other.0).copied())
    }

    pub fn complement(&self) -> Self {
        let mut gaps = Vec::with_capacity(self.0.len() + 1);
        let mut next = 0;
        for &(low, high) in &self.0 {
            if next < low {
                gaps.push((next, low - 1));
            }
            next = high + 1;
        }
        gaps.push((next, LAST));
        Self::new(gaps.into_iter().filter(|(low, high)| low <= high))
    }

    /// The scalar values of a property as ECMA 262 writes it between the braces of `\p{...}`: `L`, `Lu`, `Alphabetic`,
    /// `Script=Greek`, `sc=`, `scx=`, `General_Category=`, `gc=`. `None` if there is no such property.
    ///
    /// The tables are those of `regex-syntax`, which also takes names in other spellings: which there are is not asked here.
    pub fn property(name: &str) -> Option<Self> {
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'=') {
            return None;
        }
        let hir = regex_syntax::parse(&format!(r"[\p{{{name}}}]")).ok()?;
        Some(match hir.kind() {
            HirKind::Class(Class::Unicode(set)) => {
                Self::new(set.ranges().iter().map(|range| (range.start() as u32, range.end() as u32)))
            }
            HirKind::Literal(text) => Self::single(std::str::from_utf8(&text.0).ok()?.chars().next()? as u32),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complement_and_union_give_everything() {
        let set = CharSet::new([(0x41, 0x5A), (0x61, 0x7A), (0xD000, 0xDC00), (0xFFFF, 0xFFFFF)]);
        assert_eq!(set.union(&set.complement()), CharSet::all());
        assert_eq!(set.complement().complement(), set);
        assert!(CharSet::all().complement().is_empty());
        assert!(CharSet::new([(0xD800, 0xDFFF)]).is_empty());
    }

    #[test]
    fn properties() {
        assert_eq!(CharSet::property("ASCII"), Some(CharSet::new([(0, 0x7F)])));
        assert_eq!(CharSet::property("Any"), Some(CharSet::all()));
        assert_eq!(CharSet::property("sc=Greek"), CharSet::property("Script=Greek"));
        assert!(CharSet::property("Zs").is_some_and(|set| set.ranges().contains(&(0x20, 0x20))));
        assert_eq!(CharSet::property("NoSuchThing"), None);
        assert_eq!(CharSet::property("L}\\d"), None);
    }
}
