//! Where references lead: documents, the resources in them, and their anchors.
//!
//! A document is a text under a URI; a resource is a part of it that has a URI of its own (the whole document is one,
//! and every subschema with `$id`). A reference is a resource's URI and, behind `#`, a JSON pointer from its root or an
//! anchor's name. Resources are looked for only where subschemas stand: an `$id` inside `enum` or below an unknown word
//! names nothing, unless a reference leads there.
//!
//! Nothing is fetched: documents are those that the caller registered, and the published metaschemas. Each is read
//! when a reference first leads into it. If a URI is nobody's, all registered documents are read, since it may be an
//! `$id` inside one of them.

use std::{collections::BTreeMap, sync::Arc};

use rustc_hash::FxHashMap;

use super::{
    Dialect, Document, Draft, SchemaError, SchemaErrorKind, Value, ValueId, keyword::Place, metaschema,
    scope::DynamicAnchor, uri,
};

/// Documents that a schema may refer to, by URI. Cheap to clone.
///
/// ```
/// use espalier::schema::{Documents, SchemaSet};
/// let documents = Documents::new([("https://example.com/name.json", r#"{"type": "string"}"#)]);
/// assert!(SchemaSet::parse_with(r#"{"$ref": "https://example.com/name.json"}"#, &documents).is_ok());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Documents(Arc<BTreeMap<Box<str>, Arc<str>>>);

impl Documents {
    /// Pairs of URI and text. The URI may be relative: it is then what references without a base resolve to.
    pub fn new<U: AsRef<str>, T: Into<Arc<str>>>(documents: impl IntoIterator<Item = (U, T)>) -> Self {
        let canonical = |uri: &str| uri::resolve("", uri::split(uri).0).into_boxed_str();
        let texts = documents.into_iter().map(|(uri, text)| (canonical(uri.as_ref()), text.into()));
        Self(Arc::new(texts.collect()))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// These, and of the others those under other URIs.
    pub fn or(&self, others: &Self) -> Self {
        if self.is_empty() {
            return others.clone();
        }
        let mut texts = (*others.0).clone();
        texts.extend(self.0.iter().map(|(uri, text)| (uri.clone(), text.clone())));
        Self(Arc::new(texts))
    }

    /// URIs and texts.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(uri, text)| (&**uri, &**text))
    }

    /// Bytes of all texts.
    pub fn size(&self) -> usize {
        self.0.values().map(|text| text.len()).sum()
    }

    fn text(&self, uri: &str) -> Option<&str> {
        self.0.get(uri).map(|text| &**text)
    }
}

/// The number of a [`Resource`].
pub(super) type ResourceId = u32;

pub(super) struct Resource {
    pub root: Place,
    pub base: Arc<str>,
    pub dialect: Dialect,
    pub anchors: FxHashMap<Box<str>, ValueId>,
    pub dynamic: Vec<DynamicAnchor>,
}

/// A document that was read.
struct Shelf {
    document: Arc<Document>,
    uri: Arc<str>,
    whole: ResourceId,
    /// For each value, its resource and whether a subschema is known to stand there. Empty: all are `whole`'s, and no
    /// subschema names anything.
    homes: Vec<(ResourceId, bool)>,
}

pub(super) struct Library {
    registered: Documents,
    shelves: Vec<Shelf>,
    resources: Vec<Resource>,
    by_uri: FxHashMap<Arc<str>, ResourceId>,
    /// By names that the draft does not count: `id` beside later drafts, `$id` beside draft 4.
    aliases: FxHashMap<String, Place>,
    read_all: bool,
}

/// How many metaschemas in a row are looked at for what a schema's `$schema` means.
const MAX_METASCHEMAS: usize = 8;

impl Library {
    /// With the text of the document that all begins with.
    pub fn open(text: &str, registered: Documents) -> Result<Self, SchemaError> {
        let mut library = Self {
            registered,
            shelves: Vec::new(),
            resources: Vec::new(),
            by_uri: FxHashMap::default(),
            aliases: FxHashMap::default(),
            read_all: false,
        };
        library.shelve("", text, Draft::Undeclared.into())?;
        Ok(library)
    }

