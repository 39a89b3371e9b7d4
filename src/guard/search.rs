//! The cheapest way through a text: uniform-cost search over (position, mode, state of the recogniser).
//!
//! Costs are small whole numbers, so the queue is one stack a cost. A node is looked at once a tier of the model: what is
//! kept for nothing at once, what costs more when that cost is due. Bytes where nothing but the dearest tier has moves,
//! as within most strings, are passed without nodes; they get theirs when that tier is due. Two ways to the same
//! position, mode and state have the same continuations, so only the cheaper one goes on. Hence the first way that comes out is one of the cheapest,
//! whatever the model and the recogniser are. Bounds: the cost limit, and steps; running out of either is told apart.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::model::{Emit, Model, Move, What, When};
use crate::{automaton::Recognizer, budget::Overrun};

/// How far a search may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Repairs that cost more are refused.
    pub cost: u32,
    /// No content is dropped or made up: what takes more than another reading of the text is refused.
    pub faithful: bool,
    /// Moves that are tried, at most; a question for material counts as 250.
    pub steps: usize,
}

/// Why there is no repair.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Hopeless {
    #[error("no repair costs {limit} or less")]
    TooDear { limit: u32 },
    #[error("no repair was found in {steps} steps")]
    OutOfSteps { steps: usize },
    #[error("the text cannot be judged within the limits of the constraint: {0}")]
    Overrun(Overrun),
}

/// One move of the cheapest way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub what: What,
    pub from: u32,
    pub to: u32,
    /// What it wrote, as a place in [`Way::text`].
    pub start: usize,
    pub end: usize,
    pub cost: u32,
}

/// The cheapest way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way<M> {
    pub text: Vec<u8>,
    pub steps: Vec<Step>,
    pub cost: u32,
    /// How reading stands at its end.
    pub mode: M,
}

/// What a search is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// An answer: the recogniser accepts.
    Answer,
    /// The beginning of one.
    Beginning,
}

/// Where a search begins.
#[derive(Clone, Copy, Debug)]
pub struct Origin<M, S> {
    pub at: u32,
    pub mode: M,
    pub state: S,
}

#[derive(Clone, Copy)]
struct Node<M, S> {
    at: u32,
    mode: M,
    state: S,
    parent: u32,
    cost: u32,
    what: What,
    /// The recogniser takes the next byte as it stands; found out on first need.
    goes_on: Option<bool>,
    /// A cheaper way to the same place was found.
    dead: bool,
    written: Written,
}

/// What the move to a node wrote.
#[derive(Clone, Copy)]
enum Written {
    Nothing,
    Byte(u8),
    /// The bytes of the text from its parent on.
    Kept,
    /// A place in [`Scratch::fixed`].
    Fixed(u32),
    /// A place in [`Scratch::texts`].
    Text(u32),
}

/// Places that are the same for all that follows.
type Place<M, S> = (u32, M, S);

/// The memory of a search, for the next one. Empty between two searches.
pub struct Scratch<M, S> {
    nodes: Vec<Node<M, S>>,
    /// The cheapest node of each other place.
    best: FxHashMap<Place<M, S>, u32>,
    /// By position, the node that came there first, or a cheaper one of its place.
    first: Vec<u32>,
    /// What moves wrote that is neither of the input nor of the model.
    texts: Vec<Arc<[u8]>>,
    /// What moves wrote that is the model's.
    fixed: Vec<&'static str>,
    queue: Queue,
    /// States on the way that keeps every byte, by rising positions, if that way was gone before: they need not be found
    /// out again. The search forgets them.
    pub trace: Vec<(u32, S)>,
}

/// By cost, what is to be looked at: the last that was added comes first.
#[derive(Default)]
struct Queue {
    /// The last entry of each cost.
    last: Vec<u32>,
    entries: Vec<Entry>,
}

struct Entry {
    node: u32,
    /// The entry of the same cost that was added before.
    before: u32,
    /// The tier that is due, or [`RUN`].
    tier: u8,
}

/// Behind a node, bytes were passed where nothing but the last tier has moves. They get nodes when that is due.
const RUN: u8 = u8::MAX;

impl Queue {
    fn begin(&mut self, costs: usize) {
        self.entries.clear();
        self.last.clear();
        self.last.resize(costs, u32::MAX);
    }

    /// What costs more than is allowed is left out.
    fn push(&mut self, cost: u32, node: u32, tier: u8) {
        let Some(last) = self.last.get_mut(cost as usize) else { return };
        let before = std::mem::replace(last, self.entries.len() as u32);
        self.entries.push(Entry { node, before, tier });
    }

