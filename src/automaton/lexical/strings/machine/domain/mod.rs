//! Names of hosts: labels between dots, in ASCII or in Unicode, with what `xn--` stands for decoded and judged.
//!
//! Whether a label is one depends on all of it, so a state holds the label so far; of labels before it matter the length
//! and the direction of writing. Only a host name's plain ASCII labels are forgotten as they are read.
//!
//! Invariant: a state that is handed out can be completed, and the length of its shortest completion is known: for a label
//! in Unicode by trying one or two characters more, for an A-label by trying up to three digits (then a hyphen and three
//! digits always do). Not tried are rarer characters where a common one makes the label too long: a label may then end up
//! to a few octets before its 63.
//!
//! Cost: a state in an A-label takes up to a millisecond, in a U-label some microseconds.
//!
//! Sources: RFC 1034, section 3.1; RFC 1123, section 2.1; RFC 5890, section 2.3; RFC 5891; RFC 6531, section 3.3.

mod coded;
mod label;
mod mailbox;
mod punycode;
#[cfg(test)]
mod tests;

use icu_normalizer::ComposingNormalizerBorrowed;
use rustc_hash::FxHashSet;

use super::super::super::charset::CharSet;
use super::super::nfa::{Measure, NEVER};
use super::DEAD;
use super::intern::Interner;
use label::{Judged, Verdict};
use mailbox::Local;

/// Octets of a label, and of a name with its dots.
const LABEL: usize = 63;
const NAME: usize = 253;

