//! The shortest way home: a short text that completes a document from where it stands.
//!
//! Lexemes know their own shortest ends. A value of a demand is the cheapest over its kinds; a container is searched
//! cheapest first, one whole member or item a step, and every text that is proposed is read by the automaton itself
//! before it counts, so what comes out completes the document whatever the search overlooked. Where a container waits
//! for a value's verdicts, each combination of them is tried, so that what must be contained or violated is met.
//!
//! The cost of a text is the caller's to say (tokens of a vocabulary, as a rule). Containers are closed from the inside
//! out, each for itself, and members are priced one by one: the whole is short, not provably the shortest.
//!
//! Cost: a few hundred bytes stepped for usual schemas; what an open container needs is kept by frame. `None` where
//! the search exceeds its budget.

use std::{cmp::Reverse, collections::BinaryHeap, sync::Arc};

use rustc_hash::{FxHashMap, FxHashSet};

use super::{
    formula::Formula,
    frame::{Container, FrameId, Frames, ObjectFrame},
    keys::{Free, Key},
    lower::Kind,
    machine::{Lex, Machine, State},
    object::KeyClass,
    spec::{Spec, SpecId},
    values,
};
use crate::{
    automaton::{
        Recognizer,
        lexical::{BodyState, escape},
    },
    schema::{Decimal, Literals},
};

/// Bytes that one search may step, and the longest text it looks for.
const MAX_STEPS: usize = 400_000;
/// Points of one container that are looked at in search of the cheapest way; then the nearest way is taken.
const MAX_POINTS: usize = 400;
/// So many different values are proposed where values must not repeat.
const MAX_VARIANTS: usize = 8;
/// Runs of one character from this length on are written with the one that is cheapest.
const MIN_RUN: usize = 4;
/// Demands that one value's search may be inside of: it recurses.
const MAX_OPEN: usize = 150;
/// Texts looked at where a lexeme has no end that its own automaton can name.
const MAX_TEXTS: usize = 2_000;

type Text = Arc<[u8]>;

/// What was found out, kept with the machine.
#[derive(Default)]
pub(super) struct Homes {
    /// The cheapest value of a demand.
    values: FxHashMap<SpecId, Option<Text>>,
    /// From behind a value in a container to the document's end.
    frames: FxHashMap<FrameId, Text>,
    /// A demand without one scalar, by the scalar's text.
    without: FxHashMap<(Formula, Text), Formula>,
    /// Bytes of the texts in `frames`.
    text_bytes: usize,
}

impl Homes {
    /// Frames are numbered anew.
    pub fn forget_frames(&mut self) {
        self.frames.clear();
        self.text_bytes = 0;
    }

    /// About the memory held.
    pub fn bytes(&self) -> usize {
        (self.values.len() + self.frames.len() + self.without.len()) * 96 + self.text_bytes
    }
}

/// What a text costs.
pub type Cost<'a> = &'a dyn Fn(&[u8]) -> u32;

impl Machine {
    /// A short text that completes the document; empty where it may end. None if none was found within the budget.
    pub fn home(&mut self, state: State, cost: Cost) -> Option<Vec<u8>> {
        let mark = self.mark();
        let indented = std::mem::take(&mut self.style.indented);
        let mut search = Search::new(self, cost);
        let text = search.way_from(Self::compact(state));
        self.style.indented = indented;
        let text = if indented { text.and_then(|text| self.indent(state, &text)) } else { text };
        self.forget_since(mark);
        text
    }
}

impl Machine {
    /// Text that completes what is being read, or the value that is due; empty between two parts of a container.
    pub fn finish_part(&mut self, state: State, cost: Cost) -> Option<Vec<u8>> {
        self.search_part(state, cost, |search| search.finish_lexeme(state))
    }

    /// Text from between two parts of the innermost container to behind its closing bracket. None elsewhere.
    pub fn close_innermost(&mut self, state: State, cost: Cost) -> Option<Vec<u8>> {
        let state = match state.lex {
            Lex::Number { number, state: at, text } => self.end_number(state.frame, number, at, text)?,
            _ => state,
        };
        if !matches!(state.lex, Lex::After | Lex::FirstItem | Lex::FirstKey | Lex::NextKey) {
            return None;
        }
        self.search_part(state, cost, |search| search.close(state, &[]))
    }

