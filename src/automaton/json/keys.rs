//! Keys: which may come, and what an object is after each.

use rustc_hash::FxHashMap;

use super::{
    formula::Formula,
    frame::{Container, Frame, FrameId, Frames, ONLY_FREE, ObjectFrame},
    intern::{BitSets, Texts},
    lower::Atom,
    machine::{Lex, Machine, State},
    object::{FreeKeys, KeyClass, Known, LAST, Object, Shape},
    spec::SpecId,
};
use crate::automaton::lexical::{
    BodyState, BodyStep, body_step,
    unescape::{self, Spelling, Unescaped},
};

/// Inside a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// Position inside a character, as in [`unescape`].
    pub at: u32,
    /// The known keys that begin with what was read: a range of indices.
    pub low: u32,
    pub high: u32,
    /// How many bytes were read, escapes undone.
    pub len: u32,
    pub free: Free,
}

/// The key as one that the schema does not name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Free {
    /// It cannot be one.
    No,
    /// Any; the text so far, by number in [`Frames`].
    Any { text: u32 },
    /// One of a language.
    Of { text: u32, language: u32, body: BodyState },
}

/// More keys than this are not looked through for the bytes with which they go on.
const MAX_LISTED: u32 = 64;

impl Machine {
    pub(super) fn open_key(&mut self, frame: FrameId) -> Option<State> {
        let Container::Object(object) = self.frames.get(frame).container else { return None };
        let free = self.free_start(&object);
        let high = self.tables.shapes[object.object.shape as usize].known.len() as u32;
        if free == Free::No && !self.any_available(&object, 0, high) {
            return None;
        }
        Some(State { frame, lex: Lex::Key(Key { at: 0, low: 0, high, len: 0, free }) })
    }

    /// Whether a key that the schema does not name may come next, as the beginning of one.
    pub(super) fn free_start(&mut self, object: &ObjectFrame) -> Free {
        let shape = self.tables.shapes[object.object.shape as usize].clone();
        if self.style.ordered && !self.tables.specs.bits.includes(object.seen, shape.required) {
            return Free::No;
        }
        if let Some(max) = shape.max {
            let missing = self.tables.specs.bits.count_without(shape.required, object.seen);
            if object.count + 1 + missing > max {
                return Free::No;
            }
        }
        match shape.free {
            FreeKeys::None => Free::No,
            FreeKeys::All if self.after_key(object, KeyClass::Free(BitSets::EMPTY)).is_none() => Free::No,
            FreeKeys::All => Free::Any { text: Texts::EMPTY },
            FreeKeys::Of(language) => {
                let Some(language) = self.narrowed_free(object, language) else { return Free::No };
                let Some(at) = self.tables.string_start(language) else { return Free::No };
                Free::Of { text: Texts::EMPTY, language, body: BodyState { sub: 0, at } }
            }
        }
    }

