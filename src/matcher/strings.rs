//! What every token does inside a string of some language.
//!
//! Like the pack for strings that may hold any text, but made when a place in a language is first masked, and kept by
//! the language's content: schemas that have a pattern or a bound in common share the work.
//!
//! Where a language counts code points, the walk leaves open how many came before it: a place is then the same however
//! far the string has come, and which of the tokens still fit is told from how many code points each begins.
//!
//! Cost: a walk of the token trie with the language's automaton, some 5 ns a node, unless a place is known that is alike
//! (see [`Course`]). Subtrees whose characters all loop
//! on the automaton's state are taken whole, so a class such as `[a-z0-9-]{1,64}` visits some thousands of nodes.

use std::{
    ops::Range,
    sync::{Arc, Weak},
};

use rustc_hash::FxHashMap;

use super::{
    course::{Answer, Course, Explorer},
    shelf::Shelf,
    text::{Endings, Forest, Inside, Node, Tree, may_follow_text},
};
use crate::{
    automaton::lexical::{BodyState, StrState, StringDfa, StringLanguage, escape, unescape::Spelling},
    vocab::{TokenId, TokenMask},
};

/// The tokens below a node of the token trie, as seen from a place in a language.
#[derive(Debug)]
pub struct LanguageTokens {
    walked: Arc<Walked>,
    /// Where code points are counted: the places that a walk came to, by their numbers.
    places: Box<[BodyState]>,
    /// Where texts end, by their numbers.
    ends: Box<[StrState]>,
}

/// What a walk found, in the numbers of the places that it came to. Walks from places that are alike share it.
#[derive(Debug)]
struct Walked {
    tree: Tree,
    /// Those that stay inside the string however long it is.
    inside: Inside,
    /// Where code points are counted: those that end where characters loop, by that place.
    runs: Vec<Run>,
    /// The others and where they end, by that place.
    stops: Box<[(u32, TokenId)]>,
    /// Those that cross the closing quote, as far as JSON can go on so.
    after: Endings,
    /// The same tokens by where the text ends.
    endings: Vec<(u32, Endings)>,
}

/// Tokens that end in a place where characters loop.
#[derive(Debug)]
struct Run {
    place: u32,
    /// What to add to a token's number of code points.
    offset: i32,
    /// The least and the greatest number of code points.
    span: (u16, u16),
    tokens: Inside,
}

/// A language, a place in it, a node of the trie.
type Key = (LanguageId, BodyState, Node, Spelling);

/// The address of a language. Whoever keeps something by it has the address to itself as long as there is a [`Weak`]
/// beside it, which does not keep the language's automaton.
type LanguageId = usize;

/// What tells apart at a glance most places that are not alike: a node of the trie, whether code points are counted,
/// the bytes that may come.
type Look = (Node, Spelling, bool, [u64; 4]);

/// A course, and what was found on it.
type Known = (Arc<Course>, Arc<Walked>);

/// The tables of one vocabulary.
pub struct StringTables {
    forest: Arc<Forest>,
    known: Shelf<Key, (Weak<StringLanguage>, Arc<LanguageTokens>)>,
    courses: Shelf<Look, Arc<[Known]>>,
}

/// More than this is not kept, in bytes.
const MAX_BYTES: usize = 8 << 20;
const MAX_COURSE_BYTES: usize = 6 << 20;

/// Below so few nodes, walking is as cheap as asking whether a walk is known.
const FEW_NODES: u32 = 1_024;

/// A course is kept if asking takes so many times fewer steps than walking.
const WORTH: usize = 8;

/// So many courses are tried.
const MOST_ALIKE: usize = 4;

impl StringTables {
    pub fn new(forest: Arc<Forest>) -> Self {
        Self { forest, known: Shelf::new(MAX_BYTES), courses: Shelf::new(MAX_COURSE_BYTES) }
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
        let (tokens, bytes) = self.look_or_walk(&mut language.lock(), body, node, spelling);
        let tokens = Arc::new(tokens);
        self.known.insert(key, (Arc::downgrade(language), tokens.clone()), bytes + tokens.bytes());
        tokens
    }

