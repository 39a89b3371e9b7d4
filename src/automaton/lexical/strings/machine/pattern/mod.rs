//! Texts that are themselves patterns: ECMA 262 in Unicode mode, as `new RegExp(text, "u")` takes them.
//!
//! Groups nest, so this is no regular language; nor are its early errors: the bounds of a repeat are in order, a
//! back-reference has its group (perhaps later), names of groups are unique, ranges in a class go up. A state is a
//! [`Config`]: the place in the syntax, the open groups, the groups so far and the greatest number referred to, the names
//! defined and wanted. Every state that is handed out can be completed, and `cost` tells how far the nearest end is.
//!
//! The syntax is that of the edition which JSON Schema cites: named groups and lookbehinds are in; flags inside a
//! pattern, names that occur twice and sets of strings are not.
//!
//! Source: ECMA 262, 11th edition, section 21.2.1.

mod cost;
mod escape;
#[cfg(test)]
mod tests;

use super::super::super::charset::CharSet;
use super::super::super::ecma::property;
use super::super::literals::{Literals, OUTSIDE};
use super::super::nfa::Measure;
use super::DEAD;
use super::intern::Interner;
use escape::{Hex, Name, Spot};

/// Group numbers stay below this (section 21.2.1.1: so many groups are an early error).
const MOST_GROUPS: u32 = u32::MAX - 1;

/// Where the text stands in the syntax.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Place {
    Dead,
    /// Before a term, with nothing that could be repeated.
    Term,
    /// Behind an atom, which may be repeated.
    Atom,
    /// Behind a quantifier, which may be made lazy.
    Quantified,
    /// In the first number of `{2,3}`, and in the second; numbers by [`Patterns::numbers`].
    Least(u32),
    Most(u32, u32),
    /// Behind a backslash.
    Escape(Spot),
    /// In the number of a back-reference.
    Decimal(u32),
    /// Behind `\0`, which no digit may follow.
    Zero(Spot),
    Control(Spot),
    Hex(Spot, Hex),
    /// Behind `\p`, and between its braces.
    PropertyOpen(Spot),
    Property(Spot, u32),
    /// Behind `\k`.
    Refer,
    /// Behind `(`, `(?` and `(?<`.
    Open,
    Question,
    Less,
    Name(Name),
    /// In a name, behind the first half of a surrogate pair as an escape.
    NameLow(Name, u32),
    /// Inside a character whose value matters, with so many bytes to come.
    Utf8(Spot, u32, u8),
    ClassOpen,
    /// Before an element of a class; not 0: the first half of a surrogate pair that ended a range here as an escape.
    Item(u32),
    /// Behind one character of a class, which may begin a range; whether it is half a pair, as an escape.
    After(u32, bool),
    AfterSet,
    /// Behind a character and a dash, and behind a set and a dash.
    Dash(u32),
    DashSet,
    /// In a range from the first value, behind half a pair that alone would be below it.
    EndLow(u32, u32),
}

/// A state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Config {
    place: Place,
    /// The innermost open group, by [`Patterns::levels`].
    level: u32,
    /// Capturing groups so far.
    groups: u32,
    /// The greatest number of a group that was referred to.
    reference: u32,
    /// By [`Patterns::names`].
    names: u32,
}

/// An open group; number 0 is outside all groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Level {
    outer: u32,
    depth: u32,
    /// Whether the group may be repeated once it is closed: lookarounds may not.
    repeatable: bool,
}

/// Names of groups, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Names {
    defined: Vec<Box<str>>,
    /// Referred to, and still to be defined.
    wanted: Vec<Box<str>>,
}

/// The states met so far.
#[derive(Debug)]
pub struct Patterns {
    configs: Interner<Config>,
    levels: Interner<Level>,
    /// Decimal digits without zeros before them; number 0 has none yet.
    numbers: Interner<Vec<u8>>,
    /// Names that are being read.
    texts: Interner<String>,
    names: Interner<Names>,
    properties: Literals,
    named: bool,
    /// What a name may begin with, and go on with.
    id_start: CharSet,
    id_continue: CharSet,
    /// Bytes of numbers and texts.
    weight: usize,
}

impl Patterns {
    /// Patterns in which groups may have names, or may not.
    pub fn new(named: bool) -> Self {
        let nowhere = Config { place: Place::Dead, level: 0, groups: 0, reference: 0, names: 0 };
        let set = |name: &str, others: &[u32]| {
            let known = CharSet::property(name).expect("a property that every table has");
            others.iter().fold(known, |set, c| set.union(&CharSet::single(*c)))
        };
        let mut patterns = Self {
            configs: Interner::new(nowhere),
            levels: Interner::new(Level { outer: 0, depth: 0, repeatable: false }),
            numbers: Interner::new(Vec::new()),
            texts: Interner::new(String::new()),
            names: Interner::new(Names::default()),
            properties: Literals::new(&[property::names().map(String::into_boxed_str).collect()]),
            named,
            id_start: set("ID_Start", &['$' as u32, '_' as u32]),
            id_continue: set("ID_Continue", &['$' as u32, 0x200C, 0x200D]),
            weight: 0,
        };
        patterns.configs.number(&Config { place: Place::Term, ..nowhere });
        patterns
    }

