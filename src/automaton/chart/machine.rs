//! The recogniser: one byte further, in all readings at once.

use std::{collections::BTreeMap, sync::Arc};

use rustc_hash::{FxHashMap, FxHashSet};

use super::{
    Plan,
    follow::Follow,
    home::Lengths,
    lexeme::{ByteSet, EMPTY, Lexemes, NOTHING},
    network::{Network, NodeId, Symbol, called},
    part::{Part, PartState},
    stack::{BEYOND, Circle, END, OUTSIDE, Places, ReturnId, Returns, TOP},
    stay::Stay,
};
use crate::{
    automaton::{Recognizer, json},
    budget::{Budget, Limits, Overrun},
    grammar::RuleId,
};

/// A state's number: equal numbers, equal continuations.
pub type StateId = u32;

/// What is being read in one of the readings.
///
/// ```text
/// bit 31   a place in a rule, by its node: before anything was read, or with bit 30 behind a rule that was cut
/// bit 30   inside a value of an embedded automaton, by the number of its state
/// neither  a lexeme, by what is left of it
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place(u32);

const NODE: u32 = 1 << 31;
const PART: u32 = 1 << 30;

/// A [`Place`], told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    Node(NodeId),
    Part(u32),
    Lexeme(u32),
}

impl Place {
    pub fn node(node: NodeId) -> Self {
        Self(node | NODE)
    }

    fn part(number: u32) -> Self {
        Self(number | PART)
    }

    /// A place in a rule, not at the beginning of the text.
    pub(super) fn cut(node: NodeId) -> Self {
        // Numbers that stand for no node have their upper bits set, too.
        Self(node | NODE | PART)
    }

    pub fn reading(self) -> Reading {
        const NO_NODE: u32 = BEYOND;
        match self.0 {
            at if at >= NO_NODE => Reading::Node(at),
            at if at & NODE != 0 => Reading::Node(at & !(NODE | PART)),
            at if at & PART != 0 => Reading::Part(at & !PART),
            at => Reading::Lexeme(at),
        }
    }
}

type Kernel = Arc<[(Place, ReturnId)]>;

/// A state with what follows from it.
#[derive(Debug)]
pub struct Expanded {
    /// What may be read next, each place once.
    pub ready: Box<[(Place, ReturnId)]>,
    /// The whole text may end here.
    pub accepts: bool,
    /// What was looked at on its own may end here.
    pub is_through: bool,
}

#[derive(Debug)]
struct State {
    kernel: Kernel,
    expanded: Option<Arc<Expanded>>,
}

/// A cell without continuation.
const DEAD: StateId = StateId::MAX;
/// Memory of a state, about, beside its places.
const STATE_BYTES: usize = 160;

/// The automaton of one grammar with everything that was found out about it.
pub struct Chart {
    pub(super) network: Arc<Network>,
    pub(super) lexemes: Lexemes,
    pub(super) returns: Returns,
    parts: Vec<Part>,
    /// States of embedded automata, and which automaton's they are.
    part_states: Vec<(u32, PartState)>,
    part_index: FxHashMap<(u32, PartState), u32>,
    states: Vec<State>,
    index: FxHashMap<Kernel, StateId>,
    steps: FxHashMap<(StateId, u8), StateId>,
    /// Behind the end of a token, and where nobody counts tokens any more: see [`Chart::token_ends`].
    pub(super) counted: FxHashMap<(StateId, bool), Option<StateId>>,
    pub(super) lengths: Option<Lengths>,
    pub(super) follow: Option<Arc<Follow>>,
    bytes: usize,
    budget: Budget,
}

impl Chart {
    pub(super) fn new(plan: &Plan, parts: Vec<Part>, limits: Limits) -> Self {
        let budget = Budget::new(limits);
        let mut chart = Self {
            network: plan.network.clone(),
            lexemes: Lexemes::clone(&plan.lexemes),
            returns: Returns::new(budget.clone()),
            parts,
            part_states: Vec::new(),
            part_index: FxHashMap::default(),
            states: Vec::new(),
            index: FxHashMap::default(),
            steps: FxHashMap::default(),
            counted: FxHashMap::default(),
            lengths: None,
            follow: None,
            bytes: 0,
            budget,
        };
        chart.lexemes.charge(chart.budget.clone());
        let start = chart.network.starts[chart.network.start.0 as usize];
        chart.intern(vec![(Place::node(start), TOP)]);
        chart
    }

    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Some liveness was assumed.
    pub fn is_soft(&self) -> bool {
        self.bounds_tokens() || self.lexemes.is_soft() || self.parts.iter().any(|part| part.is_soft())
    }