    pub fn document(&self, number: u32) -> &Arc<Document> {
        &self.shelves[number as usize].document
    }

    /// A document's URI; that of the first is empty.
    pub fn uri(&self, number: u32) -> &Arc<str> {
        &self.shelves[number as usize].uri
    }

    /// All documents with their URIs; that of the first is empty.
    pub fn into_documents(self) -> Vec<(Arc<str>, Arc<Document>)> {
        self.shelves.into_iter().map(|shelf| (shelf.uri, shelf.document)).collect()
    }

    pub fn values(&self) -> usize {
        self.shelves.iter().map(|shelf| shelf.document.len()).sum()
    }

    pub fn resource(&self, id: ResourceId) -> &Resource {
        &self.resources[id as usize]
    }

    /// The resource that a place belongs to.
    pub fn home(&self, place: Place) -> ResourceId {
        let shelf = &self.shelves[place.document as usize];
        shelf.homes.get(place.value as usize).map_or(shelf.whole, |home| home.0)
    }

    pub fn pointer(&self, place: Place) -> String {
        let shelf = &self.shelves[place.document as usize];
        pointer_in(&shelf.uri, &shelf.document, place.value)
    }

    /// A subschema stands at this place, because a reference leads to it.
    pub fn refer(&mut self, place: Place) -> Result<(), SchemaError> {
        let homes = &self.shelves[place.document as usize].homes;
        match homes.get(place.value as usize) {
            Some((home, false)) => self.visit(place, *home, true),
            _ => Ok(()),
        }
    }

    /// The resource of a URI, wherever it is.
    pub fn find(&mut self, uri: &str) -> Result<Option<ResourceId>, SchemaError> {
        if let Some(known) = self.by_uri.get(uri) {
            return Ok(Some(*known));
        }
        let dialect = self.resources[0].dialect.draft.into();
        let registered = self.registered.clone();
        if let Some(text) = registered.text(uri).or_else(|| metaschema::text(uri)) {
            return self.shelve(uri, text, dialect).map(Some);
        }
        if !std::mem::replace(&mut self.read_all, true) {
            for (uri, text) in registered.0.iter() {
                if !self.by_uri.contains_key(&**uri) {
                    self.shelve(uri, text, dialect)?;
                }
            }
        }
        Ok(self.by_uri.get(uri).copied())
    }

    /// What calls itself by this URI in words of another draft.
    pub fn alias(&self, uri: &str) -> Option<Place> {
        self.aliases.get(uri).copied()
    }

    fn shelve(&mut self, uri: &str, text: &str, dialect: Dialect) -> Result<ResourceId, SchemaError> {
        let document = Document::parse(text).map_err(|mut error| {
            if !uri.is_empty() {
                error.message = format!("{uri}: {}", error.message);
            }
            error
        })?;
        let value = document.root();
        let dialect = match own_dialect(&document, value) {
            Some(declared) => self.dialect(declared)?,
            None => dialect,
        };
        let base = own_id(&document, value, dialect).map_or(uri.into(), |id| uri::resolve(uri, uri::split(id).0));
        let homes = if names_parts(&document, dialect) { vec![(0, false); document.len()] } else { Vec::new() };
        let whole = self.resources.len() as ResourceId;
        let place = Place { document: self.shelves.len() as u32, value };
        self.by_uri.entry(uri.into()).or_insert(whole);
        let visited = !homes.is_empty();
        self.shelves.push(Shelf { document: document.into(), uri: uri.into(), whole, homes });
        self.add(place, base, dialect);
        if visited {
            self.visit(place, whole, true)?;
        }
        Ok(whole)
    }

    fn add(&mut self, root: Place, base: String, dialect: Dialect) -> ResourceId {
        let (id, base): (_, Arc<str>) = (self.resources.len() as ResourceId, base.into());
        self.by_uri.entry(base.clone()).or_insert(id);
        self.resources.push(Resource { root, base, dialect, anchors: FxHashMap::default(), dynamic: Vec::new() });
        id
    }

