//! A grammar as a network: each rule a small deterministic automaton whose edges read lexemes or call rules.
//!
//! What is regular and small is put into lexemes, so that rules which spell out single characters cost no calls. What a
//! node may read first, empty rules passed over, is worked out once: its profile.

use rustc_hash::{FxHashMap, FxHashSet};

use super::{
    Embedded,
    build::{Fragment, draft},
    lexeme::Lexemes,
};
use crate::{
    budget::Budget,
    grammar::{Grammar, RuleId, Tokens},
};

/// A node's number.
pub type NodeId = u32;

/// What an edge reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Symbol {
    /// A lexeme, by what it is before its first byte.
    Lexeme(u32),
    /// A value of an embedded automaton.
    Part(u32),
    Call(RuleId),
    /// A text of the rule that is not to be had at the very beginning.
    Skip(RuleId),
}

/// What may be read first at a node, and where that leads; calls of empty rules are passed over.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    pub edges: Vec<(Symbol, NodeId)>,
    /// The rule may end here.
    pub is_final: bool,
}

impl Profile {
    /// Nothing more is read here.
    pub fn is_tail(&self) -> bool {
        self.is_final && self.edges.is_empty()
    }
}

/// Rules that may begin with each other.
#[derive(Debug)]
pub struct Circle {
    pub rules: Box<[RuleId]>,
    /// Behind a member, where the member was called from another one's beginning: the place, and that other one.
    pub within: FxHashMap<RuleId, Vec<(NodeId, RuleId)>>,
    /// The same at the very beginning of a text, where there are no [`Symbol::Skip`]; None if that makes no difference.
    pub within_first: Option<FxHashMap<RuleId, Vec<(NodeId, RuleId)>>>,
}

impl Circle {
    /// The members that these begin with where a text begins: without [`Symbol::Skip`], not all reach all.
    pub fn first_from(&self, mut called: Vec<RuleId>) -> Vec<RuleId> {
        let Some(within) = &self.within_first else { return self.rules.to_vec() };
        let mut at = 0;
        while let Some(caller) = called.get(at).copied() {
            at += 1;
            for (callee, places) in within {
                if places.iter().any(|(_, rule)| *rule == caller) && !called.contains(callee) {
                    called.push(*callee);
                }
            }
        }
        called
    }
}

/// See the module's head.
#[derive(Debug)]
pub struct Network {
    pub profiles: Vec<Profile>,
    /// Where each rule begins.
    pub starts: Vec<NodeId>,
    pub start: RuleId,
    /// Per rule, how late it comes among those that begin with each other: who is called at the beginning comes later.
    pub ranks: Vec<u32>,
    /// Per rule, the circle that it is in.
    pub circle_of: Vec<Option<u32>>,
    pub circles: Vec<Circle>,
    /// What is embedded, by the numbers of [`Symbol::Part`].
    pub parts: Vec<Embedded>,
    /// The rules whose tokens are counted.
    pub counts: FxHashMap<RuleId, Tokens>,
    /// Rules of the grammar without any text.
    pub unproductive: Vec<RuleId>,
}

impl Network {
    /// Lexemes are read into `lexemes`.
    pub fn new(grammar: &Grammar, lexemes: &mut Lexemes, budget: &Budget) -> Self {
        let (mut fragments, parts, counts) = draft(grammar, lexemes, budget);
        lexemes.seal();
        let yields = yielding(&fragments, lexemes, budget);
        let leads_on = |symbol: Option<Symbol>| match symbol {
            None | Some(Symbol::Part(_)) => true,
            Some(Symbol::Lexeme(rx)) => lexemes.is_alive(rx),
            Some(Symbol::Call(rule) | Symbol::Skip(rule)) => yields[rule.0 as usize],
        };
        prune(&mut fragments, leads_on);
        let nullable = nullable(&fragments, budget);
        let mut network = Self {
            profiles: Vec::new(),
            starts: Vec::new(),
            start: grammar.start(),
            ranks: Vec::new(),
            circle_of: Vec::new(),
            circles: Vec::new(),
            parts,
            counts,
            unproductive: (0..grammar.rules().len() as u32)
                .filter(|rule| !yields[*rule as usize])
                .map(RuleId)
                .collect(),
        };
        let mut nodes = Nodes { nullable: &nullable, budget, profiles: Vec::new() };
        network.starts = fragments.iter().map(|fragment| nodes.add(fragment)).collect();
        network.profiles = nodes.profiles;
        network.find_circles(budget);
        network
    }

    /// About the memory held.
    pub fn bytes(&self) -> usize {
        self.profiles.iter().map(|profile| 32 + profile.edges.len() * 16).sum::<usize>() + self.starts.len() * 16
    }