    /// The object after one more key, and the demand on the key's value. None: the key may not come.
    pub(super) fn after_key(&mut self, object: &ObjectFrame, class: KeyClass) -> Option<(ObjectFrame, SpecId)> {
        let shape = self.tables.shapes[object.object.shape as usize].clone();
        if !self.tables.budget.spend(1) {
            return None;
        }
        let mut after = *object;
        let bits = &self.tables.specs.bits;
        match class {
            KeyClass::Known(index) => {
                if bits.contains(object.seen, index) {
                    return None;
                }
            }
            KeyClass::Free(_) if self.style.ordered => {
                if !bits.includes(object.seen, shape.required) {
                    return None;
                }
                after.from = ONLY_FREE;
            }
            KeyClass::Free(_) => {}
        }
        if let (KeyClass::Known(index), true) = (class, self.style.ordered) {
            let order = shape.known[index as usize].order;
            if order < object.from || self.skips_required(object, &shape.known, shape.required, order) {
                return None;
            }
            after.from = (order + 1).min(LAST);
        }
        if let KeyClass::Known(index) = class {
            after.seen = self.tables.specs.bits.with(object.seen, index);
        }
        let decided = self.without_skipped(object, &shape, after.from)?;
        let plan = self.tables.key_plan(decided, class)?;
        let (mut value, rest, watching) = {
            let plan = self.tables.get_plan(plan);
            (plan.value, plan.rest, plan.is_watching())
        };
        after.object.rest = rest;
        after.waiting = watching.then_some(plan);
        if shape.counted {
            after.count += 1;
            if shape
                .max
                .is_some_and(|max| after.count + self.tables.specs.bits.count_without(shape.required, after.seen) > max)
            {
                return None;
            }
            // While a value is waited for, its plan holds the rest; the counts are then decided when it is done.
            if !watching {
                after.object.rest = self.tables.count_properties(after.object, after.count)?;
            }
        }
        let trivial = self.tables.specs.get(after.object.rest).is_trivial();
        if (!trivial || shape.counted || self.style.ordered) && !self.tables.object_live(after.point()) {
            return None;
        }
        if watching {
            let plan = self.tables.narrowed_key(plan, after.point())?;
            value = self.tables.get_plan(plan).value;
            after.waiting = Some(plan);
        }
        Some((after, value))
    }

    /// The object, decided about the keys of lower order than `from` that have not come and now cannot.
    fn without_skipped(&mut self, object: &ObjectFrame, shape: &Shape, from: u32) -> Option<Object> {
        let mut after = object.object;
        if !self.style.ordered || self.tables.specs.get(after.rest).is_trivial() {
            return Some(after);
        }
        self.tables.budget.spend(shape.known.len());
        let passed = |(index, known): &(usize, &Known)| {
            (object.from..from.saturating_sub(1)).contains(&known.order)
                && !self.tables.specs.bits.contains(object.seen, *index as u32)
        };
        let skipped: Vec<u32> = shape.known.iter().enumerate().filter(passed).map(|(_, known)| known.text).collect();
        if !skipped.is_empty() {
            after.rest = self.tables.specs.substitute(after.rest, |atom| match atom {
                Atom::Required(text) if skipped.contains(text) => Some(Formula::FALSE),
                _ => None,
            })?;
        }
        Some(after)
    }

    /// A required key of lower order has not come.
    fn skips_required(&self, object: &ObjectFrame, known: &[Known], required: u32, order: u32) -> bool {
        let bits = &self.tables.specs.bits;
        let words = bits.words(required).iter().zip(bits.words(object.seen).iter().chain(std::iter::repeat(&0)));
        words.enumerate().any(|(index, (required, seen))| {
            let mut missing = required & !seen;
            while missing != 0 {
                let bit = index * 64 + missing.trailing_zeros() as usize;
                if known[bit].order < order {
                    return true;
                }
                missing &= missing - 1;
            }
            false
        })
    }

    /// Some known key within a range of indices may come.
    pub(super) fn any_available(&mut self, object: &ObjectFrame, low: u32, high: u32) -> bool {
        let count = self.tables.shapes[object.object.shape as usize].known.len() as u32;
        (low..high.min(count)).any(|index| self.may_come(object, index))
    }

    /// Whether [`Machine::after_key`] takes a known key.
    fn may_come(&mut self, object: &ObjectFrame, index: u32) -> bool {
        let Object { shape, rest } = object.object;
        if self.tables.specs.bits.contains(object.seen, index) {
            return false;
        }
        let counted = self.tables.shapes[shape as usize].counted;
        if !counted && !self.style.ordered && self.tables.specs.get(rest).is_trivial() {
            // Nothing of the object's past matters.
            return self.tables.key_plan(object.object, KeyClass::Known(index)).is_some();
        }
        let key = (object.point(), index);
        if let Some(known) = self.available.get(&key) {
            return *known;
        }
        let may = self.after_key(object, KeyClass::Known(index)).is_some();
        self.available.insert(key, may);
        may
    }