/// Which names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DomainKind {
    /// In ASCII; A-labels must be those of U-labels. The length of the whole is not asked for.
    Host,
    /// In Unicode or ASCII.
    International,
    /// Behind the local part of a mailbox; labels in ASCII are any, those in Unicode need not be normalised.
    Mailbox,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Place {
    Dead,
    Local(Local),
    /// In a plain ASCII label of a host name: its length, whether its last is a hyphen, how much of `xn--` it is.
    Plain {
        length: u8,
        hyphen: bool,
        prefix: u8,
    },
    /// In a label, by [`Domains::texts`].
    Label(u32),
    /// Inside a character behind a label, with so many bytes to come.
    Inside {
        label: u32,
        value: u32,
        left: u8,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Config {
    place: Place,
    /// Octets of the labels before, dots included.
    length: u16,
    /// Some label before is of a right-to-left script; one must not stand beside such.
    rtl: bool,
    unfit: bool,
}

/// `prefix` of a label that does not begin with `xn--`.
const OTHER: u8 = 5;

#[derive(Debug)]
pub struct Domains {
    kind: DomainKind,
    configs: Interner<Config>,
    texts: Interner<String>,
    /// Characters that may stand in labels, and others.
    letters: CharSet,
    weight: usize,
}

/// Of these one or two complete any label that can be completed and has room.
const COMPLETING: [char; 9] = ['l', 'a', '1', '\u{3B1}', '\u{3042}', '\u{628}', '\u{5D0}', '\u{1820}', '\u{1161}'];

impl Domains {
    pub fn new(kind: DomainKind) -> Self {
        let nowhere = Config { place: Place::Dead, length: 0, rtl: false, unfit: false };
        let place = match kind {
            DomainKind::Host => Place::Plain { length: 0, hyphen: false, prefix: 0 },
            DomainKind::International => Place::Label(0),
            DomainKind::Mailbox => Place::Local(Local::Start),
        };
        let letters = ["L", "M", "Nd", "Join_Control"].iter().filter_map(|name| CharSet::property(name));
        let others = CharSet::new([(0xB7, 0xB7), (0x375, 0x375), (0x5F3, 0x5F4), (0x3007, 0x3007), (0x30FB, 0x30FB)]);
        let mut domains = Self {
            kind,
            configs: Interner::new(nowhere),
            texts: Interner::new(String::new()),
            letters: letters.fold(others, |all, set| all.union(&set)),
            weight: 0,
        };
        domains.configs.number(&Config { place, ..nowhere });
        domains
    }

    pub fn start(&self) -> u32 {
        1
    }

    pub fn is_ascii(&self) -> bool {
        self.kind == DomainKind::Host
    }

    pub fn step(&mut self, state: u32, byte: u8) -> u32 {
        let config = self.configs[state];
        self.read(config, byte).map_or(DEAD, |next| self.configs.number(&next))
    }

    pub fn accepts(&self, state: u32) -> bool {
        self.least(&self.configs[state]) == Some(0)
    }

    pub fn measure(&self, state: u32) -> Measure {
        let Some(min) = self.least(&self.configs[state]) else { return Measure::NONE };
        // Behind a complete name another label may come, of any length.
        let endless = self.kind != DomainKind::International;
        Measure { min, stretch: if endless { min + 2 } else { NEVER } }
    }

    pub fn bytes(&self) -> usize {
        self.configs.len() * 2 * size_of::<Config>() + self.texts.len() * 64 + self.weight
    }

    fn read(&mut self, config: Config, byte: u8) -> Option<Config> {
        match config.place {
            Place::Dead => None,
            Place::Local(local) => {
                let place = match local.read(byte)? {
                    Local::Domain => Place::Label(0),
                    local => Place::Local(local),
                };
                Some(Config { place, ..config })
            }
            Place::Plain { length, hyphen, prefix } => self.plain(config, length, hyphen, prefix, byte),
            Place::Label(label) => match byte {
                b'.' => self.separated(config, label),
                0..0x80 if self.kind == DomainKind::Host => {
                    self.longer(config, label, char::from(byte.to_ascii_lowercase()))
                }
                0..0x80 => self.longer(config, label, char::from(byte)),
                0xC0..0xE0 => self.inside(config, label, u32::from(byte & 0x1F), 1),
                0xE0..0xF0 => self.inside(config, label, u32::from(byte & 0x0F), 2),
                _ => self.inside(config, label, u32::from(byte & 0x07), 3),
            },
            Place::Inside { label, value, left } => {
                self.inside(config, label, value << 6 | u32::from(byte & 0x3F), left - 1)
            }
        }
    }

    /// A byte in a host name's label that does not begin with `xn--`, or not yet.
    fn plain(&mut self, config: Config, length: u8, hyphen: bool, prefix: u8, byte: u8) -> Option<Config> {
        let start = Place::Plain { length: 0, hyphen: false, prefix: 0 };
        let place = match byte {
            b'.' if length > 0 && !hyphen => start,
            b'-' if length == 0 || usize::from(length) + 1 == LABEL => return None,
            b'-' if prefix == 3 => Place::Label(self.text("xn--")),
            b'-' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' if usize::from(length) < LABEL => {
                let expected = b"xn--".get(usize::from(prefix)) == Some(&byte.to_ascii_lowercase());
                let prefix = if expected { prefix + 1 } else { OTHER };
                Place::Plain { length: length + 1, hyphen: byte == b'-', prefix }
            }
            _ => return None,
        };
        Some(Config { place, ..config })
    }

    fn text(&mut self, text: &str) -> u32 {
        self.weight += text.len() * 2;
        self.texts.number(&text.to_owned())
    }

    /// The label with a character more, if it can still become one.
    fn longer(&mut self, config: Config, label: u32, c: char) -> Option<Config> {
        let text = format!("{}{c}", self.texts[label]);
        let live = match self.coded(&text) {
            Some(coded) => coded::is_live(coded, self.room(&config), &|label| beside(&config, label)),
            None => self.label_least(&config, &text).is_some(),
        };
        live.then(|| Config { place: Place::Label(self.text(&text)), ..config })
    }

    /// Inside a character, or at its end.
    fn inside(&mut self, config: Config, label: u32, value: u32, left: u8) -> Option<Config> {
        if left == 0 {
            let c = char::from_u32(value)?;
            if self.kind == DomainKind::International && matches!(c, '\u{3002}' | '\u{FF0E}' | '\u{FF61}') {
                return self.separated(config, label);
            }
            return self.longer(config, label, c);
        }
        self.inside_least(&config, &self.texts[label], value, left)?;
        Some(Config { place: Place::Inside { label, value, left }, ..config })
    }

    /// The least number of characters behind the one that has begun.
    fn inside_least(&self, config: &Config, text: &str, value: u32, left: u8) -> Option<u32> {
        let (low, high) = (value << (6 * left), value << (6 * left) | ((1 << (6 * left)) - 1));
        let separates = self.kind == DomainKind::International
            && [0x3002, 0xFF0E, 0xFF61].iter().any(|c| (low..=high).contains(c))
            && self.behind(config, text).is_some();
        let mut least = separates.then_some(1);
        let mut tried = FxHashSet::default();
        for c in self.letters.within(low, high) {
            let sort = label::sort(c);
            if sort.is_some_and(|sort| tried.contains(&sort)) {
                continue;
            }
            let longer = format!("{text}{c}");
            least = self.label_least(config, &longer).into_iter().chain(least).min();
            if least == Some(0) {
                break;
            }
            // What composes with the character before, or has no room, says nothing of others.
            let octets = self.judge(&longer).map_or(LABEL + 1, |(_, octets)| octets);
            if label::is_composed(&longer) && octets <= self.room(config) {
                tried.extend(sort);
            }
        }
        least
    }

    /// The label is complete, and another follows.
    fn separated(&mut self, config: Config, label: u32) -> Option<Config> {
        let behind = self.behind(&config, &self.texts[label])?;
        let place =
            if self.is_ascii() { Place::Plain { length: 0, hyphen: false, prefix: 0 } } else { Place::Label(0) };
        Some(Config { place, ..behind })
    }

    /// What is known behind a complete label and a dot; `None` if it is not complete, or nothing has room there.
    fn behind(&self, config: &Config, text: &str) -> Option<Config> {
        let (judged, octets) = self.judge(text)?;
        if judged.beside(config.rtl, config.unfit) != Verdict::Valid {
            return None;
        }
        let length = usize::from(config.length) + octets + 1;
        if self.kind != DomainKind::International {
            return Some(*config);
        }
        let (rtl, unfit) = (config.rtl || judged.rtl, config.unfit || !judged.rtl && !judged.fits);
        (length < NAME).then_some(Config { length: length as u16, rtl, unfit, ..*config })
    }

    /// The least number of characters that complete the name.
    fn least(&self, config: &Config) -> Option<u32> {
        match config.place {
            Place::Dead => None,
            Place::Local(local) => Some(local.least()),
            Place::Plain { length, hyphen, .. } => Some(u32::from(length == 0 || hyphen)),
            Place::Label(label) => self.label_least(config, &self.texts[label]),
            Place::Inside { label, value, left } => self.inside_least(config, &self.texts[label], value, left),
        }
    }

    /// The least number of characters that complete a label.
    fn label_least(&self, config: &Config, text: &str) -> Option<u32> {
        if let Some(coded) = self.coded(text) {
            return coded::least(coded, self.room(config), &|label| beside(config, label));
        }
        match self.open(config, text) {
            Verdict::Dead => return None,
            Verdict::Valid => return Some(0),
            Verdict::Open => {}
        }
        let tried = COMPLETING.iter().map(|c| format!("{text}{c}"));
        let mut open = Vec::new();
        for longer in tried {
            match self.open(config, &longer) {
                Verdict::Valid => return Some(1),
                Verdict::Open => open.push(longer),
                Verdict::Dead => {}
            }
        }
        let two =
            |longer: &String| COMPLETING.iter().any(|c| self.open(config, &format!("{longer}{c}")) == Verdict::Valid);
        open.iter().any(two).then_some(2)
    }

    /// What stands behind `xn--`, where that is decoded; in small letters.
    fn coded<'a>(&self, text: &'a str) -> Option<&'a str> {
        let prefix = text.get(..4).filter(|prefix| prefix.eq_ignore_ascii_case("xn--"))?;
        let coded = &text[prefix.len()..];
        (self.kind != DomainKind::Mailbox && coded.is_ascii()).then_some(coded)
    }

    /// Octets that a label may take here.
    fn room(&self, config: &Config) -> usize {
        match self.kind {
            DomainKind::International => LABEL.min(NAME.saturating_sub(usize::from(config.length))),
            _ => LABEL,
        }
    }

    /// Whether a label, which is not decoded, is one or can become one.
    fn open(&self, config: &Config, text: &str) -> Verdict {
        let (judged, octets) = match self.judge(text) {
            Some(found) => found,
            None => return Verdict::Dead,
        };
        let ascii = text.is_ascii();
        if octets > self.room(config) && !(ascii && self.kind == DomainKind::Mailbox) {
            return Verdict::Dead;
        }
        judged.beside(config.rtl, config.unfit)
    }

    /// The verdict on a label so far, and how many octets it takes in ASCII.
    fn judge(&self, text: &str) -> Option<(Judged, usize)> {
        if let Some(coded) = self.coded(text) {
            let coded = coded.to_ascii_lowercase();
            let label = punycode::decode(&coded)?;
            let sound = !label.iter().all(char::is_ascii) && punycode::encode(&label)? == coded;
            return sound.then(|| (label::judge(&label), text.len()));
        }
        if text.is_ascii() {
            return self.ascii(text).map(|judged| (judged, text.len()));
        }
        let mut label: Vec<char> = match self.kind {
            DomainKind::Mailbox => ComposingNormalizerBorrowed::new_nfc().normalize_iter(text.chars()).collect(),
            _ => text.chars().collect(),
        };
        // A leading consonant may still become a syllable.
        let consonant =
            label.last().copied().filter(|c| self.kind == DomainKind::Mailbox && ('\u{1100}'..'\u{1113}').contains(c));
        if consonant.is_some() {
            label.pop();
            label.push('\u{AC00}');
        }
        let mut judged = label::judge(&label);
        if consonant.is_some() && judged.verdict == Verdict::Valid {
            judged.verdict = Verdict::Open;
        }
        let octets = 4 + punycode::encode(&label)?.len();
        Some((judged, octets))
    }

    /// Letters, digits and hyphens, in any case.
    fn ascii(&self, text: &str) -> Option<Judged> {
        let sound = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let reserved = self.kind == DomainKind::International && text.get(2..4) == Some("--");
        if !sound || reserved || text.starts_with('-') {
            return None;
        }
        let begins = !text.starts_with(|c: char| c.is_ascii_digit());
        let verdict = if text.is_empty() || text.ends_with('-') { Verdict::Open } else { Verdict::Valid };
        Some(Judged { verdict, rtl: false, begins, fits: begins && verdict == Verdict::Valid })
    }
}

/// The verdict on a decoded label beside those before.
fn beside(config: &Config, label: &[char]) -> Verdict {
    label::judge(label).beside(config.rtl, config.unfit)
}