    fn search_part(
        &mut self,
        state: State,
        cost: Cost,
        part: impl FnOnce(&mut Search) -> Option<(Vec<u8>, State)>,
    ) -> Option<Vec<u8>> {
        if matches!(state.lex, Lex::Gap(_) | Lex::Closing) {
            return None;
        }
        let mark = self.mark();
        let mut search = Search::new(self, cost);
        let text = part(&mut search);
        self.forget_since(mark);
        text.map(|(text, _)| text)
    }
}

struct Search<'a> {
    machine: &'a mut Machine,
    cost: Cost<'a>,
    steps: usize,
    /// Demands whose value is being looked for.
    open: Vec<SpecId>,
    /// The lowest of them that a result has leant on.
    leant_on: Option<usize>,
    /// Frames with lower numbers outlive the search.
    kept: u32,
    /// Other containers of a demand are being looked for: those inside them need not differ.
    varying: bool,
    /// Frames passed on the way, with the length of the text at that point.
    behind: Vec<(FrameId, usize)>,
}

impl<'a> Search<'a> {
    fn new(machine: &'a mut Machine, cost: Cost<'a>) -> Self {
        let kept = machine.frames.count();
        let (open, behind) = (Vec::new(), Vec::new());
        Self { machine, cost, steps: MAX_STEPS, open, leant_on: None, kept, varying: false, behind }
    }
}

/// A point of a container's search.
struct Point {
    state: State,
    cost: u32,
    parent: usize,
    piece: Box<[u8]>,
}

