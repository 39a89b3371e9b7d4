//! The stack of open containers as a persistent tree: a frame is a number, its parent another.
//!
//! Frames are interned, so two documents that stand at the same point of the schema with the same past (as far as it
//! matters) share a frame, and everything that was worked out for it. Forking and rolling back are copying a number.

use super::{
    array::Array,
    intern::{Interner, NumberSets, Texts},
    live::ObjectPoint,
    object::Object,
    tables::PlanId,
    values::{self, Values},
};

/// The number of a [`Frame`]; 0 is the root, outside of every container.
pub type FrameId = u32;

/// An open object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ObjectFrame {
    pub object: Object,
    /// Which of the shape's known keys have come.
    pub seen: u32,
    /// The other keys that have come, by number in [`Frames`].
    pub others: u32,
    /// Properties so far, if they are counted.
    pub count: u32,
    /// With keys in the schema's order: those of lower order cannot come any more.
    pub from: u32,
    /// The plan that waits for the verdicts of the value in the making.
    pub waiting: Option<PlanId>,
}

/// [`ObjectFrame::from`] once a key that the schema does not name has come.
pub const ONLY_FREE: u32 = u32::MAX;

impl ObjectFrame {
    pub fn point(&self) -> ObjectPoint {
        let Self { object, seen, count, from, waiting, .. } = *self;
        ObjectPoint { object, seen, count, from, only_free: from == ONLY_FREE, waiting }
    }
}

/// An open array.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ArrayFrame {
    pub array: Array,
    /// Items that were finished, counted up to where all are alike.
    pub position: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Container {
    Root,
    Object(ObjectFrame),
    Array(ArrayFrame),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Frame {
    pub parent: FrameId,
    pub container: Container,
    /// The values inside are kept: this is an array without repeats, or stands in one.
    pub keeping: Option<Keeping>,
}

/// The values of a container so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Keeping {
    /// A list of values, by number.
    pub list: u32,
    /// The same values as a set in [`Frames::sets`], where items must be compared.
    pub set: u32,
    /// Of an object: the key of the value in the making, by number in [`Frames::texts`].
    pub key: u32,
}

/// All frames, and the sets of keys in them.
#[derive(Debug)]
pub struct Frames {
    frames: Interner<Frame>,
    /// Sets of keys (texts' numbers), and of values.
    pub sets: NumberSets,
    /// Keys that no schema names, as far as they were read.
    pub texts: Texts,
    pub values: Values,
}

impl Default for Frames {
    fn default() -> Self {
        let mut frames = Interner::default();
        frames.intern(Frame { parent: 0, container: Container::Root, keeping: None });
        Self { frames, sets: NumberSets::default(), texts: Texts::default(), values: Values::default() }
    }
}

impl Frames {
    pub const ROOT: FrameId = 0;
    pub const NO_OTHERS: u32 = NumberSets::EMPTY;

    pub fn get(&self, id: FrameId) -> &Frame {
        self.frames.get(id)
    }

    pub fn intern(&mut self, frame: Frame) -> FrameId {
        self.frames.intern(frame)
    }

    /// How many frames there are; their numbers are below this.
    pub fn count(&self) -> u32 {
        self.frames.len() as u32
    }

    /// How many entries all tables have.
    pub fn size(&self) -> usize {
        self.frames.len() + self.sets.len() + self.texts.len()
    }

    /// About the memory held.
    pub fn bytes(&self) -> usize {
        self.frames.len() * 160 + self.sets.len() * 56 + self.texts.held() + self.values.bytes()
    }

    pub fn has_other(&self, others: u32, text: u32) -> bool {
        self.sets.contains(others, text)
    }

    /// The keys of a set, in no particular order.
    pub fn others(&self, others: u32) -> impl Iterator<Item = u32> {
        self.sets.numbers(others)
    }

    pub fn with_other(&mut self, others: u32, text: u32) -> u32 {
        self.sets.with(others, text)
    }

    /// Where the tables end now.
    pub fn mark(&self) -> Mark {
        Mark { frames: self.frames.len(), sets: self.sets.len(), texts: self.texts.len(), values: self.values.mark() }
    }

    /// Forgets what was added since `mark`: what only a look ahead needed.
    pub fn forget_since(&mut self, mark: Mark) {
        self.frames.truncate(mark.frames);
        self.sets.truncate(mark.sets);
        self.texts.truncate(mark.texts);
        self.values.forget_since(mark.values);
    }
}

/// How long the tables were at some time.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    frames: usize,
    sets: usize,
    texts: usize,
    values: values::Mark,
}