    /// See [`Machine::may_read`].
    pub(super) fn key_may_read(&self, frame: FrameId, key: &Key) -> [u64; 4] {
        let Container::Object(object) = self.frames.get(frame).container else { return [!0; 4] };
        if key.free != Free::No || key.at != 0 || key.high - key.low > MAX_LISTED {
            return [!0; 4];
        }
        let mut set = [0; 4];
        let mut add = |byte: u8| set[usize::from(byte) / 64] |= 1 << (byte % 64);
        add(b'"');
        add(b'\\');
        let known = &self.tables.shapes[object.object.shape as usize].known[key.low as usize..key.high as usize];
        known.iter().filter_map(|known| known.key.get(key.len as usize)).for_each(|byte| add(*byte));
        set
    }

    pub(super) fn key(&mut self, frame: FrameId, mut key: Key, byte: u8) -> Option<State> {
        let Container::Object(object) = self.frames.get(frame).container else { return None };
        if let Free::Of { text, language, body } = key.free {
            let strings = &self.tables.languages[language as usize];
            let step = body_step(strings, body, byte, self.style.spelling);
            self.tables.charge_for(strings);
            key.free = match step {
                BodyStep::Stay(body) => Free::Of { text, language, body },
                BodyStep::Dead => Free::No,
                BodyStep::Close(_) => key.free,
            };
        }
        if self.style.spelling == Spelling::Shortest && !unescape::is_shortest(key.at, byte) {
            return None;
        }
        match unescape::step(key.at, byte) {
            Unescaped::Dead => return None,
            Unescaped::Close => return self.close_key(frame, &object, key, byte),
            Unescaped::Inside(at) => {
                key.at = at;
                if key.free == Free::No && !self.reaches_known(&object, &key) {
                    return None;
                }
            }
            Unescaped::Bytes { at, bytes, len } => {
                key.at = at;
                self.narrow_by(&object, &mut key, &bytes[..usize::from(len)]);
                if key.free == Free::No && !self.any_available(&object, key.low, key.high) {
                    return None;
                }
            }
        }
        Some(State { frame, lex: Lex::Key(key) })
    }

    /// More bytes of a key's text.
    pub(super) fn narrow_by(&mut self, object: &ObjectFrame, key: &mut Key, bytes: &[u8]) {
        let known = &self.tables.shapes[object.object.shape as usize].known;
        for byte in bytes {
            let range = &known[key.low as usize..key.high as usize];
            let at = key.len as usize;
            let below = range.partition_point(|known| known.key.get(at).is_none_or(|other| other < byte));
            let upto = below + range[below..].partition_point(|known| known.key.get(at) == Some(byte));
            (key.low, key.high) = (key.low + below as u32, key.low + upto as u32);
            key.len = key.len.saturating_add(1);
        }
        if let Free::Any { text } | Free::Of { text, .. } = &mut key.free {
            *text = bytes.iter().fold(*text, |text, byte| self.frames.texts.push(text, *byte));
        }
    }

    /// Inside an escape: some known key goes on with a character that the escape can still become.
    fn reaches_known(&mut self, object: &ObjectFrame, key: &Key) -> bool {
        let shape = self.tables.shapes[object.object.shape as usize].clone();
        let ranges = unescape::reachable(key.at, self.style.spelling);
        (key.low..key.high).any(|index| {
            let rest = shape.known[index as usize].key.get(key.len as usize..).unwrap_or_default();
            let next = std::str::from_utf8(rest).ok().and_then(|rest| rest.chars().next()).map(u32::from);
            next.is_some_and(|code| ranges.iter().any(|(low, high)| (*low..=*high).contains(&code)))
                && self.may_come(object, index)
        })
    }