    /// The tokens, and how many bytes they take beside what others share.
    fn look_or_walk(
        &self,
        dfa: &mut StringDfa,
        body: BodyState,
        node: Node,
        spelling: Spelling,
    ) -> (LanguageTokens, usize) {
        let counts = dfa.counts();
        let mut explorer = Explorer::new(dfa, body, spelling);
        let (Range { start, end }, _) = self.forest.below(node);
        if end - start < FEW_NODES {
            let (walked, _) = self.walk(&mut explorer, node);
            let bytes = walked.bytes();
            return (LanguageTokens::new(Arc::new(walked), counts, explorer.places, explorer.ends), bytes);
        }
        let look = (node, spelling, counts, explorer.first_bytes());
        let known = self.courses.get(&look);
        for (course, walked) in known.iter().flat_map(|known| &**known) {
            if let Some((places, ends)) = course.repeat(&mut explorer) {
                return (LanguageTokens::new(walked.clone(), counts, places, ends), 0);
            }
        }
        let (walked, steps) = self.walk(&mut explorer, node);
        let bytes = walked.bytes();
        let walked = Arc::new(walked);
        let tokens = LanguageTokens::new(walked.clone(), counts, explorer.places.clone(), explorer.ends.clone());
        if let Some(course) = explorer.course().filter(|course| course.len() * WORTH < steps) {
            let others = known.iter().flat_map(|known| &**known).take(MOST_ALIKE - 1).cloned();
            let known: Arc<[Known]> = std::iter::once((Arc::new(course), walked)).chain(others).collect();
            let held = known.iter().map(|(course, walked)| course.len() * 16 + walked.bytes()).sum();
            self.courses.insert(look, known, held);
        }
        (tokens, bytes)
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
        let LanguageTokens { walked, places, .. } = tokens;
        walked.inside.add_to(mask);
        for run in &walked.runs {
            let StrState { dfa: state, .. } = places[run.place as usize].at;
            let lives = |count: u16| {
                let more = (i32::from(count) + run.offset) as u32;
                dfa.settle(StrState { dfa: state, len: StrState::AFLOAT + more }, len).is_some()
            };
            self.forest.text(walked.tree).add(&run.tokens, run.span, lives, mask);
        }
        for stops in walked.stops.chunk_by(|(one, _), (other, _)| one == other) {
            if escape::settles(dfa, places[stops[0].0 as usize], len, spelling) {
                stops.iter().for_each(|(_, token)| mask.insert(*token));
            }
        }
    }

    /// What is found, and the number of nodes that were visited.
    fn walk(&self, explorer: &mut Explorer, node: Node) -> (Walked, usize) {
        let (tree, forest) = (node.0, &*self.forest);
        let (trie, text) = (forest.trie(tree), forest.text(tree));
        let (Range { start: mut at, end }, above) = forest.below(node);
        let mut found = Found { counts: explorer.dfa.counts(), ..Found::default() };
        // Each with the code points that the path has begun, read as plain text.
        let mut states: Vec<(u32, u16)> = Vec::with_capacity(16);
        let (start, mut steps) = ((0, forest.read(node)), 0);
        while at < end {
            steps += 1;
            let here = trie.nodes()[at as usize];
            let depth = usize::from(here.depth);
            states.truncate(depth - above - 1);
            let (before, begun) = states.last().copied().unwrap_or(start);
            match explorer.step(before, here.byte) {
                Answer::Dead => at = here.next,
                Answer::Close(end) => {
                    let follows = |token: &&TokenId| may_follow_text(&forest.bytes(tree, **token)[depth..]);
                    let endings = trie.tokens_below(at).iter().filter(follows).map(|token| (*token, depth as u16));
                    found.endings.entry(end).or_default().extend(endings);
                    at = here.next;
                }
                Answer::Stay(place) => {
                    let behind = begun + u16::from(here.byte & 0xc0 != 0x80);
                    let [loops_before, loops_here] = explorer.loops(before, place);
                    let from = if loops_before.is_some_and(|loops| text.loops_at(at, here.byte, loops)) {
                        Some((before, begun))
                    } else if loops_here.is_some_and(|loops| text.loops_below(at, loops)) {
                        Some((place, behind))
                    } else {
                        None
                    };
                    if let Some((from, read)) = from {
                        found.run((from, explorer.places[from as usize].at), read, trie.tokens_below(at));
                        at = here.next;
                        continue;
                    }
                    found.stop(place, trie.tokens_at(at));
                    states.push((place, behind));
                    at += 1;
                }
            }
        }
        (found.finish(tree, forest), steps)
    }
}

