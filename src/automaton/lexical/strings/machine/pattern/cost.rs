//! How many characters complete a text at least.

use super::super::super::super::charset::CharSet;
use super::super::super::nfa::NEVER;
use super::escape::{Form, Hex, Name, Spot};
use super::{Config, Names, Patterns, Place};

/// Inside a name: how far its next character has come.
#[derive(Clone, Copy)]
enum Begun {
    Not,
    Backslash,
    Hex(Hex),
    /// Some bytes of it: one of these.
    Bytes(u32, u32),
    /// Half a surrogate pair as an escape; then the backslash, then the number.
    Half(u32),
    HalfBackslash(u32),
    HalfHex(u32, Hex),
}

impl Begun {
    /// The least number of characters that make it one that `admits` has.
    fn least(self, admits: &dyn Fn(u32, u32) -> bool) -> Option<u32> {
        let number = Hex::start(Form::Four);
        match self {
            Self::Not => admits(0, 0x10_FFFF).then_some(1),
            Self::Backslash => number.least(None, admits).map(|least| least + 1),
            Self::Hex(hex) => hex.least(None, admits),
            Self::Bytes(low, high) => admits(low, high).then_some(0),
            Self::Half(lead) => number.least(Some(lead), admits).map(|least| least + 2),
            Self::HalfBackslash(lead) => number.least(Some(lead), admits).map(|least| least + 1),
            Self::HalfHex(lead, hex) => hex.least(Some(lead), admits),
        }
    }
}

/// What a text still lacks when all its groups are closed.
#[derive(Clone, Copy)]
struct Lacks {
    groups: u32,
    reference: u32,
    /// Names that are wanted, and their characters together.
    names: u64,
    characters: u64,
}

impl Lacks {
    /// `(?<name>)` for each wanted name and `()` for each other group.
    fn cost(self) -> u64 {
        let missing = u64::from(self.reference).saturating_sub(u64::from(self.groups) + self.names);
        self.characters + 5 * self.names + 2 * missing
    }
}

impl Patterns {
    /// The length of the shortest continuation that makes the text a pattern.
    pub(super) fn cost(&self, config: &Config) -> u32 {
        if config.place == Place::Dead {
            return NEVER;
        }
        let closing = u64::from(self.levels[config.level].depth);
        (closing + self.here(config)).min(u64::from(NEVER - 1)) as u32
    }

    fn here(&self, config: &Config) -> u64 {
        let lacks = self.lacks(config);
        let inside = |spot: Spot| u64::from(spot != Spot::Atom);
        let found = |least: Option<u32>| u64::from(least.expect("a state can be completed"));
        let here = match config.place {
            Place::Decimal(number) => return Lacks { reference: lacks.reference.max(number), ..lacks }.cost(),
            Place::Open => return self.open(config),
            Place::Question => return self.question(config),
            Place::Less => return self.less(config),
            Place::Refer => return 1 + self.name_cost(config, Name { text: 0, refers: true }, Begun::Not),
            Place::Name(name) => return self.name_cost(config, name, Begun::Not),
            Place::NameLow(name, lead) => return self.name_cost(config, name, Begun::Half(lead)),
            Place::Escape(Spot::Name(name)) => return self.name_cost(config, name, Begun::Backslash),
            Place::Escape(Spot::NameLow { name, lead }) => {
                return self.name_cost(config, name, Begun::HalfBackslash(lead));
            }
            Place::Hex(Spot::Name(name), hex) => return self.name_cost(config, name, Begun::Hex(hex)),
            Place::Hex(Spot::NameLow { name, lead }, hex) => {
                return self.name_cost(config, name, Begun::HalfHex(lead, hex));
            }
            Place::Utf8(Spot::Name(name), value, left) => {
                let low = value << (6 * left);
                return self.name_cost(config, name, Begun::Bytes(low, low | ((1 << (6 * left)) - 1)));
            }
            Place::Dead | Place::Term | Place::Atom | Place::Quantified => 0,
            Place::Least(0) => 2,
            Place::Least(_) => 1,
            Place::Most(least, most) => self.most(least, most),
            Place::Escape(spot) => u64::from(self.escape_cost(spot)) + inside(spot),
            Place::Control(spot) => 1 + inside(spot),
            Place::Zero(spot) | Place::Utf8(spot, ..) => inside(spot),
            Place::Hex(spot, hex) => found(self.least_hex(spot, hex)) + inside(spot),
            Place::PropertyOpen(spot) => {
                u64::from(self.properties.measure(self.properties.start(), 0).min) + 2 + inside(spot)
            }
            Place::Property(spot, node) => u64::from(self.properties.measure(node, 0).min) + 1 + inside(spot),
            Place::ClassOpen | Place::Item(_) | Place::After(..) => 1,
            Place::AfterSet | Place::Dash(_) | Place::DashSet => 1,
            Place::EndLow(..) => 7,
        };
        here + lacks.cost()
    }

