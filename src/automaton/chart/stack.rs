//! Where rules and lexemes return to: a stack with as many branches as there are readings.
//!
//! A return is a map from places to further returns: when what was called ends, reading goes on at each of the places,
//! and when the rule of such a place ends, at its return. Equal maps have equal numbers, so states that have the same
//! continuations are mostly the same state, however they came about. Two returns for one callee are one, their union;
//! so a state holds each place once.
//!
//! A rule that begins with itself returns, among others, to a place that returns to where the rule returns: such
//! circles are named by what they return to outside.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::network::NodeId;
use crate::{
    budget::Budget,
    grammar::{RuleId, Tokens},
};

/// A return's number.
pub type ReturnId = u32;

/// Behind the whole text.
pub const TOP: ReturnId = 0;
/// Behind what is looked at on its own.
pub const OUTSIDE: ReturnId = 1;

/// The place behind the whole text: a node's number that no node has.
pub const END: NodeId = NodeId::MAX;
/// The place behind what is looked at on its own.
pub const BEYOND: NodeId = NodeId::MAX - 1;

/// Where reading goes on, each place once.
pub type Places = Arc<[(NodeId, ReturnId)]>;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Return {
    Places(Places),
    /// A rule of a circle; the circle with what all its rules return to outside of it.
    Member {
        circle: u32,
        rule: RuleId,
    },
    Union(Box<[ReturnId]>),
    /// The end of a rule whose tokens are counted: how many have ended within it, and where reading goes on behind it.
    Counted {
        tokens: Tokens,
        count: u32,
        back: ReturnId,
    },
}

/// A return, told apart.
pub enum Part {
    Places(Places),
    /// Of a circle with these returns outside of it: a rule's.
    Member((u32, bool), Arc<[(RuleId, Places)]>, RuleId),
    Union(Box<[ReturnId]>),
    Counted(Tokens, u32, ReturnId),
}

/// A circle of rules in one place of a text: its number in the network, whether the text begins here, and by rule what it
/// returns to outside.
pub type Circle = (u32, bool, Arc<[(RuleId, Places)]>);

/// See [`Returns::places`].
pub type Within<'a> = &'a dyn Fn(&Circle, RuleId) -> Vec<(NodeId, RuleId)>;

/// All returns of one automaton.
#[derive(Debug)]
pub struct Returns {
    returns: Vec<Return>,
    /// Per return, whether tokens are counted anywhere below it.
    counting: Vec<bool>,
    index: FxHashMap<Return, ReturnId>,
    circles: Vec<Circle>,
    circle_index: FxHashMap<Circle, u32>,
    /// Of unions and members, when they were asked for.
    places: FxHashMap<ReturnId, Places>,
    bytes: usize,
    budget: Budget,
}

impl Returns {
    /// What is worked out is counted in `budget`.
    pub fn new(budget: Budget) -> Self {
        let mut returns = Self {
            returns: Vec::new(),
            counting: Vec::new(),
            index: FxHashMap::default(),
            circles: Vec::new(),
            circle_index: FxHashMap::default(),
            places: FxHashMap::default(),
            bytes: 0,
            budget,
        };
        returns.intern(Return::Places(Arc::from([(END, TOP)])));
        returns.intern(Return::Places(Arc::from([(BEYOND, OUTSIDE)])));
        returns
    }

