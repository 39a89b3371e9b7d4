//! The configuration file and its schema say the same.

use espalier::config::Config;
use serde_json::{Value, json};

const SCHEMA: &str = include_str!("../../../schemas/config.schema.json");

const FULL: &str = r#"
[server]
host = "0.0.0.0"
port = 0
api_key_env = ["KEY_A", "KEY_B"]
shutdown_grace_seconds = 0

[[models]]
id = "small"
path = "/models/small.gguf"
context = 8192
sequences = 8
threads = 2
kv = "q8_0"

[[models]]
path = "other.gguf"

[[deployments]]
name = "smart"
id = "first"
provider = "openai"
model = "gpt-4.1-mini"
base_url = "https://api.openai.com/v1"
api_key_env = "OPENAI_API_KEY"
region = "us-east-1"
api_version = "2024-10-21"
structured = "native"
prefill = true
order = 1
weight = 3
price = { input = 0.4, cached_input = 0.1, output = 1.6 }
answer_bytes = 1
headers = { x-team = "a" }

[deployments.timeouts]
connect_ms = 1
first_token_ms = 1
between_tokens_ms = 1
total_ms = 1

[[deployments]]
name = "smart"
provider = "local"
model = "small"

[routing]
attempts = 3
reasks = 0
retries = 0
backoff_ms = 0
longest_wait_ms = 0
tokens = 10000
cost = 0.5
breaker_failures = 1
breaker_cooldown_ms = 0

[limits]
body_bytes = 1
constraint_bytes = 4294967295
compile_seconds = 1
constraints_kept = 1
queue = 1
answer_seconds = 1

[log]
level = "debug"
format = "json"

[schemas]
"https://example.com/address.json" = "schemas/address.json"
"#;

/// Texts that each say one wrong thing, and a word of the error.
const WRONG: &[(&str, &str)] = &[
    ("no_such_value = 1", "no_such_value"),
    ("[server]\nprot = 1", "prot"),
    ("[server]\nport = 65536", "65536"),
    ("[server]\nport = -1", "-1"),
    ("[server]\nport = \"8080\"", "port"),
    ("[server]\nport = 8080.5", "port"),
    ("[server]\nhost = 1", "host"),
    ("[server]\napi_key_env = \"KEY\"", "api_key_env"),
    ("[server]\nshutdown_grace_seconds = -1", "-1"),
    ("[[models]]\nid = \"a\"", "path"),
    ("[[models]]\npath = \"a\"\nkv = \"q3\"", "q3"),
    ("[[models]]\npath = \"a\"\nsequences = 0", "sequences"),
    ("[[models]]\npath = \"a\"\ncontext = 0", "context"),
    ("[[models]]\npath = \"a\"\nthreads = 4294967296", "4294967296"),
    ("[[models]]\npath = \"a\"\nlayers = 4", "layers"),
    ("[[deployments]]\nname = \"a\"\nprovider = \"openai\"", "model"),
    ("[[deployments]]\nname = \"a\"\nprovider = \"nobody\"\nmodel = \"m\"", "nobody"),
    ("[[deployments]]\nname = \"a\"\nprovider = \"openai\"\nmodel = \"m\"\nweight = 0", "weight"),
    ("[[deployments]]\nname = \"a\"\nprovider = \"openai\"\nmodel = \"m\"\napi_key = \"k\"", "api_key"),
    ("[[deployments]]\nname = \"a\"\nprovider = \"openai\"\nmodel = \"m\"\nstructured = \"hope\"", "hope"),
    ("[[deployments]]\nname = \"a\"\nprovider = \"openai\"\nmodel = \"m\"\ntimeouts = { total_ms = 0 }", "total_ms"),
    ("[[deployments]]\nname = \"a\"\nprovider = \"openai\"\nmodel = \"m\"\nprice = { input = 1 }", "output"),
    ("[routing]\nattempts = 0", "attempts"),
    ("[routing]\ntokens = 0", "tokens"),
    ("[routing]\nhope = 1", "hope"),
    ("[limits]\nqueue = 0", "queue"),
    ("[limits]\nbody_bytes = 1.5", "body_bytes"),
    ("[limits]\nspeed = 1", "speed"),
    ("[schemas]\n\"https://a\" = 1", "https://a"),
    ("[log]\nlevel = \"loud\"", "loud"),
    ("[log]\nformat = \"xml\"", "xml"),
    ("[log]\ncolour = true", "colour"),
];

fn validator() -> jsonschema::Validator {
    jsonschema::validator_for(&serde_json::from_str(SCHEMA).unwrap()).unwrap()
}

