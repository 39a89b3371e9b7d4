//! Repairing a whole text: the cheapest way, and its edits in words.

use std::sync::Arc;

use serde::Serialize;

use super::{
    bytes::Bytes,
    diagnostic::{Violation, violation},
    json::{Mode, Reading, table},
    model::{Model, What},
    pointer,
    search::{Bounds, Goal, Hopeless, Origin, Scratch, Way, cheapest, cheapest_in},
};
use crate::{
    automaton::{Automaton, Recognizer, State, lexical::StringCache},
    budget::Limits,
    frontend::{Blueprint, Constraint, Diagnostic, Policy},
};

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Edit {
    /// Byte offset in the text as it was given.
    pub offset: usize,
    /// JSON pointer of the value in the repaired text that the change is in, where the answer is JSON.
    pub pointer: Option<String>,
    pub what: What,
    /// The bytes that were replaced; empty where something was put in.
    pub before: String,
    /// What stands in their place; empty where they were dropped.
    pub after: String,
    pub cost: u32,
}

/// A text that satisfies the constraint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repair {
    pub text: String,
    /// In the order of the text; none if it was valid, and then it is returned byte for byte.
    pub edits: Vec<Edit>,
    /// What all edits cost together: no other repair costs less.
    pub cost: u32,
}

/// Why a text was not repaired.
pub type Refusal = Hopeless;

/// How far a repair may go unless the caller says otherwise.
pub const BOUNDS: Bounds = Bounds { cost: table::LIMIT, faithful: false, steps: 250_000 };

/// The same, and no content is dropped or made up.
pub const FAITHFUL: Bounds = Bounds { faithful: true, ..BOUNDS };

/// Repairs texts for one constraint. What it finds out about the constraint is kept for the next text.
///
/// ```
/// use espalier::{frontend::Constraint, guard::Repairer};
///
/// let schema = r#"{"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}"#;
/// let mut repairer = Repairer::new(&Constraint::JsonSchema(schema.into())).unwrap();
/// let repair = repairer.repair("Sure: ```json\n{n: '5',}\n```").unwrap();
/// assert_eq!(serde_json::from_str::<serde_json::Value>(&repair.text).unwrap(), serde_json::json!({"n": 5}));
/// assert!(repair.edits.iter().any(|edit| edit.before == "'5'" && edit.after == "5"));
///
/// let valid = "{\"n\" : 1.0}";
/// assert_eq!(repairer.repair(valid).unwrap().text, valid);
/// assert!(repairer.repair("I cannot do that.").is_err());
/// ```
pub struct Repairer {
    blueprint: Blueprint,
    machine: Automaton,
    scratch: Scratch<Mode, State>,
}

impl Repairer {
    /// For a constraint, with formats enforced.
    ///
    /// # Errors
    /// What cannot be enforced is refused, with its place in the constraint.
    pub fn new(constraint: &Constraint) -> Result<Self, Diagnostic> {
        Self::within(constraint, Policy::LENIENT, Limits::default(), &Arc::default())
    }

    /// For any JSON value.
    pub fn any_json() -> Self {
        Self::new(&Constraint::JsonSchema("{}".into())).expect("the empty schema demands nothing that could be refused")
    }

    /// For a constraint that was compiled already, with an automaton of it, which [`Repairer::into_machine`] gives back.
    pub fn of(blueprint: &Blueprint, machine: Automaton) -> Self {
        Self { blueprint: blueprint.clone(), machine, scratch: Scratch::default() }
    }

    /// The automaton and what it found out, without what was only of interest to the texts that it read.
    pub fn into_machine(mut self) -> Automaton {
        self.machine.forget_texts();
        self.machine.settle();
        self.machine
    }

    /// With the caller's policy and limits, and a cache of strings that constraints may share. Of the policy, only what
    /// decides about validity counts.
    ///
    /// # Errors
    /// As [`Repairer::new`].
    pub fn within(
        constraint: &Constraint,
        policy: Policy,
        limits: Limits,
        strings: &Arc<StringCache>,
    ) -> Result<Self, Diagnostic> {
        let (blueprint, machine) = Blueprint::new(constraint, policy.lenient(), limits, strings)?;
        if blueprint.counts_tokens() {
            return Err(Diagnostic::uncountable());
        }
        Ok(Self { blueprint, machine, scratch: Scratch::default() })
    }

    /// The nearest text that satisfies the constraint, within [`BOUNDS`].
    ///
    /// Cost: a valid text is read once. Otherwise some 50 to 100 microseconds a kilobyte for few and cheap edits; more
    /// the dearer the repair is, up to the bound on steps (some 150 ms as a rule; 2 s was the longest of 100,000).
    ///
    /// # Errors
    /// [`Refusal`] if no repair is cheap enough, or none was found within the steps.
    pub fn repair(&mut self, text: &str) -> Result<Repair, Refusal> {
        self.repair_within(text, BOUNDS)
    }