    /// About the memory held.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    fn intern(&mut self, of: Return) -> ReturnId {
        if let Some(id) = self.index.get(&of) {
            return *id;
        }
        let id = self.returns.len() as ReturnId;
        let size = match &of {
            Return::Places(places) => places.len() * 16,
            Return::Member { .. } => 0,
            Return::Union(parts) => parts.len() * 8,
            Return::Counted { .. } => 0,
        };
        let counts = |places: &[(NodeId, ReturnId)]| {
            places.iter().any(|(_, back)| self.counting.get(*back as usize).is_some_and(|counts| *counts))
        };
        let counting = match &of {
            Return::Places(places) => counts(places),
            Return::Member { circle, .. } => self.circles[*circle as usize].2.iter().any(|(_, places)| counts(places)),
            Return::Union(parts) => parts.iter().any(|part| self.counting[*part as usize]),
            Return::Counted { .. } => true,
        };
        self.counting.push(counting);
        self.bytes += size + 112;
        self.returns.push(of.clone());
        self.index.insert(of, id);
        id
    }

    /// The return to these places; several returns of one place are put together.
    pub fn to(&mut self, places: Vec<(NodeId, ReturnId)>) -> ReturnId {
        let places = self.merged(places);
        // A return to what a return consists of, and no more, is that return.
        match places[..] {
            [(END, TOP)] => TOP,
            [(BEYOND, OUTSIDE)] => OUTSIDE,
            _ => self.intern(Return::Places(places)),
        }
    }

    fn merged(&mut self, mut places: Vec<(NodeId, ReturnId)>) -> Places {
        self.budget.spend(places.len());
        places.sort_unstable();
        places.dedup();
        let mut merged: Vec<(NodeId, ReturnId)> = Vec::with_capacity(places.len());
        let mut at = 0;
        while at < places.len() {
            let node = places[at].0;
            let count = places[at..].iter().take_while(|place| place.0 == node).count();
            let returns: Vec<ReturnId> = places[at..at + count].iter().map(|place| place.1).collect();
            merged.push((node, self.union(returns)));
            at += count;
        }
        merged.into()
    }

    /// The union of returns for one callee.
    pub fn union(&mut self, returns: Vec<ReturnId>) -> ReturnId {
        if let [one] = returns[..] {
            return one;
        }
        let mut parts = Vec::with_capacity(returns.len());
        for part in returns {
            match &self.returns[part as usize] {
                Return::Union(inner) => parts.extend_from_slice(inner),
                _ => parts.push(part),
            }
        }
        self.budget.spend(parts.len());
        parts.sort_unstable();
        parts.dedup();
        if let [one] = parts[..] { one } else { self.intern(Return::Union(parts.into())) }
    }

    /// Names a circle by what its rules return to outside of it.
    pub fn circle(&mut self, number: u32, is_first: bool, outside: Vec<(RuleId, Vec<(NodeId, ReturnId)>)>) -> u32 {
        let mut outside: Vec<(RuleId, Places)> =
            outside.into_iter().map(|(rule, places)| (rule, self.merged(places))).collect();
        outside.sort_unstable_by_key(|(rule, _)| *rule);
        let key: Circle = (number, is_first, outside.into());
        if let Some(circle) = self.circle_index.get(&key) {
            return *circle;
        }
        let circle = self.circles.len() as u32;
        self.bytes += 96 + key.2.iter().map(|(_, places)| 48 + places.len() * 16).sum::<usize>();
        self.circles.push(key.clone());
        self.circle_index.insert(key, circle);
        circle
    }

    /// Whether all of the places are among the others, each with all that it returns to.
    pub fn holds(&self, all: &[(NodeId, ReturnId)], some: &[(NodeId, ReturnId)]) -> bool {
        self.budget.spend(all.len() + some.len());
        some.iter().all(|(node, back)| {
            let found = all.binary_search_by_key(node, |place| place.0).ok().map(|at| all[at].1);
            found.is_some_and(|more| {
                more == *back || self.parts(back).iter().all(|part| self.parts(&more).contains(part))
            })
        })
    }

    /// What a return is the union of.
    fn parts<'a>(&'a self, of: &'a ReturnId) -> &'a [ReturnId] {
        match &self.returns[*of as usize] {
            Return::Union(parts) => parts,
            _ => std::slice::from_ref(of),
        }
    }

    /// What is known of a circle.
    pub fn about(&self, circle: u32) -> Circle {
        self.circles[circle as usize].clone()
    }

    /// The circles that a circle's returns outside of it lead back into at once.
    pub fn circles_in(&self, circle: u32) -> Vec<u32> {
        let mut found = Vec::new();
        let returns = self.circles[circle as usize].2.iter().flat_map(|(_, places)| places.iter().map(|place| place.1));
        for back in returns {
            match &self.returns[back as usize] {
                Return::Member { circle, .. } => found.push(*circle),
                Return::Union(parts) => {
                    found.extend(parts.iter().filter_map(|part| match &self.returns[*part as usize] {
                        Return::Member { circle, .. } => Some(*circle),
                        _ => None,
                    }))
                }
                Return::Places(_) | Return::Counted { .. } => {}
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// A return, told apart.
    pub fn part(&self, of: ReturnId) -> Part {
        match &self.returns[of as usize] {
            Return::Places(places) => Part::Places(places.clone()),
            Return::Member { circle, rule } => {
                let (number, is_first, outside) = self.circles[*circle as usize].clone();
                Part::Member((number, is_first), outside, *rule)
            }
            Return::Union(parts) => Part::Union(parts.clone()),
            Return::Counted { tokens, count, back } => Part::Counted(*tokens, *count, *back),
        }
    }

    /// Whether tokens are counted below a return.
    pub fn counts(&self, of: ReturnId) -> bool {
        self.counting[of as usize]
    }

    /// A rule ends here whose tokens are counted.
    pub fn is_counted(&self, of: ReturnId) -> bool {
        match &self.returns[of as usize] {
            Return::Counted { .. } => true,
            Return::Union(parts) => {
                parts.iter().any(|part| matches!(self.returns[*part as usize], Return::Counted { .. }))
            }
            Return::Places(_) | Return::Member { .. } => false,
        }
    }

    /// The return of a rule in which so many tokens have ended.
    pub fn counted(&mut self, tokens: Tokens, count: u32, back: ReturnId) -> ReturnId {
        self.intern(Return::Counted { tokens, count, back })
    }

    /// False: no more may be worked out.
    pub fn spend(&self) -> bool {
        self.budget.spend(1)
    }

    /// The return of a rule in a circle.
    pub fn member(&mut self, circle: u32, rule: RuleId) -> ReturnId {
        self.intern(Return::Member { circle, rule })
    }

    /// The places of a return. `within` tells of a circle and a rule of it from where in the circle the rule is called.
    pub fn places(&mut self, of: ReturnId, within: Within<'_>) -> Places {
        if let Return::Places(places) = &self.returns[of as usize] {
            return places.clone();
        }
        if let Some(places) = self.places.get(&of) {
            return places.clone();
        }
        let places = match self.returns[of as usize].clone() {
            Return::Places(places) => places,
            Return::Counted { tokens: Tokens::Within(least, most), count, .. }
                if count < least || most.is_some_and(|most| count > most) =>
            {
                Arc::from([])
            }
            // It ends with a token, and not before.
            Return::Counted { tokens: Tokens::First(_), .. } => Arc::from([]),
            Return::Counted { back, .. } => self.places(back, within),
            Return::Union(parts) => {
                let mut all = Vec::new();
                for part in &parts {
                    all.extend_from_slice(&self.places(*part, within));
                }
                self.merged(all)
            }
            Return::Member { circle, rule } => {
                let about = self.circles[circle as usize].clone();
                let mut all = Vec::new();
                for (of, places) in about.2.iter() {
                    if *of == rule {
                        all.extend_from_slice(places);
                    }
                }
                for (node, caller) in within(&about, rule) {
                    all.push((node, self.member(circle, caller)));
                }
                self.merged(all)
            }
        };
        self.bytes += 64 + places.len() * 8;
        self.places.insert(of, places.clone());
        places
    }
}
