//! The shortest way to an end.
//!
//! What a rule takes at least is worked out once, from its callees; from a state on, the way leads through what is being
//! read to where it returns to, again and again, until nothing is left to return to.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
};

use rustc_hash::FxHashMap;

use super::{
    machine::{Chart, Place, Reading, StateId},
    network::{NodeId, Symbol},
    stack::{END, ReturnId},
};

/// No text of any length.
const NEVER: u32 = u32::MAX;
/// A way home that is longer than this is not written out.
const LONGEST: usize = 1 << 20;

/// Bytes, or characters, that are needed at least.
#[derive(Debug)]
pub struct Lengths {
    /// From a node to the end of its rule.
    nodes: Vec<u32>,
    /// Per node, the edge that is taken first: the one by which its length was found, so that the way does end.
    edges: Vec<u32>,
    lexemes: FxHashMap<u32, u32>,
    parts: Vec<u32>,
}

impl Lengths {
    fn of(&self, symbol: Symbol, starts: &[NodeId]) -> u32 {
        match symbol {
            Symbol::Lexeme(rx) => self.lexemes.get(&rx).copied().unwrap_or(NEVER),
            Symbol::Part(part) => self.parts[part as usize],
            Symbol::Call(rule) | Symbol::Skip(rule) => self.nodes[starts[rule.0 as usize] as usize],
        }
    }
}

/// A place to which the way leads, and from which one it came.
type Hop = (NodeId, ReturnId);

impl Chart {
    /// A text that completes what was read so far, about as short as there is one; None if none is known.
    pub fn home(&mut self, state: StateId) -> Option<Vec<u8>> {
        let expanded = self.expanded(state);
        if expanded.accepts {
            return Some(Vec::new());
        }
        let lengths = self.lengths();
        let mut queue: BinaryHeap<Reverse<(u32, Hop)>> = BinaryHeap::new();
        let mut from: FxHashMap<Hop, (u32, Result<Hop, Place>)> = FxHashMap::default();
        for &(place, back) in &expanded.ready {
            let Some(rest) = self.rest_of(place) else { continue };
            let length = u32::try_from(self.lexemes.weight(&rest)).unwrap_or(NEVER);
            for hop in self.places(back).iter() {
                reach(&mut queue, &mut from, *hop, length, Err(place));
            }
        }
        let mut end = None;
        while let Some(Reverse((length, hop))) = queue.pop() {
            if from.get(&hop).is_some_and(|known| known.0 < length) {
                continue;
            }
            if hop.0 == END {
                end = Some(hop);
                break;
            }
            let Some(length) = length.checked_add(lengths.nodes[hop.0 as usize]).filter(|it| *it != NEVER) else {
                continue;
            };
            if !self.budget().spend(1) {
                break;
            }
            for next in self.places(hop.1).iter() {
                reach(&mut queue, &mut from, *next, length, Ok(hop));
            }
        }
        let text = end.and_then(|end| self.way(end, &from, &lengths));
        self.lengths = Some(lengths);
        text
    }

    fn way(
        &mut self,
        end: Hop,
        from: &FxHashMap<Hop, (u32, Result<Hop, Place>)>,
        lengths: &Lengths,
    ) -> Option<Vec<u8>> {
        let (mut hops, mut at) = (Vec::new(), end);
        let place = loop {
            match from.get(&at)?.1 {
                Ok(before) => {
                    hops.push(before.0);
                    at = before;
                }
                Err(place) => break place,
            }
        };
        let mut text = self.rest_of(place)?;
        for node in hops.into_iter().rev() {
            self.spell(node, lengths, &mut text)?;
        }
        Some(text)
    }

    /// Writes what is shortest from a node to the end of its rule.
    fn spell(&mut self, node: NodeId, lengths: &Lengths, text: &mut Vec<u8>) -> Option<()> {
        let mut open = vec![node];
        while let Some(node) = open.pop() {
            let profile = &self.network().profiles[node as usize];
            if profile.is_final {
                continue;
            }
            let starts = &self.network().starts;
            let &(symbol, next) = profile.edges.get(lengths.edges[node as usize] as usize)?;
            open.push(next);
            match symbol {
                Symbol::Lexeme(rx) => text.extend_from_slice(&self.lexemes.shortest(rx)?),
                Symbol::Part(part) => text.extend(self.shortest_value(part)?),
                Symbol::Call(rule) | Symbol::Skip(rule) => open.push(starts[rule.0 as usize]),
            }
            if text.len() > LONGEST || !self.budget().spend(1) {
                return None;
            }
        }
        Some(())
    }

