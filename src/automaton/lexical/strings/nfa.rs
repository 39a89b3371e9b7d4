//! A pattern's tree as a nondeterministic automaton over code points.
//!
//! States are made from the end of the pattern to its start: compiling a tree *before* a state gives the state to enter.
//! The automaton recognises whole texts: a pattern matches anywhere in a text, so a loop over all code points stands
//! before it unless every match begins with `^`, and [`State::Accept`] swallows what follows.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rustc_hash::FxHashMap;

use super::super::charset::CharSet;
use super::super::ecma::{Ast, PatternError};
use super::utf8::Utf8Nodes;

/// More states than this are refused.
pub const MAX_STATES: usize = 200_000;

/// More lookbehinds than this are refused; a set of them is one word.
const MAX_BEHINDS: usize = 64;

/// No path of any length.
pub const NEVER: u32 = u32::MAX;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// One code point whose bytes begin at this node.
    Class {
        node: u32,
        next: u32,
    },
    Split {
        first: u32,
        second: u32,
    },
    Look {
        look: Look,
        next: u32,
    },
    /// The pattern has matched. In the main automaton any text may follow.
    Accept,
    /// A lookbehind's pattern ends here.
    Mark {
        behind: u32,
    },
    /// A class without members.
    Fail,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    Start,
    End,
    Boundary {
        negated: bool,
    },
    /// The text from here on is accepted from `entry`, or is not.
    Ahead {
        entry: u32,
        negated: bool,
    },
    /// Lookbehind number `behind` matches up to here, or does not.
    Behind {
        behind: u32,
        negated: bool,
    },
}

/// What is known about the lengths, in code points, of the texts accepted from a state on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measure {
    /// The least length, or [`NEVER`].
    pub min: u32,
    /// Every length from here on occurs; [`NEVER`] if that is not known of any.
    pub stretch: u32,
}

impl Measure {
    /// Nothing is accepted.
    pub const NONE: Self = Self { min: NEVER, stretch: NEVER };
    /// Every length is accepted.
    pub const ALL: Self = Self { min: 0, stretch: 0 };

    /// Of the union of two languages.
    pub fn or(self, other: Self) -> Self {
        Self { min: self.min.min(other.min), stretch: self.stretch.min(other.stretch) }
    }
}

/// A compiled pattern. Immutable, so it is shared by every language that uses the pattern.
#[derive(Debug)]
pub struct Nfa {
    pub states: Vec<State>,
    pub nodes: Utf8Nodes,
    /// Where the main automaton starts.
    pub entry: u32,
    /// Where the lookbehinds start; they run beside the main automaton.
    pub behinds: Vec<u32>,
    /// States of lookbehinds: they are no reason to go on.
    pub is_behind: Vec<bool>,
    /// Per state; exact unless the pattern is [`Nfa::has_context`], then `min` is a lower bound and `stretch` unknown.
    pub measure: Vec<Measure>,
    /// Whether `\b`, `\B` or a lookaround occurs, so that a state's future depends on more than the state.
    pub has_context: bool,
}

impl Nfa {
    /// # Errors
    /// The pattern needs more than [`MAX_STATES`] states.
    pub fn new(ast: &Ast) -> Result<Self, PatternError> {
        let mut builder = Builder::default();
        let accept = builder.push(State::Accept)?;
        let ast = trimmed(&unanchored(ast));
        let searched = if begins_at_start(&ast) { None } else { Some(builder.node(&CharSet::all())) };
        let mut entry = builder.compile(&ast, accept)?;
        if let Some(node) = searched {
            entry = builder.search_loop(node, entry)?;
        }
        let main_states = builder.states.len();
        if builder.behinds.len() > MAX_BEHINDS {
            let message = format!("the pattern has more than {MAX_BEHINDS} lookbehinds");
            return Err(PatternError::new(0, message));
        }
        let mut behinds = Vec::new();
        for (number, body) in std::mem::take(&mut builder.behinds).into_iter().enumerate() {
            let mark = builder.push(State::Mark { behind: number as u32 })?;
            let start = builder.compile(&body, mark)?;
            let node = builder.node(&CharSet::all());
            behinds.push(builder.search_loop(node, start)?);
        }
        let mut is_behind = vec![false; builder.states.len()];
        is_behind[main_states..].fill(true);
        let has_context = builder.has_context;
        let measure = measures(&builder.states, has_context);
        Ok(Self { states: builder.states, nodes: builder.nodes, entry, behinds, is_behind, measure, has_context })
    }
}