impl Search<'_> {
    fn way_from(&mut self, state: State) -> Option<Vec<u8>> {
        let (mut text, mut at) = self.finish_lexeme(state)?;
        self.behind.clear();
        while !self.machine.accepts(at) {
            if at.lex == Lex::After {
                if let Some(rest) = self.machine.homes.frames.get(&at.frame) {
                    text.extend_from_slice(rest);
                    break;
                }
                self.behind.push((at.frame, text.len()));
            }
            let (more, next) = self.close(at, &[])?;
            text.extend_from_slice(&more);
            at = next;
        }
        for (frame, length) in std::mem::take(&mut self.behind) {
            if frame < self.kept {
                let homes = &mut self.machine.homes;
                homes.text_bytes += text.len() - length;
                homes.frames.insert(frame, text[length..].into());
            }
        }
        Some(text)
    }

    /// Reads a text; a number in a container is taken to end where the text does.
    fn read(&mut self, state: State, text: &[u8]) -> Option<State> {
        if self.machine.budget().is_half_spent() {
            return None;
        }
        self.steps = self.steps.checked_sub(text.len())?;
        let state = self.machine.behind(state, text)?;
        self.settle(state)
    }

    fn settle(&mut self, state: State) -> Option<State> {
        match state.lex {
            Lex::Number { number, state: at, text } if state.frame != Frames::ROOT => {
                self.machine.end_number(state.frame, number, at, text)
            }
            _ => Some(state),
        }
    }

    /// Completes what is being read, up to a point between two members or items, or the end.
    fn finish_lexeme(&mut self, state: State) -> Option<(Vec<u8>, State)> {
        let text = match state.lex {
            Lex::After | Lex::End | Lex::FirstItem | Lex::FirstKey | Lex::NextKey => return Some((Vec::new(), state)),
            Lex::Gap(_) | Lex::Closing => unreachable!("the search is of compact texts"),
            Lex::Literal { kind, at, .. } => kind.word()[usize::from(at)..].to_vec(),
            Lex::Number { number, state, .. } => self.machine.tables.numbers[number as usize].shortest(state),
            Lex::Value(spec) => return self.finish_value(state, spec, Vec::new()),
            Lex::Colon(spec) => {
                let value = self.read(state, b":")?;
                return self.finish_value(value, spec, b":".to_vec());
            }
            Lex::String { .. } => return self.finish_string(state),
            Lex::Key(key) => return self.finish_key(state, key),
        };
        let end = self.read(state, &text)?;
        Some((text, end))
    }

    /// The cheapest proposed value that can be read here.
    fn finish_value(&mut self, state: State, spec: SpecId, before: Vec<u8>) -> Option<(Vec<u8>, State)> {
        for value in self.proposals(state.frame, spec, 0) {
            if let Some(end) = self.read(state, &value) {
                return Some(([&before[..], &value].concat(), end));
            }
        }
        None
    }

    fn finish_string(&mut self, state: State) -> Option<(Vec<u8>, State)> {
        let Lex::String { language, body, .. } = state.lex else { return None };
        let strings = self.machine.tables.languages[language as usize].clone();
        if strings.is_plain() {
            let mut text = self.finish_character(state)?;
            text.push(b'"');
            if let Some(end) = self.read(state, &text) {
                return Some((text, end));
            }
        } else {
            let text = escape::completion(&mut strings.lock(), body, self.machine.style.spelling);
            if let Some(text) = text
                && let Some(end) = self.read(state, &text)
            {
                return Some(self.refilled(state, text, end));
            }
        }
        // A value that stands in the list already, or an escape that is not to be spelled so.
        self.search_text(state)
    }

    /// The same text with its longest run of one character written with another one, where that is cheaper: vocabularies
    /// have long tokens for some runs and none for others.
    fn refilled(&mut self, state: State, text: Vec<u8>, end: State) -> (Vec<u8>, State) {
        const FILLINGS: &[u8] = b" a-=*#_.x";
        let mut run = 0..0;
        let mut from = 0;
        for at in 0..=text.len() {
            if text.get(at) != text.get(from) {
                if at - from > run.len() {
                    run = from..at;
                }
                from = at;
            }
        }
        let mut best = (text, end);
        if run.len() < MIN_RUN {
            return best;
        }
        let mut least = (self.cost)(&best.0);
        for filling in FILLINGS {
            let mut text = best.0.clone();
            text[run.clone()].fill(*filling);
            let cost = (self.cost)(&text);
            if cost < least
                && let Some(end) = self.read(state, &text)
            {
                (best, least) = ((text, end), cost);
            }
        }
        best
    }

    /// Bytes that complete a character, in a string that may hold any text or in a key.
    fn finish_character(&mut self, mut state: State) -> Option<Vec<u8>> {
        const BYTES: &[u8] = b"n0cdDu\\\x80\x90\xa0";
        let mut text = Vec::new();
        loop {
            let inside = match state.lex {
                Lex::String { body, .. } => body.sub != 0,
                Lex::Key(key) => key.at != 0,
                _ => false,
            };
            if !inside {
                return Some(text);
            }
            let (byte, next) = BYTES.iter().find_map(|byte| Some((*byte, self.machine.step(state, *byte)?)))?;
            text.push(byte);
            state = next;
        }
    }

    /// The shortest text, by bytes, with which a string or a key ends.
    fn search_text(&mut self, state: State) -> Option<(Vec<u8>, State)> {
        let mut texts: Vec<(State, usize, u8)> = vec![(state, 0, 0)];
        let mut next = 0;
        while next < texts.len() && texts.len() < MAX_TEXTS {
            let state = texts[next].0;
            for byte in (b'"'..=b'"').chain(b'a'..=b'z').chain(0x20..=0xff) {
                self.steps = self.steps.checked_sub(1)?;
                let Some(after) = self.machine.step(state, byte) else { continue };
                texts.push((after, next, byte));
                if !matches!(after.lex, Lex::String { .. } | Lex::Key(_)) {
                    return Some((spell(&texts, texts.len() - 1), after));
                }
            }
            next += 1;
        }
        None
    }

    fn finish_key(&mut self, state: State, key: Key) -> Option<(Vec<u8>, State)> {
        let mut ends: Vec<(Vec<u8>, State)> = Vec::new();
        let Container::Object(object) = self.machine.frames.get(state.frame).container else { return None };
        let shape = self.machine.tables.shapes[object.object.shape as usize].clone();
        if key.at == 0 {
            for index in key.low..key.high {
                let rest = &shape.known[index as usize].key[key.len as usize..];
                let mut text = Vec::new();
                escape::write(rest, &mut text);
                text.push(b'"');
                ends.extend(self.read(state, &text).map(|end| (text, end)));
            }
        }
        if key.free != Free::No {
            ends.extend(self.finish_free_key(state, key));
        }
        if ends.is_empty() {
            ends.extend(self.search_text(state));
        }
        let whole = ends.into_iter().filter_map(|(text, end)| {
            let Lex::Colon(spec) = end.lex else { return None };
            let value = self.read(end, b":")?;
            let text = [&text[..], b":"].concat();
            self.finish_value(value, spec, text)
        });
        let whole: Vec<(Vec<u8>, State)> = whole.collect();
        whole.into_iter().min_by_key(|(text, _)| (self.cost)(text))
    }

    /// The end of a key that the schema does not name, its quote included.
    fn finish_free_key(&mut self, state: State, key: Key) -> Option<(Vec<u8>, State)> {
        match key.free {
            Free::No => None,
            Free::Any { .. } => {
                let begun = self.finish_character(state)?;
                let inside = self.read(state, &begun)?;
                // The first letters that make it a key that has not come.
                let tails = std::iter::once(Vec::new()).chain((b'a'..=b'z').map(|letter| vec![letter]));
                for mut text in tails {
                    text.push(b'"');
                    if let Some(end) = self.read(inside, &text).filter(|end| matches!(end.lex, Lex::Colon(_))) {
                        return Some(([&begun[..], &text].concat(), end));
                    }
                }
                self.search_text(state)
            }
            Free::Of { language, body, .. } => {
                let strings = self.machine.tables.languages[language as usize].clone();
                let text = escape::completion(&mut strings.lock(), body, self.machine.style.spelling);
                if let Some(text) = text
                    && let Some(end) = self.read(state, &text)
                {
                    return Some((text, end));
                }
                self.search_text(state)
            }
        }
    }

    /// From a point between two members or items of a container to the point after it, by none of the texts to avoid.
    fn close(&mut self, start: State, avoid: &[Text]) -> Option<(Vec<u8>, State)> {
        let closing = match self.machine.frames.get(start.frame).container {
            Container::Object(_) => b"}",
            Container::Array(_) => b"]",
            Container::Root => return None,
        };
        let mut points = vec![Point { state: start, cost: 0, parent: 0, piece: Box::default() }];
        let mut queue = BinaryHeap::from([(Reverse(0), Reverse(0))]);
        let (mut done, mut popped) = (FxHashSet::<State>::default(), 0);
        while let Some((_, Reverse(at))) = queue.pop() {
            let Point { state, cost, .. } = points[at];
            // Points with other texts behind them are one, unless it is the text that must differ.
            if !done.insert(state) && avoid.is_empty() {
                continue;
            }
            popped += 1;
            if let Some(end) = self.read(state, closing) {
                let mut text = way(&points, at);
                text.extend_from_slice(closing);
                if !avoid.iter().any(|other| other[..] == text[..]) {
                    return Some((text, end));
                }
            }
            if popped > MAX_POINTS {
                // The cheapest way is too hard to find: from here on, only the nearest one.
                queue.clear();
            }
            let mut cheapest: Option<(u32, usize)> = None;
            for piece in self.steps_from(state, avoid.len()) {
                let Some(next) = self.read(state, &piece) else { continue };
                let next_cost = cost.saturating_add((self.cost)(&piece));
                points.push(Point { state: next, cost: next_cost, parent: at, piece });
                let index = points.len() - 1;
                if popped <= MAX_POINTS {
                    queue.push((Reverse(next_cost), Reverse(index)));
                } else if !done.contains(&next) && cheapest.is_none_or(|(least, _)| next_cost < least) {
                    cheapest = Some((next_cost, index));
                }
            }
            queue.extend(cheapest.map(|(cost, index)| (Reverse(cost), Reverse(index))));
            if self.steps == 0 {
                return None;
            }
        }
        None
    }

    /// Texts of one more member or item, with the comma before it. `variety`: so many other ways are wanted, too.
    fn steps_from(&mut self, state: State, variety: usize) -> Vec<Box<[u8]>> {
        let comma: &[u8] = if state.lex == Lex::After { b"," } else { b"" };
        match self.machine.frames.get(state.frame).container {
            Container::Root => Vec::new(),
            Container::Array(_) => {
                let Some(spec) = self.machine.next_item(state.frame) else { return Vec::new() };
                let values = self.proposals(state.frame, spec, variety);
                values.iter().map(|value| [comma, value].concat().into()).collect()
            }
            Container::Object(object) => self.members(state, object, comma, variety),
        }
    }

    fn members(&mut self, state: State, object: ObjectFrame, comma: &[u8], variety: usize) -> Vec<Box<[u8]>> {
        let shape = self.machine.tables.shapes[object.object.shape as usize].clone();
        let bits = &self.machine.tables.specs.bits;
        let unseen = (0..shape.known.len() as u32).filter(|index| !bits.contains(object.seen, *index));
        let mut unseen: Vec<u32> = unseen.collect();
        unseen.sort_unstable_by_key(|index| shape.known[*index as usize].order);
        let missing = unseen.iter().position(|index| bits.contains(shape.required, *index));
        let settled = variety == 0
            && state.lex != Lex::NextKey
            && self.machine.tables.specs.get(object.object.rest).require == Formula::TRUE
            && object.count + unseen.iter().filter(|index| bits.contains(shape.required, **index)).count() as u32
                >= shape.min;
        let candidates: &[u32] = match missing {
            // It must come, so why not now; what else is needed has to come before it.
            Some(missing) if settled => &unseen[missing..=missing],
            Some(missing) => &unseen[..=missing],
            None if settled => &[],
            None => &unseen,
        };
        let mut pieces: Vec<Box<[u8]>> = Vec::new();
        for index in candidates {
            let Some((_, value)) = self.machine.after_key(&object, KeyClass::Known(*index)) else { continue };
            let mut key = comma.to_vec();
            key.push(b'"');
            escape::write(&shape.known[*index as usize].key, &mut key);
            key.extend_from_slice(b"\":");
            let values = self.proposals(state.frame, value, variety);
            pieces.extend(values.iter().map(|value| [&key[..], value].concat().into()));
        }
        if missing.is_none() && !settled {
            pieces.extend(self.free_members(state, comma, variety));
        }
        pieces
    }

    /// Texts of one more member with a key that the schema does not name: of each class of such keys, where they matter.
    fn free_members(&mut self, state: State, comma: &[u8], variety: usize) -> Vec<Box<[u8]>> {
        let opening = [comma, b"\""].concat();
        let Some(inside) = self.read(state, &opening) else { return Vec::new() };
        let Lex::Key(key) = inside.lex else { return Vec::new() };
        let mut keys: Vec<Vec<u8>> = Vec::new();
        if let (Free::Of { .. }, Container::Object(object)) = (key.free, self.machine.frames.get(state.frame).container)
            && !self.machine.tables.specs.get(object.object.rest).is_trivial()
        {
            let classes = self.machine.free_classes_due(&object);
            keys.extend(classes.into_iter().filter_map(|class| self.new_key(inside, &object, class)));
        }
        if keys.is_empty() {
            keys.extend(self.finish_free_key(inside, key).map(|(text, _)| text));
        }
        let mut members = Vec::new();
        for text in keys {
            let Some(end) = self.read(inside, &text) else { continue };
            let Lex::Colon(spec) = end.lex else { continue };
            let values = self.proposals(end.frame, spec, variety);
            members.extend(values.iter().map(|value| Box::from([&opening[..], &text, b":", value].concat())));
        }
        members
    }

    /// A short key of a class that has not come, as it is written behind its quote.
    fn new_key(&mut self, inside: State, object: &ObjectFrame, class: u32) -> Option<Vec<u8>> {
        // The shortest of all has rarely come, and a language without those that have is another one for each set of them.
        [false, true].into_iter().find_map(|unused| {
            let language = self.machine.language_of_class(object, class, unused)?;
            let at = self.machine.tables.string_start(language)?;
            let strings = self.machine.tables.languages[language as usize].clone();
            let spelling = self.machine.style.spelling;
            let text = escape::completion(&mut strings.lock(), BodyState { sub: 0, at }, spelling)?;
            self.read(inside, &text).map(|_| text)
        })
    }

    /// Values of a demand, cheapest first: one for each combination of verdicts that somebody waits for, and more of
    /// them where values must not repeat or `variety` is wanted.
    fn proposals(&mut self, frame: FrameId, spec: SpecId, mut variety: usize) -> Vec<Text> {
        let Spec { require, watch } = self.machine.tables.specs.get(spec).clone();
        let mut demands = vec![require];
        if !watch.is_empty() {
            if let Some(sets) = self.machine.tables.verdict_sets(spec) {
                demands.extend(sets.into_iter().map(|(demand, _)| demand));
            } else {
                let formulas = &mut self.machine.tables.specs.lowering.formulas;
                demands.push(formulas.and(watch.iter().copied().chain([require])));
                for watched in &watch {
                    let formulas = &mut self.machine.tables.specs.lowering.formulas;
                    let fails = formulas.not(*watched);
                    demands.push(formulas.and([require, *watched]));
                    demands.push(formulas.and([require, fails]));
                }
            }
        }
        let mut texts: Vec<Text> = Vec::new();
        for demand in demands {
            texts.extend(self.value_of(demand));
        }
        if let Some(keeping) = self.machine.frames.get(frame).keeping {
            variety = variety.max(self.machine.frames.values.list(keeping.list).count());
        }
        if variety > 0 {
            texts.extend(self.variants(require, variety.min(MAX_VARIANTS) + 1));
        }
        let mut seen = FxHashSet::default();
        texts.retain(|text| seen.insert(text.clone()));
        texts.sort_by_cached_key(|text| (self.cost)(text));
        texts
    }

    /// Different values of a demand: so many scalars, and so many containers of each kind.
    fn variants(&mut self, require: Formula, count: usize) -> Vec<Text> {
        let mut texts = Vec::new();
        let mut demand = require;
        for _ in 0..count {
            let Some(text) = self.value_of(demand) else { break };
            texts.push(text.clone());
            let Some(rest) = self.without(demand, text) else { break };
            demand = rest;
        }
        if std::mem::replace(&mut self.varying, true) {
            return texts;
        }
        let spec = self.machine.tables.specs.intern(Spec::only(require));
        for kind in [Kind::Array, Kind::Object] {
            let Some(typed) = self.machine.tables.specs.typed(spec, kind) else { continue };
            let mut containers: Vec<Text> = Vec::new();
            while containers.len() < count
                && let Some(text) = self.container(typed, kind, &containers)
            {
                containers.push(text.into());
            }
            texts.extend(containers);
        }
        self.varying = false;
        texts
    }

    /// The demand on all values but one, a scalar. None: it is none.
    fn without(&mut self, demand: Formula, text: Text) -> Option<Formula> {
        if let Some(known) = self.machine.homes.without.get(&(demand, text.clone())) {
            return Some(*known);
        }
        let literals = literal(&text)?;
        let lowering = &mut self.machine.tables.specs.lowering;
        let among = lowering.among(literals);
        let not = lowering.formulas.not(among);
        let rest = lowering.formulas.and([demand, not]);
        self.machine.homes.without.insert((demand, text), rest);
        Some(rest)
    }

    fn value_of(&mut self, require: Formula) -> Option<Text> {
        if require == Formula::FALSE || self.machine.budget().is_half_spent() || !self.machine.tables.inhabited(require)
        {
            return None;
        }
        let spec = self.machine.tables.specs.intern(Spec::only(require));
        if let Some(known) = self.machine.homes.values.get(&spec) {
            return known.clone();
        }
        if self.open.len() >= MAX_OPEN {
            return None;
        }
        if let Some(depth) = self.open.iter().position(|open| *open == spec) {
            // No shortest value contains another of its own demand.
            self.leant_on = Some(self.leant_on.map_or(depth, |lowest| lowest.min(depth)));
            return None;
        }
        let depth = self.open.len();
        let before = self.leant_on.take();
        self.open.push(spec);
        let text = self.cheapest_kind(spec);
        self.open.pop();
        let leant_on = self.leant_on.filter(|lowest| *lowest < depth);
        if leant_on.is_none() && self.steps > 0 && !self.machine.budget().is_half_spent() {
            self.machine.homes.values.insert(spec, text.clone());
        }
        self.leant_on = match (before, leant_on) {
            (Some(before), Some(leant_on)) => Some(before.min(leant_on)),
            (before, leant_on) => before.or(leant_on),
        };
        text
    }

    fn cheapest_kind(&mut self, spec: SpecId) -> Option<Text> {
        let mut best: Option<(u32, Text)> = None;
        for kind in [Kind::Number, Kind::String, Kind::True, Kind::Null, Kind::False, Kind::Array, Kind::Object] {
            let empty: &[u8] = if kind == Kind::Array { b"[]" } else { b"{}" };
            let hopeless = matches!(kind, Kind::Array | Kind::Object)
                && best.as_ref().is_some_and(|(cost, _)| *cost <= (self.cost)(empty));
            if hopeless {
                continue;
            }
            let Some(typed) = self.machine.tables.specs.typed(spec, kind) else { continue };
            let Some(text) = self.value_of_kind(typed, kind) else { continue };
            let cost = (self.cost)(&text);
            if best.as_ref().is_none_or(|(least, _)| cost < *least) {
                best = Some((cost, text.into()));
            }
        }
        best.map(|(_, text)| text)
    }

    fn value_of_kind(&mut self, typed: SpecId, kind: Kind) -> Option<Vec<u8>> {
        match kind {
            Kind::Null | Kind::False | Kind::True => Some(kind.word().to_vec()),
            Kind::Number => {
                let number = self.machine.tables.number(typed);
                let numbers = &self.machine.tables.numbers[number as usize];
                Some(numbers.shortest(numbers.start()?))
            }
            Kind::String => {
                let language = self.machine.tables.string(typed);
                let strings = self.machine.tables.languages[language as usize].clone();
                let body = BodyState { sub: 0, at: self.machine.tables.string_start(language)? };
                let inside = State { frame: Frames::ROOT, lex: Lex::String { language, body, text: None } };
                let text = if strings.is_plain() {
                    b"\"".to_vec()
                } else {
                    escape::completion(&mut strings.lock(), body, self.machine.style.spelling)?
                };
                let end = self.read(inside, &text)?;
                let (text, _) = self.refilled(inside, text, end);
                Some([b"\"", &text[..]].concat())
            }
            Kind::Array | Kind::Object => self.container(typed, kind, &[]),
        }
    }

    fn container(&mut self, typed: SpecId, kind: Kind, avoid: &[Text]) -> Option<Vec<u8>> {
        let (opening, state) = match kind {
            Kind::Array => (b'[', self.machine.open_array(Frames::ROOT, typed)?),
            _ => (b'{', self.machine.open_object(Frames::ROOT, typed)?),
        };
        // The text of a whole container stands without its opening byte in the search.
        let avoid: Vec<Text> = avoid.iter().map(|text| text[1..].into()).collect();
        let (text, _) = self.close(state, &avoid)?;
        Some([&[opening], &text[..]].concat())
    }
}

/// A scalar's text as a list of literals. None for other values.
fn literal(text: &[u8]) -> Option<Literals> {
    let mut literals = Literals::default();
    match text {
        b"null" => literals.null = true,
        b"true" | b"false" => literals.bools[usize::from(text == b"true")] = true,
        [b'"', body @ .., b'"'] => {
            let text = values::unescaped(body)?;
            literals.strings = [Box::from(std::str::from_utf8(&text).ok()?)].into();
        }
        [b'-' | b'0'..=b'9', ..] => {
            literals.numbers = [Decimal::parse(std::str::from_utf8(text).ok()?).ok()?].into();
        }
        _ => return None,
    }
    Some(literals)
}

fn way(points: &[Point], mut at: usize) -> Vec<u8> {
    let mut pieces = Vec::new();
    while at != 0 {
        pieces.push(&points[at].piece);
        at = points[at].parent;
    }
    pieces.into_iter().rev().flat_map(|piece| piece.iter().copied()).collect()
}

fn spell(texts: &[(State, usize, u8)], mut at: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while at != 0 {
        bytes.push(texts[at].2);
        at = texts[at].1;
    }
    bytes.reverse();
    bytes
}
