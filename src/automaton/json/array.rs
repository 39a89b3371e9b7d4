//! Arrays: how many items, and what each of them must be. Split into a shape and a rest as objects are.

use super::{
    formula::{Formula, Node},
    lower::Atom,
    spec::{Spec, SpecId},
    tables::{PlanId, Tables},
};
use crate::schema::{Keyword, SchemaId};

/// What does not change while an array is read.
#[derive(Clone, Debug)]
pub struct ArrayShape {
    pub min: u32,
    pub max: Option<u32>,
    /// Whether items repeat matters, and whether they must not.
    pub unique: bool,
    pub must_be_unique: bool,
    /// From this index on, all items are alike: indices are counted no further.
    pub alike_from: u32,
    /// `Items` keywords whose children must all be valid.
    pub(super) children: Vec<(SchemaId, u32)>,
}

/// A shape with what is left of the alternatives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Array {
    pub shape: u32,
    pub rest: SpecId,
}

impl Tables {
    /// The array that a demand on arrays describes, before its first item.
    pub fn array(&mut self, spec: SpecId) -> Array {
        if let Some(array) = self.array_of.get(&spec) {
            return *array;
        }
        let array = self.make_array(spec);
        self.array_of.insert(spec, array);
        array
    }

    fn make_array(&mut self, spec: SpecId) -> Array {
        let Spec { require, watch } = self.specs.get(spec).clone();
        let mut shape =
            ArrayShape { min: 0, max: None, unique: false, must_be_unique: false, alike_from: 0, children: Vec::new() };
        let mut rest = Vec::new();
        for part in self.specs.lowering.formulas.conjuncts(require) {
            match *self.specs.lowering.formulas.node(part) {
                Node::Atom(Atom::MinCount(count)) => shape.min = shape.min.max(count),
                Node::Atom(Atom::MaxCount(count)) => shape.max = Some(shape.max.map_or(count, |max| max.min(count))),
                Node::Atom(Atom::Unique) => (shape.unique, shape.must_be_unique) = (true, true),
                Node::Atom(Atom::Keyword(schema, index)) => shape.children.push((schema, index)),
                _ => rest.push(part),
            }
        }
        let rest = self.specs.lowering.formulas.and(rest);
        let rest = self.specs.intern(Spec { require: rest, watch });
        let mut alike_from = shape.min.max(shape.max.map_or(0, |max| max.saturating_add(1)));
        let mut keywords = shape.children.clone();
        for atom in self.specs.atoms(rest) {
            match atom {
                Atom::MinCount(count) => alike_from = alike_from.max(count),
                Atom::MaxCount(count) => alike_from = alike_from.max(count.saturating_add(1)),
                Atom::Keyword(schema, index) => keywords.push((schema, index)),
                Atom::Unique => shape.unique = true,
                _ => {}
            }
        }
        for (schema, index) in keywords {
            if let Keyword::Items { prefix, .. } = &self.set.keywords(schema)[index as usize] {
                alike_from = alike_from.max(prefix.len() as u32);
            }
        }
        shape.alike_from = alike_from;
        self.array_shapes.push(shape);
        Array { shape: self.array_shapes.len() as u32 - 1, rest }
    }

    pub(super) fn child_at(&self, (schema, index): (SchemaId, u32), position: u32) -> Option<SchemaId> {
        match &self.set.keywords(schema)[index as usize] {
            Keyword::Items { prefix, rest } => prefix.get(position as usize).copied().or(*rest),
            _ => None,
        }
    }

    /// What follows from one more item at `position` (counted up to where all items are alike). None: it may not come.
    pub fn item_plan(&mut self, array: Array, position: u32) -> Option<PlanId> {
        let shape = &self.array_shapes[array.shape as usize];
        if shape.max.is_some_and(|max| position >= max) {
            return None;
        }
        // All positions that see the same children share a plan.
        let prefix = shape.children.iter().map(|(schema, index)| match &self.set.keywords(*schema)[*index as usize] {
            Keyword::Items { prefix, .. } => prefix.len() as u32,
            _ => 0,
        });
        let position = match self.specs.get(array.rest).is_trivial() {
            true => position.min(prefix.max().unwrap_or(0)),
            false => position,
        };
        if let Some(plan) = self.item_plans.get(&(array, position)) {
            return *plan;
        }
        let plan = self.make_item_plan(array, position);
        self.item_plans.insert((array, position), plan);
        plan
    }

    /// A watching item's plan, narrowed to values after which the array can still be completed.
    pub fn narrowed_item(&mut self, plan: PlanId, array: Array, position: u32) -> Option<PlanId> {
        let key = (plan, array, position);
        if let Some(known) = self.narrowed_items.get(&key) {
            return *known;
        }
        let alike_from = self.array_shapes[array.shape as usize].alike_from;
        let next = position.saturating_add(1).min(alike_from);
        let narrowed = self.narrowed(plan, &mut |tables, rest| tables.array_live(Array { rest, ..array }, next));
        self.narrowed_items.insert(key, narrowed);
        narrowed
    }

    fn make_item_plan(&mut self, array: Array, position: u32) -> Option<PlanId> {
        let count = position.saturating_add(1);
        let rest = self.specs.substitute(array.rest, |atom| match *atom {
            Atom::MinCount(min) if count >= min => Some(Formula::TRUE),
            Atom::MaxCount(max) if count > max => Some(Formula::FALSE),
            _ => None,
        })?;
        let hard = self.array_shapes[array.shape as usize].children.clone();
        let children: Vec<SchemaId> = hard.into_iter().filter_map(|at| self.child_at(at, position)).collect();
        let mut open: Vec<(Atom, Vec<SchemaId>)> = Vec::new();
        for atom in self.specs.atoms(rest) {
            match atom {
                Atom::Keyword(schema, index) => {
                    open.extend(self.child_at((schema, index), position).map(|child| (atom, vec![child])));
                }
                Atom::Contains { schema, .. } => open.push((atom, vec![schema])),
                _ => {}
            }
        }
        self.plan(&children, rest, open)
    }
}