/// Whether every match begins with `^`, so that no search is needed.
fn begins_at_start(ast: &Ast) -> bool {
    match ast {
        Ast::Start => true,
        Ast::Concat(parts) => {
            let width_zero = |part: &Ast| matches!(part, Ast::Ahead { .. } | Ast::Behind { .. } | Ast::Boundary { .. });
            parts.iter().find(|part| !width_zero(part)).is_some_and(begins_at_start)
        }
        Ast::Alternation(parts) => parts.iter().all(begins_at_start),
        Ast::Repeat { body, min, .. } => *min > 0 && begins_at_start(body),
        _ => false,
    }
}

/// The same language without `^` before, or `$` behind, a repeat of everything: `^[^]*x[^]*$` is `x`.
fn unanchored(ast: &Ast) -> Ast {
    let everything = |part: &Ast| match part {
        Ast::Repeat { body, max: None, .. } => **body == Ast::Class(CharSet::all()),
        _ => false,
    };
    match ast {
        Ast::Alternation(parts) => Ast::Alternation(parts.iter().map(unanchored).collect()),
        Ast::Concat(parts) => {
            let mut parts = &parts[..];
            if let [Ast::Start, rest @ ..] = parts
                && rest.first().is_some_and(everything)
            {
                parts = rest;
            }
            if let [rest @ .., Ast::End] = parts
                && rest.last().is_some_and(everything)
            {
                parts = rest;
            }
            Ast::concat(parts.to_vec())
        }
        _ => ast.clone(),
    }
}

/// The same language with shorter repeats: what a search skips before a match need not be counted, nor what follows one.
fn trimmed(ast: &Ast) -> Ast {
    let shorten = |part: &Ast| match part {
        Ast::Repeat { body, min, .. } if matches!(**body, Ast::Class(_)) => match min {
            0 => Ast::Empty,
            1 => (**body).clone(),
            _ => Ast::Repeat { body: body.clone(), min: *min, max: Some(*min) },
        },
        _ => part.clone(),
    };
    match ast {
        Ast::Alternation(parts) => Ast::Alternation(parts.iter().map(trimmed).collect()),
        Ast::Concat(parts) => {
            let mut parts = parts.clone();
            if let Some(last) = parts.last_mut() {
                *last = shorten(last);
            }
            if let Some(first) = parts.first_mut() {
                *first = shorten(first);
            }
            Ast::concat(parts)
        }
        _ => shorten(ast),
    }
}

#[derive(Default)]
struct Builder {
    states: Vec<State>,
    nodes: Utf8Nodes,
    classes: FxHashMap<CharSet, u32>,
    behinds: Vec<Ast>,
    has_context: bool,
}

impl Builder {
    fn push(&mut self, state: State) -> Result<u32, PatternError> {
        if self.states.len() >= MAX_STATES {
            let message = format!("the pattern needs more than {MAX_STATES} automaton states");
            return Err(PatternError::new(0, message));
        }
        self.states.push(state);
        Ok(self.states.len() as u32 - 1)
    }

    /// The first node of a class, `NEVER` for the empty one.
    fn node(&mut self, set: &CharSet) -> u32 {
        if let Some(&node) = self.classes.get(set) {
            return node;
        }
        let node = self.nodes.class(set).unwrap_or(NEVER);
        self.classes.insert(set.clone(), node);
        node
    }