    /// It has grown so far that the next answer had better begin with a new one.
    pub fn is_worn(&self) -> bool {
        self.budget.is_spent() || self.size() > self.budget.limits().bytes / 2 || self.parts.iter().any(Part::is_worn)
    }

    /// About the memory held, in bytes.
    pub fn size(&self) -> usize {
        self.bytes + self.lexemes.bytes() + self.returns.bytes() + self.steps.len() * 20 + self.counted.len() * 24
    }

    /// To be called when a piece of work is done: what is held is measured.
    pub fn settle(&mut self) {
        self.budget.hold(self.size());
        self.parts.iter_mut().for_each(Part::settle);
    }

    /// From now on the shortest text is that of the fewest characters. To be called before anything is read.
    pub fn count_characters(&mut self) {
        self.lexemes.count_characters();
        self.lengths = None;
    }

    /// Something is embedded.
    pub fn has_parts(&self) -> bool {
        !self.parts.is_empty()
    }

    /// The class of a byte: bytes of a class are not told apart.
    pub fn class_of(&self, byte: u8) -> u8 {
        if self.parts.is_empty() { self.lexemes.class_of(byte) } else { byte }
    }

    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The state of one place on its own.
    pub fn alone(&mut self, place: Place) -> StateId {
        self.intern(vec![(place, OUTSIDE)])
    }

    /// The state of all readings of both.
    pub fn both(&mut self, a: StateId, b: StateId) -> StateId {
        let mut all = FxHashMap::default();
        for state in [a, b] {
            for (place, back) in self.states[state as usize].kernel.iter() {
                all.entry(*place).or_insert_with(Vec::new).push(*back);
            }
        }
        let kernel = self.merged(all);
        self.intern(kernel)
    }

    fn intern(&mut self, kernel: Vec<(Place, ReturnId)>) -> StateId {
        if let Some(state) = self.index.get(&kernel[..]) {
            return *state;
        }
        let state = self.states.len() as StateId;
        self.bytes += STATE_BYTES + kernel.len() * 8;
        let kernel: Kernel = kernel.into();
        self.states.push(State { kernel: kernel.clone(), expanded: None });
        self.index.insert(kernel, state);
        state
    }

    fn merged(&mut self, all: FxHashMap<Place, Vec<ReturnId>>) -> Vec<(Place, ReturnId)> {
        let mut kernel: Vec<(Place, ReturnId)> =
            all.into_iter().map(|(place, returns)| (place, self.returns.union(returns))).collect();
        kernel.sort_unstable();
        kernel
    }

    /// Where reading goes on when what was called is through.
    pub fn places(&mut self, of: ReturnId) -> Places {
        self.returns.places(of, &within(&self.network))
    }

    pub(super) fn kernel(&self, state: StateId) -> Kernel {
        self.states[state as usize].kernel.clone()
    }

    /// The state of these readings.
    pub(super) fn of(&mut self, all: FxHashMap<Place, Vec<ReturnId>>) -> StateId {
        let kernel = self.merged(all);
        self.intern(kernel)
    }

    /// What may be read in a state.
    pub fn expanded(&mut self, state: StateId) -> Arc<Expanded> {
        if let Some(expanded) = &self.states[state as usize].expanded {
            return expanded.clone();
        }
        let kernel = self.states[state as usize].kernel.clone();
        let expanded = Arc::new(self.expand(&kernel));
        self.bytes += expanded.ready.len() * 8 + 48;
        self.states[state as usize].expanded = Some(expanded.clone());
        expanded
    }

