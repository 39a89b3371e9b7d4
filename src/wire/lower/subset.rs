//! What providers' structured modes take, as data. Facts with their sources: the providers' documentation of structured
//! outputs, the code of their official clients, and profiles of the accepted keywords that were published for them. Where
//! sources disagree (lengths of strings in OpenAI's strict mode, patterns in DeepSeek's) a keyword is left out: it is
//! checked here anyway.

/// What the root of a schema may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Root {
    Any,
    /// An object, and no union.
    Object,
}

/// What one provider takes.
#[derive(Clone, Copy, Debug)]
pub struct Subset {
    pub name: &'static str,
    pub root: Root,
    /// Every object must be closed.
    pub closed: bool,
    /// Every property must be required.
    pub all_required: bool,
    pub recursion: bool,
    /// A schema that takes a value of any type.
    pub untyped: bool,
    pub constant: bool,
    /// No `type` beside an `enum`.
    pub bare_enum: bool,
    pub tuples: bool,
    /// `properties` beside `anyOf`.
    pub beside_any_of: bool,
    /// `minItems` of 0 and 1 only.
    pub few_items: bool,
    pub deepest: Option<usize>,
    pub most_properties: Option<usize>,
    /// Keywords that are taken beside the structural ones.
    pub keywords: &'static [&'static str],
    pub formats: &'static [&'static str],
}

/// OpenAI's strict mode (chat, responses, and hosts that copy it).
pub const OPENAI_STRICT: Subset = Subset {
    name: "openai_strict",
    root: Root::Object,
    closed: true,
    all_required: true,
    recursion: true,
    untyped: false,
    constant: true,
    bare_enum: false,
    tuples: false,
    beside_any_of: false,
    few_items: false,
    deepest: Some(10),
    most_properties: Some(5000),
    keywords: &[
        "pattern",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "minItems",
        "maxItems",
    ],
    formats: &["date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"],
};

/// Anthropic's `output_config.format` and strict tools. Of patterns it takes simple ones only, so none is sent.
pub const ANTHROPIC: Subset = Subset {
    name: "anthropic",
    root: Root::Object,
    closed: true,
    all_required: false,
    recursion: false,
    untyped: false,
    constant: true,
    bare_enum: true,
    tuples: false,
    beside_any_of: false,
    few_items: true,
    deepest: None,
    most_properties: None,
    keywords: &[],
    formats: &["date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"],
};

/// Gemini's `responseJsonSchema`.
pub const GEMINI: Subset = Subset {
    name: "gemini",
    root: Root::Any,
    closed: false,
    all_required: false,
    recursion: false,
    untyped: true,
    constant: false,
    bare_enum: false,
    tuples: true,
    beside_any_of: true,
    few_items: false,
    deepest: None,
    most_properties: None,
    keywords: &["minItems", "maxItems", "minimum", "maximum"],
    formats: &["date-time", "date", "time"],
};

/// DeepSeek's strict tools.
pub const DEEPSEEK: Subset = Subset {
    name: "deepseek",
    root: Root::Object,
    closed: true,
    all_required: true,
    recursion: false,
    untyped: false,
    constant: false,
    bare_enum: false,
    tuples: false,
    beside_any_of: false,
    few_items: false,
    deepest: None,
    most_properties: None,
    keywords: &[],
    formats: &["email", "hostname", "ipv4", "ipv6", "uuid"],
};
