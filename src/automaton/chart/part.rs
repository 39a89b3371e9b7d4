//! What stands in a grammar and is none: JSON values by their schemas, and patterns with conditions on what is around.

use std::sync::Arc;

use super::layout::{self, Laid};
use crate::{
    automaton::{
        json,
        lexical::{StrState, StringLanguage},
    },
    budget::Overrun,
    grammar::Json,
};

/// What is embedded, as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Embedded {
    /// A JSON text that satisfies a schema.
    Json(Json),
    /// A text that this pattern of ECMA 262 matches as a whole.
    Pattern(Box<str>),
}

/// The automaton of what is embedded.
pub enum Part {
    Json(Box<json::Machine>),
    Laid(Box<Laid>),
    Text(Arc<StringLanguage>),
}

/// A state of a [`Part`]; to no other does it mean anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PartState {
    Json(json::State),
    Laid(layout::State),
    Text(StrState),
}

const FOREIGN: &str = "a state goes back to the automaton that it came from";

impl Part {
    /// None: nothing matches.
    pub fn start(&mut self) -> Option<PartState> {
        match self {
            Self::Json(machine) => Some(PartState::Json(machine.start())),
            Self::Laid(laid) => Some(PartState::Laid(laid.start())),
            Self::Text(language) => language.lock().start().map(PartState::Text),
        }
    }

    pub fn step(&mut self, state: PartState, byte: u8) -> Option<PartState> {
        match (self, state) {
            (Self::Json(machine), PartState::Json(state)) => machine.step(state, byte).map(PartState::Json),
            (Self::Laid(laid), PartState::Laid(state)) => laid.step(state, byte).map(PartState::Laid),
            (Self::Text(language), PartState::Text(state)) => language.lock().step(state, byte).map(PartState::Text),
            _ => unreachable!("{FOREIGN}"),
        }
    }

    pub fn accepts(&mut self, state: PartState) -> bool {
        match (self, state) {
            (Self::Json(machine), PartState::Json(state)) => machine.accepts(state),
            (Self::Laid(laid), PartState::Laid(state)) => laid.accepts(state),
            (Self::Text(language), PartState::Text(state)) => language.lock().accepts(state),
            _ => unreachable!("{FOREIGN}"),
        }
    }

    /// A short completion; None if none is known.
    pub fn shortest(&mut self, state: PartState) -> Option<Vec<u8>> {
        match (self, state) {
            (Self::Json(machine), PartState::Json(state)) => machine.home(state, &|text| text.len() as u32),
            (Self::Laid(laid), PartState::Laid(state)) => laid.shortest(state),
            (Self::Text(language), PartState::Text(state)) => language.lock().shortest(state),
            _ => unreachable!("{FOREIGN}"),
        }
    }

    pub fn is_soft(&self) -> bool {
        match self {
            Self::Json(machine) => machine.tables.is_soft(),
            Self::Laid(laid) => laid.machine.tables.is_soft(),
            Self::Text(language) => language.is_soft(),
        }
    }

    pub fn is_worn(&self) -> bool {
        match self {
            Self::Json(machine) => machine.is_worn(),
            Self::Laid(laid) => laid.machine.is_worn(),
            Self::Text(language) => language.is_worn(),
        }
    }

    pub fn begin(&mut self) {
        match self {
            Self::Json(machine) => machine.begin(),
            Self::Laid(laid) => laid.machine.begin(),
            Self::Text(_) => {}
        }
    }

    pub fn settle(&mut self) {
        match self {
            Self::Json(machine) => machine.settle(),
            Self::Laid(laid) => laid.machine.settle(),
            Self::Text(_) => {}
        }
    }

    pub fn fault(&self) -> Option<Overrun> {
        match self {
            Self::Json(machine) => machine.fault().cloned(),
            Self::Laid(laid) => laid.fault(),
            Self::Text(language) => language.lock().overrun().map(|overrun| Overrun::Part(overrun.to_string())),
        }
    }
}
