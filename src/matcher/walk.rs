//! From states to masks: the trie walk and its short cuts.
//!
//! A walk goes down the token trie as long as the automaton goes along. Where it enters the body of a string that may
//! hold any text, the pack takes over: the tokens that stay inside are added as a set, those that cross the closing
//! quote are walked from the state after it. A mask for a state inside such a string is the same without a walk.

use super::{
    pack::{BodyTokens, Pack, ROOT},
    strings::StringTables,
};
use crate::{
    automaton::{
        json::{Free, Key, Lex, Machine, State},
        lexical::{BodyState, Shape},
    },
    vocab::{TokenMask, TokenTrie},
};

/// Adds the tokens that may come next in `state` to `mask`. End tokens are left out.
pub fn allowed(machine: &mut Machine, pack: &Pack, strings: &StringTables, state: State, mask: &mut TokenMask) {
    let mut walk = Walk { machine, pack, strings, mask };
    match open_body(walk.machine, state) {
        Some(body) => walk.body(state, ROOT, body),
        None => {
            let vocabulary = pack.vocabulary().clone();
            walk.down(state, vocabulary.trie(), true);
        }
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
        Lex::String { language, body, text } => {
            if machine.tables.languages[language as usize].is_plain() {
                // Where values are kept, the text so far must be whole to be compared.
                return (text.is_none() || body.sub == 0).then_some(Body::Any { at: body.sub });
            }
            text.is_none().then_some(Body::Of { language, body })
        }
        Lex::Key(Key { free: Free::Any { .. }, at, .. }) => Some(Body::Any { at }),
        _ => None,
    }
}

struct Walk<'a> {
    machine: &'a mut Machine,
    pack: &'a Pack,
    strings: &'a StringTables,
    mask: &'a mut TokenMask,
}

impl Walk<'_> {
    /// Adds the tokens of a trie that the automaton takes. `whole`: the trie is the vocabulary's, and its subtrees are
    /// in the pack.
    fn down(&mut self, start: State, trie: &TokenTrie, whole: bool) {
        let mut states: Vec<State> = Vec::with_capacity(16);
        let mut at = 0;
        while let Some(node) = trie.nodes().get(at as usize) {
            states.truncate(usize::from(node.depth) - 1);
            let before = states.last().copied().unwrap_or(start);
            let Some(state) = self.machine.step(before, node.byte) else {
                at = node.next;
                continue;
            };
            trie.tokens_at(at).iter().for_each(|token| self.mask.insert(*token));
            if whole
                && node.next > at + 1
                && let Some(body) = open_body(self.machine, state)
            {
                self.body(state, at, body);
                at = node.next;
                continue;
            }
            states.push(state);
            at += 1;
        }
    }

    /// Adds the tokens below a node of the vocabulary's trie, from inside a string.
    fn body(&mut self, state: State, node: u32, body: Body) {
        match body {
            Body::Any { at } => self.any_text(state, node, at),
            Body::Of { language, body } => self.text_of(state, node, language, body),
        }
    }

    fn text_of(&mut self, state: State, node: u32, language: u32, body: BodyState) {
        let language = self.machine.tables.languages[language as usize].clone();
        if body.sub == 0 && language.watched() == 0 {
            let (shape, accepts) = {
                let mut dfa = language.lock();
                (dfa.shape(body.at), dfa.accepts(body.at))
            };
            if let (Shape::UpTo(room), true) = (shape, accepts) {
                return self.bounded_text(state, node, body, room);
            }
        }
        let tokens = self.strings.tokens(&language, body, node, self.machine.spelling());
        self.machine.tables.charge_for(&language);
        tokens.inside.add_to(self.mask);
        for (text, trie) in &tokens.endings {
            if let Some(after) = self.machine.after_text(state, *text) {
                self.after(after, trie);
            }
        }
    }

    /// A string that may go on with any text of up to `room` code points and may end after any of them.
    fn bounded_text(&mut self, state: State, node: u32, body: BodyState, room: u32) {
        let pack = self.pack;
        let tokens = pack.body(node, 0, self.machine.spelling());
        tokens.add_inside(room, self.mask);
        if let Some(after) = self.machine.after_text(state, body.at) {
            self.after(after, &tokens.after);
            for content in tokens.contents.iter().filter(|content| content.length > room) {
                content.after.all_tokens().iter().for_each(|token| self.mask.remove(*token));
            }
        }
        self.winding(state, &tokens);
    }

    /// Adds the tokens that cross several quotes, read byte by byte.
    fn winding(&mut self, state: State, tokens: &BodyTokens) {
        for (token, bytes) in &tokens.winding {
            let end = bytes.iter().try_fold(state, |state, byte| self.machine.step(state, *byte));
            if end.is_some() {
                self.mask.insert(*token);
            }
        }
    }

    /// From inside a string that may hold any text.
    fn any_text(&mut self, state: State, node: u32, at: u32) {
        let pack = self.pack;
        let tokens = pack.body(node, at, self.machine.spelling());
        tokens.inside.add_to(self.mask);
        match state.lex {
            Lex::Key(key) => self.cross_key(state, &key, &tokens),
            Lex::String { .. } => {
                // Whatever the text is, the state after the quote is the same, unless it is compared with others.
                let special = self.machine.repeated_endings(state, &tokens.by_content);
                if let Some(after) = self.machine.after_new_string(state) {
                    self.after(after, &tokens.after);
                }
                self.special(&tokens, &special, |machine, text| machine.end_string(state, text));
            }
            _ => unreachable!("only strings and keys have a body"),
        }
        self.winding(state, &tokens);
    }

    /// Adds the tokens of a trie of endings.
    fn after(&mut self, state: State, trie: &TokenTrie) {
        trie.tokens_at_root().iter().for_each(|token| self.mask.insert(*token));
        self.down(state, trie, false);
    }

    /// Adds the tokens that end a key. All keys that the schema does not name and that have not come before lead to
    /// the same state, so the endings are walked once for all of them; the others are walked one by one.
    fn cross_key(&mut self, state: State, key: &Key, tokens: &BodyTokens) {
        let special = self.machine.special_endings(state.frame, key, &tokens.by_content);
        if let Some(after) = self.machine.after_new_key(state.frame) {
            self.after(after, &tokens.after);
        }
        self.special(tokens, &special, |machine, text| machine.end_key(state, text));
    }

    /// Decides the tokens with certain texts before the quote anew.
    fn special(&mut self, tokens: &BodyTokens, special: &[u32], end: impl Fn(&mut Machine, &[u8]) -> Option<State>) {
        for index in special {
            let content = &tokens.contents[*index as usize];
            content.after.all_tokens().iter().for_each(|token| self.mask.remove(*token));
            if let Some(after) = end(self.machine, &content.text) {
                self.after(after, &content.after);
            }
        }
    }
}
