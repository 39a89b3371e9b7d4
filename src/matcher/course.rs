//! The course of a walk: what it asked of a language, and what it was told.
//!
//! What tokens do behind a place in a language hangs on the answers to a few hundred questions: where does this byte lead
//! from here. Another place, in this language or another, from which the same questions have the same answers, as far as
//! they can be told apart, has the same tokens; asking is a hundred times cheaper than walking the tokens. So the tenth
//! word of `(\S+\s+){0,49}\S+` costs little more than a look-up, and so does a host's name under another bound.

use rustc_hash::FxHashMap;

use crate::automaton::lexical::{
    BodyState, BodyStep, Loops, StrState, StringDfa,
    escape::{self, ESCAPES},
    unescape::Spelling,
};

/// What a byte does in a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Dead,
    /// The number of the place behind it.
    Stay(u32),
    /// The closing quote: the number of the place where the text ends.
    Close(u32),
}

/// Everything that a walk was told, in the order in which it asked.
#[derive(Debug)]
pub struct Course {
    answers: Vec<(u32, Bytes, Answer)>,
    /// Places on which these characters loop, which the walk made use of.
    loops: Vec<(u32, Loops)>,
    places: Box<[BodyState]>,
    ends: usize,
}

/// In a language that tells more bytes apart, places are hardly ever come to twice: nothing is remembered of them.
const MOST_CLASSES: usize = 96;

/// What takes more answers is not worth keeping.
const MOST_ANSWERS: usize = 4_096;

/// Bytes that a language does not tell apart, both ends included.
#[derive(Clone, Copy, Debug)]
struct Bytes {
    first: u8,
    last: u8,
}

/// The part of a language that a walk comes to, its places numbered as they are met.
pub struct Explorer<'a> {
    pub dfa: &'a mut StringDfa,
    spelling: Spelling,
    class_of: [u8; 256],
    classes: Vec<Bytes>,
    pub places: Vec<BodyState>,
    number_of: FxHashMap<BodyState, u32>,
    /// A row a place, by class; where escapes are read, `escaped` is asked instead.
    rows: Vec<Option<Answer>>,
    escaped: FxHashMap<(u32, u8), Answer>,
    pub ends: Vec<StrState>,
    /// What loops on a place, where that is known: its index in `loops`.
    looping: Vec<Option<u32>>,
    loops: Vec<Loops>,
    loops_of: FxHashMap<u32, u32>,
    asked: Vec<(u32, Bytes, Answer)>,
    /// All that was asked is in `asked`.
    complete: bool,
}

impl<'a> Explorer<'a> {
    /// The start is place 0.
    pub fn new(dfa: &'a mut StringDfa, start: BodyState, spelling: Spelling) -> Self {
        let (mut class_of, mut classes) = ([0; 256], vec![Bytes { first: 0, last: 0 }]);
        for byte in 1..=u8::MAX {
            if dfa.class(byte) == dfa.class(byte - 1) && !escape::tells_from_below(byte) {
                classes.last_mut().into_iter().for_each(|class| class.last = byte);
            } else {
                classes.push(Bytes { first: byte, last: byte });
            }
            class_of[usize::from(byte)] = (classes.len() - 1) as u8;
        }
        let mut explorer = Self {
            dfa,
            spelling,
            class_of,
            classes,
            places: Vec::new(),
            number_of: FxHashMap::default(),
            rows: Vec::new(),
            escaped: FxHashMap::default(),
            ends: Vec::new(),
            looping: Vec::new(),
            loops: Vec::new(),
            loops_of: FxHashMap::default(),
            asked: Vec::new(),
            complete: true,
        };
        explorer.complete = !explorer.is_wide();
        explorer.number(start);
        explorer
    }

    fn number(&mut self, place: BodyState) -> u32 {
        let wide = self.is_wide();
        let Self { places, rows, number_of, classes, looping, loops_of, .. } = self;
        let mut add = || {
            places.push(place);
            looping.push(if place.sub == 0 { loops_of.get(&place.at.dfa).copied() } else { None });
            if !wide {
                rows.resize(places.len() * classes.len(), None);
            }
            places.len() as u32 - 1
        };
        if wide { add() } else { *number_of.entry(place).or_insert_with(add) }
    }

    fn is_wide(&self) -> bool {
        self.classes.len() > MOST_CLASSES
    }

    #[inline]
    pub fn step(&mut self, from: u32, byte: u8) -> Answer {
        let cell = from as usize * self.classes.len() + usize::from(self.class_of[usize::from(byte)]);
        match self.rows.get(cell) {
            Some(Some(answer)) => *answer,
            _ => self.ask(from, byte, cell),
        }
    }

    #[cold]
    fn ask(&mut self, from: u32, byte: u8, cell: usize) -> Answer {
        let place = self.places[from as usize];
        let escaped = place.phase() >= ESCAPES;
        if escaped && let Some(answer) = self.escaped.get(&(from, byte)) {
            return *answer;
        }
        let answer = match escape::step_spelled(self.dfa, place, byte, self.spelling) {
            BodyStep::Dead => Answer::Dead,
            BodyStep::Stay(place) => Answer::Stay(self.number(place)),
            BodyStep::Close(end) => {
                let known = self.ends.iter().position(|other| *other == end);
                Answer::Close(known.unwrap_or_else(|| {
                    self.ends.push(end);
                    self.ends.len() - 1
                }) as u32)
            }
        };
        if escaped {
            self.escaped.insert((from, byte), answer);
        } else if let Some(cell) = self.rows.get_mut(cell) {
            *cell = Some(answer);
        }
        self.complete &= self.asked.len() < MOST_ANSWERS;
        if self.complete {
            let alone = Bytes { first: byte, last: byte };
            let class = self.classes[usize::from(self.class_of[usize::from(byte)])];
            self.asked.push((from, if escaped { alone } else { class }, answer));
        }
        answer
    }

