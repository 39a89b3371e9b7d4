//! The way home: a short text that completes a query.
//!
//! A search for the best first over sets of readings. What is left is estimated by the shortest texts of the rules and by
//! what FROM still owes. Of the names that may come only those are tried that can help: tables that supply what is owed,
//! names that something owed is qualified by, and a new name where one must be given. What is found is kept for every set
//! on the way. So a way may be missed where only a derived table would do; then nothing is known, and the matcher keeps
//! away from such places.

use std::{cmp::Reverse, collections::BinaryHeap, sync::Arc};

use rustc_hash::FxHashMap;

use super::{
    admit::Token,
    class::Class,
    intern::NONE,
    lex::{Digits, Lex, State, character},
    machine::{Config, Sql},
    network::Term,
    offered::Offered,
    scope::Scope,
};
use crate::automaton::Recognizer;

/// Sets that one search looks into.
const MOST_VISITS: usize = 400;
/// Continuations of a set that are tried.
const TRIED: usize = 20;
/// Names of one kind that are tried.
const TRIED_NAMES: usize = 4;
/// What something owed counts, in characters.
const OWED: u32 = 16;
/// Names for what must have one.
const NEW: [&str; 3] = ["t1", "t2", "t3"];
/// What a token counts at most: the length of a name that is owed is nobody's choice.
const DEAREST: u32 = 8;

/// A set on the way, how it was reached, and by which text.
struct Visit {
    set: u32,
    cost: u32,
    from: usize,
    text: String,
}

