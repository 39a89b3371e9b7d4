//! Characters whose value matters, spelled out or as escapes.

use super::{Config, Patterns, Place};

/// A name that is being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Name {
    /// By [`Patterns::texts`].
    pub text: u32,
    /// In `\k<...>`, not in `(?<...>`.
    pub refers: bool,
}

/// What a character is read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Spot {
    Atom,
    /// An element of a class. Not 0: `lead` is half a surrogate pair right before, as an escape, and the other half would
    /// join it; whether it ended a range.
    Item {
        lead: u32,
        ended: bool,
    },
    /// The end of a range.
    End {
        low: u32,
    },
    /// The second half of a pair that ends a range.
    EndLow {
        low: u32,
        lead: u32,
    },
    Name(Name),
    NameLow {
        name: Name,
        lead: u32,
    },
}

impl Spot {
    /// The same for a character that is no escape: it joins nothing.
    pub fn plain(self) -> Self {
        match self {
            Self::Item { .. } => Self::Item { lead: 0, ended: true },
            spot => spot,
        }
    }

    fn is_class(self) -> bool {
        matches!(self, Self::Item { .. } | Self::End { .. })
    }
}

/// How a number is written: `\x41`, `\u0041`, `\u{41}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    Two,
    Four,
    Braced,
}

/// A number in hexadecimal so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Hex {
    pub form: Form,
    pub value: u32,
    /// Digits so far; in braces it only counts whether there are any.
    pub digits: u8,
}

const LAST: u32 = 0x10_FFFF;

pub fn join(lead: u32, low: u32) -> u32 {
    0x1_0000 + ((lead - 0xD800) << 10) + (low - 0xDC00)
}

fn is_lead(value: u32) -> bool {
    (0xD800..0xDC00).contains(&value)
}

fn is_low(value: u32) -> bool {
    (0xDC00..0xE000).contains(&value)
}

impl Hex {
    pub fn start(form: Form) -> Self {
        Self { form, value: 0, digits: 0 }
    }

    /// The least number of characters that complete the escape so that `admits` has a value of the range it is asked
    /// for. The other half of a surrogate pair counts where it is needed; behind `lead` this is the other half.
    pub fn least(self, lead: Option<u32>, admits: &dyn Fn(u32, u32) -> bool) -> Option<u32> {
        let after = |more: u32| (self.value << (4 * more), self.value << (4 * more) | ((1 << (4 * more)) - 1));
        match self.form {
            Form::Two => {
                let more = 2 - u32::from(self.digits);
                let (low, high) = after(more);
                admits(low, high).then_some(more)
            }
            Form::Four => {
                let more = 4 - u32::from(self.digits);
                let (low, high) = after(more);
                if let Some(lead) = lead {
                    let (low, high) = (low.max(0xDC00), high.min(0xDFFF));
                    return (low <= high && admits(join(lead, low), join(lead, high))).then_some(more);
                }
                let (first, last) = (low.max(0xD800), high.min(0xDBFF));
                let pair = first <= last && admits(join(first, 0xDC00), join(last, 0xDFFF));
                let four = if admits(low, high) { Some(more) } else { pair.then_some(more + 6) };
                let braced = if self.digits == 0 { Self::start(Form::Braced).least(None, admits) } else { None };
                four.into_iter().chain(braced.map(|least| least + 1)).min()
            }
            Form::Braced => (u32::from(self.digits == 0)..=6).find_map(|more| {
                let low = u64::from(self.value) << (4 * more);
                let high = (low | ((1 << (4 * more)) - 1)).min(u64::from(LAST));
                (low <= high && admits(low as u32, high as u32)).then_some(more + 1)
            }),
        }
    }
}

impl Patterns {
    /// Whether some value of the range may stand at the spot.
    pub(super) fn admits(&self, spot: Spot, low: u32, high: u32) -> bool {
        match spot {
            Spot::Atom | Spot::Item { .. } => true,
            Spot::End { low: least } | Spot::EndLow { low: least, .. } => high >= least,
            Spot::Name(name) | Spot::NameLow { name, .. } => self.parts(name).meets(low, high),
        }
    }

    /// The least number of characters that complete an escape, if any do.
    pub(super) fn least_hex(&self, spot: Spot, hex: Hex) -> Option<u32> {
        let lead = match spot {
            Spot::EndLow { lead, .. } | Spot::NameLow { lead, .. } => Some(lead),
            _ => None,
        };
        hex.least(lead, &|low, high| self.admits(spot, low, high))
    }