fn as_json(text: &str) -> Value {
    serde_json::to_value(toml::from_str::<toml::Value>(text).unwrap()).unwrap()
}

#[test]
fn what_one_accepts_the_other_accepts() {
    let validator = validator();
    for text in ["", FULL, "models = []", "[server]\nport = 1", "[limits]", "[log]\nlevel = \"trace\""] {
        Config::parse(text).unwrap();
        assert!(validator.is_valid(&as_json(text)), "{text}");
    }
    for (text, word) in WRONG {
        let error = Config::parse(text).unwrap_err();
        assert!(error.contains(word) && error.contains("line"), "{text}: {error}");
        assert!(!validator.is_valid(&as_json(text)), "{text}");
    }
}

#[test]
fn the_schema_has_every_value_with_its_default() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let default = serde_json::to_value(Config::default()).unwrap();
    assert!(validator().is_valid(&default));
    let tables = schema["properties"].as_object().unwrap();
    assert_eq!(tables.keys().collect::<Vec<_>>(), default.as_object().unwrap().keys().collect::<Vec<_>>());
    for table in ["server", "routing", "limits", "log"] {
        let described = schema["properties"][table]["properties"].as_object().unwrap();
        let defaults: Value =
            described.iter().filter_map(|(name, value)| Some((name.clone(), value.get("default")?.clone()))).collect();
        assert_eq!(defaults, default[table], "{table}");
        assert_eq!(schema["properties"][table]["additionalProperties"], json!(false));
    }
    let full = serde_json::to_value(Config::parse(FULL).unwrap()).unwrap();
    let described = schema["properties"]["models"]["items"]["properties"].as_object().unwrap();
    assert_eq!(described.keys().collect::<Vec<_>>(), full["models"][0].as_object().unwrap().keys().collect::<Vec<_>>());
    let described = schema["properties"]["deployments"]["items"]["properties"].as_object().unwrap();
    let deployment = full["deployments"][0].as_object().unwrap();
    assert_eq!(described.keys().collect::<Vec<_>>(), deployment.keys().collect::<Vec<_>>());
    for (name, value) in full["deployments"][1].as_object().unwrap() {
        if let Some(default) = described[name].get("default") {
            assert_eq!(default, value, "{name}");
        }
    }
    let times = described["timeouts"]["properties"].as_object().unwrap();
    let times: Value = times.iter().map(|(name, value)| (name.clone(), value["default"].clone())).collect();
    assert_eq!(times, full["deployments"][1]["timeouts"]);
    let described = schema["properties"]["models"]["items"]["properties"].as_object().unwrap();
    for name in ["sequences", "kv"] {
        assert_eq!(described[name]["default"], full["models"][1].as_object().map(|m| m[name].clone()).unwrap());
    }
}

/// The example that people copy.
#[test]
fn the_readme_has_a_configuration_that_works() {
    let readme = include_str!("../../../README.md");
    let (_, rest) = readme.split_once("```toml\n").unwrap();
    let file = super::commands::Scratch::new("readme.toml", rest.split("```").next().unwrap());
    let done = super::commands::espalier(&["config", "check", file.path()], "");
    if cfg!(feature = "providers") {
        assert_eq!(done.status, 0, "{}", done.err);
        assert!(
            done.out.contains("name = \"smart\"") && done.err.contains("OPENAI_API_KEY"),
            "{}{}",
            done.out,
            done.err
        );
    }
    let lacking = "[[deployments]]\nname = \"a\"\nprovider = \"vllm\"\nmodel = \"m\"";
    let file = super::commands::Scratch::new("lacking.toml", lacking);
    assert_eq!(super::commands::espalier(&["config", "check", file.path()], "").status, 1);
}

#[test]
fn deployments_have_names_of_their_own() {
    let one = "[[deployments]]\nname = \"a\"\nprovider = \"openai\"\nmodel = \"m\"\n";
    assert!(Config::parse(&one.repeat(2)).unwrap_err().contains("openai/m"));
    let taken = "[[models]]\npath = \"a.gguf\"\n".to_owned() + one;
    assert!(Config::parse(&taken).unwrap_err().contains("local model"));
}

#[test]
fn models_have_names() {
    let config = Config::parse(FULL).unwrap();
    assert_eq!(config.models.iter().map(|model| model.id()).collect::<Vec<_>>(), ["small", "other"]);
    let twice = "[[models]]\npath = \"x/a.gguf\"\n[[models]]\npath = \"y/a.gguf\"";
    assert!(Config::parse(twice).unwrap_err().contains("\"a\""));
}
