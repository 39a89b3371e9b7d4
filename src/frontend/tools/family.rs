//! Families of models, out of `grammars/tools/`.

use std::sync::OnceLock;

use serde::Deserialize;

use super::Reasoning;

/// How a family of models marks calls.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Family {
    #[serde(skip)]
    pub name: &'static str,
    /// Where the form is described.
    pub source: String,
    /// What the names of its models begin with.
    models: Vec<String>,
    /// What all of their chat templates have in them.
    template: Vec<String>,
    /// Markers that are special tokens of its models.
    pub(super) special: Vec<Box<str>>,
    /// With what the first call begins.
    pub(super) trigger: String,
    /// Before all calls, between them and behind.
    #[serde(default)]
    pub(super) open: String,
    #[serde(default)]
    pub(super) separator: String,
    #[serde(default)]
    pub(super) close: String,
    /// One call is all that an answer has.
    #[serde(default)]
    pub(super) single: bool,
    /// Before an answer that is no call.
    #[serde(default)]
    pub(super) answer: String,
    /// How arguments are written: one of the styles of structural tags.
    #[serde(default = "json")]
    pub(super) style: String,
    pub(super) reasoning: Option<Marks>,
    /// Each form that a call may have.
    pub(super) call: Vec<Call>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Marks {
    pub open: String,
    pub close: String,
}

/// Before and behind the arguments: `{name}` is the tool's, `{id}` what the pattern says.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Call {
    pub begin: String,
    pub end: String,
    #[serde(default)]
    pub id: String,
}

fn json() -> String {
    "json".into()
}

const DATA: [(&str, &str); 10] = [
    ("hermes", include_str!("../../../grammars/tools/hermes.toml")),
    ("llama3", include_str!("../../../grammars/tools/llama3.toml")),
    ("mistral", include_str!("../../../grammars/tools/mistral.toml")),
    ("mistral_args", include_str!("../../../grammars/tools/mistral_args.toml")),
    ("deepseek_r1", include_str!("../../../grammars/tools/deepseek_r1.toml")),
    ("deepseek_v3_1", include_str!("../../../grammars/tools/deepseek_v3_1.toml")),
    ("kimi", include_str!("../../../grammars/tools/kimi.toml")),
    ("harmony", include_str!("../../../grammars/tools/harmony.toml")),
    ("qwen3_coder", include_str!("../../../grammars/tools/qwen3_coder.toml")),
    ("glm", include_str!("../../../grammars/tools/glm.toml")),
];

impl Family {
    /// Every family that is known.
    pub fn all() -> &'static [Self] {
        static ALL: OnceLock<Vec<Family>> = OnceLock::new();
        ALL.get_or_init(|| {
            let read = |(name, text): &(&'static str, &str)| {
                let family: Family = toml::from_str(text).expect("the families are well-formed: a test reads them");
                Family { name, ..family }
            };
            DATA.iter().map(read).collect()
        })
    }

    pub fn named(name: &str) -> Option<&'static Self> {
        Self::all().iter().find(|family| family.name == name)
    }

    /// The family that a chat template writes calls for; the one of which it has the most in it.
    pub fn of_template(template: &str) -> Option<&'static Self> {
        let fits = |family: &&Self| family.template.iter().all(|part| template.contains(&**part));
        let found = Self::all().iter().filter(|family| !family.template.is_empty()).filter(fits);
        found.max_by_key(|family| family.template.len())
    }

    /// What comes before an answer that is no call, if anything does.
    pub fn answer_mark(&self) -> Option<&str> {
        Some(&*self.answer).filter(|mark| !mark.is_empty())
    }

    /// What stands between a prompt and the text of an answer without a thought: the end of one, where the prompt opens it,
    /// and the answer's mark.
    pub fn before_answer(&self, reasoning: Reasoning) -> String {
        let close = self.reasoning.as_ref().filter(|_| reasoning == Reasoning::Open).map(|marks| &*marks.close);
        [close.unwrap_or_default(), &*self.answer].concat()
    }

    /// Arguments are JSON in its text: what an [`super::AnswerReader`] can take apart.
    pub fn has_json(&self) -> bool {
        self.style == json()
    }

    /// What opens a thought.
    pub fn thought_mark(&self) -> Option<&str> {
        self.reasoning.as_ref().map(|marks| &*marks.open)
    }

    /// The family of a model, by the beginning of its name; the longest that fits counts. An owner before a slash does
    /// not.
    pub fn of_model(model: &str) -> Option<&'static Self> {
        let model = model.rsplit('/').next().unwrap_or_default().to_lowercase();
        let fit = |family: &&'static Self| {
            family.models.iter().filter(|start| model.starts_with(&***start)).map(String::len).max()
        };
        Self::all()
            .iter()
            .filter_map(|family| Some((fit(&family)?, family)))
            .max_by_key(|(length, _)| *length)
            .map(|(_, family)| family)
    }
}
