//! From states to masks: the trie walk and its short cuts.
//!
//! A walk goes down the token trie as long as the automaton goes along. Where it enters the body of a string that may
//! hold any text, the pack takes over: the tokens that stay inside are added as a set, those that cross the closing
//! quote are walked from the state after it. A mask for a state inside such a string is the same without a walk.

use std::{ops::Range, sync::Arc};

use super::{
    crossings::Crossings,
    numbers::{NumberTables, NumberTokens},
    pack::{BodyTokens, Pack},
    strings::StringTables,
    text::{Endings, Node, ROOT, Tree},
};
use crate::{
    automaton::{
        json::{FrameId, Free, Key, Lex, Machine, State},
        lexical::{BodyState, NumberState, Shape, StringLanguage},
    },
    vocab::{TokenMask, TokenTrie},
};

/// What is known of a vocabulary.
pub struct VocabularyTables<'a> {
    pub pack: &'a Pack,
    pub strings: &'a StringTables,
    pub numbers: &'a NumberTables,
}

/// Adds the tokens that may come next in `state` to `mask`. End tokens are left out.
pub fn allowed(
    machine: &mut Machine,
    tables: &VocabularyTables,
    crossings: &mut Crossings,
    state: State,
    mask: &mut TokenMask,
) {
    let VocabularyTables { pack, strings, numbers } = *tables;
    let mut walk = Walk { machine, pack, strings, numbers, crossings, frame: state.frame, mask };
    match state.lex {
        Lex::Number { number, state: at, .. } => walk.number(state, number, at),
        _ => match open_body(walk.machine, state) {
            Some(body) => walk.body(state, (Tree::Whole, ROOT), body),
            None if matches!(state.lex, Lex::Key(_) | Lex::String { .. } | Lex::Literal { .. }) => {
                walk.down(state, pack.forest().trie(Tree::Whole), Some(Tree::Whole));
            }
            None => walk.structure(state),
        },
    }
}

/// A place inside a string that needs no walk.
#[derive(Clone, Copy)]
enum Body {
    /// The string may go on with any text from this position.
    Any { at: u32 },
    /// The string is of a language.
    Of { language: u32, body: BodyState },
}

fn open_body(machine: &Machine, state: State) -> Option<Body> {
    match state.lex {
        // Where values are kept, the text so far must be whole to be compared.
        Lex::String { text: Some(_), body: BodyState { sub: 1.., .. }, .. } => None,
        Lex::String { language, body, .. } if machine.tables.languages[language as usize].is_plain() => {
            Some(Body::Any { at: body.sub })
        }
        Lex::String { language, body, .. } => Some(Body::Of { language, body }),
        Lex::Key(Key { free: Free::Any { .. }, at, .. }) => Some(Body::Any { at }),
        Lex::Key(Key { free: Free::Of { language, body, .. }, .. }) => Some(Body::Of { language, body }),
        _ => None,
    }
}

/// In a trie of so many nodes, the nodes of the first level are far apart in memory: where only so few bytes can be read,
/// they are looked up.
const LARGE_TRIE: usize = 4096;
const FEW_BYTES: u32 = 32;

struct Walk<'a> {
    machine: &'a mut Machine,
    pack: &'a Pack,
    strings: &'a StringTables,
    numbers: &'a NumberTables,
    crossings: &'a mut Crossings,
    /// Of the state that is masked. Those that are made on the way are forgotten afterwards.
    frame: FrameId,
    mask: &'a mut TokenMask,
}

/// Tokens with the same text before their quote, or with texts that end alike: what comes after the quote, and the
/// verdicts on the text; None if the string may not end so.
type Part<'a> = (&'a Endings, Option<u32>);