    /// What a `$schema` means. A metaschema of somebody's own is read for its `$vocabulary` if it is registered; if it
    /// is not, everything that any draft knows is enforced.
    fn dialect(&self, declared: &str) -> Result<Dialect, SchemaError> {
        if let Some(draft) = Draft::from_uri(declared) {
            return Ok(draft.into());
        }
        let mut vocabularies: Option<Vec<(String, bool)>> = None;
        let mut declared = declared.to_owned();
        for _ in 0..MAX_METASCHEMAS {
            let Some(text) = self.registered.text(&uri::resolve("", uri::split(&declared).0)) else { break };
            let document = Document::parse(text)?;
            let root = document.root();
            let listed = document.get(root, "$vocabulary").map(|id| document.value(id));
            if let (None, Some(Value::Object(listed))) = (&vocabularies, listed) {
                let needed = |id: ValueId| document.value(id) == &Value::Bool(true);
                vocabularies = Some(listed.iter().map(|(name, id)| (name.to_string(), needed(*id))).collect());
            }
            let Some(next) = own_dialect(&document, root) else { break };
            if let Some(draft) = Draft::from_uri(next) {
                return match vocabularies {
                    Some(listed) if draft >= Draft::V2019 => with_vocabularies(draft, &listed),
                    _ => Ok(draft.into()),
                };
            }
            declared = next.to_owned();
        }
        Ok(Draft::Undeclared.into())
    }

