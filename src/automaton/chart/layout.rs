//! JSON values with other signs than `,` and `:`, and with whitespace of their own: a layer over the JSON automaton, which
//! reads the same value as compact JSON.
//!
//! Between two parts the layer reads a sign, with the whitespace around it, as one text of a language; the automaton gets
//! its `,` or `:` when the next part begins. Behind a value both the next sign and the end of the container may follow, so
//! two languages are read side by side.
//!
//! Invariant: where a sign may end, no byte both goes on with it and begins what follows, and none closes a container;
//! [`Signs::new`] refuses all others. So there is one reading, and nothing is lost by taking the first.

use std::sync::Arc;

use rustc_hash::FxHashSet;

use crate::{
    automaton::{
        json::{self, Lex, Machine},
        lexical::{StrState, StringLanguage},
    },
    budget::Overrun,
};

/// What stands between the parts.
#[derive(Clone)]
pub struct Signs {
    item: Arc<StringLanguage>,
    key: Arc<StringLanguage>,
    /// Whitespace behind an opening bracket and before a closing one, where there is any: never empty.
    blank: Option<Arc<StringLanguage>>,
}

/// States of a sign that are looked at.
const MAX_STATES: usize = 2_000;

impl Signs {
    /// The languages of signs have the whitespace around them.
    ///
    /// # Errors
    /// A sign that could be taken for something else, in words.
    pub fn new(
        item: Arc<StringLanguage>,
        key: Arc<StringLanguage>,
        blank: Option<Arc<StringLanguage>>,
    ) -> Result<Self, &'static str> {
        is_clear(&item)?;
        is_clear(&key)?;
        blank.as_ref().map_or(Ok(()), is_clear)?;
        let mut dfa = item.lock();
        let goes_on_with_number =
            dfa.start().is_some_and(|start| b"0123456789.eE".iter().any(|byte| dfa.step(start, *byte).is_some()));
        drop(dfa);
        if goes_on_with_number {
            return Err("it could go on with a number before it");
        }
        Ok(Self { item, key, blank })
    }
}

fn is_clear(language: &Arc<StringLanguage>) -> Result<(), &'static str> {
    let mut dfa = language.lock();
    let Some(start) = dfa.start() else { return Err("it has no text") };
    if dfa.accepts(start) {
        return Err("it may be empty");
    }
    let (mut seen, mut open) = (FxHashSet::from_iter([start]), vec![start]);
    while let Some(at) = open.pop() {
        let may_end = dfa.accepts(at);
        for byte in 0..=u8::MAX {
            let Some(next) = dfa.step(at, byte) else { continue };
            if matches!(byte, b']' | b'}') {
                return Err("it has a closing bracket in it");
            }
            if may_end && matches!(byte, b'"' | b'{' | b'[' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n') {
                return Err("it could end before what might be the beginning of a value");
            }
            if seen.insert(next) {
                open.push(next);
            }
        }
        if seen.len() > MAX_STATES || dfa.overrun().is_some() {
            return Err("it has too many texts");
        }
    }
    Ok(())
}

/// The automaton of one such value.
pub struct Laid {
    /// Of compact JSON.
    pub machine: Machine,
    signs: Signs,
}

/// Where the compact text stands, and what was read since.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State {
    json: json::State,
    gap: Gap,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Gap {
    None,
    /// Whitespace behind an opening bracket.
    Open(StrState),
    /// A sign behind a value, or whitespace before a closing bracket: one of them at least.
    Between {
        item: Option<StrState>,
        end: Option<StrState>,
    },
    /// A sign behind a key.
    Key(StrState),
}

impl State {
    fn at(json: json::State) -> Self {
        Self { json, gap: Gap::None }
    }

    /// The place in a string or a key, if it is one: up to the closing quote nothing is laid out.
    pub fn text(self) -> Option<json::State> {
        matches!(self.json.lex, Lex::String { .. } | Lex::Key(_)).then_some(self.json)
    }
}

fn step_in(language: &StringLanguage, at: StrState, byte: u8) -> Option<StrState> {
    language.lock().step(at, byte)
}

fn may_end(language: &StringLanguage, at: StrState) -> bool {
    language.lock().accepts(at)
}

impl Laid {
    pub fn new(machine: Machine, signs: Signs) -> Self {
        Self { machine, signs }
    }

    pub fn start(&self) -> State {
        State::at(self.machine.start())
    }

    pub fn accepts(&mut self, state: State) -> bool {
        state.gap == Gap::None && self.machine.accepts(state.json)
    }

    pub fn fault(&self) -> Option<Overrun> {
        let Signs { item, key, blank } = &self.signs;
        let languages = [Some(item), Some(key), blank.as_ref()];
        let of_signs = || languages.into_iter().flatten().find_map(|language| language.overrun());
        self.machine.fault().cloned().or_else(|| of_signs().map(|overrun| Overrun::Part(overrun.to_string())))
    }

