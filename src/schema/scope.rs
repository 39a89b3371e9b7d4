//! Dynamic scopes: through which resources the way into a subschema led, as far as that matters.
//!
//! `$dynamicRef` and `$recursiveRef` mean the outermost of the resources on the way that has an anchor of the name. So
//! of a way no more is kept than, for each such name, the first place that had it: whoever enters the same subschema
//! with the same scope finds the same subschema. There are finitely many, and in nearly all schemas only the empty one.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::{SchemaError, SchemaErrorKind, keyword::Place};

/// The number of a scope; 0 is the empty one.
pub(super) type ScopeId = u32;

/// An anchor that scopes speak of; `$recursiveAnchor` has the empty name.
pub(super) type DynamicAnchor = (Arc<str>, Place);

/// Schemas written by people have a handful.
const MAX_SCOPES: usize = 1_000;

pub(super) struct Scopes {
    /// Each sorted by name.
    all: Vec<Arc<[DynamicAnchor]>>,
    numbers: FxHashMap<Arc<[DynamicAnchor]>, ScopeId>,
}

impl Default for Scopes {
    fn default() -> Self {
        let empty: Arc<[DynamicAnchor]> = Arc::default();
        Self { all: vec![empty.clone()], numbers: [(empty, 0)].into_iter().collect() }
    }
}

impl Scopes {
    /// The scope inside a resource with these anchors.
    pub fn enter(&mut self, scope: ScopeId, anchors: &[DynamicAnchor]) -> Result<ScopeId, SchemaError> {
        let new = |anchor: &&DynamicAnchor| self.outermost(scope, &anchor.0).is_none();
        let added: Vec<DynamicAnchor> = anchors.iter().filter(new).cloned().collect();
        if added.is_empty() {
            return Ok(scope);
        }
        let mut inner = self.all[scope as usize].to_vec();
        inner.extend(added);
        inner.sort();
        let inner: Arc<[DynamicAnchor]> = inner.into();
        if let Some(known) = self.numbers.get(&inner) {
            return Ok(*known);
        }
        if self.all.len() >= MAX_SCOPES {
            let message = format!("the dynamic references lead to more than {MAX_SCOPES} different scopes");
            return Err(SchemaError::new(SchemaErrorKind::TooLarge, message));
        }
        self.all.push(inner.clone());
        let id = self.all.len() as ScopeId - 1;
        self.numbers.insert(inner, id);
        Ok(id)
    }

    /// Where the outermost resource of a scope has the anchor.
    pub fn outermost(&self, scope: ScopeId, name: &str) -> Option<Place> {
        let anchors = &self.all[scope as usize];
        let at = anchors.binary_search_by(|(known, _)| (**known).cmp(name)).ok()?;
        Some(anchors[at].1)
    }
}