    fn pop(&mut self, cost: usize) -> Option<(u32, u8)> {
        let last = &mut self.last[cost];
        let entry = self.entries.get(*last as usize)?;
        *last = entry.before;
        Some((entry.node, entry.tier))
    }
}

impl<M, S> Default for Scratch<M, S> {
    fn default() -> Self {
        Self {
            nodes: Vec::new(),
            best: FxHashMap::default(),
            first: Vec::new(),
            texts: Vec::new(),
            fixed: Vec::new(),
            queue: Queue::default(),
            trace: Vec::new(),
        }
    }
}

/// A search that made more nodes gives its memory back.
const MAX_KEPT_NODES: usize = 1 << 15;

impl<M, S> Scratch<M, S> {
    fn begin(&mut self, costs: usize) {
        if self.nodes.len() > MAX_KEPT_NODES {
            *self = Self { trace: std::mem::take(&mut self.trace), ..Self::default() };
        }
        self.nodes.clear();
        self.best.clear();
        self.first.clear();
        self.texts.clear();
        self.fixed.clear();
        self.queue.begin(costs);
        // A node for each place as a rule, and as many again around the first edit.
        let places = 2 * self.trace.len() + 64;
        self.nodes.reserve(places);
        self.queue.entries.reserve(2 * places);
        self.first.reserve(self.trace.last().map_or(0, |(at, _)| 2 * *at as usize) + 64);
    }
}

struct Search<'a, R: Recognizer, M: Model> {
    recognizer: &'a mut R,
    model: &'a mut M,
    scratch: &'a mut Scratch<M::Mode, R::State>,
    /// The cost of the cheapest end that was seen.
    least: u32,
    bounds: Bounds,
    goal: Goal,
    steps: usize,
    /// How much of the trace was passed.
    traced: usize,
}

/// Nodes between two looks at the recogniser's limits.
const LOOK: usize = 64;

/// Bytes that are kept with the recogniser's steps for one piece of work.
const AT_ONCE: usize = 4096;

/// Steps that a question for material counts as: the recogniser searches too.
const MATERIAL: usize = 250;

/// Bytes of forced material that one move writes at most.
const MAX_FORCED: usize = 4096;

/// The cheapest way from a place to an accepted end. Cost: what is kept is little more than what the recogniser takes; what the
/// edits cost depends on how many ways are cheaper than the cheapest that ends.
///
/// # Errors
/// [`Hopeless`] if there is none within the bounds.
pub fn cheapest<R: Recognizer, M: Model>(
    recognizer: &mut R,
    model: &mut M,
    origin: Origin<M::Mode, R::State>,
    bounds: Bounds,
    goal: Goal,
) -> Result<Way<M::Mode>, Hopeless> {
    cheapest_in(&mut Scratch::default(), recognizer, model, origin, bounds, goal)
}

/// The same in the memory of an earlier search.
///
/// # Errors
/// As [`cheapest`].
pub fn cheapest_in<R: Recognizer, M: Model>(
    scratch: &mut Scratch<M::Mode, R::State>,
    recognizer: &mut R,
    model: &mut M,
    origin: Origin<M::Mode, R::State>,
    bounds: Bounds,
    goal: Goal,
) -> Result<Way<M::Mode>, Hopeless> {
    scratch.begin(bounds.cost as usize + 1);
    let mut search = Search { recognizer, model, scratch, least: u32::MAX, bounds, goal, steps: 0, traced: 0 };
    search.push(Node {
        at: origin.at,
        mode: origin.mode,
        state: origin.state,
        parent: u32::MAX,
        cost: 0,
        what: What::Keep,
        goes_on: None,
        dead: false,
        written: Written::Nothing,
    });
    let found = search.run();
    search.scratch.trace.clear();
    let found = found?;
    if let Some(overrun) = search.recognizer.fault() {
        return Err(Hopeless::Overrun(overrun));
    }
    found.map(|goal| search.way(goal)).ok_or(Hopeless::TooDear { limit: bounds.cost })
}