    fn expand(&mut self, kernel: &[(Place, ReturnId)]) -> Expanded {
        let mut ready: FxHashMap<Place, Vec<ReturnId>> = FxHashMap::default();
        let mut open: Vec<(NodeId, ReturnId)> = Vec::new();
        let mut is_first = false;
        for &(place, back) in kernel {
            let is_through = match place.reading() {
                Reading::Node(node) => {
                    is_first |= back == TOP && node < BEYOND && place == Place::node(node);
                    open.push((node, back));
                    continue;
                }
                Reading::Lexeme(rx) => {
                    if rx != EMPTY {
                        ready.entry(place).or_default().push(back);
                    }
                    self.lexemes.is_nullable(rx)
                }
                Reading::Part(number) => {
                    ready.entry(place).or_default().push(back);
                    let (part, state) = self.part_states[number as usize];
                    self.parts[part as usize].accepts(state)
                }
            };
            if is_through {
                open.extend_from_slice(&self.places(back));
            }
        }
        let (mut accepts, mut is_through) = (false, false);
        let mut seen = FxHashSet::default();
        let mut roots: BTreeMap<NodeId, Vec<ReturnId>> = BTreeMap::new();
        loop {
            while let Some((node, back)) = open.pop() {
                if !seen.insert((node, back)) {
                    continue;
                }
                match node {
                    END => accepts = true,
                    BEYOND => is_through = true,
                    _ => {
                        roots.entry(node).or_default().push(back);
                        if self.network.profiles[node as usize].is_final {
                            open.extend_from_slice(&self.places(back));
                        }
                    }
                }
                if !self.budget.spend(1) {
                    break;
                }
            }
            let mut all = ready.clone();
            open = self.call(roots.clone(), is_first, &mut all);
            // What is embedded may be empty; which is only known here.
            open.retain(|place| !seen.contains(place));
            if open.is_empty() || self.budget.is_spent() {
                return Expanded { ready: self.merged(all).into(), accepts, is_through };
            }
        }
    }

    /// What is read first at the roots: rules are called in the order of their ranks, so that each is called once, with all
    /// that it returns to. Gives where reading goes on behind what is embedded and empty.
    fn call(
        &mut self,
        roots: BTreeMap<NodeId, Vec<ReturnId>>,
        is_first: bool,
        ready: &mut FxHashMap<Place, Vec<ReturnId>>,
    ) -> Vec<(NodeId, ReturnId)> {
        let network = self.network.clone();
        let mut waiting = Waiting::default();
        for (node, returns) in roots {
            let back = self.returns.union(returns);
            self.wait(node, back, is_first, None, &mut waiting);
        }
        while let Some((_, callees)) = waiting.calls.pop_first() {
            let Some(&(first, _)) = callees.first_key_value().as_ref() else { continue };
            let first = *first;
            match network.circle_of[first.0 as usize] {
                None => {
                    let places = callees.into_values().next().unwrap_or_default();
                    let mut back = self.returns.to(places);
                    if let Some(tokens) = network.counts.get(&first) {
                        back = self.returns.counted(*tokens, 0, back);
                    }
                    self.wait(network.starts[first.0 as usize], back, is_first, None, &mut waiting);
                }
                Some(number) => {
                    let called: Vec<RuleId> = callees.keys().copied().collect();
                    let members = &network.circles[number as usize];
                    // Where there is no such call within the circle, it is the same at the beginning.
                    let differs = is_first && members.within_first.is_some();
                    let circle = self.circle(number, differs, callees.into_iter().collect());
                    let rules = if differs { members.first_from(called) } else { members.rules.to_vec() };
                    for rule in &rules {
                        let back = self.returns.member(circle, *rule);
                        let start = network.starts[rule.0 as usize];
                        self.wait(start, back, is_first, Some(number), &mut waiting);
                    }
                }
            }
        }
        for (rx, places) in waiting.lexemes {
            let back = self.returns.to(places);
            ready.entry(Place(rx)).or_default().push(back);
        }
        let mut behind = Vec::new();
        for (part, places) in waiting.parts {
            let back = self.returns.to(places.clone());
            let Some(start) = self.parts[part as usize].start() else { continue };
            if self.parts[part as usize].accepts(start) {
                behind.extend(places);
            }
            let place = self.part_place(part, start);
            ready.entry(place).or_default().push(back);
        }
        behind
    }

    /// The circle with these returns outside of it, or one that has the same returns all in all. Where a rule is called
    /// again in front of where it returns to anyway, as `a` is behind `a +` in `a: a + a`, nothing is new.
    fn circle(&mut self, number: u32, is_first: bool, outside: Vec<(RuleId, Vec<(NodeId, ReturnId)>)>) -> u32 {
        let fresh = self.returns.circle(number, is_first, outside);
        if is_first {
            return fresh;
        }
        for known in self.returns.circles_in(fresh) {
            if known != fresh && self.is_closed_by(fresh, known) {
                return known;
            }
        }
        fresh
    }