    /// Ranks and circles: Tarjan's algorithm over who begins with whom.
    fn find_circles(&mut self, budget: &Budget) {
        let count = self.starts.len();
        let calls: Vec<Vec<u32>> = (0..count)
            .map(|rule| {
                let mut calls: Vec<u32> = self.beginning(rule).filter_map(called).map(|rule| rule.0).collect();
                calls.sort_unstable();
                calls.dedup();
                budget.spend(calls.len() + 1);
                calls
            })
            .collect();
        let components = components(&calls);
        // Components come callees first.
        let total = components.len() as u32;
        self.ranks = vec![0; count];
        self.circle_of = vec![None; count];
        for (component, order) in components.iter().zip(0..) {
            for rule in component {
                self.ranks[*rule as usize] = total - order;
            }
            let alone = component.len() == 1 && !calls[component[0] as usize].contains(&component[0]);
            if alone {
                continue;
            }
            let members: FxHashSet<u32> = component.iter().copied().collect();
            let mut within: FxHashMap<RuleId, Vec<(NodeId, RuleId)>> = FxHashMap::default();
            let mut within_first = within.clone();
            let mut skips = false;
            for caller in component {
                for (symbol, node) in &self.profiles[self.starts[*caller as usize] as usize].edges {
                    if let Some(callee) = called(*symbol).filter(|callee| members.contains(&callee.0)) {
                        within.entry(callee).or_default().push((*node, RuleId(*caller)));
                        if matches!(symbol, Symbol::Skip(_)) {
                            skips = true;
                        } else {
                            within_first.entry(callee).or_default().push((*node, RuleId(*caller)));
                        }
                    }
                }
            }
            let number = self.circles.len() as u32;
            component.iter().for_each(|rule| self.circle_of[*rule as usize] = Some(number));
            let rules = component.iter().map(|rule| RuleId(*rule)).collect();
            self.circles.push(Circle { rules, within, within_first: skips.then_some(within_first) });
        }
    }

    fn beginning(&self, rule: usize) -> impl Iterator<Item = Symbol> {
        self.profiles[self.starts[rule] as usize].edges.iter().map(|(symbol, _)| *symbol)
    }
}

pub fn called(symbol: Symbol) -> Option<RuleId> {
    match symbol {
        Symbol::Call(rule) | Symbol::Skip(rule) => Some(rule),
        Symbol::Lexeme(_) | Symbol::Part(_) => None,
    }
}

/// Strongly connected components, callees before callers; without recursion, since rules may be nested deeply.
fn components(calls: &[Vec<u32>]) -> Vec<Vec<u32>> {
    const NEW: u32 = u32::MAX;
    let (mut index, mut low) = (vec![NEW; calls.len()], vec![0; calls.len()]);
    let mut open = vec![false; calls.len()];
    let (mut stack, mut found, mut next) = (Vec::new(), Vec::new(), 0);
    for root in 0..calls.len() as u32 {
        let mut path: Vec<(u32, usize)> = Vec::new();
        if index[root as usize] == NEW {
            path.push((root, 0));
        }
        while let Some((rule, child)) = path.last_mut() {
            let at = *rule as usize;
            if *child == 0 && index[at] == NEW {
                (index[at], low[at], open[at]) = (next, next, true);
                next += 1;
                stack.push(at as u32);
            }
            if let Some(&callee) = calls[at].get(*child) {
                *child += 1;
                if index[callee as usize] == NEW {
                    path.push((callee, 0));
                } else if open[callee as usize] {
                    low[at] = low[at].min(index[callee as usize]);
                }
                continue;
            }
            path.pop();
            if let Some((caller, _)) = path.last() {
                low[*caller as usize] = low[*caller as usize].min(low[at]);
            }
            if low[at] == index[at] {
                let from = stack.iter().rposition(|other| *other as usize == at).expect("it was put there");
                let component: Vec<u32> = stack.drain(from..).collect();
                component.iter().for_each(|rule| open[*rule as usize] = false);
                found.push(component);
            }
        }
    }
    found
}

/// The rules that have a text.
fn yielding(fragments: &[Fragment], lexemes: &mut Lexemes, budget: &Budget) -> Vec<bool> {
    let mut dead = FxHashSet::default();
    for (symbol, _) in fragments.iter().flat_map(|fragment| fragment.edges.iter().flatten()) {
        if let Some(Symbol::Lexeme(rx)) = symbol
            && !lexemes.is_alive(*rx)
        {
            dead.insert(*rx);
        }
    }
    reaching(fragments, budget, |symbol| match symbol {
        Symbol::Lexeme(rx) => !dead.contains(&rx),
        Symbol::Part(_) => true,
        Symbol::Call(_) | Symbol::Skip(_) => false,
    })
}

/// Edges that lead nowhere are left out.
fn prune(fragments: &mut [Fragment], mut leads_on: impl FnMut(Option<Symbol>) -> bool) {
    for edges in fragments.iter_mut().flat_map(|fragment| &mut fragment.edges) {
        edges.retain(|(symbol, _)| leads_on(*symbol));
    }
}

/// The rules that have the empty text.
fn nullable(fragments: &[Fragment], budget: &Budget) -> Vec<bool> {
    reaching(fragments, budget, |_| false)
}