    /// What completes the lexeme or the value.
    fn rest_of(&mut self, place: Place) -> Option<Vec<u8>> {
        match place.reading() {
            Reading::Lexeme(rx) => self.lexemes.shortest(rx).map(Vec::from),
            Reading::Part(number) => self.rest_of_value(number),
            Reading::Node(_) => None,
        }
    }

    fn lengths(&mut self) -> Lengths {
        if let Some(lengths) = self.lengths.take() {
            return lengths;
        }
        let mut lexemes: FxHashMap<u32, u32> = FxHashMap::default();
        let symbols: Vec<Symbol> =
            self.network().profiles.iter().flat_map(|profile| profile.edges.iter().map(|edge| edge.0)).collect();
        for symbol in symbols {
            if let Symbol::Lexeme(rx) = symbol
                && !lexemes.contains_key(&rx)
            {
                let shortest = self.lexemes.shortest(rx);
                let length = |text: Box<[u8]>| u32::try_from(self.lexemes.weight(&text)).unwrap_or(NEVER);
                lexemes.insert(rx, shortest.map_or(NEVER, length));
            }
        }
        let parts = (0..self.network().parts.len() as u32)
            .map(|part| self.shortest_value(part).map_or(NEVER, |text| u32::try_from(text.len()).unwrap_or(NEVER)))
            .collect();
        let count = self.network().profiles.len();
        let mut lengths = Lengths { nodes: vec![NEVER; count], edges: vec![0; count], lexemes, parts };
        self.settle_lengths(&mut lengths);
        lengths
    }

    /// Looks at nodes again as long as something that they lead to became shorter.
    fn settle_lengths(&self, lengths: &mut Lengths) {
        let network = self.network();
        let mut users: Vec<Vec<NodeId>> = vec![Vec::new(); network.profiles.len()];
        for (profile, node) in network.profiles.iter().zip(0..) {
            for (symbol, next) in &profile.edges {
                users[*next as usize].push(node);
                if let Some(rule) = super::network::called(*symbol) {
                    users[network.starts[rule.0 as usize] as usize].push(node);
                }
            }
        }
        let mut queue: VecDeque<NodeId> = (0..network.profiles.len() as NodeId).rev().collect();
        let mut waits = vec![true; network.profiles.len()];
        while let Some(node) = queue.pop_front() {
            waits[node as usize] = false;
            let profile = &network.profiles[node as usize];
            let by_edge = |(&(symbol, next), edge): (&(Symbol, NodeId), u32)| {
                (lengths.of(symbol, &network.starts).saturating_add(lengths.nodes[next as usize]), edge)
            };
            let least = profile.edges.iter().zip(0..).map(by_edge).min().unwrap_or((NEVER, 0));
            let least = if profile.is_final { (0, 0) } else { least };
            if least.0 < lengths.nodes[node as usize] {
                (lengths.nodes[node as usize], lengths.edges[node as usize]) = least;
                for user in &users[node as usize] {
                    if !std::mem::replace(&mut waits[*user as usize], true) {
                        queue.push_back(*user);
                    }
                }
            }
            if !self.budget().spend(1) {
                return;
            }
        }
    }
}

/// Notes a hop if this way to it is the shortest so far.
fn reach(
    queue: &mut BinaryHeap<Reverse<(u32, Hop)>>,
    from: &mut FxHashMap<Hop, (u32, Result<Hop, Place>)>,
    hop: Hop,
    length: u32,
    way: Result<Hop, Place>,
) {
    if from.get(&hop).is_none_or(|known| length < known.0) {
        from.insert(hop, (length, way));
        queue.push(Reverse((length, hop)));
    }
}