    /// Whether what `fresh` returns to outside has all that `known` does, and nothing that `known` does not return to in
    /// all: then both return to the same.
    fn is_closed_by(&mut self, fresh: u32, known: u32) -> bool {
        let ((number, _, outside), (other, is_first, inner)) = (self.returns.about(fresh), self.returns.about(known));
        if number != other || is_first {
            return false;
        }
        let of = |all: &[(RuleId, Places)], rule: RuleId| {
            all.iter().find(|(of, _)| *of == rule).map(|(_, places)| places.clone()).unwrap_or_default()
        };
        let has_all = inner.iter().all(|(rule, places)| self.returns.holds(&of(&outside, *rule), places));
        has_all
            && outside.iter().all(|(rule, places)| {
                let member = self.returns.member(known, *rule);
                let all = self.places(member);
                self.returns.holds(&all, places)
            })
    }

    /// Notes what is read first at a node; calls within the circle that the node's rule belongs to are known already.
    fn wait(&mut self, node: NodeId, back: ReturnId, is_first: bool, circle: Option<u32>, waiting: &mut Waiting) {
        let network = self.network.clone();
        for &(symbol, next) in &network.profiles[node as usize].edges {
            if !self.budget.spend(1) {
                return;
            }
            if is_first && matches!(symbol, Symbol::Skip(_)) {
                continue;
            }
            let is_within = |rule: RuleId| circle.is_some() && network.circle_of[rule.0 as usize] == circle;
            if called(symbol).is_some_and(is_within) {
                continue;
            }
            // Where nothing more is read behind the callee, it returns to where this rule does.
            let is_tail = network.profiles[next as usize].is_tail() && !self.returns.is_counted(back);
            let places: Places = if is_tail { self.places(back) } else { Arc::from([(next, back)]) };
            let of = match symbol {
                Symbol::Lexeme(rx) => waiting.lexemes.entry(rx).or_default(),
                Symbol::Part(part) => waiting.parts.entry(part).or_default(),
                Symbol::Call(rule) | Symbol::Skip(rule) => {
                    waiting.calls.entry(network.ranks[rule.0 as usize]).or_default().entry(rule).or_default()
                }
            };
            of.extend_from_slice(&places);
        }
    }

    fn part_place(&mut self, part: u32, state: PartState) -> Place {
        let next = self.part_states.len() as u32;
        let number = *self.part_index.entry((part, state)).or_insert(next);
        if number == next {
            self.part_states.push((part, state));
            self.bytes += 64;
        }
        Place::part(number)
    }

    /// What is left of a place behind a byte.
    pub fn derive(&mut self, place: Place, byte: u8) -> Option<Place> {
        match place.reading() {
            Reading::Lexeme(rx) => {
                let class = self.lexemes.class_of(byte);
                let left = self.lexemes.derive(rx, class);
                (left != NOTHING).then_some(Place(left))
            }
            Reading::Part(number) => {
                let (part, state) = self.part_states[number as usize];
                let next = self.parts[part as usize].step(state, byte)?;
                Some(self.part_place(part, next))
            }
            Reading::Node(_) => None,
        }
    }

    /// A place that goes along with the same texts of up to so many bytes.
    pub fn within(&mut self, place: Place, most: u32) -> Place {
        match place.reading() {
            Reading::Lexeme(rx) => Place(self.lexemes.within(rx, most)),
            _ => place,
        }
    }

    /// A place that is the same behind whatever byte. Whether reading may end before one makes no difference.
    pub fn alike(&mut self, place: Place) -> Place {
        match place.reading() {
            Reading::Lexeme(rx) => Place(self.lexemes.alike(rx)),
            _ => place,
        }
    }

    /// Characters with which what is read in `place` may go on. `loops`: one was seen to lead back to it.
    pub fn stay(&mut self, place: Place, loops: bool) -> Option<Stay> {
        match place.reading() {
            Reading::Lexeme(rx) => self.lexemes.stay(rx, loops),
            _ => None,
        }
    }

    /// The bytes with which a lexeme goes on; any for all else.
    pub fn next_bytes(&mut self, place: Place) -> ByteSet {
        let Reading::Lexeme(rx) = place.reading() else { return [!0; 4] };
        let mut bytes = [0; 4];
        for byte in 0..=u8::MAX {
            let class = self.lexemes.class_of(byte);
            let goes_on = self.lexemes.derive(rx, class) != NOTHING;
            bytes[usize::from(byte) / 64] |= u64::from(goes_on) << (byte % 64);
        }
        bytes
    }

    /// What was read may be all of the lexeme or the value.
    pub fn is_through(&mut self, place: Place) -> bool {
        match place.reading() {
            Reading::Lexeme(rx) => self.lexemes.is_nullable(rx),
            Reading::Part(number) => {
                let (part, state) = self.part_states[number as usize];
                self.parts[part as usize].accepts(state)
            }
            Reading::Node(_) => false,
        }
    }