impl Walk<'_> {
    /// From outside of strings and numbers.
    fn structure(&mut self, state: State) {
        let forest = self.pack.forest();
        let tree = match self.machine.skips_blanks(state) {
            true => Tree::Bare,
            false => Tree::Whole,
        };
        if tree == Tree::Bare {
            forest.blank.add_to(self.mask);
        }
        if let Some(number) = self.machine.number_due(state) {
            let language = self.machine.tables.numbers[number as usize].clone();
            if let Some(start) = language.start() {
                let tokens = self.numbers.tokens(&language, start, tree);
                self.number_tokens(state, tree, &tokens);
            }
        }
        // Numbers are done, so their nodes are passed over.
        let trie = forest.trie(tree);
        let mut at = 0;
        while let Some(node) = trie.nodes().get(at as usize) {
            if !matches!(node.byte, b'-' | b'0'..=b'9') {
                self.down_between(state, trie, at..node.next, Some(tree));
            }
            at = node.next;
        }
    }

    fn number(&mut self, state: State, number: u32, at: NumberState) {
        let language = self.machine.tables.numbers[number as usize].clone();
        let tokens = self.numbers.tokens(&language, at, Tree::Whole);
        self.number_tokens(state, Tree::Whole, &tokens);
        if let Some(after) = self.machine.after_number(state) {
            self.structure(after);
        }
    }

    /// Adds the tokens that begin or go on with a number.
    fn number_tokens(&mut self, state: State, tree: Tree, tokens: &NumberTokens) {
        tokens.inside.add_to(self.mask);
        for (verdicts, trie) in &tokens.endings {
            if self.machine.keeps(state.frame) {
                for token in trie.all_tokens() {
                    let mut bytes = self.pack.forest().bytes(tree, *token).iter();
                    if bytes.try_fold(state, |state, byte| self.machine.step(state, *byte)).is_some() {
                        self.mask.insert(*token);
                    }
                }
            } else if let Some(after) = self.machine.after_new_number(state.frame, verdicts) {
                self.down(after, trie, None);
            }
        }
    }

    /// Adds the tokens of a trie that the automaton takes. `tree`: which of the forest's it is, if it is one; the pack
    /// then has its subtrees.
    fn down(&mut self, start: State, trie: &TokenTrie, tree: Option<Tree>) {
        let readable = self.machine.may_read(start);
        let few = readable.iter().map(|bits| bits.count_ones()).sum::<u32>() <= FEW_BYTES;
        if !few || trie.nodes().len() < LARGE_TRIE {
            return self.down_between(start, trie, 0..trie.nodes().len() as u32, tree);
        }
        for byte in (0..=u8::MAX).filter(|byte| readable[usize::from(*byte) / 64] >> (byte % 64) & 1 == 1) {
            if let Some(node) = trie.root(byte) {
                self.down_between(start, trie, node..trie.nodes()[node as usize].next, tree);
            }
        }
    }

    /// As [`Walk::down`], for the nodes of a range, which are children of one node and what is below them.
    fn down_between(&mut self, start: State, trie: &TokenTrie, nodes: Range<u32>, tree: Option<Tree>) {
        let Range { start: mut at, end } = nodes;
        let above = trie.nodes().get(at as usize).map_or(0, |node| usize::from(node.depth) - 1);
        let start = (start, self.machine.may_read(start));
        let mut states: Vec<(State, [u64; 4])> = Vec::with_capacity(16);
        while at < end {
            let node = trie.nodes()[at as usize];
            states.truncate(usize::from(node.depth) - above - 1);
            let (before, readable) = states.last().unwrap_or(&start);
            let readable = readable[usize::from(node.byte) / 64] >> (node.byte % 64) & 1 == 1;
            let Some(state) = readable.then(|| self.machine.step(*before, node.byte)).flatten() else {
                at = node.next;
                continue;
            };
            trie.tokens_at(at).iter().for_each(|token| self.mask.insert(*token));
            if node.next == at + 1 {
                at += 1;
                continue;
            }
            if let Some(tree) = tree
                && let Some(body) = open_body(self.machine, state)
            {
                self.body(state, (tree, at), body);
                at = node.next;
                continue;
            }
            states.push((state, self.machine.may_read(state)));
            at += 1;
        }
    }

    /// Adds the tokens below a node of the vocabulary's trie, from inside a string.
    fn body(&mut self, state: State, node: Node, body: Body) {
        match body {
            Body::Any { at } => self.any_text(state, node, at),
            Body::Of { language, body } => self.text_of(state, node, language, body),
        }
    }

    /// From inside a string that may hold any text.
    fn any_text(&mut self, state: State, node: Node, at: u32) {
        let pack = self.pack;
        let tokens = pack.body(node, at, self.machine.spelling());
        tokens.inside.add_to(self.mask);
        self.cross_alike(state, tokens.after.trie(pack.forest()), Machine::NO_VERDICTS);
        self.decide_anew(state, &tokens);
    }

    /// From inside a string of a language.
    fn text_of(&mut self, state: State, node: Node, language: u32, body: BodyState) {
        let number = language;
        let language = self.machine.tables.languages[number as usize].clone();
        let shape = if body.sub == 0 { language.lock().shape(body.at) } else { Shape::Other };
        match shape {
            Shape::Universal => self.like_any_text(state, node, &language, number, body, None),
            Shape::UpTo(room) => self.like_any_text(state, node, &language, number, body, Some(room)),
            Shape::Other => self.text_by_walk(state, node, &language, number, body),
        }
        if let Lex::Key(key) = state.lex {
            let tokens = self.pack.body(node, key.at, self.machine.spelling());
            self.decide_anew(state, &tokens);
            self.known_keys(state, node, key);
        } else if matches!(state.lex, Lex::String { text: Some(_), .. }) {
            let tokens = self.pack.body(node, 0, self.machine.spelling());
            self.decide_anew(state, &tokens);
        }
    }

    /// Every continuation (of up to `room` code points) stays within the language, so the tokens inside are a plain
    /// string's. Where the text may end is still up to the language.
    fn like_any_text(
        &mut self,
        state: State,
        node: Node,
        language: &Arc<StringLanguage>,
        number: u32,
        body: BodyState,
        room: Option<u32>,
    ) {
        let pack = self.pack;
        let tokens = pack.body(node, 0, self.machine.spelling());
        match room {
            None => tokens.inside.add_to(self.mask),
            Some(room) => pack.add_inside(&tokens, room, self.mask),
        }
        let ends: Vec<_> = {
            let mut dfa = language.lock();
            let stays = dfa.stays_on(body.at);
            let end = |text: &[u8]| match stays {
                true => Some(body.at),
                false => text.iter().try_fold(body.at, |at, byte| dfa.step(at, *byte)),
            };
            let ends: Vec<_> = tokens.contents.iter().map(|content| &*content.text).map(end).collect();
            ends.into_iter().map(|end| end.filter(|end| dfa.accepts(*end))).collect()
        };
        let verdicts = ends.into_iter().map(|end| end.map(|end| self.machine.text_verdicts(number, end)));
        let tries = tokens.contents.iter().map(|content| &content.after);
        let parts: Vec<Part> = tries.zip(verdicts).collect();
        self.cross(state, &tokens.after, &parts);
    }

    fn text_by_walk(&mut self, state: State, node: Node, language: &Arc<StringLanguage>, number: u32, body: BodyState) {
        let (strings, spelling) = (self.strings, self.machine.spelling());
        let tokens = strings.tokens(language, body, node, spelling);
        let ends: Vec<_> = {
            let mut dfa = language.lock();
            strings.add_inside(&tokens, &mut dfa, body.at.len, spelling, self.mask);
            let settled = |(end, _)| dfa.settle(end, body.at.len).filter(|at| dfa.accepts(*at));
            tokens.endings().map(settled).collect()
        };
        self.machine.tables.charge_for(language);
        let verdicts = ends.into_iter().map(|end| end.map(|end| self.machine.text_verdicts(number, end)));
        let parts: Vec<Part> = tokens.endings().map(|(_, after)| after).zip(verdicts).collect();
        self.cross(state, tokens.after(), &parts);
    }

    /// Adds the tokens that end a string or a key that is unlike all others. What comes after the quote is walked once
    /// for all parts if their verdicts agree, as they nearly always do.
    fn cross(&mut self, state: State, all: &Endings, parts: &[Part]) {
        let mut accepted = parts.iter().filter_map(|(_, verdicts)| *verdicts);
        let Some(first) = accepted.next() else { return };
        if accepted.all(|other| other == first) {
            self.cross_alike(state, all.trie(self.pack.forest()), first);
            let refused = parts.iter().filter(|(_, verdicts)| verdicts.is_none());
            for token in refused.flat_map(|(endings, _)| endings.tokens()) {
                self.mask.remove(token);
            }
            return;
        }
        for (endings, verdicts) in parts {
            if let Some(after) = verdicts.and_then(|verdicts| self.machine.after_new_text(state, verdicts)) {
                self.after(after, endings.trie(self.pack.forest()));
            }
        }
    }

    /// Adds the tokens that end a text with these verdicts.
    fn cross_alike(&mut self, state: State, all: &Arc<TokenTrie>, verdicts: u32) {
        let lasts = state.frame == self.frame;
        if let Some(tokens) = self.crossings.get(state, verdicts, all).filter(|_| lasts) {
            return tokens.iter().for_each(|token| self.mask.insert(*token));
        }
        if let Some(after) = self.machine.after_new_text(state, verdicts) {
            self.after(after, all);
        }
        if lasts && self.machine.fault().is_none() {
            let tokens = all.all_tokens().iter().copied().filter(|token| self.mask.contains(*token));
            self.crossings.insert(state, verdicts, all, tokens.collect());
        }
    }

    /// Adds the tokens of a trie of endings.
    fn after(&mut self, state: State, trie: &TokenTrie) {
        trie.tokens_at_root().iter().for_each(|token| self.mask.insert(*token));
        self.down(state, trie, None);
    }

    /// Decides the tokens anew that end a text which is like another: a key that the schema names or that has come
    /// before, a value where values are kept.
    fn decide_anew(&mut self, state: State, tokens: &BodyTokens) {
        let special = match state.lex {
            Lex::Key(key) => self.machine.special_endings(state.frame, &key, &tokens.by_content, &tokens.closing),
            Lex::String { text: Some(_), .. } => {
                self.machine.repeated_endings(state, &tokens.by_content, &tokens.closing)
            }
            _ => return,
        };
        for index in special {
            let content = &tokens.contents[index as usize];
            content.after.tokens().for_each(|token| self.mask.remove(token));
            if let Some(after) = self.machine.end_text(state, &content.text) {
                self.after(after, content.after.trie(self.pack.forest()));
            }
        }
        for (token, bytes) in &tokens.winding {
            let end = bytes.iter().try_fold(state, |state, byte| self.machine.step(state, *byte));
            if end.is_some() { self.mask.insert(*token) } else { self.mask.remove(*token) }
        }
    }

    /// Adds the tokens below a node that go along with the known keys alone.
    fn known_keys(&mut self, state: State, node: Node, mut key: Key) {
        if key.low == key.high {
            return;
        }
        key.free = Free::No;
        let (forest, tree) = (self.pack.forest(), node.0);
        let state = State { lex: Lex::Key(key), ..state };
        self.down_between(state, forest.trie(tree), forest.below(node).0, Some(tree));
    }
}