    /// A loop over all code points before `entry`.
    fn search_loop(&mut self, node: u32, entry: u32) -> Result<u32, PatternError> {
        let split = self.push(State::Fail)?;
        let skip = self.push(State::Class { node, next: split })?;
        self.states[split as usize] = State::Split { first: entry, second: skip };
        Ok(split)
    }

    /// Compiles `ast` before the state `next`; gives the state to enter.
    fn compile(&mut self, ast: &Ast, next: u32) -> Result<u32, PatternError> {
        match ast {
            Ast::Empty => Ok(next),
            Ast::Class(set) => match self.node(set) {
                NEVER => self.push(State::Fail),
                node => self.push(State::Class { node, next }),
            },
            Ast::Start => self.push(State::Look { look: Look::Start, next }),
            Ast::End => self.push(State::Look { look: Look::End, next }),
            Ast::Boundary { negated } => {
                self.has_context = true;
                self.push(State::Look { look: Look::Boundary { negated: *negated }, next })
            }
            Ast::Concat(parts) => parts.iter().rev().try_fold(next, |next, part| self.compile(part, next)),
            Ast::Alternation(parts) => {
                let (last, others) = parts.split_last().expect("an alternation has branches");
                let mut entry = self.compile(last, next)?;
                for part in others.iter().rev() {
                    let first = self.compile(part, next)?;
                    entry = self.push(State::Split { first, second: entry })?;
                }
                Ok(entry)
            }
            Ast::Repeat { body, min, max } => self.repeat(body, *min, *max, next),
            Ast::Ahead { body, negated } => {
                self.has_context = true;
                let accept = self.push(State::Accept)?;
                let entry = self.compile(&trimmed_tail(body), accept)?;
                self.push(State::Look { look: Look::Ahead { entry, negated: *negated }, next })
            }
            Ast::Behind { body, negated } => {
                self.has_context = true;
                let behind = self.behinds.len() as u32;
                self.behinds.push((**body).clone());
                self.push(State::Look { look: Look::Behind { behind, negated: *negated }, next })
            }
        }
    }

    fn repeat(&mut self, body: &Ast, min: u32, max: Option<u32>, next: u32) -> Result<u32, PatternError> {
        let mut entry = next;
        match max {
            None => {
                let split = self.push(State::Fail)?;
                let first = self.compile(body, split)?;
                self.states[split as usize] = State::Split { first, second: next };
                entry = split;
            }
            Some(max) => {
                for _ in min..max {
                    let first = self.compile(body, entry)?;
                    entry = self.push(State::Split { first, second: next })?;
                }
            }
        }
        for _ in 0..min {
            let before = entry;
            entry = self.compile(body, entry)?;
            if entry == before {
                break;
            }
        }
        Ok(entry)
    }
}

/// As [`trimmed`], at the end only: a lookahead's match is anchored where it stands.
fn trimmed_tail(ast: &Ast) -> Ast {
    match ast {
        Ast::Concat(parts) => {
            let (last, others) = parts.split_last().expect("a concatenation has parts");
            Ast::concat(others.iter().cloned().chain([trimmed_tail(last)]).collect())
        }
        Ast::Alternation(parts) => Ast::Alternation(parts.iter().map(trimmed_tail).collect()),
        Ast::Repeat { .. } => trimmed(ast),
        _ => ast.clone(),
    }
}

/// The edges of the automaton against their direction.
struct Backward {
    /// Per state its newest edge, or [`NEVER`].
    newest: Vec<u32>,
    edges: Vec<BackwardEdge>,
}

struct BackwardEdge {
    source: u32,
    /// Code points read on the edge.
    weight: u32,
    /// The next edge into the same state, or [`NEVER`].
    older: u32,
}

impl Backward {
    fn new(states: usize) -> Self {
        Self { newest: vec![NEVER; states], edges: Vec::with_capacity(states) }
    }

