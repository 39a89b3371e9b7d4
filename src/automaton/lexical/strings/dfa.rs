//! The deterministic automaton of a string language, grown as it is walked.
//!
//! The table has one cell per state and byte class: the target if the target is live, [`DEAD`], or a mark that it has
//! not been worked out. So a step is one look-up in the common case; only a language with length bounds adds a counter,
//! which decides by two numbers per state unless a bound is near.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use rustc_hash::FxHashMap;

use super::super::expr::Expr;
use super::formula::{self, Atom, Condition, Segment};
use super::literals::is_lead;
use super::nfa::{Measure, NEVER};
use super::product::Product;
use super::{Overrun, Shape, Signs, StrState, Verdicts};

/// A cell whose target accepts nothing.
const DEAD: u32 = u32::MAX - 1;
/// A cell that has not been computed.
const UNKNOWN: u32 = u32::MAX;
/// A cell whose target is known, but not whether it is live.
const UNVERIFIED: u32 = 1 << 31;

/// More memory than this one language does not take, in bytes.
const MAX_BYTES: usize = 64 << 20;

/// The cells: a row a state or, where there are so many classes that most cells are never asked for, those that were.
#[derive(Debug)]
struct Table {
    classes: usize,
    rows: Vec<u32>,
    cells: FxHashMap<(u32, u8), u32>,
}

/// With more classes than this, rows are not laid out.
const MOST_CLASSES: usize = 128;

impl Table {
    fn new(classes: usize) -> Self {
        Self { classes, rows: Vec::new(), cells: FxHashMap::default() }
    }

    #[inline]
    fn get(&self, state: u32, class: usize) -> u32 {
        if self.classes > MOST_CLASSES {
            return self.cells.get(&(state, class as u8)).copied().unwrap_or(UNKNOWN);
        }
        self.rows[state as usize * self.classes + class]
    }

    fn set(&mut self, state: u32, class: usize, cell: u32) {
        if self.classes > MOST_CLASSES {
            self.cells.insert((state, class as u8), cell);
        } else {
            self.rows[state as usize * self.classes + class] = cell;
        }
    }

    /// Makes room for so many states.
    fn cover(&mut self, states: usize) {
        if self.classes <= MOST_CLASSES {
            self.rows.resize(states * self.classes, UNKNOWN);
        }
    }

    fn bytes(&self) -> usize {
        self.rows.len() * 4 + self.cells.len() * 16
    }
}

/// Steps that one walk may take. A step is a thread of a pattern that is moved, some 10 to 30 nanoseconds.
const MAX_STEPS: u64 = 8_000_000;

/// There are more texts of so many code points than anybody writes.
const ROOM_ENOUGH: u32 = 4;

/// What a language demands and reports. Immutable.
#[derive(Debug)]
pub(super) struct Rule {
    pub segments: Vec<Segment>,
    pub conditions: Vec<Condition>,
    pub watch: Vec<Expr<Atom>>,
    /// From this length on no length atom changes; 0 if there is none.
    pub top: u32,
}

impl Rule {
    pub fn is_plain(&self) -> bool {
        let free = Segment { first: 0, last: None, condition: 0 };
        self.watch.is_empty() && self.segments == [free] && self.conditions == [Expr::True]
    }
}

/// What has been found out about states.
#[derive(Debug, Default)]
pub(super) struct Memo {
    /// Per condition and state.
    pub measures: Vec<Vec<Option<Measure>>>,
    /// Per state: up to this length it is certainly live.
    easy: Vec<u32>,
    pub exact: FxHashMap<(u32, u32), bool>,
    pub universal: FxHashMap<(usize, u32), bool>,
    /// No text leads away from the state.
    pub stays: FxHashMap<u32, bool>,
    /// Inside an escape sequence, by its progress.
    pub escapes: FxHashMap<(StrState, u32), bool>,
}

/// See the module's head; reached through [`super::StringLanguage::lock`].
#[derive(Debug)]
pub struct StringDfa {
    pub(super) product: Product,
    table: Table,
    pub(super) rule: Rule,
    pub(super) memo: Memo,
    pub(super) signs: Arc<Signs>,
    /// Steps before this walk, and how many it has taken without reading patterns.
    walk: (u64, u64),
    plain: bool,
}

impl StringDfa {
    pub(super) fn new(product: Product, rule: Rule) -> Self {
        let memo = Memo { measures: vec![Vec::new(); rule.conditions.len()], ..Memo::default() };
        let plain = rule.is_plain();
        let table = Table::new(product.classes());
        let mut dfa = Self { product, table, rule, memo, signs: Arc::default(), walk: (0, 0), plain };
        dfa.cover_new_states();
        dfa
    }

    /// Whether every text is in the language and nothing is watched.
    pub fn is_plain(&self) -> bool {
        self.plain
    }