    /// Finds the resources and anchors in a value and below.
    fn visit(&mut self, place: Place, mut home: ResourceId, schema: bool) -> Result<(), SchemaError> {
        let document = self.document(place.document).clone();
        if schema {
            home = self.identify(&document, place, home)?;
        }
        self.shelves[place.document as usize].homes[place.value as usize] = (home, schema);
        let dialect = self.resources[home as usize].dialect;
        match document.value(place.value) {
            Value::Object(members) => {
                for (name, value) in members.iter() {
                    let child = Place { value: *value, ..place };
                    match if schema && dialect.knows(name) { subschemas(name) } else { Subschemas::None } {
                        Subschemas::None => self.visit(child, home, false)?,
                        Subschemas::One if matches!(document.value(*value), Value::Array(_)) => {
                            self.visit_all(&document, child, home)?;
                        }
                        Subschemas::One => self.visit(child, home, true)?,
                        Subschemas::Each => self.visit_all(&document, child, home)?,
                    }
                }
            }
            Value::Array(items) => {
                for item in items.iter() {
                    self.visit(Place { value: *item, ..place }, home, false)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The children of a value are subschemas, the value itself is not.
    fn visit_all(&mut self, document: &Document, place: Place, home: ResourceId) -> Result<(), SchemaError> {
        self.shelves[place.document as usize].homes[place.value as usize] = (home, false);
        let mut visit = |value: ValueId| self.visit(Place { value, ..place }, home, true);
        match document.value(place.value) {
            Value::Array(items) => items.iter().try_for_each(|item| visit(*item)),
            Value::Object(members) => members.iter().try_for_each(|(_, value)| visit(*value)),
            _ => Ok(()),
        }
    }

    /// What a subschema calls itself; its resource, a new one if it has a URI of its own.
    fn identify(&mut self, document: &Document, place: Place, home: ResourceId) -> Result<ResourceId, SchemaError> {
        let text = |word| text(document, place.value, word);
        let around = &self.resources[home as usize];
        let (around_base, mut dialect) = (around.base.clone(), around.dialect);
        if let Some(declared) = own_dialect(document, place.value) {
            dialect = self.dialect(declared)?;
        }
        let mut home = home;
        if let Some(id) = own_id(document, place.value, dialect) {
            let (reference, fragment) = uri::split(id);
            let base = uri::resolve(&around_base, reference);
            if *base != *around_base {
                home = self.add(place, base, dialect);
            }
            if !fragment.is_empty() {
                self.resources[home as usize].anchors.entry(fragment.into()).or_insert(place.value);
            }
        } else if let Some(id) = text("id").or_else(|| text("$id")) {
            let (reference, fragment) = uri::split(id);
            let mut name = uri::resolve(&around_base, reference);
            if !fragment.is_empty() {
                name = format!("{name}#{fragment}");
            }
            self.aliases.entry(name).or_insert(place);
        }
        let resource = &mut self.resources[home as usize];
        for word in ["$anchor", "$dynamicAnchor"] {
            let Some(name) = text(word).filter(|_| resource.dialect.knows(word)) else { continue };
            resource.anchors.entry(name.into()).or_insert(place.value);
            if word == "$dynamicAnchor" {
                resource.dynamic.push((name.into(), place));
            }
        }
        let recursive = document.get(place.value, "$recursiveAnchor").map(|id| document.value(id));
        if recursive == Some(&Value::Bool(true)) && resource.dialect.knows("$recursiveAnchor") && resource.root == place
        {
            resource.dynamic.push(("".into(), place));
        }
        Ok(home)
    }
}

fn with_vocabularies(draft: Draft, listed: &[(String, bool)]) -> Result<Dialect, SchemaError> {
    let mut dialect = Dialect::bare(draft);
    for (name, needed) in listed {
        match dialect.with(name) {
            Some(more) => dialect = more,
            None if *needed => {
                let message = format!("the metaschema needs the vocabulary {name:?}, which is not known here");
                return Err(SchemaError::new(SchemaErrorKind::Unsupported, message).at("/$schema"));
            }
            None => {}
        }
    }
    Ok(dialect)
}

/// A place in words: the JSON pointer, behind the URI in documents other than the first.
pub(super) fn pointer_in(uri: &str, document: &Document, value: ValueId) -> String {
    let pointer = document.pointer(value);
    if uri.is_empty() { pointer } else { format!("{uri}#{pointer}") }
}

/// How the value of a keyword holds subschemas.
enum Subschemas {
    None,
    /// It is one, or a list of them (`items`).
    One,
    /// Its children are.
    Each,
}

fn subschemas(keyword: &str) -> Subschemas {
    match keyword {
        "additionalProperties"
        | "additionalItems"
        | "contains"
        | "contentSchema"
        | "else"
        | "if"
        | "items"
        | "not"
        | "propertyNames"
        | "then"
        | "unevaluatedItems"
        | "unevaluatedProperties" => Subschemas::One,
        "$defs" | "allOf" | "anyOf" | "definitions" | "dependencies" | "dependentSchemas" | "oneOf"
        | "patternProperties" | "prefixItems" | "properties" => Subschemas::Each,
        _ => Subschemas::None,
    }
}

fn text<'a>(document: &'a Document, value: ValueId, word: &str) -> Option<&'a str> {
    match document.value(document.get(value, word)?) {
        Value::String(text) => Some(text),
        _ => None,
    }
}

fn own_dialect(document: &Document, value: ValueId) -> Option<&str> {
    text(document, value, "$schema")
}

/// The identifier of a subschema in its own draft; up to draft 7, a `$ref` beside it hides it.
fn own_id(document: &Document, value: ValueId, dialect: Dialect) -> Option<&str> {
    let word = if dialect.draft == Draft::V4 { "id" } else { "$id" };
    let hidden = dialect.draft.ref_hides_siblings() && text(document, value, "$ref").is_some();
    text(document, value, word).filter(|_| !hidden)
}

/// Whether anything but the whole document may have a name.
fn names_parts(document: &Document, dialect: Dialect) -> bool {
    let root = document.root();
    let names = |value: ValueId| {
        let Value::Object(members) = document.value(value) else { return false };
        let mut members = members.iter();
        members.any(|(word, id)| match (&**word, document.value(*id)) {
            ("$id" | "id", Value::String(id)) => value != root || id.trim_end_matches('#').contains('#'),
            ("$anchor" | "$dynamicAnchor", Value::String(_)) => true,
            ("$recursiveAnchor", Value::Bool(set)) => *set && dialect.knows(word),
            _ => false,
        })
    };
    (0..document.len() as ValueId).any(names)
}
