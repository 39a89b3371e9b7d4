//! What every token does inside a string of some language.
//!
//! Like the pack for strings that may hold any text, but made when a place in a language is first masked, and kept by
//! the language's content: schemas that have a pattern or a bound in common share the work.
//!
//! Where a language counts code points, the walk leaves open how many came before it: a place is then the same however
//! far the string has come, and which of the tokens still fit is told from how many code points each begins.
//!
//! Cost: a walk of the token trie with the language's automaton, some 10 ns a node. Subtrees whose characters all loop
//! on the automaton's state are taken whole, so a class such as `[a-z0-9-]{1,64}` visits some thousands of nodes.

use std::{ops::Range, sync::Arc};

use rustc_hash::FxHashMap;

use super::{
    shelf::Shelf,
    text::{Endings, Forest, Inside, Node, Tree, may_follow_text},
};
use crate::{
    automaton::lexical::{BodyState, BodyStep, Loops, StrState, StringDfa, StringLanguage, escape, unescape::Spelling},
    vocab::{TokenId, TokenMask},
};

/// The tokens below a node of the token trie, as seen from a place in a language.
#[derive(Debug)]
pub struct LanguageTokens {
    tree: Tree,
    /// Those that stay inside the string however long it is.
    inside: Inside,
    /// Where code points are counted: those that end where characters loop, by that place.
    runs: Vec<Run>,
    /// The others, by where they end.
    ends: Vec<(BodyState, Vec<TokenId>)>,
    /// Those that cross the closing quote, as far as JSON can go on so.
    pub after: Endings,
    /// The same tokens by where the text ends.
    pub endings: Vec<Ending>,
}

/// Tokens that end in a place where characters loop.
#[derive(Debug)]
struct Run {
    dfa: u32,
    /// What to add to a token's number of code points.
    offset: i32,
    /// The least and the greatest number of code points.
    span: (u16, u16),
    tokens: Inside,
}

/// The tokens that cross the closing quote where a text ends.
#[derive(Debug)]
pub struct Ending {
    at: StrState,
    pub after: Endings,
}

/// A language (by its address, which the entry keeps alive), a place in it, a node of the trie.
type Key = (usize, BodyState, Node, Spelling);

/// The tables of one vocabulary.
pub struct StringTables {
    forest: Arc<Forest>,
    known: Shelf<Key, (Arc<StringLanguage>, Arc<LanguageTokens>)>,
}

/// More than this is not kept, in bytes.
const MAX_BYTES: usize = 24 << 20;

impl StringTables {
    pub fn new(forest: Arc<Forest>) -> Self {
        Self { forest, known: Shelf::new(MAX_BYTES) }
    }

    /// The same tables with nothing known about any language.
    pub fn emptied(&self) -> Self {
        Self::new(self.forest.clone())
    }

    /// The tokens below `node` from a place in a language.
    pub fn tokens(
        &self,
        language: &Arc<StringLanguage>,
        body: BodyState,
        node: Node,
        spelling: Spelling,
    ) -> Arc<LanguageTokens> {
        let body = BodyState { at: language.afloat(body.at), ..body };
        let key = (Arc::as_ptr(language) as usize, body, node, spelling);
        if let Some((_, tokens)) = self.known.get(&key) {
            return tokens;
        }
        let tokens = Arc::new(self.walk(&mut language.lock(), body, node, spelling));
        self.known.insert(key, (language.clone(), tokens.clone()), tokens.bytes());
        tokens
    }

    /// Adds the tokens that stay inside a string of which `len` code points have come.
    pub fn add_inside(
        &self,
        tokens: &LanguageTokens,
        dfa: &mut StringDfa,
        len: u32,
        spelling: Spelling,
        mask: &mut TokenMask,
    ) {
        tokens.inside.add_to(mask);
        for run in &tokens.runs {
            let lives = |count: u16| {
                let more = (i32::from(count) + run.offset) as u32;
                dfa.settle(StrState { dfa: run.dfa, len: StrState::AFLOAT + more }, len).is_some()
            };
            self.forest.text(tokens.tree).add(&run.tokens, run.span, lives, mask);
        }
        for (end, ids) in &tokens.ends {
            if escape::settles(dfa, *end, len, spelling) {
                ids.iter().for_each(|token| mask.insert(*token));
            }
        }
    }

