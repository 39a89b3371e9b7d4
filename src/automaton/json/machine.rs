//! The JSON automaton: one byte further.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::{
    array::Array,
    formula::Formula,
    frame::{ArrayFrame, Container, Frame, FrameId, Frames, Keeping, Mark, ONLY_FREE, ObjectFrame},
    intern::{BitSets, Texts},
    lower::{Atom, Kind},
    object::{FreeKeys, KeyClass, Known, Object, Shape},
    spec::{Spec, SpecId},
    tables::Tables,
    values::{self, Kept as Value, Values},
};
use crate::{
    automaton::lexical::{
        BodyState, BodyStep, NumberState, StrState, StringCache, body_step,
        unescape::{self, Spelling, Unescaped},
    },
    schema::SchemaSet,
};

/// What generation prefers; a check takes everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Style {
    /// Known keys come in the order of the schema, others after them.
    pub ordered: bool,
    /// Whitespace may stand wherever JSON allows it; without, nowhere.
    pub spaced: bool,
    /// Numbers without exponents, and how characters are written.
    pub plain_numbers: bool,
    pub spelling: Spelling,
}

/// Where a document stands: the innermost open container, and what within it is being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State {
    pub frame: FrameId,
    pub lex: Lex,
}

/// What is being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lex {
    /// A value is due.
    Value(SpecId),
    /// After `[`: a value or the end.
    FirstItem,
    /// Inside `null`, `false` or `true`: the demand on it, and how many bytes were read.
    Literal {
        spec: SpecId,
        kind: Kind,
        at: u8,
    },
    Number {
        number: u32,
        state: NumberState,
        text: Kept,
    },
    /// Inside a string, by its language.
    String {
        language: u32,
        body: BodyState,
        text: Kept,
    },
    /// After `{`: a key or the end.
    FirstKey,
    /// After `,` in an object: a key is due.
    NextKey,
    Key(Key),
    /// After a key: the demand on its value.
    Colon(SpecId),
    /// After a value within a container.
    After,
    /// After the outermost value.
    End,
}

/// The text of a scalar as it was read, where values are kept: a number in [`Frames::texts`].
pub type Kept = Option<u32>;

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

/// The automaton of one schema with everything that was found out about it.
pub struct Machine {
    pub tables: Tables,
    pub frames: Frames,
    style: Style,
    root: SpecId,
}

impl Machine {
    pub fn new(set: Arc<SchemaSet>, strings: Arc<StringCache>, style: Style) -> Self {
        let root = set.root();
        let mut tables = Tables::new(set, strings, style.plain_numbers);
        let require = tables.specs.lowering.formulas.atom(Atom::Schema(root));
        let root = tables.specs.intern(Spec::only(require));
        Self { tables, frames: Frames::default(), style, root }
    }

    /// Some document satisfies the schema.
    pub fn satisfiable(&mut self) -> bool {
        let require = self.tables.specs.get(self.root).require;
        self.tables.inhabited(require)
    }

    /// Before the first byte.
    pub fn start(&self) -> State {
        State { frame: Frames::ROOT, lex: Lex::Value(self.root) }
    }

    /// The document may end here.
    pub fn accepts(&mut self, state: State) -> bool {
        match state.lex {
            Lex::End => true,
            Lex::Number { number, state: at, .. } => {
                state.frame == Frames::ROOT && self.tables.numbers[number as usize].accepts(at)
            }
            _ => false,
        }
    }

    /// How much has been built so far, in table entries.
    pub fn size(&self) -> usize {
        self.tables.size() + self.frames.size()
    }

    /// How characters are written.
    pub fn spelling(&self) -> Spelling {
        self.style.spelling
    }

    /// Where the frames end now, for [`Machine::forget_since`].
    pub fn mark(&self) -> Mark {
        self.frames.mark()
    }

    /// Forgets frames that were only needed to look ahead. States that refer to them must not be used again.
    pub fn forget_since(&mut self, mark: Mark) {
        self.frames.forget_since(mark);
    }