    pub(super) fn close_key(&mut self, frame: FrameId, object: &ObjectFrame, key: Key, quote: u8) -> Option<State> {
        let known = &self.tables.shapes[object.object.shape as usize].known;
        let exact = key.low < key.high && known[key.low as usize].key.len() == key.len as usize;
        let (class, text) = if exact {
            (KeyClass::Known(key.low), None)
        } else {
            match key.free {
                Free::No => return None,
                Free::Any { text } => (KeyClass::Free(BitSets::EMPTY), Some(text)),
                Free::Of { text, language, body } => {
                    let strings = self.tables.languages[language as usize].clone();
                    let BodyStep::Close(at) = body_step(&strings, body, quote, Spelling::Any) else { return None };
                    (KeyClass::Free(self.tables.string_verdicts(language, at)), Some(text))
                }
            }
        };
        let (mut after, value) = self.after_key(object, class)?;
        if let Some(text) = text {
            if self.frames.has_other(object.others, text) {
                return None;
            }
            after.others = self.frames.with_other(object.others, text);
        }
        let Frame { parent, mut keeping, .. } = *self.frames.get(frame);
        if let Some(keeping) = &mut keeping {
            keeping.key = match class {
                KeyClass::Known(index) => {
                    let key = &self.tables.shapes[object.object.shape as usize].known[index as usize].key;
                    self.frames.texts.intern(key)
                }
                KeyClass::Free(_) => text.unwrap_or(Texts::EMPTY),
            };
        }
        Some(self.replace(Frame { parent, container: Container::Object(after), keeping }, Lex::Colon(value)))
    }

    /// The state after a whole key that the schema does not name and that has not come before.
    pub(super) fn after_new_key(&mut self, frame: FrameId, verdicts: u32) -> Option<State> {
        let Frame { parent, container: Container::Object(object), keeping } = *self.frames.get(frame) else {
            return None;
        };
        let (after, value) = self.after_key(&object, KeyClass::Free(verdicts))?;
        Some(self.replace(Frame { parent, container: Container::Object(after), keeping }, Lex::Colon(value)))
    }

    /// Which of the texts in `endings`, by index, make the key one that the schema names or that has come before, or
    /// may matter because the object is compared with others: those in `closing`, behind which it may end.
    pub fn special_endings(
        &self,
        frame: FrameId,
        key: &Key,
        endings: &FxHashMap<Box<[u8]>, u32>,
        closing: &[u32],
    ) -> Vec<u32> {
        let Frame { container: Container::Object(object), keeping, .. } = *self.frames.get(frame) else {
            return Vec::new();
        };
        let known = &self.tables.shapes[object.object.shape as usize].known[key.low as usize..key.high as usize];
        let rest = known.iter().filter_map(|known| known.key.get(key.len as usize..));
        let mut special: Vec<u32> = rest.filter_map(|rest| endings.get(rest).copied()).collect();
        if keeping.is_some() {
            special.extend_from_slice(closing);
        }
        if let Free::Any { text } | Free::Of { text, .. } = key.free
            && object.others != Frames::NO_OTHERS
        {
            let others: Vec<u32> = self.frames.others(object.others).take(endings.len() / 4 + 1).collect();
            if others.len() * 4 <= endings.len() {
                let rests = others.into_iter().filter_map(|other| self.frames.texts.behind(text, other));
                special.extend(rests.filter_map(|rest| endings.get(&*rest)));
                return special;
            }
            for (ending, index) in endings {
                let whole = ending.iter().try_fold(text, |text, byte| self.frames.texts.find(text, *byte));
                if whole.is_some_and(|whole| self.frames.has_other(object.others, whole)) {
                    special.push(*index);
                }
            }
        }
        special
    }

    /// The state after the rest of a key, escapes undone, and its closing quote.
    pub(super) fn end_key(&mut self, frame: FrameId, mut key: Key, rest: &[u8]) -> Option<State> {
        let Container::Object(object) = self.frames.get(frame).container else { return None };
        if let Free::Of { text, language, body } = key.free {
            let strings = self.tables.languages[language as usize].clone();
            let mut dfa = strings.lock();
            let at = rest.iter().try_fold(body.at, |at, byte| dfa.step(at, *byte));
            key.free = at.map_or(Free::No, |at| Free::Of { text, language, body: BodyState { sub: 0, at } });
        }
        self.narrow_by(&object, &mut key, rest);
        self.close_key(frame, &object, key, b'"')
    }
}