    fn add(&mut self, source: usize, target: u32, weight: u32) {
        let older = std::mem::replace(&mut self.newest[target as usize], self.edges.len() as u32);
        self.edges.push(BackwardEdge { source: source as u32, weight, older });
    }

    /// The least cost from each state to a goal, whose own cost is given.
    fn shortest(&self, goals: &[(u32, u32)]) -> Vec<u32> {
        let mut cost = vec![NEVER; self.newest.len()];
        let mut queue: BinaryHeap<Reverse<(u32, u32)>> = goals.iter().map(|&(s, cost)| Reverse((cost, s))).collect();
        while let Some(Reverse((found, state))) = queue.pop() {
            if found >= cost[state as usize] {
                continue;
            }
            cost[state as usize] = found;
            let mut next = self.newest[state as usize];
            while let Some(edge) = self.edges.get(next as usize) {
                let better = found.saturating_add(edge.weight).min(NEVER - 1);
                if better < cost[edge.source as usize] {
                    queue.push(Reverse((better, edge.source)));
                }
                next = edge.older;
            }
        }
        cost
    }
}

/// Computes the measure of every state by shortest paths over the reversed edges.
fn measures(states: &[State], has_context: bool) -> Vec<Measure> {
    let mut into = Backward::new(states.len());
    let ends = ends_here(states);
    let mut at_zero = Vec::new();
    for (number, state) in states.iter().enumerate() {
        match state {
            State::Class { next, .. } => into.add(number, *next, 1),
            State::Split { first, second } => {
                into.add(number, *first, 0);
                into.add(number, *second, 0);
            }
            // Behind the first code point `^` fails, and `$` leaves only what needs no more text.
            State::Look { look: Look::Start, .. } => {}
            State::Look { look: Look::End, next } if ends[*next as usize] => at_zero.push((number as u32, 0)),
            State::Look { look: Look::End, .. } => {}
            State::Look { next, .. } => into.add(number, *next, 0),
            State::Accept => at_zero.push((number as u32, 0)),
            State::Mark { .. } | State::Fail => {}
        }
    }
    let min = into.shortest(&at_zero);
    if has_context {
        return min.into_iter().map(|min| Measure { min, stretch: NEVER }).collect();
    }
    let looping = |(number, state): (usize, &State)| match state {
        State::Accept => Some((number as u32, 0)),
        State::Class { next, .. } if min[number] != NEVER && reaches(states, *next, number as u32) => {
            Some((number as u32, min[number]))
        }
        _ => None,
    };
    let loops: Vec<(u32, u32)> = states.iter().enumerate().filter_map(looping).collect();
    let stretch = into.shortest(&loops);
    min.into_iter().zip(stretch).map(|(min, stretch)| Measure { min, stretch }).collect()
}

/// The states from which the pattern matches without another code point, at the end of the text.
fn ends_here(states: &[State]) -> Vec<bool> {
    let mut into = Backward::new(states.len());
    let mut accepts = Vec::new();
    for (number, state) in states.iter().enumerate() {
        match state {
            State::Split { first, second } => {
                into.add(number, *first, 0);
                into.add(number, *second, 0);
            }
            State::Look { look, next } if *look != Look::Start => into.add(number, *next, 0),
            State::Accept => accepts.push((number as u32, 0)),
            _ => {}
        }
    }
    into.shortest(&accepts).into_iter().map(|cost| cost != NEVER).collect()
}

/// Whether `goal` is reached from `from` through a few splits.
fn reaches(states: &[State], from: u32, goal: u32) -> bool {
    let mut todo = vec![from];
    for _ in 0..16 {
        match todo.pop() {
            None => return false,
            Some(state) if state == goal => return true,
            Some(state) => {
                if let State::Split { first, second } = states[state as usize] {
                    todo.extend([second, first]);
                }
            }
        }
    }
    false
}
