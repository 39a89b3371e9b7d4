//! Lexemes by derivatives: what is left of a regular expression behind a byte is again a regular expression.
//!
//! Equal expressions have equal numbers, so the derivatives that are met make a deterministic automaton, built where a
//! walk goes. Complements and intersections cost no more than anything else; a counted repeat is one node, whatever its
//! bounds are.

use std::collections::VecDeque;

use regex_syntax::utf8::{Utf8Range, Utf8Sequence, Utf8Sequences};
use rustc_hash::FxHashMap;

use super::stay::Stays;
use crate::{
    budget::Budget,
    grammar::{CharSet, Regex},
};

/// An expression's number.
pub type Rx = u32;

/// Matches nothing.
pub const NOTHING: Rx = 0;
/// Matches the empty text.
pub const EMPTY: Rx = 1;

/// A set of bytes: bit `b % 64` of word `b / 64`.
pub type ByteSet = [u64; 4];

/// Expressions that one search for a match may look at before it takes one for granted.
const MAX_SEARCH: usize = 20_000;

/// A shortest match that is longer than this is not written out.
const LONGEST: usize = 1 << 20;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Node {
    Nothing,
    Empty,
    Set(ByteSet),
    Concat(Rx, Rx),
    Alt(Box<[Rx]>),
    And(Box<[Rx]>),
    /// Every sequence of bytes that the other does not match.
    Not(Rx),
    Repeat(Rx, u32, Option<u32>),
    Shortest(Rx),
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Facts {
    /// Matches the empty text.
    pub nullable: bool,
    /// Holds no complement or intersection: then it matches something, unless it is [`NOTHING`].
    pub plain: bool,
    /// Holds a repeat with a bound beyond one.
    pub bounded: bool,
}

/// A cell of the table of derivatives that nobody asked for yet.
const UNKNOWN: u32 = u32::MAX;

/// All expressions of one grammar.
#[derive(Clone, Debug)]
pub struct Lexemes {
    pub(super) nodes: Vec<Node>,
    pub(super) facts: Vec<Facts>,
    index: FxHashMap<Node, Rx>,
    /// Bytes that no expression tells apart.
    class_of: [u8; 256],
    /// One byte of each class.
    classes: Vec<u8>,
    rows: Vec<Box<[u32]>>,
    alive: FxHashMap<Rx, bool>,
    shortest: FxHashMap<Rx, Box<[u8]>>,
    /// By what [`Lexemes::within`] was asked.
    alike: FxHashMap<(Rx, u32), Rx>,
    pub(super) stays: Stays,
    soft: bool,
    /// Shortest is what has the fewest characters, not bytes.
    by_characters: bool,
    budget: Budget,
    pub(super) bytes: usize,
}

impl Lexemes {
    pub fn new(budget: Budget) -> Self {
        let mut lexemes = Self {
            nodes: Vec::new(),
            facts: Vec::new(),
            index: FxHashMap::default(),
            class_of: [0; 256],
            classes: vec![0],
            rows: Vec::new(),
            alive: FxHashMap::default(),
            shortest: FxHashMap::default(),
            alike: FxHashMap::default(),
            stays: Stays::default(),
            soft: false,
            by_characters: false,
            budget,
            bytes: 0,
        };
        lexemes.intern(Node::Nothing);
        lexemes.intern(Node::Empty);
        lexemes
    }

    /// What is worked out from now on is counted here.
    pub fn charge(&mut self, budget: Budget) {
        self.budget = budget;
    }

    /// From now on lengths are numbers of characters.
    pub fn count_characters(&mut self) {
        self.by_characters = true;
        self.shortest.clear();
    }

    /// What a text counts for where the shortest one is looked for.
    pub fn weight(&self, text: &[u8]) -> usize {
        text.iter().filter(|byte| self.counts_byte(**byte)).count()
    }

    fn counts_byte(&self, byte: u8) -> bool {
        !self.by_characters || byte & 0xc0 != 0x80
    }

    /// Some expression was taken to match something without proof.
    pub fn is_soft(&self) -> bool {
        self.soft
    }

    /// About the memory held.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn is_nullable(&self, rx: Rx) -> bool {
        self.facts[rx as usize].nullable
    }

    /// Reads an expression. To be called before the first [`Lexemes::derive`] only, then [`Lexemes::seal`].
    pub fn read(&mut self, regex: &Regex) -> Rx {
        if !self.budget.spend(1) {
            return NOTHING;
        }
        match regex {
            Regex::Empty => EMPTY,
            Regex::Class(set) => self.characters(set),
            Regex::Bytes(low, high) => self.bytes_of(*low..=*high),
            Regex::Concat(parts) => {
                let parts: Vec<Rx> = parts.iter().map(|part| self.read(part)).collect();
                parts.into_iter().rev().fold(EMPTY, |rest, part| self.concat(part, rest))
            }
            Regex::Alternation(parts) => {
                let parts = parts.iter().map(|part| self.read(part)).collect();
                self.alt(parts)
            }
            Regex::Repeat { body, min, max } => {
                let body = self.read(body);
                self.repeat(body, *min, *max)
            }
            Regex::And(parts) => {
                let parts = parts.iter().map(|part| self.read(part)).collect();
                self.and(parts)
            }
            Regex::Not(body) => {
                let body = self.read(body);
                let (other, text) = (self.not(body), self.any_text());
                self.and(vec![other, text])
            }
            Regex::Shortest(body) => {
                let body = self.read(body);
                self.shortest_match(body)
            }
            Regex::Look(_) => unreachable!("a lexeme has no assertions: the front ends take them out"),
        }
    }

    /// Works out which bytes are told apart: no expression is read after this.
    pub fn seal(&mut self) {
        let mut classes: Vec<u8> = vec![0; 256];
        let mut count = 1_usize;
        for node in &self.nodes {
            let Node::Set(set) = node else { continue };
            // By the class before, and whether the byte is in the set.
            let mut renamed: [[Option<u8>; 2]; 256] = [[None; 2]; 256];
            let mut next = 0;
            for byte in 0..=u8::MAX {
                let class = &mut classes[usize::from(byte)];
                *class = *renamed[usize::from(*class)][usize::from(contains(set, byte))].get_or_insert_with(|| {
                    next += 1;
                    (next - 1) as u8
                });
            }
            count = next;
            if count == 256 {
                break;
            }
        }
        self.classes = vec![0; count];
        for byte in (0..=u8::MAX).rev() {
            self.class_of[usize::from(byte)] = classes[usize::from(byte)];
            self.classes[usize::from(classes[usize::from(byte)])] = byte;
        }
    }

    /// How many classes of bytes are told apart.
    pub fn class_count(&self) -> usize {
        self.classes.len()
    }

    #[inline]
    pub fn class_of(&self, byte: u8) -> u8 {
        self.class_of[usize::from(byte)]
    }

    /// The least byte of a class.
    pub fn byte_of(&self, class: u8) -> u8 {
        self.classes[usize::from(class)]
    }

    /// What is left behind a byte of the class: [`NOTHING`] if no match goes on so.
    #[inline]
    pub fn derive(&mut self, rx: Rx, class: u8) -> Rx {
        if let Some(row) = self.rows.get(rx as usize)
            && let Some(&known) = row.get(usize::from(class))
            && known != UNKNOWN
        {
            return known;
        }
        self.derive_anew(rx, class)
    }

    fn derive_anew(&mut self, rx: Rx, class: u8) -> Rx {
        let left = self.left_behind(rx, class);
        let left = if self.is_alive(left) { left } else { NOTHING };
        if self.rows.len() <= rx as usize {
            self.rows.resize(rx as usize + 1, Box::default());
        }
        let width = self.classes.len();
        let row = &mut self.rows[rx as usize];
        if row.is_empty() {
            *row = vec![UNKNOWN; width].into();
            self.bytes += width * 4;
        }
        row[usize::from(class)] = left;
        left
    }

    fn left_behind(&mut self, rx: Rx, class: u8) -> Rx {
        // After an overrun nothing counts; ending soon is all that matters.
        if !self.budget.spend(1) {
            return NOTHING;
        }
        match self.nodes[rx as usize].clone() {
            Node::Nothing | Node::Empty => NOTHING,
            Node::Set(set) => {
                if contains(&set, self.byte_of(class)) {
                    EMPTY
                } else {
                    NOTHING
                }
            }
            Node::Concat(..) => self.left_of_sequence(rx, class),
            Node::Alt(parts) => {
                let left = parts.iter().map(|part| self.derivative(*part, class)).collect();
                self.alt(left)
            }
            Node::And(parts) => {
                let mut left = Vec::with_capacity(parts.len());
                for part in &parts {
                    match self.derivative(*part, class) {
                        NOTHING => return NOTHING,
                        part => left.push(part),
                    }
                }
                self.and(left)
            }
            Node::Not(body) => {
                let left = self.derivative(body, class);
                self.not(left)
            }
            Node::Repeat(body, min, max) => {
                let (left, rest) =
                    (self.derivative(body, class), self.repeat(body, min.saturating_sub(1), max.map(|max| max - 1)));
                self.concat(left, rest)
            }
            Node::Shortest(_) if self.is_nullable(rx) => NOTHING,
            Node::Shortest(body) => {
                let left = self.derivative(body, class);
                self.shortest_match(left)
            }
        }
    }

    /// The derivative of a part, without asking whether it matches anything.
    fn derivative(&mut self, rx: Rx, class: u8) -> Rx {
        match self.rows.get(rx as usize).and_then(|row| row.get(usize::from(class))) {
            Some(&known) if known != UNKNOWN => known,
            _ => self.left_behind(rx, class),
        }
    }

    fn left_of_sequence(&mut self, mut rx: Rx, class: u8) -> Rx {
        let mut ways = Vec::new();
        while let Node::Concat(first, rest) = self.nodes[rx as usize] {
            let left = self.derivative(first, class);
            ways.push(self.concat(left, rest));
            if !self.is_nullable(first) {
                return self.alt(ways);
            }
            rx = rest;
        }
        ways.push(self.derivative(rx, class));
        self.alt(ways)
    }

    /// An expression that goes along with the same texts of up to `most` bytes, and may end behind the same ones: counts
    /// beyond that are all alike. So what is found out about short texts serves for most of a long repeat.
    pub fn within(&mut self, rx: Rx, most: u32) -> Rx {
        // Whether an intersection or a complement goes on may hang on what comes later.
        let Facts { plain, bounded, .. } = self.facts[rx as usize];
        if !plain || !bounded {
            return rx;
        }
        if let Some(known) = self.alike.get(&(rx, most)) {
            return *known;
        }
        let alike = match self.nodes[rx as usize].clone() {
            Node::Concat(..) => {
                let (mut parts, mut at) = (Vec::new(), rx);
                while let Node::Concat(first, rest) = self.nodes[at as usize] {
                    parts.push(first);
                    at = rest;
                }
                let last = self.within(at, most);
                let parts: Vec<Rx> = parts.into_iter().map(|part| self.within(part, most)).collect();
                parts.into_iter().rev().fold(last, |rest, part| self.concat(part, rest))
            }
            Node::Alt(parts) => {
                let parts = parts.iter().map(|part| self.within(*part, most)).collect();
                self.alt(parts)
            }
            Node::Repeat(body, min, max) => {
                let body = self.within(body, most);
                self.repeat(body, min.min(most.saturating_add(1)), max.filter(|max| *max <= most))
            }
            _ => rx,
        };
        self.alike.insert((rx, most), alike);
        alike
    }

    /// Whether anything matches.
    pub fn is_alive(&mut self, rx: Rx) -> bool {
        if self.facts[rx as usize].plain || self.is_nullable(rx) {
            return rx != NOTHING;
        }
        if let Some(alive) = self.alive.get(&rx) {
            return *alive;
        }
        self.search(rx).is_some() || self.alive.get(&rx).copied().unwrap_or(true)
    }

    /// A shortest match, by breadth: for expressions whose form does not tell. None: there is none, or it is not known
    /// of any.
    fn search(&mut self, rx: Rx) -> Option<Box<[u8]>> {
        let mut from: FxHashMap<Rx, (Rx, u8)> = FxHashMap::default();
        let mut seen: FxHashMap<Rx, usize> = FxHashMap::from_iter([(rx, 0)]);
        let mut queue = VecDeque::from([(rx, 0)]);
        while let Some((place, length)) = queue.pop_front() {
            if seen.get(&place).is_some_and(|least| *least < length) {
                continue;
            }
            if self.is_nullable(place) {
                let (mut text, mut at) = (Vec::new(), place);
                while at != rx {
                    let (before, byte) = from[&at];
                    text.push(byte);
                    self.alive.insert(at, true);
                    at = before;
                }
                self.alive.insert(rx, true);
                text.reverse();
                return Some(text.into());
            }
            if seen.len() > MAX_SEARCH || self.budget.is_half_spent() {
                self.soft = true;
                self.alive.insert(rx, true);
                return None;
            }
            for class in 0..self.classes.len() as u8 {
                let next = self.derivative(place, class);
                if next == NOTHING || self.alive.get(&next) == Some(&false) {
                    continue;
                }
                let byte = self.byte_of(class);
                let more = usize::from(self.counts_byte(byte));
                if seen.get(&next).is_none_or(|least| length + more < *least) {
                    seen.insert(next, length + more);
                    from.insert(next, (place, byte));
                    if more == 0 { queue.push_front((next, length)) } else { queue.push_back((next, length + more)) }
                }
            }
        }
        for place in seen.into_keys() {
            self.alive.insert(place, false);
        }
        None
    }

    /// A shortest match; None if none is known.
    pub fn shortest(&mut self, rx: Rx) -> Option<Box<[u8]>> {
        if self.is_nullable(rx) {
            return Some(Box::default());
        }
        if let Some(known) = self.shortest.get(&rx) {
            return Some(known.clone());
        }
        let found = if self.facts[rx as usize].plain { self.shortest_plain(rx) } else { self.search(rx) };
        // A search that gave up may be made again, with more steps.
        if let Some(text) = &found {
            self.shortest.insert(rx, text.clone());
        }
        found
    }

    fn shortest_plain(&mut self, rx: Rx) -> Option<Box<[u8]>> {
        match self.nodes[rx as usize].clone() {
            Node::Nothing | Node::And(_) | Node::Not(_) => None,
            Node::Empty => Some(Box::default()),
            Node::Set(set) => Some(Box::from([pleasant(&set)])),
            Node::Concat(..) => {
                let (mut text, mut at) = (Vec::new(), rx);
                while let Node::Concat(first, rest) = self.nodes[at as usize] {
                    text.extend_from_slice(&self.shortest(first)?);
                    at = rest;
                }
                text.extend_from_slice(&self.shortest(at)?);
                Some(text.into())
            }
            Node::Alt(parts) => {
                let mut texts: Vec<Box<[u8]>> = Vec::new();
                for part in &parts {
                    texts.extend(self.shortest(*part));
                }
                texts.into_iter().min_by_key(|text| self.weight(text))
            }
            Node::Repeat(body, min, _) => {
                let once = self.shortest(body)?;
                (once.len().saturating_mul(min as usize) <= LONGEST).then(|| once.repeat(min as usize).into())
            }
            Node::Shortest(body) => self.shortest(body),
        }
    }

    fn intern(&mut self, node: Node) -> Rx {
        if let Some(&rx) = self.index.get(&node) {
            return rx;
        }
        let rx = self.nodes.len() as Rx;
        let of = |rx: &Rx| self.facts[*rx as usize];
        let facts = match &node {
            Node::Nothing | Node::Set(_) => Facts { nullable: false, plain: true, bounded: false },
            Node::Empty => Facts { nullable: true, plain: true, bounded: false },
            Node::Concat(a, b) => Facts {
                nullable: of(a).nullable && of(b).nullable,
                plain: of(a).plain && of(b).plain,
                bounded: of(a).bounded || of(b).bounded,
            },
            Node::Alt(parts) => Facts {
                nullable: parts.iter().any(|part| of(part).nullable),
                plain: parts.iter().all(|part| of(part).plain),
                bounded: parts.iter().any(|part| of(part).bounded),
            },
            Node::And(parts) => Facts {
                nullable: parts.iter().all(|part| of(part).nullable),
                plain: false,
                bounded: parts.iter().any(|part| of(part).bounded),
            },
            Node::Not(body) => Facts { nullable: !of(body).nullable, plain: false, bounded: of(body).bounded },
            Node::Repeat(body, min, max) => Facts {
                nullable: *min == 0 || of(body).nullable,
                plain: of(body).plain,
                bounded: *min > 1 || max.is_some_and(|max| max > 1) || of(body).bounded,
            },
            Node::Shortest(body) => of(body),
        };
        let parts = if let Node::Alt(parts) | Node::And(parts) = &node { parts.len() } else { 0 };
        self.bytes += 160 + parts * 8;
        self.nodes.push(node.clone());
        self.facts.push(facts);
        self.index.insert(node, rx);
        rx
    }

    pub fn concat(&mut self, first: Rx, rest: Rx) -> Rx {
        match (first, rest) {
            (NOTHING, _) | (_, NOTHING) => return NOTHING,
            (EMPTY, other) | (other, EMPTY) => return other,
            _ => {}
        }
        // To the right, so that what follows is one number.
        let (mut heads, mut at) = (Vec::new(), first);
        while let Node::Concat(head, tail) = self.nodes[at as usize] {
            heads.push(head);
            at = tail;
        }
        let mut all = self.intern(Node::Concat(at, rest));
        while let Some(head) = heads.pop() {
            all = self.intern(Node::Concat(head, all));
        }
        all
    }

    pub fn alt(&mut self, parts: Vec<Rx>) -> Rx {
        let (mut flat, mut set) = (Vec::with_capacity(parts.len()), [0_u64; 4]);
        let mut todo = parts;
        todo.reverse();
        while let Some(part) = todo.pop() {
            match &self.nodes[part as usize] {
                Node::Nothing => {}
                Node::Alt(inner) => todo.extend(inner.iter()),
                Node::Set(bytes) => set.iter_mut().zip(bytes).for_each(|(word, other)| *word |= other),
                _ => flat.push(part),
            }
        }
        if set != [0; 4] {
            flat.push(self.intern(Node::Set(set)));
        }
        flat.sort_unstable();
        flat.dedup();
        // Nothing is added to what matches everything, nor the empty text to what matches it anyway.
        if flat.contains(&EMPTY) && flat.iter().any(|part| *part != EMPTY && self.is_nullable(*part)) {
            flat.retain(|part| *part != EMPTY);
        }
        let all = self.not(NOTHING);
        match flat[..] {
            [] => NOTHING,
            [one] => one,
            _ if flat.contains(&all) => all,
            _ => self.intern(Node::Alt(flat.into())),
        }
    }

    fn and(&mut self, parts: Vec<Rx>) -> Rx {
        let all = self.not(NOTHING);
        let (mut flat, mut todo) = (Vec::with_capacity(parts.len()), parts);
        while let Some(part) = todo.pop() {
            match &self.nodes[part as usize] {
                Node::Nothing => return NOTHING,
                Node::And(inner) => todo.extend(inner.iter()),
                _ if part == all => {}
                _ => flat.push(part),
            }
        }
        flat.sort_unstable();
        flat.dedup();
        if flat.contains(&EMPTY) {
            return if flat.iter().all(|part| self.is_nullable(*part)) { EMPTY } else { NOTHING };
        }
        if let Some(kept) = self.one_set(&flat) {
            return kept;
        }
        let excludes = |part: &Rx| matches!(self.nodes[*part as usize], Node::Not(body) if flat.contains(&body));
        match flat[..] {
            [] => all,
            [one] => one,
            _ if flat.iter().any(excludes) => NOTHING,
            _ => self.intern(Node::And(flat.into())),
        }
    }

    /// The intersection of sets of bytes, if all parts are.
    fn one_set(&mut self, parts: &[Rx]) -> Option<Rx> {
        let mut kept = [u64::MAX; 4];
        for part in parts {
            let Node::Set(set) = &self.nodes[*part as usize] else { return None };
            kept.iter_mut().zip(set).for_each(|(word, other)| *word &= other);
        }
        match (parts.len(), kept) {
            (0 | 1, _) => None,
            (_, [0, 0, 0, 0]) => Some(NOTHING),
            (_, kept) => Some(self.intern(Node::Set(kept))),
        }
    }

    fn not(&mut self, body: Rx) -> Rx {
        match self.nodes[body as usize] {
            Node::Not(inner) => inner,
            _ => self.intern(Node::Not(body)),
        }
    }

    pub fn repeat(&mut self, body: Rx, min: u32, max: Option<u32>) -> Rx {
        let min = if self.is_nullable(body) { 0 } else { min };
        match (body, min, max) {
            (_, _, Some(0)) | (EMPTY, _, _) => return EMPTY,
            (NOTHING, 0, _) => return EMPTY,
            (NOTHING, _, _) => return NOTHING,
            (_, 1, Some(1)) => return body,
            (_, min, Some(max)) if max < min => return NOTHING,
            _ => {}
        }
        match self.nodes[body as usize] {
            Node::Repeat(_, 0 | 1, None) if min == 0 && max.is_none() => match self.nodes[body as usize] {
                Node::Repeat(inner, ..) => self.intern(Node::Repeat(inner, 0, None)),
                _ => unreachable!("just seen"),
            },
            _ => self.intern(Node::Repeat(body, min, max)),
        }
    }

    fn shortest_match(&mut self, body: Rx) -> Rx {
        match self.nodes[body as usize] {
            _ if body == NOTHING || body == EMPTY => body,
            // The empty text is a match, and the beginning of all others.
            _ if self.is_nullable(body) => EMPTY,
            Node::Set(_) | Node::Shortest(_) => body,
            _ => self.intern(Node::Shortest(body)),
        }
    }

    fn bytes_of(&mut self, bytes: impl Iterator<Item = u8>) -> Rx {
        let mut set = [0; 4];
        bytes.for_each(|byte| set[usize::from(byte) / 64] |= 1_u64 << (byte % 64));
        if set == [0; 4] { NOTHING } else { self.intern(Node::Set(set)) }
    }

    /// Any text of whole characters.
    fn any_text(&mut self) -> Rx {
        let any = self.characters(&CharSet::all());
        self.repeat(any, 0, None)
    }

    /// One character of a set, as its bytes.
    fn characters(&mut self, set: &CharSet) -> Rx {
        if set.ranges().last().is_some_and(|(_, high)| *high < 0x80) {
            self.budget.spend(1);
            return self.bytes_of(set.ranges().iter().flat_map(|(low, high)| *low as u8..=*high as u8));
        }
        let mut sequences: Vec<Vec<Utf8Range>> = Vec::new();
        for &(low, high) in set.ranges() {
            for (low, high) in [(low, high.min(0xD7FF)), (low.max(0xE000), high)] {
                let (Some(low), Some(high)) = (char::from_u32(low), char::from_u32(high)) else { continue };
                if low <= high {
                    sequences.extend(Utf8Sequences::new(low, high).map(|it: Utf8Sequence| it.as_slice().to_vec()));
                }
            }
        }
        self.budget.spend(sequences.len());
        self.sequences(&sequences.iter().map(|it| &it[..]).collect::<Vec<_>>())
    }

    /// Sequences of ranges of bytes in ascending order; equal ends are put together.
    fn sequences(&mut self, sequences: &[&[Utf8Range]]) -> Rx {
        let mut by_rest: Vec<(Rx, Vec<Utf8Range>)> = Vec::new();
        let mut places: FxHashMap<Rx, usize> = FxHashMap::default();
        let mut at = 0;
        while at < sequences.len() {
            let first = sequences[at][0];
            let count = sequences[at..].iter().take_while(|it| it[0] == first).count();
            let group: Vec<&[Utf8Range]> = sequences[at..at + count].iter().map(|it| &it[1..]).collect();
            let rest = if group[0].is_empty() { EMPTY } else { self.sequences(&group) };
            let place = *places.entry(rest).or_insert_with(|| {
                by_rest.push((rest, Vec::new()));
                by_rest.len() - 1
            });
            by_rest[place].1.push(first);
            at += count;
        }
        let mut ways = Vec::with_capacity(by_rest.len());
        for (rest, firsts) in by_rest {
            let set = self.bytes_of(firsts.iter().flat_map(|range| range.start..=range.end));
            ways.push(self.concat(set, rest));
        }
        self.alt(ways)
    }
}

pub fn contains(set: &ByteSet, byte: u8) -> bool {
    set[usize::from(byte) / 64] >> (byte % 64) & 1 == 1
}

/// A byte of the set that reads well: a letter, a digit, else the first that can be printed, else the first.
fn pleasant(set: &ByteSet) -> u8 {
    let of = |wanted: &dyn Fn(u8) -> bool| (0..=u8::MAX).find(|byte| contains(set, *byte) && wanted(*byte));
    of(&|byte| byte.is_ascii_lowercase())
        .or_else(|| of(&|byte| byte.is_ascii_digit()))
        .or_else(|| of(&|byte| byte.is_ascii_graphic()))
        .or_else(|| of(&|_| true))
        .unwrap_or_default()
}