    /// Where a text begins; `None` if the language is empty.
    pub fn start(&mut self) -> Option<StrState> {
        self.live_at(0, 0).then_some(StrState { dfa: 0, len: 0 })
    }

    /// One more byte of the (unescaped) text; `None` iff no text of the language begins so.
    ///
    /// Also `None` once the language has outgrown its memory: ask [`StringDfa::overrun`] after a walk.
    pub fn step(&mut self, state: StrState, byte: u8) -> Option<StrState> {
        let class = usize::from(self.product.class_of[usize::from(byte)]);
        let cell = self.table.get(state.dfa, class);
        let dfa = match cell {
            0..UNVERIFIED => cell,
            DEAD => return None,
            _ => self.resolve(state.dfa, class)?,
        };
        if self.rule.top == 0 {
            return Some(StrState { dfa, len: 0 });
        }
        if state.is_afloat() {
            return Some(StrState { dfa, len: state.len + u32::from(is_lead(byte)) });
        }
        let len = self.longer(state.len, byte);
        (len <= self.memo.easy[dfa as usize] || self.live_at(dfa, len)).then_some(StrState { dfa, len })
    }

    /// The length behind a byte.
    pub(super) fn longer(&self, len: u32, byte: u8) -> u32 {
        (len + u32::from(is_lead(byte))).min(self.rule.top)
    }

    /// Whether the language counts code points.
    pub fn counts(&self) -> bool {
        self.rule.top > 0
    }

    /// The state reached by a walk from one [`super::StringLanguage::afloat`], now that the walk is known to have begun behind `len`
    /// code points; `None` if that is not live.
    pub fn settle(&mut self, state: StrState, len: u32) -> Option<StrState> {
        if !state.is_afloat() {
            return Some(state);
        }
        let (dfa, more) = (state.dfa, state.len & !StrState::AFLOAT);
        let len = len.saturating_add(more).min(self.rule.top);
        (len <= self.memo.easy[dfa as usize] || self.live_at(dfa, len)).then_some(StrState { dfa, len })
    }

    /// Whether the text may end here.
    pub fn accepts(&self, state: StrState) -> bool {
        let fits =
            |s: &Segment| state.is_afloat() || s.first <= state.len && s.last.is_none_or(|last| state.len <= last);
        let holds = |s: &Segment| formula::holds(&self.rule.conditions[s.condition], &self.product, state.dfa);
        let accepts = self.product.is_between(state.dfa) && self.rule.segments.iter().any(|s| fits(s) && holds(s));
        if self.product.trouble().1 {
            self.overrun_now();
        }
        accepts
    }

    /// Whether the text read so far is whole characters.
    pub fn is_between(&self, state: StrState) -> bool {
        self.product.is_between(state.dfa)
    }

    /// The truth of each watched formula for the text that ends here, between two characters.
    pub fn verdicts(&self, state: StrState) -> Verdicts {
        let truth = |formula: &Expr<Atom>| {
            formula.eval(&mut |atom| match atom {
                Atom::Part(part) => self.product.accepts(state.dfa, *part),
                Atom::Length(bounds) => bounds.contains(state.len),
            })
        };
        Verdicts::new(self.rule.watch.iter().map(truth))
    }

    /// Whether some liveness was assumed because the search for it took too long: then a state may be a dead end.
    pub fn is_soft(&self) -> bool {
        self.signs.soft.load(Relaxed)
    }

    pub(super) fn turn_soft(&self) {
        self.signs.soft.store(true, Relaxed);
    }

    /// Set once the language has outgrown its memory, or a walk its steps; from then on steps that lead to new states
    /// are refused.
    pub fn overrun(&self) -> Option<Overrun> {
        self.signs.overrun.get().copied()
    }

    /// Texts of any length are in the language. False also where that is not plain to see.
    pub fn is_endless(&mut self) -> bool {
        self.is_endless_from(StrState { dfa: 0, len: 0 })
    }

    /// More texts go on from a place than can ever come: of any length, or any at all of some length. False also where
    /// that is not plain to see.
    pub fn is_endless_from(&mut self, state: StrState) -> bool {
        match self.shape(state) {
            Shape::Universal => return true,
            Shape::UpTo(room) if room >= ROOM_ENOUGH => return true,
            _ => {}
        }
        let open: Vec<usize> = self
            .rule
            .segments
            .iter()
            .filter(|segment| segment.last.is_none())
            .map(|segment| segment.condition)
            .collect();
        open.into_iter().any(|condition| self.measure(condition, state.dfa).stretch != NEVER)
    }

