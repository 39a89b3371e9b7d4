//! By which bytes reading may go on: at a node, behind a rule, behind any lexeme.
//!
//! Sets of bytes and nothing more, so they are found for all of a grammar at once. They may be too large, never too
//! small: what is left of a token behind a lexeme is not looked at if nothing there begins so.

use std::sync::Arc;

use super::{
    lexeme::{ByteSet, Lexemes, Node, Rx},
    machine::Chart,
    network::{Network, NodeId, Symbol, called},
    stack::{BEYOND, END, ReturnId},
};

const NO_BYTE: ByteSet = [0; 4];
const ANY_BYTE: ByteSet = [!0; 4];

/// So often the sets are looked at again until none grows; rules that hang on each other more deeply are taken to begin
/// and to be followed by anything.
const ROUNDS: usize = 24;

/// See the module's head.
#[derive(Debug)]
pub struct Follow {
    /// By node: what is read there may begin so.
    first: Vec<ByteSet>,
    /// By rule: what comes behind it may begin so.
    behind: Vec<ByteSet>,
    /// What comes behind any lexeme or value may begin so.
    anywhere: ByteSet,
}

impl Follow {
    pub fn new(network: &Network, lexemes: &Lexemes) -> Self {
        let first = first(network, lexemes);
        let behind = behind(network, &first);
        let mut follow = Self { first, behind, anywhere: NO_BYTE };
        for (profile, node) in network.profiles.iter().zip(0..) {
            for (symbol, next) in &profile.edges {
                if called(*symbol).is_none() {
                    let more = follow.on(network, *next, follow.behind[rule_of(network, node)]);
                    join(&mut follow.anywhere, &more);
                }
            }
        }
        follow
    }

    /// What is read at a node, or behind its rule if that may end there.
    fn on(&self, network: &Network, node: NodeId, behind: ByteSet) -> ByteSet {
        let mut on = self.first[node as usize];
        if network.profiles[node as usize].is_final {
            join(&mut on, &behind);
        }
        on
    }
}

impl Chart {
    fn follow(&mut self) -> Arc<Follow> {
        if let Some(follow) = &self.follow {
            return follow.clone();
        }
        self.budget().spend(self.network().profiles.len());
        let follow = Arc::new(Follow::new(self.network(), &self.lexemes));
        self.follow = Some(follow.clone());
        follow
    }

    /// By which bytes reading may go on in the places that are returned to. `beyond`: so it does outside of what is
    /// looked at on its own.
    pub fn bytes_behind(&mut self, back: ReturnId, beyond: ByteSet) -> ByteSet {
        let follow = self.follow();
        let mut bytes = NO_BYTE;
        for (node, _) in self.places(back).iter() {
            match *node {
                END => {}
                BEYOND => {
                    join(&mut bytes, &beyond);
                }
                node => {
                    let behind = follow.behind[rule_of(self.network(), node)];
                    join(&mut bytes, &follow.on(self.network(), node, behind));
                }
            }
        }
        bytes
    }

    /// By which bytes reading may go on behind the rule that a node belongs to.
    pub fn bytes_behind_rule(&mut self, node: NodeId) -> ByteSet {
        self.follow().behind[rule_of(self.network(), node)]
    }

    /// By which bytes reading may go on behind any lexeme or value.
    pub fn bytes_behind_any(&mut self) -> ByteSet {
        self.follow().anywhere
    }
}

fn rule_of(network: &Network, node: NodeId) -> usize {
    network.starts.partition_point(|start| *start <= node) - 1
}

/// Whether the first set grew.
fn join(set: &mut ByteSet, other: &ByteSet) -> bool {
    let before = *set;
    set.iter_mut().zip(other).for_each(|(word, more)| *word |= more);
    before != *set
}

fn first(network: &Network, lexemes: &Lexemes) -> Vec<ByteSet> {
    let of_lexemes = |(symbol, _): &(Symbol, NodeId)| match symbol {
        Symbol::Lexeme(rx) => begins(lexemes, *rx),
        Symbol::Part(_) => ANY_BYTE,
        Symbol::Call(_) | Symbol::Skip(_) => NO_BYTE,
    };
    let mut first: Vec<ByteSet> = Vec::with_capacity(network.profiles.len());
    for profile in &network.profiles {
        let mut bytes = NO_BYTE;
        for edge in &profile.edges {
            join(&mut bytes, &of_lexemes(edge));
        }
        first.push(bytes);
    }
    for _ in 0..ROUNDS {
        let mut grown = false;
        // Callees tend to come later.
        for (node, profile) in network.profiles.iter().enumerate().rev() {
            for rule in profile.edges.iter().filter_map(|(symbol, _)| called(*symbol)) {
                let of_rule = first[network.starts[rule.0 as usize] as usize];
                grown |= join(&mut first[node], &of_rule);
            }
        }
        if !grown {
            return first;
        }
    }
    vec![ANY_BYTE; network.profiles.len()]
}

fn behind(network: &Network, first: &[ByteSet]) -> Vec<ByteSet> {
    let mut behind = vec![NO_BYTE; network.starts.len()];
    for _ in 0..ROUNDS {
        let mut grown = false;
        let mut rule = 0;
        for (profile, node) in network.profiles.iter().zip(0..) {
            while network.starts.get(rule + 1).is_some_and(|start| *start <= node) {
                rule += 1;
            }
            for (symbol, next) in &profile.edges {
                let Some(callee) = called(*symbol) else { continue };
                grown |= join(&mut behind[callee.0 as usize], &first[*next as usize]);
                if network.profiles[*next as usize].is_final {
                    let of_caller = behind[rule];
                    grown |= join(&mut behind[callee.0 as usize], &of_caller);
                }
            }
        }
        if !grown {
            return behind;
        }
    }
    vec![ANY_BYTE; network.starts.len()]
}

/// The bytes by which an expression may begin, and perhaps others.
fn begins(lexemes: &Lexemes, rx: Rx) -> ByteSet {
    let mut bytes = NO_BYTE;
    let mut open = vec![rx];
    while let Some(rx) = open.pop() {
        match &lexemes.nodes[rx as usize] {
            Node::Nothing | Node::Empty => {}
            Node::Set(set) => {
                join(&mut bytes, set);
            }
            Node::Concat(first, rest) => {
                open.push(*first);
                if lexemes.is_nullable(*first) {
                    open.push(*rest);
                }
            }
            Node::Alt(parts) => open.extend_from_slice(parts),
            // Any of the parts will do.
            Node::And(parts) => match parts.iter().find(|part| lexemes.facts[**part as usize].plain) {
                Some(part) => open.push(*part),
                None => return ANY_BYTE,
            },
            Node::Not(_) => return ANY_BYTE,
            Node::Repeat(body, ..) | Node::Shortest(body) => open.push(*body),
        }
    }
    bytes
}