    /// The automaton of the JSON value that is being read, by its number among the parts, and where in it.
    pub fn json(&mut self, place: Place) -> Option<(usize, &mut json::Machine, json::State)> {
        let Reading::Part(number) = place.reading() else { return None };
        let (part, state) = self.part_states[number as usize];
        match (&mut self.parts[part as usize], state) {
            (Part::Json(machine), PartState::Json(state)) => Some((part as usize, machine, state)),
            _ => None,
        }
    }

    /// Inside a string or a key of a JSON value that is laid out in its own way: as [`Chart::json`].
    pub fn laid_text(&mut self, place: Place) -> Option<(usize, &mut json::Machine, json::State)> {
        let Reading::Part(number) = place.reading() else { return None };
        let (part, state) = self.part_states[number as usize];
        match (&mut self.parts[part as usize], state) {
            (Part::Laid(laid), PartState::Laid(state)) => Some((part as usize, &mut laid.machine, state.text()?)),
            _ => None,
        }
    }

    /// What completes a value that is being read.
    pub(super) fn rest_of_value(&mut self, number: u32) -> Option<Vec<u8>> {
        let (part, state) = self.part_states[number as usize];
        self.parts[part as usize].shortest(state)
    }

    /// A short value of an embedded automaton.
    pub(super) fn shortest_value(&mut self, part: u32) -> Option<Vec<u8>> {
        let start = self.parts[part as usize].start()?;
        self.parts[part as usize].shortest(start)
    }

    fn advance(&mut self, state: StateId, byte: u8) -> StateId {
        let expanded = self.expanded(state);
        let mut moved: FxHashMap<Place, Vec<ReturnId>> = FxHashMap::default();
        for &(place, back) in &expanded.ready {
            if let Some(next) = self.derive(place, byte) {
                moved.entry(next).or_default().push(back);
            }
        }
        self.budget.spend(expanded.ready.len());
        if moved.is_empty() {
            return DEAD;
        }
        let kernel = self.merged(moved);
        self.intern(kernel)
    }
}

/// From where in a circle a rule of it is called.
pub(super) fn within(network: &Network) -> impl Fn(&Circle, RuleId) -> Vec<(NodeId, RuleId)> {
    |(number, is_first, outside), rule| {
        let circle = &network.circles[*number as usize];
        let Some(within) = circle.within_first.as_ref().filter(|_| *is_first) else {
            return circle.within.get(&rule).cloned().unwrap_or_default();
        };
        let members = circle.first_from(outside.iter().map(|(rule, _)| *rule).collect());
        let places = within.get(&rule).cloned().unwrap_or_default();
        places.into_iter().filter(|(_, caller)| members.contains(caller)).collect()
    }
}

/// What waits behind what is about to be read.
#[derive(Default)]
struct Waiting {
    lexemes: BTreeMap<u32, Vec<(NodeId, ReturnId)>>,
    parts: BTreeMap<u32, Vec<(NodeId, ReturnId)>>,
    /// By rank.
    calls: BTreeMap<u32, BTreeMap<RuleId, Vec<(NodeId, ReturnId)>>>,
}

impl Recognizer for Chart {
    type State = StateId;
    type Mark = ();

    fn start(&mut self) -> StateId {
        0
    }

    fn step(&mut self, state: StateId, byte: u8) -> Option<StateId> {
        // Within embedded values no two bytes are alike.
        let class = self.class_of(byte);
        let known = self.steps.get(&(state, class)).copied();
        let next = known.unwrap_or_else(|| {
            let next = self.advance(state, byte);
            self.steps.insert((state, class), next);
            next
        });
        (next != DEAD && !self.budget.is_spent()).then_some(next)
    }

    fn token_ends(&mut self, state: StateId) -> Option<StateId> {
        Self::token_ends(self, state)
    }

    fn accepts(&mut self, state: StateId) -> bool {
        self.expanded(state).accepts
    }

    fn begin(&mut self) {
        self.budget.refill();
        self.parts.iter_mut().for_each(Part::begin);
    }

    fn fault(&self) -> Option<Overrun> {
        let own = self.budget.overrun().cloned();
        own.or_else(|| self.parts.iter().find_map(Part::fault))
    }

    fn finish(&mut self, state: StateId) -> Option<Vec<u8>> {
        self.home(state).filter(|text| !text.is_empty())
    }

    fn mark(&mut self) {}

    fn forget_since(&mut self, (): ()) {}
}