    /// All texts that go on from a place, whole characters only; None if there are more than `most`.
    pub fn words(&mut self, from: StrState, most: usize) -> Option<Vec<Box<[u8]>>> {
        let (mut open, mut words) = (vec![(from, Vec::new())], Vec::new());
        while let Some((state, text)) = open.pop() {
            if self.accepts(state) {
                words.push(Box::from(&text[..]));
            }
            for byte in 0..=255 {
                if let Some(next) = self.step(state, byte) {
                    open.push((next, [&text[..], &[byte]].concat()));
                }
            }
            // Each of the open ones has a text of its own.
            if words.len() + open.len() > most {
                return None;
            }
        }
        Some(words)
    }

    /// A new walk begins.
    pub(super) fn refill(&mut self) {
        self.product.begin();
        self.walk = (self.product.work(), 0);
    }

    /// Counts steps of this walk that read no pattern.
    pub(super) fn spend(&mut self, steps: usize) {
        self.walk.1 += steps as u64;
        self.signs.work.fetch_add(steps as u64, Relaxed);
    }

    /// Steps of this walk so far.
    pub(super) fn spent(&self) -> u64 {
        self.product.work() - self.walk.0 + self.walk.1
    }

    /// The walk has taken all its steps: searches give up, and new states are an overrun.
    pub(super) fn is_spent(&self) -> bool {
        self.spent() > MAX_STEPS
    }

    /// Number of states met so far, and about the memory held, in bytes.
    pub fn size(&self) -> (usize, usize) {
        let memo = self.memo.exact.len() * 24 + self.memo.escapes.len() * 24 + self.memo.easy.len() * 20;
        (self.product.len(), self.product.bytes() + self.table.bytes() + memo)
    }

    /// Whether an escape that has come as far as `progress` is known to be live or dead in a state.
    pub(in super::super) fn escape_memo(&self, state: StrState, progress: u32) -> Option<bool> {
        self.memo.escapes.get(&(self.anchored(state), progress)).copied()
    }

    pub(in super::super) fn remember_escape(&mut self, state: StrState, progress: u32, live: bool) {
        self.memo.escapes.insert((self.anchored(state), progress), live);
    }

    /// The state by which what is found out about an escape is kept: afloat, the number of code points is nothing to it.
    fn anchored(&self, state: StrState) -> StrState {
        if state.is_afloat() { StrState { len: StrState::AFLOAT, ..state } } else { state }
    }

    /// Where a byte of the class leads, be that live or not; `None` if plainly dead.
    pub(super) fn edge(&mut self, state: u32, class: usize) -> Option<u32> {
        match self.table.get(state, class) {
            DEAD => None,
            UNKNOWN => {
                if self.is_spent() {
                    self.overrun_now();
                }
                if self.overrun().is_some() {
                    return None;
                }
                let before = self.product.work();
                let target = self.product.edge(state, class);
                self.signs.work.fetch_add(self.product.work() - before, Relaxed);
                let (is_soft, has_fault) = self.product.trouble();
                if has_fault {
                    self.overrun_now();
                    return None;
                }
                if is_soft {
                    self.turn_soft();
                }
                self.table.set(state, class, target.map_or(DEAD, |target| target | UNVERIFIED));
                self.cover_new_states();
                target
            }
            target => Some(target & !UNVERIFIED),
        }
    }

    fn resolve(&mut self, state: u32, class: usize) -> Option<u32> {
        let target = self.edge(state, class)?;
        let mut live = false;
        for condition in 0..self.rule.conditions.len() {
            live = live || self.lives(condition, target);
        }
        self.table.set(state, class, if live { target } else { DEAD });
        if self.rule.top > 0 {
            self.memo.easy[target as usize] = self.easy(target);
        }
        live.then_some(target)
    }

    /// The greatest length up to which the state is certainly live.
    fn easy(&mut self, state: u32) -> u32 {
        let [segment] = self.rule.segments[..] else { return 0 };
        let stretch = self.measure(segment.condition, state).stretch;
        if stretch == NEVER {
            return 0;
        }
        segment.last.map_or(u32::MAX, |last| last.saturating_sub(stretch))
    }

    /// Gives new states of the product their row and their memory.
    fn cover_new_states(&mut self) {
        let states = self.product.len();
        if self.memo.easy.len() == states {
            return;
        }
        self.table.cover(states);
        self.memo.easy.resize(states, 0);
        self.memo.measures.iter_mut().for_each(|of| of.resize(states, None));
        let (states, bytes) = self.size();
        self.signs.bytes.store(bytes, Relaxed);
        if bytes > MAX_BYTES / 2 {
            self.signs.worn.store(true, Relaxed);
        }
        if bytes > MAX_BYTES || states >= UNVERIFIED as usize {
            self.overrun_now();
        }
    }

    #[cold]
    fn overrun_now(&self) {
        let (states, bytes) = self.size();
        self.signs.worn.store(true, Relaxed);
        self.signs.overrun.get_or_init(|| Overrun { states, bytes, steps: self.spent() });
    }
}