    pub fn start(&self) -> u32 {
        1
    }

    pub fn step(&mut self, state: u32, byte: u8) -> u32 {
        let config = self.configs[state];
        self.read(config, byte).map_or(DEAD, |next| self.configs.number(&next))
    }

    pub fn accepts(&self, state: u32) -> bool {
        self.cost(&self.configs[state]) == 0
    }

    pub fn measure(&self, state: u32) -> Measure {
        // At the end there is always room for one more character.
        let min = self.cost(&self.configs[state]);
        Measure { min, stretch: min }
    }

    pub fn bytes(&self) -> usize {
        let (configs, levels) = (self.configs.len(), self.levels.len());
        let words = self.numbers.len() + self.texts.len() + 2 * self.names.len();
        configs * 2 * size_of::<Config>() + levels * 32 + words * 64 + self.weight + self.properties.bytes()
    }

    /// The state behind a byte; `None` if nothing completes the text.
    fn read(&mut self, config: Config, byte: u8) -> Option<Config> {
        let to = |place: Place| Some(Config { place, ..config });
        match config.place {
            Place::Utf8(spot, value, left) => self.utf8(config, spot, value << 6 | u32::from(byte & 0x3F), left - 1),
            // The rest of a character that is like any other.
            _ if (0x80..0xC0).contains(&byte) => Some(config),
            Place::Dead => None,
            Place::Term => self.term(config, byte),
            Place::Atom => match byte {
                b'*' | b'+' | b'?' => to(Place::Quantified),
                b'{' => to(Place::Least(0)),
                _ => self.term(config, byte),
            },
            Place::Quantified if byte == b'?' => to(Place::Term),
            Place::Quantified => self.term(config, byte),
            Place::Least(least) => match byte {
                b'0'..=b'9' => to(Place::Least(self.digit(least, byte))),
                b',' if least != 0 => to(Place::Most(least, 0)),
                b'}' if least != 0 => to(Place::Quantified),
                _ => None,
            },
            Place::Most(least, most) => match byte {
                b'0'..=b'9' => to(Place::Most(least, self.digit(most, byte))),
                b'}' if most == 0 || self.in_order(least, most) => to(Place::Quantified),
                _ => None,
            },
            Place::Decimal(number) if byte.is_ascii_digit() => {
                let longer = number.checked_mul(10)?.checked_add(u32::from(byte - b'0'))?;
                to(Place::Decimal(longer)).filter(|_| longer < MOST_GROUPS)
            }
            Place::Decimal(number) => {
                let reference = config.reference.max(number);
                self.read(Config { place: Place::Atom, reference, ..config }, byte)
            }
            Place::Open if byte == b'?' => to(Place::Question),
            Place::Open => {
                let groups = config.groups.checked_add(1)?;
                let inside = self.enter(Config { groups, ..config }, true);
                self.term(inside, byte)
            }
            Place::Question => match byte {
                b':' => Some(self.enter(config, true)),
                b'=' | b'!' => Some(self.enter(config, false)),
                b'<' => to(Place::Less),
                _ => None,
            },
            Place::Less if matches!(byte, b'=' | b'!') => Some(self.enter(config, false)),
            Place::Less if !self.named => None,
            Place::Less => self.name(config, Name { text: 0, refers: false }, byte),
            Place::Refer => to(Place::Name(Name { text: 0, refers: true })).filter(|_| byte == b'<'),
            Place::Name(name) => self.name(config, name, byte),
            _ => self.read_inside(config, byte),
        }
    }

