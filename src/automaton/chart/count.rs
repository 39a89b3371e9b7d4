//! Rules whose tokens are counted. How many have ended within a rule stands in its return, so a state tells it like
//! everything else that is still to come; where a token ends, all returns are counted on.
//!
//! A rule that may be cut ends where its last token does: then reading goes on where the rule returns to. That is never
//! within a character: each byte that a character lacks may take a token, and as many must be left. One that has exactly
//! so many tokens ends there as well, if what is read in it may end, and nowhere else.

use rustc_hash::FxHashMap;

use super::{
    machine::{Chart, Place, Reading, StateId},
    network::NodeId,
    stack::{END, OUTSIDE, Part, Places, ReturnId, Returns, TOP, Within},
};
use crate::grammar::Tokens;

/// What a change makes of a return.
#[derive(Clone, Debug, Default)]
struct Changed {
    /// None: nothing goes on.
    back: Option<ReturnId>,
    /// Where reading goes on because a rule was cut.
    cut: Vec<(NodeId, ReturnId)>,
}

/// How returns change.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    /// A token ends, and the character that it ends in lacks so many bytes; whether what is read may end there.
    Token { lacking: u32, through: bool },
    /// Nobody counts: every rule that may be cut may be cut here, and later.
    Loosen,
}

/// The bytes that a character lacks at most.
const LONGEST: u32 = 3;

impl Chart {
    /// Tokens are counted in some rule.
    pub fn counts_tokens(&self) -> bool {
        !self.network().counts.is_empty()
    }

    /// Some rule says how many tokens the answer has, and not only where it is cut.
    pub fn bounds_tokens(&self) -> bool {
        self.network().counts.values().any(|tokens| matches!(tokens, Tokens::Within(..)))
    }

    /// The state behind the end of a token. None: the token may not end here.
    pub(super) fn token_ends(&mut self, state: StateId) -> Option<StateId> {
        if !self.counts_tokens() {
            return Some(state);
        }
        self.changed(state, false)
    }

    /// The state of all texts that come here, however their tokens end: for texts whose tokens are not known.
    pub fn loosened(&mut self, state: StateId) -> StateId {
        if !self.counts_tokens() {
            return state;
        }
        self.changed(state, true).unwrap_or(state)
    }

    /// What becomes of the readings of a state where a token of text ends in them: whether some go on, and whether all do.
    pub fn room(&mut self, state: StateId) -> (bool, bool) {
        let expanded = self.expanded(state);
        let (mut some, mut all) = (false, true);
        for (_, back) in expanded.ready.iter() {
            let changed = self.change(*back, Change::Token { lacking: 0, through: true });
            let goes_on = changed.back.is_some() || !changed.cut.is_empty();
            some |= goes_on;
            all &= goes_on;
        }
        (some, all)
    }

    fn changed(&mut self, state: StateId, loosen: bool) -> Option<StateId> {
        if let Some(known) = self.counted.get(&(state, loosen)) {
            return *known;
        }
        let mut kernel = self.kernel(state);
        let mut all: FxHashMap<Place, Vec<ReturnId>> = FxHashMap::default();
        if loosen && kernel.iter().any(|(place, _)| matches!(place.reading(), Reading::Node(_))) {
            // What is called there is counted from then on.
            let expanded = self.expanded(state);
            kernel = expanded.ready.iter().copied().collect();
            if expanded.accepts {
                all.entry(Place::cut(END)).or_default().push(TOP);
            }
        }
        for &(place, back) in kernel.iter() {
            let change = match loosen {
                true => Change::Loosen,
                false => Change::Token { lacking: self.lacking(place, back), through: self.is_through(place) },
            };
            let changed = self.change(back, change);
            if let Some(back) = changed.back {
                all.entry(place).or_default().push(back);
            }
            for (node, back) in changed.cut {
                all.entry(Place::cut(node)).or_default().push(back);
            }
        }
        self.budget().spend(kernel.len());
        let next = (!all.is_empty()).then(|| self.of(all));
        self.counted.insert((state, loosen), next);
        next
    }

    fn change(&mut self, back: ReturnId, change: Change) -> Changed {
        let network = self.network.clone();
        let within = super::machine::within(&network);
        self.returns.change(back, change, &within)
    }