    fn walk(&self, dfa: &mut StringDfa, start: BodyState, node: Node, spelling: Spelling) -> LanguageTokens {
        let (tree, forest) = (node.0, &*self.forest);
        let (trie, text) = (forest.trie(tree), forest.text(tree));
        let (Range { start: mut at, end }, above) = forest.below(node);
        let mut found = Found { counts: dfa.counts(), ..Found::default() };
        let mut loops: FxHashMap<u32, Loops> = FxHashMap::default();
        // Each with the code points that the path has begun, read as plain text.
        let mut states: Vec<(BodyState, u16)> = Vec::with_capacity(16);
        let start = (start, forest.read(node));
        while at < end {
            let here = trie.nodes()[at as usize];
            let depth = usize::from(here.depth);
            states.truncate(depth - above - 1);
            let (before, begun) = states.last().copied().unwrap_or(start);
            match escape::step_spelled(dfa, before, here.byte, spelling) {
                BodyStep::Dead => at = here.next,
                BodyStep::Close(end) => {
                    let follows = |token: &&TokenId| may_follow_text(&forest.bytes(tree, **token)[depth..]);
                    let endings = trie.tokens_below(at).iter().filter(follows).map(|token| (*token, depth as u16));
                    found.endings.entry(end).or_default().extend(endings);
                    at = here.next;
                }
                BodyStep::Stay(state) => {
                    // What loops on a state is asked once a byte does; until then it costs more than it saves.
                    if state.sub == 0 && before.sub == 0 && state.at.dfa == before.at.dfa {
                        loops.entry(state.at.dfa).or_insert_with(|| text_loops(dfa, state.at));
                    }
                    let whole = |state: BodyState| state.sub == 0 && loops.contains_key(&state.at.dfa);
                    let from = if whole(before) && text.loops_at(at, here.byte, loops[&before.at.dfa]) {
                        Some((before, begun))
                    } else if whole(state) && text.loops_below(at, loops[&state.at.dfa]) {
                        Some((state, begun + u16::from(here.byte & 0xc0 != 0x80)))
                    } else {
                        None
                    };
                    if let Some((from, read)) = from {
                        found.run(from.at, read, trie.tokens_below(at));
                        at = here.next;
                        continue;
                    }
                    found.end(state, trie.tokens_at(at));
                    states.push((state, begun + u16::from(here.byte & 0xc0 != 0x80)));
                    at += 1;
                }
            }
        }
        found.finish(tree, forest)
    }
}

/// What a walk has found so far.
#[derive(Default)]
struct Found {
    /// The language counts code points.
    counts: bool,
    inside: Vec<TokenId>,
    runs: FxHashMap<(u32, i32), Vec<TokenId>>,
    ends: FxHashMap<BodyState, Vec<TokenId>>,
    /// With the number of their bytes up to the quote and with it.
    endings: FxHashMap<StrState, Vec<(TokenId, u16)>>,
}

impl Found {
    /// Tokens that end in `state`.
    fn end(&mut self, state: BodyState, tokens: &[TokenId]) {
        match self.counts {
            _ if tokens.is_empty() => {}
            true => self.ends.entry(state).or_default().extend_from_slice(tokens),
            false => self.inside.extend_from_slice(tokens),
        }
    }

    /// Tokens that go on from `state` with characters that loop on it, `read` of their code points being behind.
    fn run(&mut self, state: StrState, read: u16, tokens: &[TokenId]) {
        if !self.counts {
            return self.inside.extend_from_slice(tokens);
        }
        let offset = (state.len & !StrState::AFLOAT) as i32 - i32::from(read);
        self.runs.entry((state.dfa, offset)).or_default().extend_from_slice(tokens);
    }

    fn finish(self, tree: Tree, forest: &Forest) -> LanguageTokens {
        let Self { inside, runs, ends, endings, .. } = self;
        let vocabulary = forest.vocabulary().len();
        let after = Endings::new(tree, endings.values().flatten().copied());
        let ending = |(at, tokens): (StrState, Vec<_>)| Ending { at, after: Endings::new(tree, tokens.into_iter()) };
        let run = |((dfa, offset), tokens): ((u32, i32), Vec<TokenId>)| {
            let span = forest.text(tree).span(&tokens);
            Run { dfa, offset, span, tokens: Inside::new(tokens, vocabulary) }
        };
        LanguageTokens {
            tree,
            inside: Inside::new(inside, vocabulary),
            runs: runs.into_iter().map(run).collect(),
            ends: ends.into_iter().collect(),
            after,
            endings: endings.into_iter().map(ending).collect(),
        }
    }
}

impl Ending {
    /// Where the text ends, `len` code points having come before the tokens; `None` if it may not.
    pub fn settle(&self, dfa: &mut StringDfa, len: u32) -> Option<StrState> {
        dfa.settle(self.at, len).filter(|at| dfa.accepts(*at))
    }
}

/// The characters that loop on a state and stand for themselves in a string.
fn text_loops(dfa: &mut StringDfa, state: StrState) -> Loops {
    let Loops { ascii, others } = dfa.loops_on(state);
    let raw = !0u128 << 0x20 & !(1 << b'"') & !(1 << b'\\');
    Loops { ascii: ascii & raw, others }
}

impl LanguageTokens {
    fn bytes(&self) -> usize {
        let endings: usize = self.endings.iter().map(|ending| ending.after.bytes()).sum();
        let ends: usize = self.ends.iter().map(|(_, tokens)| 40 + tokens.len() * 4).sum();
        let runs: usize = self.runs.iter().map(|run| 16 + run.tokens.bytes()).sum();
        256 + self.inside.bytes() + runs + ends + endings + self.after.bytes()
    }
}