    /// The places inside classes and escapes.
    fn read_inside(&mut self, config: Config, byte: u8) -> Option<Config> {
        let to = |place: Place| Some(Config { place, ..config });
        match config.place {
            Place::ClassOpen if byte == b'^' => to(Place::Item(0)),
            Place::ClassOpen => self.item(config, Spot::Item { lead: 0, ended: true }, byte),
            Place::Item(lead) => self.item(config, Spot::Item { lead, ended: true }, byte),
            Place::After(value, _) if byte == b'-' => to(Place::Dash(value)),
            Place::After(value, true) => self.item(config, Spot::Item { lead: value, ended: false }, byte),
            Place::After(..) => self.item(config, Spot::Item { lead: 0, ended: true }, byte),
            Place::AfterSet if byte == b'-' => to(Place::DashSet),
            Place::AfterSet => self.item(config, Spot::Item { lead: 0, ended: true }, byte),
            Place::Dash(low) => self.item(config, Spot::End { low }, byte),
            Place::DashSet => to(Place::Atom).filter(|_| byte == b']'),
            Place::EndLow(low, lead) => to(Place::Escape(Spot::EndLow { low, lead })).filter(|_| byte == b'\\'),
            Place::NameLow(name, lead) => to(Place::Escape(Spot::NameLow { name, lead })).filter(|_| byte == b'\\'),
            Place::Escape(spot) => self.escape(config, spot, byte),
            Place::Control(spot) if byte.is_ascii_alphabetic() => {
                self.finish(config, spot, u32::from(byte % 32), false)
            }
            Place::Control(_) => None,
            Place::Zero(_) if byte.is_ascii_digit() => None,
            Place::Zero(spot) => {
                let behind = self.finish(config, spot, 0, false)?;
                self.read(behind, byte)
            }
            Place::Hex(spot, hex) => self.hex(config, spot, hex, byte),
            Place::PropertyOpen(spot) => to(Place::Property(spot, self.properties.start())).filter(|_| byte == b'{'),
            Place::Property(spot, node) if byte == b'}' => {
                let behind = if spot == Spot::Atom { Place::Atom } else { Place::AfterSet };
                to(behind).filter(|_| self.properties.accepts(node, 0))
            }
            Place::Property(spot, node) => {
                let node = self.properties.step(node, byte);
                to(Place::Property(spot, node)).filter(|_| node != OUTSIDE)
            }
            _ => unreachable!("the other places are read above"),
        }
    }

    /// A byte where a term may begin.
    fn term(&mut self, config: Config, byte: u8) -> Option<Config> {
        let place = match byte {
            b'^' | b'$' | b'|' => Place::Term,
            b'\\' => Place::Escape(Spot::Atom),
            b'[' => Place::ClassOpen,
            b'(' => Place::Open,
            b')' if config.level != 0 => {
                let Level { outer, repeatable, .. } = self.levels[config.level];
                let place = if repeatable { Place::Atom } else { Place::Term };
                return Some(Config { place, level: outer, ..config });
            }
            b'*' | b'+' | b'?' | b'{' | b'}' | b']' | b')' => return None,
            _ => Place::Atom,
        };
        Some(Config { place, ..config })
    }

    fn enter(&mut self, config: Config, repeatable: bool) -> Config {
        let depth = self.levels[config.level].depth + 1;
        let level = self.levels.number(&Level { outer: config.level, depth, repeatable });
        Config { place: Place::Term, level, ..config }
    }

    fn digit(&mut self, number: u32, digit: u8) -> u32 {
        let mut digits = self.numbers[number].clone();
        if digits == b"0" {
            digits.clear();
        }
        digits.push(digit);
        self.weight += digits.len() * 2;
        self.numbers.number(&digits)
    }

    fn in_order(&self, least: u32, most: u32) -> bool {
        let (least, most) = (&self.numbers[least], &self.numbers[most]);
        (least.len(), least) <= (most.len(), most)
    }

    /// A byte where an element of a class, the end of a range or the end of the class may stand.
    fn item(&mut self, config: Config, spot: Spot, byte: u8) -> Option<Config> {
        match byte {
            b']' => Some(Config { place: Place::Atom, ..config }),
            b'\\' => Some(Config { place: Place::Escape(spot), ..config }),
            0..0x80 => self.finish(config, spot.plain(), u32::from(byte), false),
            _ => self.lead(config, spot.plain(), byte),
        }
    }

    /// A byte in the name of a group.
    fn name(&mut self, config: Config, name: Name, byte: u8) -> Option<Config> {
        match byte {
            b'>' => self.named(config, name),
            b'\\' => Some(Config { place: Place::Escape(Spot::Name(name)), ..config }),
            0..0x80 => self.finish(config, Spot::Name(name), u32::from(byte), false),
            _ => self.lead(config, Spot::Name(name), byte),
        }
    }

    /// The name ends.
    fn named(&mut self, config: Config, name: Name) -> Option<Config> {
        let text = &self.texts[name.text];
        let mut names = self.names[config.names].clone();
        let (wanted, defined) = (names.place(&names.wanted, text), names.place(&names.defined, text));
        if text.is_empty() {
            return None;
        }
        self.weight += text.len() * 2;
        match (name.refers, defined, wanted) {
            (true, Ok(_), _) | (true, _, Ok(_)) => {}
            (true, Err(_), Err(place)) => names.wanted.insert(place, text.as_str().into()),
            (false, Ok(_), _) => return None,
            (false, Err(place), wanted) => {
                names.defined.insert(place, text.as_str().into());
                wanted.into_iter().for_each(|place| drop(names.wanted.remove(place)));
            }
        }
        let names = self.names.number(&names);
        if name.refers {
            return Some(Config { place: Place::Atom, names, ..config });
        }
        let groups = config.groups.checked_add(1)?;
        Some(self.enter(Config { names, groups, ..config }, true))
    }
}

impl Names {
    fn place(&self, list: &[Box<str>], text: &str) -> Result<usize, usize> {
        list.binary_search_by(|other| (**other).cmp(text))
    }
}