    /// One byte further. None: no document of the schema goes on like this.
    pub fn step(&mut self, state: State, byte: u8) -> Option<State> {
        let State { frame, lex } = state;
        match lex {
            Lex::String { language, body, text } => self.string(frame, language, body, text, byte),
            Lex::Key(key) => self.key(frame, key, byte),
            Lex::Number { number, state, text } => self.number(frame, number, state, text, byte),
            Lex::Literal { spec, kind, at } => self.literal(frame, spec, kind, at, byte),
            _ if matches!(byte, b' ' | b'\t' | b'\n' | b'\r') => self.style.spaced.then_some(state),
            Lex::Value(spec) => self.value(frame, spec, byte),
            Lex::FirstItem if byte == b']' => self.close_array(frame),
            Lex::FirstItem => {
                let spec = self.next_item(frame)?;
                self.value(frame, spec, byte)
            }
            Lex::FirstKey if byte == b'}' => self.close_object(frame),
            Lex::FirstKey | Lex::NextKey if byte == b'"' => self.open_key(frame),
            Lex::Colon(spec) if byte == b':' => Some(State { frame, lex: Lex::Value(spec) }),
            Lex::After => self.after(frame, byte),
            Lex::FirstKey | Lex::NextKey | Lex::Colon(_) | Lex::End => None,
        }
    }

    fn value(&mut self, frame: FrameId, spec: SpecId, byte: u8) -> Option<State> {
        let kind = match byte {
            b'"' => Kind::String,
            b'{' => Kind::Object,
            b'[' => Kind::Array,
            b'-' | b'0'..=b'9' => Kind::Number,
            b'n' => Kind::Null,
            b'f' => Kind::False,
            b't' => Kind::True,
            _ => return None,
        };
        let spec = self.tables.specs.typed(spec, kind)?;
        let lex = match kind {
            Kind::Null | Kind::False | Kind::True => Lex::Literal { spec, kind, at: 1 },
            Kind::Number => {
                let number = self.tables.number(spec);
                let numbers = &self.tables.numbers[number as usize];
                let state = numbers.step(numbers.start()?, byte)?;
                let text = self.kept_text(frame).map(|text| self.frames.texts.push(text, byte));
                Lex::Number { number, state, text }
            }
            Kind::String => {
                let language = self.tables.string(spec);
                let at = self.tables.string_start(language)?;
                let text = self.kept_text(frame);
                Lex::String { language, body: BodyState { sub: 0, at }, text }
            }
            Kind::Array => return self.open_array(frame, spec),
            Kind::Object => return self.open_object(frame, spec),
        };
        Some(State { frame, lex })
    }

    fn literal(&mut self, frame: FrameId, spec: SpecId, kind: Kind, at: u8, byte: u8) -> Option<State> {
        let word: &[u8] = match kind {
            Kind::Null => b"null",
            Kind::False => b"false",
            _ => b"true",
        };
        if word[usize::from(at)] != byte {
            return None;
        }
        if usize::from(at) + 1 < word.len() {
            return Some(State { frame, lex: Lex::Literal { spec, kind, at: at + 1 } });
        }
        let verdicts = self.tables.specs.constant_verdicts(spec);
        let value = self.kept(frame, || match kind {
            Kind::Null => Value::Null,
            _ => Value::Bool(kind == Kind::True),
        });
        self.finish_value(frame, verdicts, value)
    }