    pub fn step(&mut self, state: State, byte: u8) -> Option<State> {
        let State { json, gap } = state;
        match gap {
            Gap::Open(at) => self.opened(json, Some(at), byte),
            Gap::Key(at) => self.behind_key(json, at, byte),
            Gap::Between { item, end } => self.between(json, item, end, byte),
            Gap::None => match json.lex {
                Lex::FirstItem | Lex::FirstKey => self.opened(json, None, byte),
                Lex::Colon(_) => {
                    let start = self.signs.key.lock().start()?;
                    self.behind_key(json, start, byte)
                }
                Lex::After => self.behind_value(json, byte),
                Lex::Number { .. } => {
                    let is_of_number = matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-');
                    match is_of_number.then(|| self.machine.step(json, byte)).flatten() {
                        Some(json) => Some(State::at(json)),
                        None => {
                            let after = self.machine.after_number(json)?;
                            (after.lex == Lex::After).then(|| self.behind_value(after, byte)).flatten()
                        }
                    }
                }
                _ => self.machine.step(json, byte).map(State::at),
            },
        }
    }

    fn opened(&mut self, json: json::State, at: Option<StrState>, byte: u8) -> Option<State> {
        let blank = self.signs.blank.as_deref();
        if at.is_none_or(|at| blank.is_some_and(|blank| may_end(blank, at)))
            && let Some(json) = self.machine.step(json, byte)
        {
            return Some(State::at(json));
        }
        let blank = self.signs.blank.as_deref()?;
        let at = match at {
            Some(at) => at,
            None => blank.lock().start()?,
        };
        step_in(blank, at, byte).map(|at| State { json, gap: Gap::Open(at) })
    }

    fn behind_key(&mut self, json: json::State, at: StrState, byte: u8) -> Option<State> {
        if let Some(at) = step_in(&self.signs.key, at, byte) {
            return Some(State { json, gap: Gap::Key(at) });
        }
        if !may_end(&self.signs.key, at) {
            return None;
        }
        let due = self.machine.step(json, b':')?;
        self.machine.step(due, byte).map(State::at)
    }

    fn behind_value(&mut self, json: json::State, byte: u8) -> Option<State> {
        if matches!(byte, b']' | b'}') {
            return self.machine.step(json, byte).map(State::at);
        }
        let goes_on = self.machine.step(json, b',').is_some();
        let ends = [b']', b'}'].into_iter().any(|byte| self.machine.step(json, byte).is_some());
        let item = goes_on.then(|| self.signs.item.lock().start()).flatten();
        let end = self.signs.blank.as_ref().filter(|_| ends).and_then(|blank| blank.lock().start());
        self.within(json, item, end, byte)
    }

    fn within(&mut self, json: json::State, item: Option<StrState>, end: Option<StrState>, byte: u8) -> Option<State> {
        let item = item.and_then(|at| step_in(&self.signs.item, at, byte));
        let blank = self.signs.blank.as_deref();
        let end = end.zip(blank).and_then(|(at, blank)| step_in(blank, at, byte));
        (item.is_some() || end.is_some()).then_some(State { json, gap: Gap::Between { item, end } })
    }

    fn between(&mut self, json: json::State, item: Option<StrState>, end: Option<StrState>, byte: u8) -> Option<State> {
        if matches!(byte, b']' | b'}') {
            let ends = end.zip(self.signs.blank.as_deref()).is_some_and(|(at, blank)| may_end(blank, at));
            return ends.then(|| self.machine.step(json, byte)).flatten().map(State::at);
        }
        if let Some(next) = self.within(json, item, end, byte) {
            return Some(next);
        }
        if !item.is_some_and(|at| may_end(&self.signs.item, at)) {
            return None;
        }
        let due = self.machine.step(json, b',')?;
        self.machine.step(due, byte).map(State::at)
    }

    /// A short completion; None if none is known.
    pub fn shortest(&mut self, state: State) -> Option<Vec<u8>> {
        let mut text = Vec::new();
        let blank = self.signs.blank.clone();
        let rest = |language: &StringLanguage, at: StrState| language.lock().shortest(at);
        let json = match state.gap {
            Gap::None => state.json,
            Gap::Open(at) => {
                text = rest(blank.as_deref()?, at)?;
                state.json
            }
            Gap::Key(at) => {
                text = rest(&self.signs.key, at)?;
                self.machine.step(state.json, b':')?
            }
            Gap::Between { item, end } => {
                let closing = [b']', b'}'].into_iter().any(|byte| self.machine.step(state.json, byte).is_some());
                match (end.filter(|_| closing), item) {
                    (Some(at), _) => {
                        text = rest(blank.as_deref()?, at)?;
                        let closer =
                            [b']', b'}'].into_iter().find(|byte| self.machine.step(state.json, *byte).is_some())?;
                        text.push(closer);
                        self.machine.step(state.json, closer)?
                    }
                    (None, Some(at)) => {
                        text = rest(&self.signs.item, at)?;
                        self.machine.step(state.json, b',')?
                    }
                    (None, None) => return None,
                }
            }
        };
        self.lay_out(json, &mut text)?;
        Some(text)
    }

    /// Adds what completes the compact text, with the shortest signs.
    fn lay_out(&mut self, mut json: json::State, text: &mut Vec<u8>) -> Option<()> {
        let shortest = |language: &StringLanguage| {
            let mut dfa = language.lock();
            let start = dfa.start()?;
            dfa.shortest(start)
        };
        let compact = self.machine.home(json, &|text| text.len() as u32)?;
        for byte in compact {
            match (json.lex, byte) {
                (Lex::After | Lex::Number { .. }, b',') => text.extend(shortest(&self.signs.item)?),
                (Lex::Colon(_), b':') => text.extend(shortest(&self.signs.key)?),
                _ => text.push(byte),
            }
            json = self.machine.step(json, byte)?;
        }
        Some(())
    }
}