impl<R: Recognizer, M: Model> Search<'_, R, M> {
    fn run(&mut self) -> Result<Option<u32>, Hopeless> {
        let mut moves = Vec::new();
        let mut looks = 0;
        for cost in 0..self.scratch.queue.last.len() {
            while let Some((index, tier)) = self.scratch.queue.pop(cost) {
                if looks % LOOK == 0 {
                    self.recognizer.begin();
                    if let Some(overrun) = self.recognizer.fault() {
                        return Err(Hopeless::Overrun(overrun));
                    }
                }
                looks += 1;
                if self.steps > self.bounds.steps {
                    return Err(Hopeless::OutOfSteps { steps: self.bounds.steps });
                }
                let Node { at, mode, state, dead, .. } = self.scratch.nodes[index as usize];
                if dead {
                    continue;
                }
                if tier == RUN {
                    self.open_run(index);
                    continue;
                }
                if tier == 0 {
                    if self.model.ends(at, mode) && self.reached(state) {
                        return Ok(Some(index));
                    }
                    if self.keep_on(index) {
                        continue;
                    }
                }
                self.model.moves(at, mode, usize::from(tier), &mut moves);
                for one in moves.drain(..) {
                    self.take(index, one);
                }
                let Node { cost: paid, goes_on, .. } = self.scratch.nodes[index as usize];
                self.await_tier(index, (at, mode, paid), usize::from(tier), goes_on == Some(true));
            }
        }
        Ok(None)
    }

    /// The node is looked at again when its next tier is due.
    fn await_tier(&mut self, index: u32, (at, mode, cost): (u32, M::Mode, u32), tier: usize, goes_on: bool) {
        let next = self.model.next_tier(at, mode, tier, goes_on);
        if let Some(more) = M::TIERS.get(next)
            && cost + more < self.least
        {
            self.scratch.queue.push(cost + more, index, next as u8);
        }
    }

    /// Follows the text as it stands for as long as nothing else is to be had for nothing. The way by the queue would come
    /// to the same. False: this node needs that way.
    fn keep_on(&mut self, first: u32) -> bool {
        let (mut index, mut begun) = (first, self.steps);
        let Node { mut at, mut mode, mut state, cost, .. } = self.scratch.nodes[index as usize];
        loop {
            if self.steps - begun >= AT_ONCE {
                self.recognizer.begin();
                begun = self.steps;
            }
            let kept = match index != first && self.model.ends(at, mode) {
                // Whether it is an end is asked when it is taken from the queue.
                true => None,
                false => self.model.kept(at, mode),
            };
            let Some((byte, behind)) = kept else {
                if index != first {
                    self.scratch.queue.push(cost, index, 0);
                }
                return index != first;
            };
            self.steps += 1;
            let after = self.traced(at, state, at + 1).or_else(|| self.recognizer.step(state, byte));
            self.scratch.nodes[index as usize].goes_on = Some(after.is_some());
            self.await_tier(index, (at, mode, cost), 0, after.is_some());
            let Some(next) = after else { return true };
            (at, mode, state) = (at + 1, behind, next);
            let passed = self.pass(at, mode, &mut state);
            if passed > 0 {
                self.steps += passed;
                at += passed as u32;
                let due = cost + M::TIERS[M::TIERS.len() - 1];
                self.scratch.queue.push(due, index, RUN);
            }
            let Some(next) = self.insert(self.kept_node(index, (at, mode, state), cost)) else { return true };
            index = next;
        }
    }

    /// Reads along what is idle. Returns how many bytes that are.
    fn pass(&mut self, at: u32, mode: M::Mode, state: &mut R::State) -> usize {
        let known = self.trace_at(at, *state).and_then(|here| self.scratch.trace.get(here + 1).copied());
        if let Some((to, behind)) = known
            && self.model.kept(at, mode).is_some()
            && let passed = (to - at) as usize
            && passed > 1
        {
            *state = behind;
            return passed;
        }
        let idle = self.model.idle(at, mode);
        if idle.is_empty() { 0 } else { self.recognizer.read(state, idle) }
    }

    /// The state at `to`, where all from `at` on is kept, if the trace passes both.
    fn traced(&mut self, at: u32, state: R::State, to: u32) -> Option<R::State> {
        let here = self.trace_at(at, state)?;
        let (there, behind) = self.scratch.trace.get(here + 1)?;
        (*there == to).then_some(*behind)
    }

    /// The place in the trace, if it passes here.
    fn trace_at(&mut self, at: u32, state: R::State) -> Option<usize> {
        let trace = &self.scratch.trace;
        while trace.get(self.traced).is_some_and(|(passed, _)| *passed < at) {
            self.traced += 1;
        }
        let (here, known) = trace.get(self.traced)?;
        (*here == at && *known == state).then_some(self.traced)
    }

    fn kept_node(
        &self,
        parent: u32,
        (at, mode, state): Place<M::Mode, R::State>,
        cost: u32,
    ) -> Node<M::Mode, R::State> {
        Node { at, mode, state, parent, cost, what: What::Keep, goes_on: None, dead: false, written: Written::Kept }
    }

    /// Gives nodes to the bytes behind one that were passed.
    fn open_run(&mut self, first: u32) {
        let Node { at, mode, state, cost, .. } = self.scratch.nodes[first as usize];
        let Some((byte, mode)) = self.model.kept(at, mode) else { return };
        let Some(mut state) = self.recognizer.step(state, byte) else { return };
        let mut index = first;
        for at in at + 1..at + 1 + self.model.idle(at + 1, mode).len() as u32 {
            let Some((byte, _)) = self.model.kept(at, mode) else { return };
            let Some(next) = self.recognizer.step(state, byte) else { return };
            let node = Node { goes_on: Some(true), ..self.kept_node(index, (at, mode, state), cost) };
            // Where another way came as cheaply, that one goes on from here.
            let Some(inserted) = self.insert(node) else { return };
            index = inserted;
            self.steps += 1;
            let last = M::TIERS.len() - 1;
            self.scratch.queue.push(cost + M::TIERS[last], index, last as u8);
            state = next;
        }
    }

    fn reached(&mut self, state: R::State) -> bool {
        match self.goal {
            Goal::Answer => self.recognizer.accepts(state),
            Goal::Beginning => self.recognizer.is_free(state),
        }
    }

    fn goes_on(&mut self, index: u32) -> bool {
        let Node { at, mode, state, goes_on, .. } = self.scratch.nodes[index as usize];
        goes_on.unwrap_or_else(|| {
            let next = self.model.next_byte(at, mode);
            let goes_on = next.is_some_and(|byte| self.recognizer.step(state, byte).is_some());
            self.scratch.nodes[index as usize].goes_on = Some(goes_on);
            goes_on
        })
    }

    fn take(&mut self, index: u32, one: Move<M::Mode>) {
        self.steps += 1;
        if one.when == When::Stuck && self.goes_on(index) {
            return;
        }
        let Node { state, cost: paid, .. } = self.scratch.nodes[index as usize];
        if one.when == When::Accepted && !self.recognizer.accepts(state) {
            return;
        }
        if paid + one.cost > self.bounds.cost
            || paid + one.cost >= self.least
            || self.bounds.faithful && !one.what.keeps_content()
        {
            return;
        }
        let kept = one.what == What::Keep && matches!(one.emit, Emit::Byte(_));
        let written = match self.as_it_stands(index, &one) {
            Some(behind) => Some((Written::Kept, behind, 0)),
            None => self.written(state, &one),
        };
        if kept {
            self.scratch.nodes[index as usize].goes_on = Some(written.is_some());
        }
        let Some((written, state, extra)) = written else { return };
        let cost = paid + one.cost + extra;
        let Move { to: at, mode, what, .. } = one;
        self.push(Node { at, mode, state, parent: index, cost, what, goes_on: None, dead: false, written });
    }

    /// The state behind a move that keeps what stands there, if the trace knows it.
    fn as_it_stands(&mut self, index: u32, one: &Move<M::Mode>) -> Option<R::State> {
        let Node { at, state, .. } = self.scratch.nodes[index as usize];
        let source = (one.what == What::Keep && one.to > at).then(|| self.model.source(at, one.to))?;
        let same = match &one.emit {
            Emit::Byte(byte) => source == [*byte],
            Emit::Fixed(text) => source == text.as_bytes(),
            Emit::Text(text) => source == &**text,
            _ => false,
        };
        same.then(|| self.traced(at, state, one.to)).flatten()
    }

    /// What a move writes, the state after it, and what its material costs.
    fn written(&mut self, state: R::State, one: &Move<M::Mode>) -> Option<(Written, R::State, u32)> {
        if matches!(one.emit, Emit::Finish | Emit::Close | Emit::Due) {
            self.steps += MATERIAL;
        }
        let text = match &one.emit {
            Emit::Nothing => return Some((Written::Nothing, state, 0)),
            Emit::Byte(byte) => return Some((Written::Byte(*byte), self.recognizer.step(state, *byte)?, 0)),
            Emit::Fixed(text) => {
                let after = self.recognizer.behind(state, text.as_bytes())?;
                self.scratch.fixed.push(text);
                return Some((Written::Fixed(self.scratch.fixed.len() as u32 - 1), after, 0));
            }
            Emit::Text(text) => {
                self.steps += text.len() / 8;
                let after = self.recognizer.behind(state, text)?;
                return Some((self.text(text.clone()), after, 0));
            }
            Emit::Forced => self.forced(state, one)?,
            Emit::Finish => self.recognizer.finish(state)?,
            Emit::Close => self.recognizer.close(state)?,
            Emit::Due => {
                let mut text = self.recognizer.close(state)?;
                text.pop();
                text
            }
        };
        if text.is_empty() {
            return None;
        }
        self.steps += text.len();
        let price = self.model.price(self.recognizer, state, &text)?;
        let after = self.recognizer.behind(state, &text)?;
        Some((self.text(Arc::from(text)), after, price))
    }

    fn text(&mut self, text: Arc<[u8]>) -> Written {
        self.scratch.texts.push(text);
        Written::Text(self.scratch.texts.len() as u32 - 1)
    }

    fn forced(&mut self, mut state: R::State, one: &Move<M::Mode>) -> Option<Vec<u8>> {
        let next = self.model.next_byte(one.to, one.mode);
        let (mut text, mut settled) = (Vec::new(), 0);
        while text.len() < MAX_FORCED {
            let Some((byte, after)) = self.recognizer.forced(state) else { break };
            text.push(byte);
            state = after;
            self.steps += 8;
            if self.model.settled(&text) == text.len() {
                settled = text.len();
                if next.is_some_and(|next| self.recognizer.step(state, next).is_some()) {
                    break;
                }
            }
        }
        text.truncate(settled);
        Some(text)
    }

    fn push(&mut self, node: Node<M::Mode, R::State>) {
        let Node { cost, at, mode, state, .. } = node;
        if cost < self.least && self.model.ends(at, mode) && self.reached(state) {
            self.least = cost + 1;
        }
        if let Some(index) = self.insert(node) {
            self.scratch.queue.push(cost, index, 0);
        }
    }

    /// Adds a node, unless its place was reached as cheaply before or it costs too much.
    fn insert(&mut self, node: Node<M::Mode, R::State>) -> Option<u32> {
        if node.cost > self.bounds.cost || node.cost >= self.least {
            return None;
        }
        let Scratch { nodes, best, first, .. } = &mut *self.scratch;
        let index = nodes.len() as u32;
        // Mostly one path is all there is: the first node of each position is found without hashing.
        let at = node.at as usize;
        if first.len() <= at {
            first.resize(at + 1, u32::MAX);
        }
        let known = match nodes.get(first[at] as usize) {
            None => &mut first[at],
            Some(other) if (other.mode, other.state) == (node.mode, node.state) => &mut first[at],
            Some(_) => best.entry((node.at, node.mode, node.state)).or_insert(u32::MAX),
        };
        if let Some(other) = nodes.get_mut(*known as usize) {
            if other.cost <= node.cost {
                return None;
            }
            other.dead = true;
        }
        *known = index;
        nodes.push(node);
        Some(index)
    }

    fn way(&self, goal: u32) -> Way<M::Mode> {
        let mut indices = vec![goal];
        while let Some(last) = indices.last()
            && self.scratch.nodes[*last as usize].parent != u32::MAX
        {
            indices.push(self.scratch.nodes[*last as usize].parent);
        }
        indices.reverse();
        let (mut text, mut steps) = (Vec::new(), Vec::<Step>::new());
        for pair in indices.windows(2) {
            let (before, node) = (&self.scratch.nodes[pair[0] as usize], &self.scratch.nodes[pair[1] as usize]);
            let start = text.len();
            match node.written {
                Written::Nothing => {}
                Written::Byte(byte) => text.push(byte),
                Written::Kept => text.extend_from_slice(self.model.source(before.at, node.at)),
                Written::Fixed(index) => text.extend_from_slice(self.scratch.fixed[index as usize].as_bytes()),
                Written::Text(index) => text.extend_from_slice(&self.scratch.texts[index as usize]),
            }
            let cost = node.cost - before.cost;
            let kept = |step: &&mut Step| step.what == What::Keep && step.to == before.at && step.cost == 0;
            if node.what == What::Keep
                && cost == 0
                && matches!(node.written, Written::Byte(_) | Written::Kept)
                && let Some(last) = steps.last_mut().filter(kept)
            {
                (last.to, last.end) = (node.at, text.len());
                continue;
            }
            steps.push(Step { what: node.what, from: before.at, to: node.at, start, end: text.len(), cost });
        }
        let Node { cost, mode, .. } = self.scratch.nodes[goal as usize];
        Way { text, steps, cost, mode }
    }
}
