//! The JSON automaton: one byte further.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::{
    array::Array,
    conflict::{self, Conflict},
    formula::Formula,
    frame::{ArrayFrame, Container, Frame, FrameId, Frames, Keeping, Mark, ObjectFrame},
    home::Homes,
    indent::{Before, Gap},
    intern::{BitSets, NumberSets, Texts},
    keys::{Free, Key},
    live::ObjectPoint,
    lower::{Atom, Kind},
    spec::{Spec, SpecId},
    tables::Tables,
    values::{self, Kept as Value, Values},
};
use crate::{
    automaton::lexical::{
        BodyState, BodyStep, NumberState, StrState, StringAtom, StringCache, body_step, unescape::Spelling,
    },
    budget::{Budget, Overrun},
    schema::{SchemaId, SchemaSet},
};

/// What generation prefers; a check takes everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Style {
    /// Known keys come in the order of the schema, others after them.
    pub ordered: bool,
    /// Whitespace may stand wherever JSON allows it; without, nowhere but where the text is indented.
    pub spaced: bool,
    /// Each member and item on a line of its own, all whitespace forced. Not both.
    pub indented: bool,
    /// Numbers without exponents, and how characters are written.
    pub plain: bool,
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
    /// Whitespace is due.
    Gap(Gap),
    /// The line before the closing bracket has ended.
    Closing,
    /// After the outermost value.
    End,
}

/// Whitespace and the bytes with which values, keys and signs begin.
const STRUCTURE: [u64; 4] = {
    let mut set = [0; 4];
    let bytes = b" \t\n\r\"{}[],:-0123456789tfn";
    let mut index = 0;
    while index < bytes.len() {
        set[bytes[index] as usize / 64] |= 1 << (bytes[index] % 64);
        index += 1;
    }
    set
};

/// The text of a scalar as it was read, where values are kept: a number in [`Frames::texts`].
pub type Kept = Option<u32>;

/// The automaton of one schema with everything that was found out about it.
pub struct Machine {
    pub tables: Tables,
    pub frames: Frames,
    pub(super) style: Style,
    pub(super) homes: Homes,
    /// Which known keys may come, where that takes more than a look-up.
    pub(super) available: FxHashMap<(ObjectPoint, u32), bool>,
    root: SpecId,
}

impl Machine {
    /// `written` has the meaning of each [`SchemaSet::written`].
    pub fn new(
        set: Arc<SchemaSet>,
        written: Arc<[StringAtom]>,
        strings: Arc<StringCache>,
        style: Style,
        budget: Budget,
    ) -> Self {
        let root = set.root();
        let mut tables = Tables::new((set, written), strings, style.plain, budget);
        let require = tables.specs.lowering.formulas.atom(Atom::Schema(root));
        let root = tables.specs.intern(Spec::only(require));
        Self {
            tables,
            frames: Frames::default(),
            style,
            homes: Homes::default(),
            available: FxHashMap::default(),
            root,
        }
    }

    /// What was spent so far, and the overrun that ends everything.
    pub fn budget(&self) -> &Budget {
        &self.tables.budget
    }

    /// The limit that was passed: nothing that this machine says counts any more.
    pub fn fault(&self) -> Option<&Overrun> {
        self.tables.budget.overrun()
    }

    /// The subschema where it was passed, as far as that is known.
    pub fn blamed(&self) -> Option<SchemaId> {
        self.tables.specs.lowering.blamed
    }

    /// A mask or a token begins: it has steps of its own.
    pub fn begin(&mut self) {
        self.tables.budget.refill();
    }

    /// A mask or a token was worked out: what is now held is measured.
    pub fn settle(&mut self) {
        let found = self.available.len() * 48 + self.homes.bytes();
        self.tables.budget.hold(self.tables.bytes() + self.frames.bytes() + found);
    }

    /// It holds so much that a new answer should begin with a new machine.
    pub fn is_worn(&self) -> bool {
        let budget = &self.tables.budget;
        budget.is_spent()
            || budget.bytes() > budget.limits().bytes / 2
            || self.tables.languages.iter().any(|language| language.is_worn())
    }