    /// The same within other bounds.
    ///
    /// # Errors
    /// As [`Repairer::repair`].
    pub fn repair_within(&mut self, text: &str, bounds: Bounds) -> Result<Repair, Refusal> {
        self.ready();
        let Self { machine, scratch, .. } = self;
        let mark = Recognizer::mark(machine);
        let bounds = Bounds { cost: table::limit(bounds.cost, text.len()), ..bounds };
        let repaired = repair(machine, scratch, text, bounds);
        Recognizer::forget_since(machine, mark);
        machine.settle();
        repaired
    }

    /// The first place where a text leaves the constraint, in words. None: it satisfies it.
    pub fn violation(&mut self, text: &str) -> Option<Violation> {
        let machine = self.ready();
        let mark = Recognizer::mark(machine);
        let found = violation(machine, text.as_bytes());
        Recognizer::forget_since(machine, mark);
        found
    }

    /// Whether answers are JSON.
    pub(super) fn is_json(&self) -> bool {
        matches!(self.machine, Automaton::Json(_))
    }

    pub(super) fn machine(&mut self) -> &mut Automaton {
        &mut self.machine
    }

    /// The automaton, or a new one if it holds too much.
    pub(super) fn ready(&mut self) -> &mut Automaton {
        if self.machine.is_worn() {
            self.machine = self.blueprint.automaton();
        }
        self.machine.begin();
        &mut self.machine
    }
}

fn repair(
    machine: &mut Automaton,
    scratch: &mut Scratch<Mode, State>,
    text: &str,
    bounds: Bounds,
) -> Result<Repair, Refusal> {
    if let Some(overrun) = Recognizer::fault(machine) {
        return Err(Hopeless::Overrun(overrun));
    }
    let valid = || Ok(Repair { text: text.to_owned(), edits: Vec::new(), cost: 0 });
    if !matches!(machine, Automaton::Json(_)) {
        return if reads(machine, text.as_bytes()) { valid() } else { repair_plain(machine, text, bounds) };
    }
    let mut reading = Reading::new(text.as_bytes());
    if let Some(end) = reading.follow(machine, &mut scratch.trace)
        && Automaton::accepts(machine, end)
        && Automaton::fault(machine).is_none()
    {
        return valid();
    }
    let (at, mode) = reading.start();
    let origin = Origin { at, mode, state: Automaton::start(machine) };
    let way = cheapest_in(scratch, machine, &mut reading, origin, bounds, Goal::Answer)?;
    let edits = edits(&reading, &way, true);
    let text = String::from_utf8(way.text).expect("the automaton accepts whole characters only");
    Ok(Repair { text, edits, cost: way.cost })
}

/// Of an answer that is not JSON.
fn repair_plain(machine: &mut Automaton, text: &str, bounds: Bounds) -> Result<Repair, Refusal> {
    let mut reading = Bytes::new(text.as_bytes());
    let (at, mode) = reading.start();
    let origin = Origin { at, mode, state: Automaton::start(machine) };
    let way = cheapest(machine, &mut reading, origin, bounds, Goal::Answer)?;
    let edits = edits(&reading, &way, false);
    let text = String::from_utf8(way.text).map_err(|_| Hopeless::TooDear { limit: bounds.cost })?;
    Ok(Repair { text, edits, cost: way.cost })
}

/// The text satisfies the constraint as it stands.
fn reads(machine: &mut Automaton, text: &[u8]) -> bool {
    let mut state = Automaton::start(machine);
    for chunk in text.chunks(4096) {
        machine.begin();
        if machine.read(&mut state, chunk) < chunk.len() {
            return false;
        }
    }
    Automaton::accepts(machine, state) && Automaton::fault(machine).is_none()
}

/// The moves of a way that changed something; neighbours of one kind are one edit.
pub fn edits<M: Model>(model: &M, way: &Way<M::Mode>, pointers: bool) -> Vec<Edit> {
    let mut edits: Vec<Edit> = Vec::new();
    let mut starts: Vec<usize> = Vec::new();
    let mut last: Option<(What, usize)> = None;
    for (index, step) in way.steps.iter().enumerate() {
        if step.what == What::Keep {
            continue;
        }
        let before = String::from_utf8_lossy(model.source(step.from, step.to));
        let after = String::from_utf8_lossy(&way.text[step.start..step.end]);
        if step.cost == 0 && before == after {
            continue;
        }
        match (last, edits.last_mut()) {
            (Some((what, behind)), Some(edit)) if what == step.what && behind == index => {
                edit.before += &before;
                edit.after += &after;
                edit.cost += step.cost;
            }
            _ => {
                starts.push(step.start);
                edits.push(Edit {
                    offset: model.offset(step.from),
                    pointer: None,
                    what: step.what,
                    before: before.into_owned(),
                    after: after.into_owned(),
                    cost: step.cost,
                });
            }
        }
        last = Some((step.what, index + 1));
    }
    if pointers {
        for (edit, pointer) in edits.iter_mut().zip(pointer::at(&way.text, &starts)) {
            edit.pointer = Some(pointer);
        }
    }
    edits
}