    fn number(&mut self, frame: FrameId, number: u32, at: NumberState, text: Kept, byte: u8) -> Option<State> {
        let numbers = &self.tables.numbers[number as usize];
        if matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-') {
            let state = numbers.step(at, byte)?;
            let text = text.map(|text| self.frames.texts.push(text, byte));
            return Some(State { frame, lex: Lex::Number { number, state, text } });
        }
        let after = self.end_number(frame, number, at, text)?;
        self.step(after, byte)
    }

    /// The state after a number that ends here.
    fn end_number(&mut self, frame: FrameId, number: u32, at: NumberState, text: Kept) -> Option<State> {
        let numbers = &self.tables.numbers[number as usize];
        if !numbers.accepts(at) {
            return None;
        }
        let verdicts = numbers.verdicts(at);
        let verdicts = self.tables.specs.bits.of_word(verdicts);
        let value = text.map(|text| {
            let text = self.frames.texts.bytes(text);
            self.frames.values.number(&text)
        });
        self.finish_value(frame, verdicts, value)
    }

    fn string(&mut self, frame: FrameId, language: u32, body: BodyState, text: Kept, byte: u8) -> Option<State> {
        let strings = &self.tables.languages[language as usize];
        match body_step(strings, body, byte, self.style.spelling) {
            BodyStep::Dead => None,
            BodyStep::Stay(body) => {
                let text = text.map(|text| self.frames.texts.push(text, byte));
                Some(State { frame, lex: Lex::String { language, body, text } })
            }
            BodyStep::Close(at) => {
                let value = text.map(|text| self.kept_string(text, b""));
                self.close_string(frame, language, at, value)
            }
        }
    }

    /// The state after a string whose text ends at `at`, its closing quote read.
    fn close_string(&mut self, frame: FrameId, language: u32, at: StrState, value: Option<u32>) -> Option<State> {
        let strings = &self.tables.languages[language as usize];
        let verdicts = match strings.watched() {
            0 => BitSets::EMPTY,
            _ => self.tables.string_verdicts(language, at),
        };
        self.finish_value(frame, verdicts, value)
    }

    /// The same container, further on.
    fn replace(&mut self, frame: Frame, lex: Lex) -> State {
        State { frame: self.frames.intern(frame), lex }
    }

    /// A new container.
    fn push(&mut self, parent: FrameId, container: Container, lex: Lex) -> State {
        let keeps = match container {
            Container::Array(array) => self.tables.array_shapes[array.array.shape as usize].unique,
            _ => false,
        };
        let keeps = keeps || self.frames.get(parent).keeping.is_some();
        let keeping = keeps.then_some(Keeping { list: Values::EMPTY, key: Texts::EMPTY });
        State { frame: self.frames.intern(Frame { parent, container, keeping }), lex }
    }

    /// Where the text of a scalar begins, if values are kept here.
    fn kept_text(&self, frame: FrameId) -> Kept {
        self.frames.get(frame).keeping.map(|_| Texts::EMPTY)
    }

    /// A scalar as a kept value, if values are kept here.
    fn kept(&mut self, frame: FrameId, value: impl FnOnce() -> Value) -> Option<u32> {
        self.frames.get(frame).keeping?;
        Some(self.frames.values.intern(value()))
    }

    /// A string with a body that was read up to `text`, and more text, escapes undone.
    fn kept_string(&mut self, text: u32, more: &[u8]) -> u32 {
        let body = self.frames.texts.bytes(text);
        let mut text = values::unescaped(&body).unwrap_or_default();
        text.extend_from_slice(more);
        self.frames.values.intern(Value::Text(text.into()))
    }

    fn open_array(&mut self, parent: FrameId, spec: SpecId) -> Option<State> {
        let array = self.tables.array(spec);
        let frame = ArrayFrame { array, position: 0 };
        let live = self.tables.array_live(array, 0);
        live.then(|| self.push(parent, Container::Array(frame), Lex::FirstItem))
    }

    fn open_object(&mut self, parent: FrameId, spec: SpecId) -> Option<State> {
        let object = self.tables.object(spec);
        let frame =
            ObjectFrame { object, seen: BitSets::EMPTY, others: Frames::NO_OTHERS, count: 0, from: 0, waiting: None };
        let live = self.tables.object_live(frame.point());
        live.then(|| self.push(parent, Container::Object(frame), Lex::FirstKey))
    }

    /// A value ended inside `frame`, with verdicts on what its demand watches.
    fn finish_value(&mut self, frame: FrameId, verdicts: u32, value: Option<u32>) -> Option<State> {
        let Frame { parent, container, mut keeping } = *self.frames.get(frame);
        let mut repeats = false;
        if let (Some(keeping), Some(value)) = (&mut keeping, value) {
            repeats = self.frames.values.contains(keeping.list, value);
            keeping.list = self.frames.values.push(keeping.list, keeping.key, value);
        }
        match container {
            Container::Root => Some(State { frame, lex: Lex::End }),
            Container::Object(ObjectFrame { waiting: None, .. }) if keeping.is_none() => {
                Some(State { frame, lex: Lex::After })
            }
            Container::Object(ObjectFrame { waiting: None, .. }) => {
                Some(self.replace(Frame { parent, container, keeping }, Lex::After))
            }
            Container::Object(mut object) => {
                let plan = object.waiting.take().expect("the arm above took objects that wait for nothing");
                object.object.rest = self.tables.after_child(plan, verdicts)?;
                if self.tables.shapes[object.object.shape as usize].counted {
                    object.object.rest = self.tables.count_properties(object.object, object.count)?;
                }
                let live = self.tables.object_live(object.point());
                let frame = Frame { parent, container: Container::Object(object), keeping };
                live.then(|| self.replace(frame, Lex::After))
            }
            Container::Array(mut array) => {
                let Array { shape, .. } = array.array;
                let unique = self.tables.array_shapes[shape as usize].unique;
                if repeats && unique && self.tables.array_shapes[shape as usize].must_be_unique {
                    return None;
                }
                let plan = self.tables.item_plan(array.array, array.position)?;
                array.array.rest = match self.tables.get_plan(plan).is_watching() {
                    true => self.tables.after_child(plan, verdicts)?,
                    false => self.tables.get_plan(plan).rest,
                };
                let alike_from = self.tables.array_shapes[shape as usize].alike_from;
                array.position = array.position.saturating_add(1).min(alike_from);
                if repeats && unique {
                    array.array.rest = self.tables.specs.substitute(array.array.rest, |atom| match atom {
                        Atom::Unique => Some(Formula::FALSE),
                        _ => None,
                    })?;
                }
                let live = self.tables.array_live(array.array, array.position);
                let frame = Frame { parent, container: Container::Array(array), keeping };
                live.then(|| self.replace(frame, Lex::After))
            }
        }
    }

    fn after(&mut self, frame: FrameId, byte: u8) -> Option<State> {
        match (self.frames.get(frame).container, byte) {
            (Container::Array(_), b',') => {
                let spec = self.next_item(frame)?;
                Some(State { frame, lex: Lex::Value(spec) })
            }
            (Container::Array(_), b']') => self.close_array(frame),
            (Container::Object(object), b',') => {
                let more = self.free_start(&object) != Free::No || self.any_available(&object, 0, u32::MAX);
                more.then_some(State { frame, lex: Lex::NextKey })
            }
            (Container::Object(_), b'}') => self.close_object(frame),
            _ => None,
        }
    }

    /// The demand on one more item.
    fn next_item(&mut self, frame: FrameId) -> Option<SpecId> {
        let Frame { container: Container::Array(array), keeping, .. } = *self.frames.get(frame) else { return None };
        let mut plan = self.tables.item_plan(array.array, array.position)?;
        if self.tables.get_plan(plan).is_watching() {
            plan = self.tables.narrowed_item(plan, array.array, array.position)?;
        }
        let value = self.tables.get_plan(plan).value;
        match keeping {
            Some(keeping) if self.tables.array_shapes[array.array.shape as usize].must_be_unique => {
                let values = &self.frames.values;
                self.tables.left_over(value, values.list(keeping.list).map(|(_, value)| values.get(value)))
            }
            _ => Some(value),
        }
    }

    fn close_array(&mut self, frame: FrameId) -> Option<State> {
        let Frame { parent, container: Container::Array(array), keeping } = *self.frames.get(frame) else {
            return None;
        };
        let shape = &self.tables.array_shapes[array.array.shape as usize];
        if array.position < shape.min || shape.max.is_some_and(|max| array.position > max) {
            return None;
        }
        let verdicts = self.tables.specs.at_end(array.array.rest)?;
        let values = &mut self.frames.values;
        let value = keeping.map(|keeping| values.array(keeping.list));
        self.finish_value(parent, verdicts, value)
    }

    fn close_object(&mut self, frame: FrameId) -> Option<State> {
        let Frame { parent, container: Container::Object(object), keeping } = *self.frames.get(frame) else {
            return None;
        };
        let shape = &self.tables.shapes[object.object.shape as usize];
        if !self.tables.specs.bits.includes(object.seen, shape.required) || object.count < shape.min {
            return None;
        }
        let verdicts = self.tables.specs.at_end(object.object.rest)?;
        let Frames { values, texts, .. } = &mut self.frames;
        let value = keeping.map(|keeping| values.object(keeping.list, texts));
        self.finish_value(parent, verdicts, value)
    }

    fn open_key(&mut self, frame: FrameId) -> Option<State> {
        let Container::Object(object) = self.frames.get(frame).container else { return None };
        let free = self.free_start(&object);
        let high = self.tables.shapes[object.object.shape as usize].known.len() as u32;
        if free == Free::No && !self.any_available(&object, 0, high) {
            return None;
        }
        Some(State { frame, lex: Lex::Key(Key { at: 0, low: 0, high, len: 0, free }) })
    }

    /// Whether a key that the schema does not name may come next, as the beginning of one.
    fn free_start(&mut self, object: &ObjectFrame) -> Free {
        let shape = self.tables.shapes[object.object.shape as usize].clone();
        let free = match shape.free {
            FreeKeys::None => return Free::No,
            FreeKeys::All => Free::Any { text: Texts::EMPTY },
            FreeKeys::Of(language) => {
                let Some(at) = self.tables.string_start(language) else { return Free::No };
                Free::Of { text: Texts::EMPTY, language, body: BodyState { sub: 0, at } }
            }
        };
        // Which class the key will be of shows at its end; here, whether one more key fits at all.
        if self.style.ordered && !self.tables.specs.bits.includes(object.seen, shape.required) {
            return Free::No;
        }
        if let Some(max) = shape.max {
            let missing = self.missing(object, shape.required);
            if object.count + 1 + missing > max {
                return Free::No;
            }
        }
        if shape.free == FreeKeys::All && self.after_key(object, KeyClass::Free(BitSets::EMPTY)).is_none() {
            return Free::No;
        }
        free
    }

    fn missing(&self, object: &ObjectFrame, required: u32) -> u32 {
        let bits = &self.tables.specs.bits;
        let both = bits.words(required).iter().zip(bits.words(object.seen).iter().chain(std::iter::repeat(&0)));
        both.map(|(required, seen)| (required & !seen).count_ones()).sum()
    }

    /// The object after one more key, and the demand on the key's value. None: the key may not come.
    fn after_key(&mut self, object: &ObjectFrame, class: KeyClass) -> Option<(ObjectFrame, SpecId)> {
        let shape = self.tables.shapes[object.object.shape as usize].clone();
        let mut after = *object;
        let bits = &mut self.tables.specs.bits;
        match class {
            KeyClass::Known(index) => {
                if bits.contains(object.seen, index) {
                    return None;
                }
                after.seen = bits.with(object.seen, index);
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
            after.from = order + 1;
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
            if shape.max.is_some_and(|max| after.count + self.missing(&after, shape.required) > max) {
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
    fn any_available(&mut self, object: &ObjectFrame, low: u32, high: u32) -> bool {
        let count = self.tables.shapes[object.object.shape as usize].known.len() as u32;
        (low..high.min(count)).any(|index| self.after_key(object, KeyClass::Known(index)).is_some())
    }

    fn key(&mut self, frame: FrameId, mut key: Key, byte: u8) -> Option<State> {
        let Container::Object(object) = self.frames.get(frame).container else { return None };
        if let Free::Of { text, language, body } = key.free {
            key.free = match body_step(&self.tables.languages[language as usize], body, byte, self.style.spelling) {
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
                for byte in &bytes[..usize::from(len)] {
                    self.narrow(&object, &mut key, *byte);
                }
                if key.free == Free::No && !self.any_available(&object, key.low, key.high) {
                    return None;
                }
            }
        }
        Some(State { frame, lex: Lex::Key(key) })
    }

    /// One more byte of a key's text.
    fn narrow(&mut self, object: &ObjectFrame, key: &mut Key, byte: u8) {
        let known = &self.tables.shapes[object.object.shape as usize].known;
        let range = &known[key.low as usize..key.high as usize];
        let at = key.len as usize;
        let below = range.partition_point(|known| known.key.get(at).is_none_or(|other| *other < byte));
        let upto = range.partition_point(|known| known.key.get(at).is_none_or(|other| *other <= byte));
        (key.low, key.high) = (key.low + below as u32, key.low + upto as u32);
        key.len = key.len.saturating_add(1);
        if let Free::Any { text } | Free::Of { text, .. } = &mut key.free {
            *text = self.frames.texts.push(*text, byte);
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
                && self.after_key(object, KeyClass::Known(index)).is_some()
        })
    }

    fn close_key(&mut self, frame: FrameId, object: &ObjectFrame, key: Key, quote: u8) -> Option<State> {
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
    pub fn after_new_key(&mut self, frame: FrameId) -> Option<State> {
        let Frame { parent, container: Container::Object(object), keeping } = *self.frames.get(frame) else {
            return None;
        };
        let (after, value) = self.after_key(&object, KeyClass::Free(BitSets::EMPTY))?;
        Some(self.replace(Frame { parent, container: Container::Object(after), keeping }, Lex::Colon(value)))
    }

    /// Which of the texts in `endings`, by index, make the key one that the schema names or that has come before.
    pub fn special_endings(&self, frame: FrameId, key: &Key, endings: &FxHashMap<Box<[u8]>, u32>) -> Vec<u32> {
        let Container::Object(object) = self.frames.get(frame).container else { return Vec::new() };
        let known = &self.tables.shapes[object.object.shape as usize].known[key.low as usize..key.high as usize];
        let rest = known.iter().filter_map(|known| known.key.get(key.len as usize..));
        let mut special: Vec<u32> = rest.filter_map(|rest| endings.get(rest).copied()).collect();
        if let Free::Any { text } = key.free
            && object.others != Frames::NO_OTHERS
        {
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
    pub fn end_key(&mut self, state: State, rest: &[u8]) -> Option<State> {
        let Lex::Key(mut key) = state.lex else { return None };
        let Container::Object(object) = self.frames.get(state.frame).container else { return None };
        rest.iter().for_each(|byte| self.narrow(&object, &mut key, *byte));
        self.close_key(state.frame, &object, key, b'"')
    }

    /// The state after a string that may hold any text, has ended and is unlike all others.
    pub fn after_new_string(&mut self, state: State) -> Option<State> {
        let Lex::String { language, body, text } = state.lex else { return None };
        let value = text.map(|_| self.frames.values.intern(Value::Fresh));
        self.close_string(state.frame, language, body.at, value)
    }

    /// Which of the texts in `endings`, by index, make a string equal to a value that stands in the same list.
    pub fn repeated_endings(&self, state: State, endings: &FxHashMap<Box<[u8]>, u32>) -> Vec<u32> {
        let (Lex::String { text: Some(text), .. }, Some(keeping)) = (state.lex, self.frames.get(state.frame).keeping)
        else {
            return Vec::new();
        };
        let begun = values::unescaped(&self.frames.texts.bytes(text)).unwrap_or_default();
        let others = self.frames.values.list(keeping.list);
        let rest = others.filter_map(|(_, other)| match self.frames.values.get(other) {
            Value::Text(other) => other.strip_prefix(&begun[..]),
            _ => None,
        });
        rest.filter_map(|rest| endings.get(rest).copied()).collect()
    }

    /// The state after the rest of a string that may hold any text, escapes undone, and its closing quote.
    pub fn end_string(&mut self, state: State, rest: &[u8]) -> Option<State> {
        let Lex::String { language, body, text } = state.lex else { return None };
        let value = text.map(|text| self.kept_string(text, rest));
        self.close_string(state.frame, language, body.at, value)
    }
}