/// The rules whose end is reached by what `passes`, and by calls of such rules.
fn reaching(fragments: &[Fragment], budget: &Budget, passes: impl Fn(Symbol) -> bool) -> Vec<bool> {
    let mut reaching = vec![false; fragments.len()];
    // Who calls whom, so that a rule is looked at again only when one that it calls turns out to be empty.
    let mut callers: Vec<Vec<u32>> = vec![Vec::new(); fragments.len()];
    for (fragment, rule) in fragments.iter().zip(0_u32..) {
        for callee in fragment.edges.iter().flatten().filter_map(|(symbol, _)| symbol.and_then(called)) {
            callers[callee.0 as usize].push(rule);
        }
    }
    let mut todo: Vec<u32> = (0..fragments.len() as u32).collect();
    while let Some(rule) = todo.pop() {
        if reaching[rule as usize] {
            continue;
        }
        let fragment = &fragments[rule as usize];
        let reached = |symbol: Symbol| called(symbol).is_some_and(|callee| reaching[callee.0 as usize]);
        let passes = |symbol: &Option<Symbol>| symbol.is_none_or(|symbol| passes(symbol) || reached(symbol));
        let (mut seen, mut open) = (vec![false; fragment.edges.len()], vec![fragment.start]);
        while let Some(node) = open.pop() {
            if !std::mem::replace(&mut seen[node as usize], true) {
                let on = fragment.edges[node as usize].iter().filter(|(symbol, _)| passes(symbol));
                open.extend(on.map(|(_, target)| *target));
            }
            if !budget.spend(1) {
                return reaching;
            }
        }
        if seen[fragment.end as usize] {
            reaching[rule as usize] = true;
            todo.extend(&callers[rule as usize]);
        }
    }
    reaching
}

/// Makes rules deterministic over their symbols.
struct Nodes<'a> {
    nullable: &'a [bool],
    budget: &'a Budget,
    profiles: Vec<Profile>,
}

impl Nodes<'_> {
    /// Adds a rule; gives where it begins.
    fn add(&mut self, fragment: &Fragment) -> NodeId {
        let lively = leading_to(fragment);
        let first = self.profiles.len() as NodeId;
        let start = self.closure(fragment, &lively, vec![fragment.start]);
        let mut known: FxHashMap<Vec<u32>, NodeId> = FxHashMap::from_iter([(start.clone(), first)]);
        let mut todo = vec![start];
        let mut at = 0;
        while at < todo.len() && self.budget.spend(todo[at].len() + 1) {
            let set = todo[at].clone();
            at += 1;
            let mut targets: FxHashMap<Symbol, Vec<u32>> = FxHashMap::default();
            let mut order = Vec::new();
            for node in &set {
                for (symbol, target) in &fragment.edges[*node as usize] {
                    let Some(symbol) = symbol.filter(|_| lively[*target as usize]) else { continue };
                    let of = targets.entry(symbol).or_default();
                    if of.is_empty() {
                        order.push(symbol);
                    }
                    of.push(*target);
                }
            }
            let mut edges = Vec::with_capacity(order.len());
            for symbol in order {
                let target = self.closure(fragment, &lively, targets.remove(&symbol).unwrap_or_default());
                let next = first + known.len() as NodeId;
                let node = *known.entry(target).or_insert_with_key(|target| {
                    todo.push(target.clone());
                    next
                });
                edges.push((symbol, node));
            }
            self.profiles.push(Profile { edges, is_final: set.binary_search(&fragment.end).is_ok() });
        }
        self.profiles.resize_with(first as usize + known.len(), Profile::default);
        first
    }

    /// What is reached without reading: empty edges, and calls of rules that may be empty.
    fn closure(&self, fragment: &Fragment, lively: &[bool], nodes: Vec<u32>) -> Vec<u32> {
        let (mut seen, mut open) = (FxHashSet::default(), nodes);
        open.retain(|node| lively[*node as usize] && seen.insert(*node));
        while let Some(node) = open.pop() {
            for (symbol, target) in &fragment.edges[node as usize] {
                let passes = symbol.is_none_or(|it| called(it).is_some_and(|it| self.nullable[it.0 as usize]));
                if passes && lively[*target as usize] && seen.insert(*target) {
                    open.push(*target);
                }
            }
        }
        let mut set: Vec<u32> = seen.into_iter().collect();
        set.sort_unstable();
        set
    }
}

/// The places from which a rule can come to its end.
fn leading_to(fragment: &Fragment) -> Vec<bool> {
    let mut back: Vec<Vec<u32>> = vec![Vec::new(); fragment.edges.len()];
    for (edges, node) in fragment.edges.iter().zip(0..) {
        edges.iter().for_each(|(_, target)| back[*target as usize].push(node));
    }
    let (mut lively, mut open) = (vec![false; fragment.edges.len()], vec![fragment.end]);
    while let Some(node) = open.pop() {
        if !std::mem::replace(&mut lively[node as usize], true) {
            open.extend(&back[node as usize]);
        }
    }
    lively
}