    /// Bit `b % 64` of word `b / 64`: the byte `b` may come at the start.
    pub fn first_bytes(&mut self) -> [u64; 4] {
        let mut set = [0; 4];
        for class in 0..self.classes.len() {
            let Bytes { first, last } = self.classes[class];
            let escaped = self.places[0].phase() >= ESCAPES;
            let comes = !escaped && self.step(0, first) != Answer::Dead;
            for byte in first..=last {
                let comes = if escaped { self.step(0, byte) != Answer::Dead } else { comes };
                set[usize::from(byte) / 64] |= u64::from(comes) << (byte % 64);
            }
        }
        set
    }

    /// The characters that loop on a place and stand for themselves in a string, if they were asked for. What loops is
    /// asked once a byte does; until then it costs more than it saves.
    #[inline]
    pub fn loops(&mut self, from: u32, to: u32) -> [Option<Loops>; 2] {
        if self.looping[from as usize].is_none() || self.looping[to as usize].is_none() {
            let [before, behind] = [from, to].map(|place| self.places[place as usize]);
            if before.sub == 0 && behind.sub == 0 && before.at.dfa == behind.at.dfa {
                self.ask_loops(from);
                self.ask_loops(to);
            }
        }
        [from, to].map(|place| self.looping[place as usize].map(|index| self.loops[index as usize]))
    }

    fn ask_loops(&mut self, place: u32) -> Loops {
        let Self { dfa, loops, loops_of, .. } = self;
        let at = self.places[place as usize].at;
        let index = *loops_of.entry(at.dfa).or_insert_with(|| {
            loops.push(text_loops(dfa, at));
            loops.len() as u32 - 1
        });
        self.looping[place as usize] = Some(index);
        self.loops[index as usize]
    }

    /// What was asked so far; None if it is too much, or not to be trusted.
    pub fn course(self) -> Option<Course> {
        let Self { places, looping, loops, ends, asked, complete, dfa, .. } = self;
        if !complete || dfa.overrun().is_some() {
            return None;
        }
        let known = looping.iter().enumerate().filter_map(|(number, index)| Some((number as u32, (*index)?)));
        let loops = known.map(|(number, index)| (number, loops[index as usize])).collect();
        Some(Course { answers: asked, loops, places: places.into(), ends: ends.len() })
    }
}

impl Course {
    /// How much there is to ask.
    pub fn len(&self) -> usize {
        self.answers.len() + self.loops.len() * 32
    }

    /// The places of the explorer's language that are to it what the places of this course are to its own, and the same
    /// for the ends. None: something is answered otherwise.
    pub fn repeat(&self, explorer: &mut Explorer) -> Option<(Vec<BodyState>, Vec<StrState>)> {
        let (mut places, mut ends) = (vec![None; self.places.len()], vec![None; self.ends]);
        let alike = |a: BodyState, b: BodyState| a.sub == b.sub && a.at.len == b.at.len;
        if !alike(self.places[0], explorer.places[0]) {
            return None;
        }
        places[0] = Some(0);
        for (from, bytes, answer) in &self.answers {
            let from = places[*from as usize]?;
            let mut byte = bytes.first;
            loop {
                match (*answer, explorer.step(from, byte)) {
                    (Answer::Dead, Answer::Dead) => {}
                    (Answer::Stay(here), Answer::Stay(there)) => {
                        if !alike(self.places[here as usize], explorer.places[there as usize])
                            || *places[here as usize].get_or_insert(there) != there
                        {
                            return None;
                        }
                    }
                    (Answer::Close(here), Answer::Close(there)) => {
                        if *ends[here as usize].get_or_insert(there) != there {
                            return None;
                        }
                    }
                    _ => return None,
                }
                let last = explorer.classes[usize::from(explorer.class_of[usize::from(byte)])].last;
                // In an escape every byte is asked about by itself.
                if last >= bytes.last || bytes.first == bytes.last {
                    break;
                }
                byte = last + 1;
            }
        }
        for (place, loops) in &self.loops {
            let others = explorer.ask_loops(places[*place as usize]?);
            if loops.ascii & !others.ascii != 0 || loops.others & !others.others != 0 {
                return None;
            }
        }
        let places: Option<Vec<_>> = places.into_iter().map(|at| Some(explorer.places[at? as usize])).collect();
        let ends: Option<Vec<_>> = ends.into_iter().map(|end| Some(explorer.ends[end? as usize])).collect();
        Some((places?, ends?))
    }
}

/// The characters that loop on a state and stand for themselves in a string.
fn text_loops(dfa: &mut StringDfa, state: StrState) -> Loops {
    let Loops { ascii, others } = dfa.loops_on(state);
    let raw = !0u128 << 0x20 & !(1 << b'"') & !(1 << b'\\');
    Loops { ascii: ascii & raw, others }
}