    /// Some document satisfies the schema.
    pub fn satisfiable(&mut self) -> bool {
        let require = self.tables.specs.get(self.root).require;
        self.tables.inhabited(require)
    }

    /// Which keywords exclude every value, if none satisfies the schema.
    pub fn conflict(&self) -> Conflict {
        conflict::find(&self.tables.set, &self.tables.written, &self.tables.strings)
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

    /// Forgets all frames: no state but that of the start may be used again.
    pub fn forget_texts(&mut self) {
        self.frames.forget_since(Frames::default().mark());
        self.homes.forget_frames();
    }

    /// Whitespace may come next and changes nothing.
    pub fn skips_blanks(&self, state: State) -> bool {
        let inside = matches!(state.lex, Lex::Literal { .. } | Lex::Number { .. } | Lex::String { .. } | Lex::Key(_));
        self.style.spaced && !inside
    }

    /// A state with the same continuations: one for all numbers that cannot be told apart by what follows.
    pub fn alike(&self, state: State) -> State {
        match state.lex {
            Lex::Number { number, state: at, text: None } => {
                let at = self.tables.numbers[number as usize].class(at).state();
                State { lex: Lex::Number { number, state: at, text: None }, ..state }
            }
            _ => state,
        }
    }

    /// The language of a number that may come next.
    pub fn number_due(&mut self, state: State) -> Option<u32> {
        let spec = match state.lex {
            Lex::Value(spec) => spec,
            Lex::FirstItem if !self.style.indented => self.next_item(state.frame)?,
            _ => return None,
        };
        let spec = self.tables.specs.typed(spec, Kind::Number)?;
        Some(self.tables.number(spec))
    }

    /// The state after a number that ends here.
    pub fn after_number(&mut self, state: State) -> Option<State> {
        let Lex::Number { number, state: at, text } = state.lex else { return None };
        self.end_number(state.frame, number, at, text)
    }

    /// The state after a number with these verdicts, where values are not kept.
    pub fn after_new_number(&mut self, frame: FrameId, verdicts: &[bool]) -> Option<State> {
        let verdicts = self.tables.specs.bits.collect(verdicts.iter().copied());
        self.finish_value(frame, verdicts, None)
    }

    /// Values are kept here.
    pub fn keeps(&self, frame: FrameId) -> bool {
        self.frames.get(frame).keeping.is_some()
    }

    /// Bytes without which no step from this state is taken: bit `b % 64` of word `b / 64`.
    pub fn may_read(&self, state: State) -> [u64; 4] {
        match state.lex {
            Lex::Key(key) => self.key_may_read(state.frame, &key),
            Lex::String { .. } | Lex::Number { .. } | Lex::Literal { .. } => [!0; 4],
            _ => STRUCTURE,
        }
    }

    /// One byte further. None: no document of the schema goes on like this.
    pub fn step(&mut self, state: State, byte: u8) -> Option<State> {
        let State { frame, lex } = state;
        match lex {
            Lex::String { language, body, text } => self.string(frame, language, body, text, byte),
            Lex::Key(key) => self.key(frame, key, byte),
            Lex::Number { number, state, text } => self.number(frame, number, state, text, byte),
            Lex::Literal { spec, kind, at } => self.literal(frame, spec, kind, at, byte),
            Lex::Gap(gap) => self.in_gap(frame, gap, byte),
            _ if byte == b'\n' && self.style.indented => self.line_end(state),
            _ if matches!(byte, b' ' | b'\t' | b'\n' | b'\r') => self.style.spaced.then_some(state),
            Lex::Value(spec) => self.value(frame, spec, byte),
            Lex::FirstItem if byte == b']' => self.close_array(frame),
            Lex::FirstItem if self.style.indented => None,
            Lex::FirstItem => {
                let spec = self.next_item(frame)?;
                self.value(frame, spec, byte)
            }
            Lex::FirstKey if byte == b'}' => self.close_object(frame),
            Lex::FirstKey if self.style.indented => None,
            Lex::FirstKey | Lex::NextKey if byte == b'"' => self.open_key(frame),
            Lex::Colon(spec) if byte == b':' => Some(self.after_colon(frame, spec)),
            Lex::After if self.style.indented && byte != b',' => None,
            Lex::After => self.after(frame, byte),
            Lex::Closing if byte != b',' => self.after(frame, byte),
            Lex::FirstKey | Lex::NextKey | Lex::Colon(_) | Lex::Closing | Lex::End => None,
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
        if !self.tables.budget.spend(1) {
            return None;
        }
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
        let word = kind.word();
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
    pub(super) fn end_number(&mut self, frame: FrameId, number: u32, at: NumberState, text: Kept) -> Option<State> {
        let Tables { numbers, specs, .. } = &mut self.tables;
        let numbers = &numbers[number as usize];
        if !numbers.accepts(at) {
            return None;
        }
        let verdicts = specs.bits.collect(numbers.verdicts(at));
        let value = text.map(|text| {
            let text = self.frames.texts.bytes(text);
            self.frames.values.number(&text)
        });
        self.finish_value(frame, verdicts, value)
    }

    fn string(&mut self, frame: FrameId, language: u32, body: BodyState, text: Kept, byte: u8) -> Option<State> {
        let strings = &self.tables.languages[language as usize];
        let step = body_step(strings, body, byte, self.style.spelling);
        self.tables.charge_for(strings);
        match step {
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
        let verdicts = self.text_verdicts(language, at);
        self.finish_value(frame, verdicts, value)
    }

    /// The same container, further on.
    pub(super) fn replace(&mut self, frame: Frame, lex: Lex) -> State {
        State { frame: self.frames.intern(frame), lex }
    }

    /// A new container.
    fn push(&mut self, parent: FrameId, container: Container, lex: Lex) -> State {
        let keeps = match container {
            Container::Array(array) => self.tables.array_shapes[array.array.shape as usize].unique,
            _ => false,
        };
        let keeps = keeps || self.frames.get(parent).keeping.is_some();
        let keeping = keeps.then_some(Keeping { list: Values::EMPTY, set: NumberSets::EMPTY, key: Texts::EMPTY });
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

    pub(super) fn open_array(&mut self, parent: FrameId, spec: SpecId) -> Option<State> {
        let array = self.tables.array(spec);
        let frame = ArrayFrame { array, position: 0 };
        let live = self.tables.array_live(array, 0);
        live.then(|| self.push(parent, Container::Array(frame), Lex::FirstItem))
    }

    pub(super) fn open_object(&mut self, parent: FrameId, spec: SpecId) -> Option<State> {
        let object = self.tables.object(spec);
        let frame =
            ObjectFrame { object, seen: BitSets::EMPTY, others: Frames::NO_OTHERS, count: 0, from: 0, waiting: None };
        let live = self.tables.object_live(frame.point());
        live.then(|| self.push(parent, Container::Object(frame), Lex::FirstKey))
    }

    /// A value ended inside `frame`, with verdicts on what its demand watches.
    fn finish_value(&mut self, frame: FrameId, verdicts: u32, value: Option<u32>) -> Option<State> {
        if !self.tables.budget.spend(1) {
            return None;
        }
        let Frame { parent, container, mut keeping } = *self.frames.get(frame);
        let mut repeats = false;
        if let (Some(keeping), Some(value)) = (&mut keeping, value) {
            if let Container::Array(_) = container {
                repeats = self.frames.sets.contains(keeping.set, value);
                keeping.set = self.frames.sets.with(keeping.set, value);
            }
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
                Some(self.due(frame, Before::Value(spec)))
            }
            (Container::Array(_), b']') => self.close_array(frame),
            (Container::Object(object), b',') => {
                let more = self.free_start(&object) != Free::No || self.any_available(&object, 0, u32::MAX);
                more.then(|| self.due(frame, Before::Key))
            }
            (Container::Object(_), b'}') => self.close_object(frame),
            _ => None,
        }
    }

    /// The demand on one more item.
    pub(super) fn next_item(&mut self, frame: FrameId) -> Option<SpecId> {
        let Frame { container: Container::Array(array), keeping, .. } = *self.frames.get(frame) else { return None };
        let mut plan = self.tables.item_plan(array.array, array.position)?;
        if self.tables.get_plan(plan).is_watching() {
            plan = self.tables.narrowed_item(plan, array.array, array.position)?;
        }
        let value = self.tables.get_plan(plan).value;
        match keeping {
            Some(keeping) if self.tables.array_shapes[array.array.shape as usize].must_be_unique => {
                let Frames { values, sets, .. } = &self.frames;
                let came = |value: &Value| values.find(value).is_some_and(|id| sets.contains(keeping.set, id));
                self.tables.left_over(value, &came)
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

    /// The verdicts of a language without watched formulas.
    pub const NO_VERDICTS: u32 = BitSets::EMPTY;

    /// The verdicts on a text that ends at `at`, where its language accepts.
    pub fn text_verdicts(&mut self, language: u32, at: StrState) -> u32 {
        match self.tables.languages[language as usize].watched() {
            0 => Self::NO_VERDICTS,
            _ => self.tables.string_verdicts(language, at),
        }
    }

    /// The state after a string, or after a key that the schema does not name, that has ended with these verdicts and is
    /// unlike all others.
    pub fn after_new_text(&mut self, state: State, verdicts: u32) -> Option<State> {
        match state.lex {
            Lex::String { text, .. } => {
                let value = text.map(|_| self.frames.values.intern(Value::Fresh));
                self.finish_value(state.frame, verdicts, value)
            }
            Lex::Key(_) => self.after_new_key(state.frame, verdicts),
            _ => None,
        }
    }

    /// The state after the rest of a string or a key, escapes undone, and its closing quote.
    pub fn end_text(&mut self, state: State, rest: &[u8]) -> Option<State> {
        match state.lex {
            Lex::String { language, body, text } => self.end_string(state.frame, language, body, text, rest),
            Lex::Key(key) => self.end_key(state.frame, key, rest),
            _ => None,
        }
    }

    /// Which of the texts in `endings`, by index, make a string equal to a value that stands in the same list.
    pub fn repeated_endings(&self, state: State, endings: &FxHashMap<Box<[u8]>, u32>, closing: &[u32]) -> Vec<u32> {
        let (Lex::String { language, text: Some(text), .. }, Some(keeping)) =
            (state.lex, self.frames.get(state.frame).keeping)
        else {
            return Vec::new();
        };
        if !self.tables.languages[language as usize].is_plain() {
            // The values may be few, and then every one of them counts.
            return endings.values().copied().collect();
        }
        let begun = values::unescaped(&self.frames.texts.bytes(text)).unwrap_or_default();
        let others = self.frames.values.list(keeping.list);
        let rest = others.filter_map(|(_, other)| match self.frames.values.get(other) {
            Value::Text(other) => other.strip_prefix(&begun[..]),
            _ => None,
        });
        let mut special: Vec<u32> = rest.filter_map(|rest| endings.get(rest).copied()).collect();
        if self.frames.get(self.frames.get(state.frame).parent).keeping.is_some() {
            // What the container is compared with depends on every value inside it.
            special.extend_from_slice(closing);
        }
        special
    }

    fn end_string(&mut self, frame: FrameId, language: u32, body: BodyState, text: Kept, rest: &[u8]) -> Option<State> {
        let strings = self.tables.languages[language as usize].clone();
        let at = match strings.is_plain() {
            true => body.at,
            false => {
                let mut dfa = strings.lock();
                let end = rest.iter().try_fold(body.at, |at, byte| dfa.step(at, *byte))?;
                dfa.accepts(end).then_some(end)?
            }
        };
        let value = text.map(|text| self.kept_string(text, rest));
        self.close_string(frame, language, at, value)
    }
}