    /// The bytes that the character lacks in which a place is, if tokens are counted there.
    fn lacking(&mut self, place: Place, back: ReturnId) -> u32 {
        if !self.returns.counts(back) || matches!(place.reading(), Reading::Node(_)) {
            return 0;
        }
        let (mut at, mut lacking) = (place, 0);
        while lacking < LONGEST && !self.is_through(at) {
            let begins = (0..=u8::MAX).filter(|byte| !matches!(byte, 0x80..=0xBF));
            if begins.into_iter().any(|byte| self.derive(at, byte).is_some()) {
                break;
            }
            let Some(next) = (0x80..=0xBF).find_map(|byte| self.derive(at, byte)) else { break };
            at = next;
            lacking += 1;
        }
        lacking
    }
}

impl Returns {
    /// Without recursion, since stacks are as deep as texts are nested.
    fn change(&mut self, root: ReturnId, change: Change, within: Within<'_>) -> Changed {
        let mut done: FxHashMap<ReturnId, Changed> = FxHashMap::default();
        let mut open = vec![root];
        while let Some(&of) = open.last() {
            if done.contains_key(&of) {
                open.pop();
                continue;
            }
            if of == TOP || of == OUTSIDE || !self.counts(of) {
                done.insert(of, Changed { back: Some(of), cut: Vec::new() });
                continue;
            }
            let before = open.len();
            let part = self.part(of);
            match &part {
                Part::Places(places) => open.extend(places.iter().map(|place| place.1)),
                Part::Member(_, outside, _) => {
                    open.extend(outside.iter().flat_map(|(_, places)| places.iter().map(|place| place.1)));
                }
                Part::Union(parts) => open.extend_from_slice(parts),
                Part::Counted(_, _, back) => open.push(*back),
            }
            let waits = open[before..].iter().any(|part| !done.contains_key(part));
            if waits {
                continue;
            }
            open.truncate(before);
            let changed = self.change_one(part, change, &done, within);
            done.insert(of, changed);
            if !self.spend() {
                return Changed::default();
            }
        }
        done.remove(&root).unwrap_or_default()
    }

    /// A return whose parts are done.
    fn change_one(
        &mut self,
        part: Part,
        change: Change,
        done: &FxHashMap<ReturnId, Changed>,
        within: Within<'_>,
    ) -> Changed {
        let mut cut = Vec::new();
        let mut places_of = |places: &Places| {
            let mut kept = Vec::with_capacity(places.len());
            for (node, back) in places.iter() {
                let changed = &done[back];
                cut.extend_from_slice(&changed.cut);
                kept.extend(changed.back.map(|back| (*node, back)));
            }
            kept
        };
        let back = match part {
            Part::Places(places) => {
                let kept = places_of(&places);
                (!kept.is_empty()).then(|| self.to(kept))
            }
            Part::Member(circle, outside, rule) => {
                let changed = outside.iter().map(|(rule, places)| (*rule, places_of(places)));
                let changed: Vec<_> = changed.filter(|(_, places)| !places.is_empty()).collect();
                (!changed.is_empty()).then(|| {
                    let circle = self.circle(circle.0, circle.1, changed);
                    self.member(circle, rule)
                })
            }
            Part::Union(parts) => {
                let changed = parts.iter().map(|part| &done[part]);
                cut.extend(changed.clone().flat_map(|changed| changed.cut.iter().copied()));
                let kept: Vec<ReturnId> = changed.filter_map(|changed| changed.back).collect();
                (!kept.is_empty()).then(|| self.union(kept))
            }
            Part::Counted(tokens, count, back) => {
                let outer = &done[&back];
                cut.clone_from(&outer.cut);
                let count = count.saturating_add(1).min(tokens.last());
                match (outer.back, change, tokens) {
                    (None, ..) => None,
                    (Some(back), Change::Loosen, Tokens::Cut(_)) => {
                        cut.extend_from_slice(&self.places(back, within));
                        // It may be cut later as well.
                        Some(self.counted(tokens, 0, back))
                    }
                    (Some(back), Change::Loosen, Tokens::Within(..) | Tokens::First(_)) => Some(back),
                    (Some(back), Change::Token { lacking: 0, .. }, Tokens::Cut(most)) if count >= most => {
                        cut.extend_from_slice(&self.places(back, within));
                        None
                    }
                    (Some(back), Change::Token { through, .. }, Tokens::First(least)) if count >= least => {
                        if through {
                            cut.extend_from_slice(&self.places(back, within));
                        }
                        None
                    }
                    (Some(_), Change::Token { lacking, .. }, Tokens::Cut(most))
                        if count.saturating_add(lacking) > most =>
                    {
                        None
                    }
                    (Some(_), Change::Token { .. }, Tokens::Within(_, Some(most))) if count > most => None,
                    (Some(back), Change::Token { .. }, _) => Some(self.counted(tokens, count, back)),
                }
            }
        };
        cut.sort_unstable();
        cut.dedup();
        Changed { back, cut }
    }
}