    fn lacks(&self, config: &Config) -> Lacks {
        let wanted = &self.names[config.names].wanted;
        let characters = wanted.iter().map(|name| length(name)).sum();
        Lacks { groups: config.groups, reference: config.reference, names: wanted.len() as u64, characters }
    }

    /// In the second number of `{12,3`: digits that make it no less than the first, and the brace.
    fn most(&self, least: u32, most: u32) -> u64 {
        if most == 0 || self.in_order(least, most) {
            return 1;
        }
        let (least, most) = (&self.numbers[least], &self.numbers[most]);
        let most = if most == b"0" { &[] } else { &most[..] };
        let level = least.len() - most.len();
        // With nines behind it, a number of as many digits is the greatest.
        let behind = most < &least[..most.len()];
        (level + usize::from(behind) + 1) as u64
    }

    /// Behind a backslash.
    fn escape_cost(&self, spot: Spot) -> u32 {
        match spot {
            Spot::End { low } if low > u32::from(b'}') => {
                let least = |form| self.least_hex(spot, Hex::start(form));
                1 + [Form::Two, Form::Four].into_iter().filter_map(least).min().expect("a range has an end")
            }
            Spot::Atom | Spot::Item { .. } | Spot::End { .. } => 1,
            Spot::EndLow { .. } | Spot::NameLow { .. } | Spot::Name(_) => 5,
        }
    }

    /// Behind `(`: a group, or a name that is wanted.
    fn open(&self, config: &Config) -> u64 {
        let lacks = self.lacks(config);
        (1 + Lacks { groups: lacks.groups + 1, ..lacks }.cost()).min(1 + self.question(config))
    }

    fn question(&self, config: &Config) -> u64 {
        (2 + self.lacks(config).cost()).min(1 + self.less(config))
    }

    fn less(&self, config: &Config) -> u64 {
        if !self.named {
            return 2 + self.lacks(config).cost();
        }
        let named = self.name_cost(config, Name { text: 0, refers: false }, Begun::Not);
        (2 + self.lacks(config).cost()).min(named)
    }

    /// The set from which the next character of a name is.
    pub(super) fn parts(&self, name: Name) -> &CharSet {
        if name.text == 0 { &self.id_start } else { &self.id_continue }
    }

    /// In a name: its rest, the bracket, for a group its parenthesis, and what the text then lacks.
    fn name_cost(&self, config: &Config, name: Name, begun: Begun) -> u64 {
        let text = self.texts[name.text].as_str();
        let Names { defined, wanted } = &self.names[config.names];
        let lacks = self.lacks(config);
        // A name that is known: the one that is wanted, or one to refer to.
        let known = |other: &str| {
            let rest = other.strip_prefix(text)?;
            let mut more = rest.chars();
            let chars = match (begun, more.next()) {
                (Begun::Not, next) => u64::from(next.is_some()),
                (_, next) => {
                    let value = next? as u32;
                    u64::from(begun.least(&|low, high| (low..=high).contains(&value))?)
                }
            };
            Some(chars + more.count() as u64)
        };
        let other = self.other_name(name, begun, defined);
        if name.refers {
            let known = defined.iter().chain(wanted).filter_map(|name| known(name)).map(|more| more + 1 + lacks.cost());
            let (more, length) = (other.0, other.1);
            let fresh = Lacks { names: lacks.names + 1, characters: lacks.characters + length, ..lacks };
            return known.chain([more + 1 + fresh.cost()]).min().expect("there is one at least");
        }
        let lacks = Lacks { groups: lacks.groups + 1, ..lacks };
        let met = wanted.iter().filter_map(|name| Some((known(name)?, length(name)))).map(|(more, length)| {
            let left = Lacks { names: lacks.names - 1, characters: lacks.characters - length, ..lacks };
            more + 2 + left.cost()
        });
        met.chain([other.0 + 2 + lacks.cost()]).min().expect("there is one at least")
    }

    /// The characters that make it a name which is not defined yet, and the length of that name.
    fn other_name(&self, name: Name, begun: Begun, defined: &[Box<str>]) -> (u64, u64) {
        let text = self.texts[name.text].as_str();
        let has = |longer: &str| defined.binary_search_by(|other| (**other).cmp(longer)).is_ok();
        let read = length(text);
        if matches!(begun, Begun::Not) && !text.is_empty() && !has(text) {
            return (0, read);
        }
        let parts = self.parts(name);
        let fresh =
            |low: u32, high: u32| parts.within(low, high).take(defined.len() + 1).any(|c| !has(&format!("{text}{c}")));
        let fresh = begun.least(&fresh).map(|more| (u64::from(more), read + 1));
        let longer = begun.least(&|low, high| parts.meets(low, high)).map(|more| (u64::from(more) + 1, read + 2));
        fresh.into_iter().chain(longer).min().expect("a state can be completed")
    }
}

fn length(text: &str) -> u64 {
    text.chars().count() as u64
}