    /// A byte behind a backslash.
    pub(super) fn escape(&mut self, config: Config, spot: Spot, byte: u8) -> Option<Config> {
        let to = |place: Place| Some(Config { place, ..config });
        if byte == b'u' {
            let hex = Hex::start(Form::Four);
            return self.least_hex(spot, hex).and_then(|_| to(Place::Hex(spot, hex)));
        }
        if !(spot == Spot::Atom || spot.is_class()) {
            return None;
        }
        let is_end = matches!(spot, Spot::End { .. });
        let value = match byte {
            b'd' | b'D' | b's' | b'S' | b'w' | b'W' | b'p' | b'P' if is_end => return None,
            b'p' | b'P' => return to(Place::PropertyOpen(spot)),
            b'd' | b'D' | b's' | b'S' | b'w' | b'W' => {
                return to(if spot == Spot::Atom { Place::Atom } else { Place::AfterSet });
            }
            b'b' | b'B' if spot == Spot::Atom => return to(Place::Term),
            b'1'..=b'9' if spot == Spot::Atom => return to(Place::Decimal(u32::from(byte - b'0'))),
            b'k' if spot == Spot::Atom && self.named => return to(Place::Refer),
            b'0' => return to(Place::Zero(spot)).filter(|_| self.admits(spot, 0, 0)),
            b'c' => return to(Place::Control(spot)).filter(|_| self.admits(spot, 1, 26)),
            b'x' => {
                let hex = Hex::start(Form::Two);
                return self.least_hex(spot, hex).and_then(|_| to(Place::Hex(spot, hex)));
            }
            b't' => 0x09,
            b'n' => 0x0A,
            b'v' => 0x0B,
            b'f' => 0x0C,
            b'r' => 0x0D,
            b'b' => 0x08,
            b'-' if spot != Spot::Atom => 0x2D,
            b'^' | b'$' | b'\\' | b'.' | b'*' | b'+' | b'?' | b'(' | b')' | b'[' | b']' | b'{' | b'}' | b'|' | b'/' => {
                u32::from(byte)
            }
            _ => return None,
        };
        self.finish(config, spot, value, false)
    }

    /// A byte of a number.
    pub(super) fn hex(&mut self, config: Config, spot: Spot, hex: Hex, byte: u8) -> Option<Config> {
        let to = |hex: Hex| Some(Config { place: Place::Hex(spot, hex), ..config });
        let halves = matches!(spot, Spot::EndLow { .. } | Spot::NameLow { .. });
        match (hex.form, byte) {
            (Form::Four, b'{') if hex.digits == 0 && !halves => return to(Hex::start(Form::Braced)),
            (Form::Braced, b'}') if hex.digits > 0 => return self.finish(config, spot, hex.value, false),
            _ => {}
        }
        let digit = char::from(byte).to_digit(16)?;
        let digits = if hex.form == Form::Braced { 1 } else { hex.digits + 1 };
        let next = Hex { value: hex.value << 4 | digit, digits, ..hex };
        match next.form {
            Form::Two if digits == 2 => self.finish(config, spot, next.value, false),
            Form::Four if digits == 4 => self.finish(config, spot, next.value, true),
            Form::Braced if next.value > LAST => None,
            _ => self.least_hex(spot, next).and_then(|_| to(next)),
        }
    }

    /// The first byte of a character beyond ASCII.
    pub(super) fn lead(&mut self, config: Config, spot: Spot, byte: u8) -> Option<Config> {
        let (value, left) = match byte {
            0xC0..0xE0 => (byte & 0x1F, 1),
            0xE0..0xF0 => (byte & 0x0F, 2),
            _ => (byte & 0x07, 3),
        };
        self.utf8(config, spot, u32::from(value), left)
    }

    /// Inside a character, or at its end.
    pub(super) fn utf8(&mut self, config: Config, spot: Spot, value: u32, left: u8) -> Option<Config> {
        if left == 0 {
            return self.finish(config, spot, value, false);
        }
        let (low, high) = (value << (6 * left), value << (6 * left) | ((1 << (6 * left)) - 1));
        // A text holds no surrogates.
        let high = if high == 0xDFFF { 0xD7FF } else { high };
        self.admits(spot, low, high).then_some(Config { place: Place::Utf8(spot, value, left), ..config })
    }

    /// The value is complete; whether it was written with four digits, so that it may be half a pair.
    pub(super) fn finish(&mut self, config: Config, spot: Spot, value: u32, four: bool) -> Option<Config> {
        let half = four && is_lead(value);
        let place = match spot {
            Spot::Atom => Place::Atom,
            Spot::Item { lead, ended } if lead != 0 && four && is_low(value) => match ended {
                true => Place::Item(0),
                false => Place::After(join(lead, value), false),
            },
            Spot::Item { .. } => Place::After(value, half),
            Spot::End { low } if value >= low => Place::Item(if half { value } else { 0 }),
            Spot::End { low } if half && join(value, 0xDFFF) >= low => Place::EndLow(low, value),
            Spot::EndLow { low, lead } if is_low(value) && join(lead, value) >= low => Place::Item(0),
            Spot::Name(name) if half => {
                let met = self.parts(name).meets(join(value, 0xDC00), join(value, 0xDFFF));
                return met.then_some(Config { place: Place::NameLow(name, value), ..config });
            }
            Spot::Name(name) => self.longer(name, value)?,
            Spot::NameLow { name, lead } if is_low(value) => self.longer(name, join(lead, value))?,
            Spot::End { .. } | Spot::EndLow { .. } | Spot::NameLow { .. } => return None,
        };
        Some(Config { place, ..config })
    }

    fn longer(&mut self, name: Name, value: u32) -> Option<Place> {
        let c = char::from_u32(value).filter(|_| self.parts(name).meets(value, value))?;
        let mut text = self.texts[name.text].clone();
        text.push(c);
        self.weight += text.len() * 2;
        Some(Place::Name(Name { text: self.texts.number(&text), ..name }))
    }
}