impl Sql {
    /// Text that completes what was read, rather short; None if none was found.
    pub fn home(&mut self, state: State) -> Option<Vec<u8>> {
        let State { set, lex } = state;
        let mut best: Option<Vec<u8>> = None;
        for rest in self.ends_of(state) {
            let mut at = state;
            if self.read(&mut at, &rest) < rest.len() {
                continue;
            }
            let Some(behind) = self.complete(at) else { continue };
            let is_gap = matches!(lex, Lex::Gap(_)) && behind == set;
            let Some(way) = self.home_of(behind) else { continue };
            let mut text = rest;
            let last = text.last().copied().or(if is_gap { None } else { Some(self.last_byte(lex)) });
            let joins = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'.') || byte >= 0x80;
            if let (Some(last), Some(first)) = (last, way.bytes().next())
                && joins(last)
                && joins(first)
            {
                text.push(b' ');
            }
            text.extend_from_slice(way.as_bytes());
            if best.as_ref().is_none_or(|best| text.len() < best.len()) {
                best = Some(text);
            }
        }
        best
    }

    /// A byte like the last one of a token that is whole.
    fn last_byte(&self, lex: Lex) -> u8 {
        match lex {
            Lex::Word(..) | Lex::Number(..) | Lex::Parameter => b'a',
            _ => b')',
        }
    }

    /// Texts that may end what is being read.
    fn ends_of(&mut self, state: State) -> Vec<Vec<u8>> {
        let State { set, lex } = state;
        match lex {
            Lex::Word(text, part) => {
                let begun = [self.names.text(text).as_bytes(), &part[..usize::from(part[3])]].concat();
                let mut ends = if part[3] == 0 { vec![Vec::new()] } else { Vec::new() };
                let offer = self.offer(set);
                for word in &offer.words {
                    ends.extend(self.names.text(*word).as_bytes().strip_prefix(&begun[..]).map(<[u8]>::to_vec));
                }
                for (_, offered) in self.names_of(set).iter() {
                    match offered {
                        Offered::Any => ends.extend([b"_".to_vec(), b"_1".to_vec()]),
                        Offered::These(listed) => ends.extend(self.rests(&listed.bare, &begun)),
                    }
                }
                ends.retain(|rest| !rest.is_empty() || part[3] == 0);
                ends
            }
            Lex::Number(Digits::Exponent | Digits::ExponentSign | Digits::Hex(0), _) => vec![b"1".to_vec()],
            Lex::Quoted(b'\'', _, part) => vec![[character_end(part), b"'".to_vec()].concat()],
            Lex::Quoted(quote, text, part) => {
                let begun = [self.names.text(text).as_bytes(), &part[..usize::from(part[3])]].concat();
                let mut ends = Vec::new();
                for (_, offered) in self.names_of(set).iter() {
                    match offered {
                        Offered::Any => ends.push([character_end(part), b"_".to_vec(), vec![quote]].concat()),
                        Offered::These(listed) => {
                            for mut rest in self.rests(&listed.all, &begun) {
                                rest.push(quote);
                                ends.push(rest);
                            }
                        }
                    }
                }
                ends
            }
            Lex::Sign(text) => {
                let begun = self.names.text(text).to_owned();
                let network = self.plan.dialect.network.clone();
                let rests = network.signs.iter().filter_map(|sign| sign.strip_prefix(&*begun));
                let mut ends: Vec<Vec<u8>> = rests.map(|rest| rest.as_bytes().to_vec()).collect();
                if begun == "." {
                    ends.push(b"0".to_vec());
                }
                ends
            }
            Lex::Hex(odd) => vec![if odd { b"0'".to_vec() } else { b"'".to_vec() }],
            Lex::LineComment => vec![b"\n".to_vec()],
            Lex::BlockComment(_) => vec![b"*/".to_vec()],
            Lex::Gap(_) | Lex::Number(..) | Lex::Closed(..) | Lex::HexEnd | Lex::Parameter => vec![Vec::new()],
        }
    }

    /// What is left of names that begin so.
    fn rests(&self, names: &[u32], begun: &[u8]) -> Vec<Vec<u8>> {
        let from = names.partition_point(|name| self.names.text(*name).as_bytes() < begun);
        let rests = names[from..].iter().map_while(|name| self.names.text(*name).as_bytes().strip_prefix(begun));
        rests.take(TRIED_NAMES).map(<[u8]>::to_vec).collect()
    }

    /// A short text from a set to the end.
    fn home_of(&mut self, set: u32) -> Option<Arc<str>> {
        if let Some(known) = self.ways.get(&set) {
            return known.clone();
        }
        let found = self.search_home(set);
        if found.is_none() {
            self.ways.insert(set, None);
        }
        found
    }

    fn search_home(&mut self, start: u32) -> Option<Arc<str>> {
        let mut visits = vec![Visit { set: start, cost: 0, from: usize::MAX, text: String::new() }];
        let mut costs: FxHashMap<u32, u32> = FxHashMap::default();
        let mut open = BinaryHeap::new();
        open.push((Reverse(self.estimate(start)), Reverse(0)));
        let mut looked_at = 0;
        while let Some((_, Reverse(at))) = open.pop() {
            looked_at += 1;
            if looked_at > MOST_VISITS || !self.budget.spend(64) {
                return None;
            }
            let (set, cost) = (visits[at].set, visits[at].cost);
            let offer = self.offer(set);
            let rest = if offer.ends { Some(Arc::from("")) } else { self.ways.get(&set).cloned().flatten() };
            if let Some(rest) = rest {
                return Some(self.keep_way(&visits, at, &rest));
            }
            for (token, text) in self.tries(set) {
                let Some(next) = self.advance(set, token) else { continue };
                let cost = cost + (text.len() as u32).min(DEAREST) + 1;
                if costs.get(&next).is_some_and(|known| *known <= cost) {
                    continue;
                }
                costs.insert(next, cost);
                visits.push(Visit { set: next, cost, from: at, text });
                let estimate = cost + 3 * self.estimate(next);
                open.push((Reverse(estimate), Reverse(visits.len() - 1)));
            }
        }
        None
    }

    /// Keeps what is left of the way for each set on it. The whole way.
    fn keep_way(&mut self, visits: &[Visit], mut at: usize, rest: &str) -> Arc<str> {
        let mut way: Arc<str> = rest.into();
        loop {
            let visit = &visits[at];
            self.ways.insert(visit.set, Some(way.clone()));
            if visit.from == usize::MAX {
                return way;
            }
            way = joined(&visit.text, &way).into();
            at = visit.from;
        }
    }

    /// About the length of what is left.
    fn estimate(&self, set: u32) -> u32 {
        self.sets.get(set).iter().map(|config| self.estimate_of(config)).min().unwrap_or(u32::MAX / 4)
    }

    fn estimate_of(&self, config: &Config) -> u32 {
        let network = &self.plan.dialect.network;
        let mut left = network.short[config.node as usize];
        let mut frame = config.frame;
        while frame != NONE {
            let here = self.frames.get(frame);
            left += network.short[here.node as usize];
            frame = here.below;
        }
        let mut at = config.env.scope;
        while at != NONE {
            let scope = self.scopes.get(at);
            left += OWED * self.owed(scope).len() as u32;
            at = scope.up;
        }
        left
    }

    /// What qualifies columns that no relation supplies, and such columns without a qualifier.
    fn owed(&self, scope: &Scope) -> Vec<(u32, u32)> {
        let mut owed: Vec<(u32, u32)> = Vec::new();
        for pending in scope.pending.iter().filter(|_| scope.open) {
            let is_there = scope.relations.iter().any(|relation| match pending.qualifier {
                NONE => self.cols.get(relation.cols).contains(&pending.column),
                name => relation.name == name,
            });
            let key = if pending.qualifier == NONE { (NONE, pending.column) } else { (pending.qualifier, NONE) };
            if !is_there && owed.last() != Some(&key) {
                owed.push(key);
            }
        }
        owed
    }

    /// Tokens that are tried behind a set.
    fn tries(&mut self, set: u32) -> Vec<(Token, String)> {
        let (offer, least) = (self.offer(set), self.estimate(set));
        let mut edges: Vec<(u32, Term, Config)> = Vec::new();
        for (term, config) in &offer.edges {
            let network = &self.plan.dialect.network;
            let left = network.length(*term, &self.names) + self.estimate_of(config);
            // What makes an expression longer is of use only where it must come.
            if left <= least || !network.idle[config.node as usize] {
                edges.push((left, *term, *config));
            }
        }
        edges.sort_unstable_by_key(|(estimate, ..)| *estimate);
        let mut tries: Vec<(Token, String)> = Vec::new();
        for (_, term, config) in edges {
            if tries.len() >= TRIED {
                break;
            }
            let found = match term {
                Term::Word(word) => vec![(Token::Word(word), self.names.text(word).to_ascii_uppercase())],
                Term::Sign(sign) => {
                    vec![(Token::Sign(sign), self.plan.dialect.network.signs[usize::from(sign)].to_string())]
                }
                Term::Class(class) => self.tries_of(class, config),
            };
            for one in found {
                if !tries.contains(&one) {
                    tries.push(one);
                }
            }
        }
        tries
    }

    fn tries_of(&mut self, class: Class, config: Config) -> Vec<(Token, String)> {
        let scope = self.scopes.get(config.env.scope).clone();
        match class {
            Class::Number => vec![(Token::Number(1), "1".to_owned())],
            Class::String => vec![(Token::Text(NONE), "''".to_owned())],
            // There are shorter ways without them.
            Class::Blob | Class::Parameter | Class::Qualifier | Class::Starred | Class::Ids | Class::Any => Vec::new(),
            Class::Scalar | Class::Aggregate | Class::Window | Class::WindowName | Class::AnyType => Vec::new(),
            Class::RelAs | Class::RelIds => {
                let owed: Vec<u32> = self.owed(&scope).into_iter().map(|(qualifier, _)| qualifier).collect();
                let mut names: Vec<u32> = owed.into_iter().filter(|name| *name != NONE).take(TRIED_NAMES).collect();
                names.extend(self.new_names());
                names.into_iter().map(|name| (Token::Word(name), self.names.text(name).to_owned())).collect()
            }
            Class::As | Class::Cte | Class::CteColumn | Class::WindowDef => {
                self.new_names().into_iter().map(|name| (Token::Word(name), self.names.text(name).to_owned())).collect()
            }
            _ => {
                let Offered::These(listed) = self.offered(class, config.env) else { return Vec::new() };
                let mut names = listed.all.clone();
                if class == Class::Table {
                    names.sort_by_key(|name| Reverse(self.supplies(&scope, *name)));
                }
                names.truncate(TRIED_NAMES);
                names.into_iter().map(|name| self.spelled(name)).collect()
            }
        }
    }

    fn new_names(&mut self) -> Vec<u32> {
        NEW.iter().map(|name| self.names.exact(name)).collect()
    }

    /// How much of what is owed a table supplies; a table that supplies all that has one qualifier counts more.
    fn supplies(&self, scope: &Scope, table: u32) -> usize {
        let cte = scope.ctes.iter().find(|cte| cte.name == table);
        let columns: &[u32] = match cte {
            Some(cte) => self.cols.get(cte.cols),
            None => match self.plan.table_numbers.get(&table) {
                Some(number) => &self.plan.tables[*number as usize].columns,
                None => &[],
            },
        };
        let mut supplied = 0;
        for (qualifier, column) in self.owed(scope) {
            let mut wanted = scope.pending.iter().filter(|owed| owed.qualifier == qualifier);
            supplied += match qualifier {
                NONE => usize::from(columns.contains(&column)),
                _ => 2 * usize::from(wanted.all(|owed| owed.column == NONE || columns.contains(&owed.column))),
            };
        }
        supplied
    }

    /// A name as it is written.
    fn spelled(&self, name: u32) -> (Token, String) {
        let text = self.names.text(name);
        if self.is_bare(name) && !self.is_keyword(name) {
            return (Token::Word(name), text.to_owned());
        }
        (Token::Quoted(b'"', name), format!("\"{}\"", text.replace('"', "\"\"")))
    }
}

/// Bytes that complete a character.
fn character_end(part: [u8; 4]) -> Vec<u8> {
    let (mut part, mut bytes) = (part, Vec::new());
    while part[3] > 0 {
        let next = (0x80..=0xbf).find_map(|byte| character(part, byte).map(|read| (byte, read)));
        let Some((byte, read)) = next else { break };
        bytes.push(byte);
        part = read.err().unwrap_or_default();
    }
    bytes
}

/// Two texts with a blank between them where they would run together.
fn joined(one: &str, other: &str) -> String {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'.') || byte >= 0x80;
    let runs = one.bytes().last().is_some_and(is_word) && other.bytes().next().is_some_and(is_word);
    // A point after a name belongs to it.
    let point = other.starts_with('.') || one.ends_with('.');
    if runs && !point { format!("{one} {other}") } else { format!("{one}{other}") }
}