/// What a walk has found so far.
#[derive(Default)]
struct Found {
    /// The language counts code points.
    counts: bool,
    inside: Vec<TokenId>,
    runs: FxHashMap<(u32, i32), Vec<TokenId>>,
    stops: Vec<(u32, TokenId)>,
    /// With the number of their bytes up to the quote and with it.
    endings: FxHashMap<u32, Vec<(TokenId, u16)>>,
}

impl Found {
    /// Tokens that end in a place.
    fn stop(&mut self, place: u32, tokens: &[TokenId]) {
        match self.counts {
            _ if tokens.is_empty() => {}
            true => self.stops.extend(tokens.iter().map(|token| (place, *token))),
            false => self.inside.extend_from_slice(tokens),
        }
    }

    /// Tokens that go on from a place with characters that loop on it, `read` of their code points being behind.
    fn run(&mut self, (place, at): (u32, StrState), read: u16, tokens: &[TokenId]) {
        if !self.counts {
            return self.inside.extend_from_slice(tokens);
        }
        let offset = (at.len & !StrState::AFLOAT) as i32 - i32::from(read);
        self.runs.entry((place, offset)).or_default().extend_from_slice(tokens);
    }

    fn finish(self, tree: Tree, forest: &Forest) -> Walked {
        let Self { inside, runs, mut stops, endings, .. } = self;
        stops.sort_unstable();
        let vocabulary = forest.vocabulary().len();
        let after = Endings::new(tree, endings.values().flatten().copied());
        let ending = |(end, tokens): (u32, Vec<_>)| (end, Endings::new(tree, tokens.into_iter()));
        let run = |((place, offset), tokens): ((u32, i32), Vec<TokenId>)| {
            let span = forest.text(tree).span(&tokens);
            Run { place, offset, span, tokens: Inside::new(tokens, vocabulary) }
        };
        Walked {
            tree,
            inside: Inside::new(inside, vocabulary),
            runs: runs.into_iter().map(run).collect(),
            stops: stops.into(),
            after,
            endings: endings.into_iter().map(ending).collect(),
        }
    }
}

impl LanguageTokens {
    fn new(walked: Arc<Walked>, counts: bool, places: Vec<BodyState>, ends: Vec<StrState>) -> Self {
        let places = if counts { places.into() } else { Box::default() };
        Self { walked, places, ends: ends.into() }
    }

    /// Those that cross the closing quote, as far as JSON can go on so.
    pub fn after(&self) -> &Endings {
        &self.walked.after
    }

    /// The same tokens by where the text ends.
    pub fn endings(&self) -> impl Iterator<Item = (StrState, &Endings)> {
        self.walked.endings.iter().map(|(end, after)| (self.ends[*end as usize], after))
    }

    fn bytes(&self) -> usize {
        128 + self.places.len() * 12 + self.ends.len() * 8
    }
}

impl Walked {
    /// About the memory held.
    fn bytes(&self) -> usize {
        let endings: usize = self.endings.iter().map(|(_, after)| 16 + after.bytes()).sum();
        let runs: usize = self.runs.iter().map(|run| 32 + run.tokens.bytes()).sum();
        256 + self.inside.bytes() + runs + self.stops.len() * 8 + endings + self.after.bytes()
    }
}
