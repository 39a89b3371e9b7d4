//! The binary's commands: what they print and how they end.

use std::{
    io::Write,
    net::TcpListener,
    process::{Command, Output, Stdio},
};

pub struct Done {
    pub status: i32,
    pub out: String,
    pub err: String,
}

pub fn espalier(arguments: &[&str], input: &str) -> Done {
    let mut child = Command::new(env!("CARGO_BIN_EXE_espalier"))
        .args(arguments)
        .env("ESPALIER_MODELS", std::env::temp_dir().join("espalier-no-models"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that does not read its input may be gone already.
    child.stdin.take().unwrap().write_all(input.as_bytes()).ok();
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let done = Done { status: status.code().unwrap(), out: text(stdout), err: text(stderr) };
    assert!(!done.err.contains("panicked"), "{}", done.err);
    done
}

/// A file that is removed at the end.
pub struct Scratch(std::path::PathBuf);

impl Scratch {
    pub fn new(name: &str, content: &str) -> Self {
        let path = std::env::temp_dir().join(format!("espalier-test-{}-{name}", std::process::id()));
        std::fs::write(&path, content).unwrap();
        Self(path)
    }

    pub fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).ok();
    }
}

#[test]
fn help_names_the_commands_and_nothing_else_is_known() {
    let help = espalier(&["--help"], "");
    for command in ["serve", "check", "repair", "sample", "mask", "models", "config"] {
        assert!(help.out.contains(&format!("\n  {command} ")), "{}", help.out);
    }
    assert_eq!(espalier(&["check"], "a").status, 2, "there is nothing to hold it against");
    assert_eq!(espalier(&["conquer"], "").status, 2);
}

#[test]
fn regular_expressions_and_choices() {
    assert_eq!(espalier(&["check", "--regex", "a+b"], "aab\n").status, 0);
    let wrong = espalier(&["check", "--regex", "a+b"], "aac\n");
    assert_eq!((wrong.status, &*wrong.out), (1, "-:1:3: 'c' may not come here; expected a b\n"));
    let python = ["check", "--regex", r"(?P<word>\w+)\Z", "--regex-syntax", "python"];
    assert_eq!(espalier(&python, "größe").status, 0);
    let refused = espalier(&["check", "--regex", "a("], "a");
    assert_eq!(refused.status, 2);
    assert!(refused.err.contains("--regex: ") && refused.err.contains("(line 1, column"), "{}", refused.err);
    let lines = Scratch::new("choice.txt", "red\ngreen\nblue green\n");
    assert_eq!(espalier(&["check", "--choice", lines.path()], "blue green").status, 0);
    assert_eq!(espalier(&["check", "--choice", lines.path()], "blue").status, 1);
    let sampled = espalier(&["sample", "--choice", lines.path(), "-n", "20", "--seed", "7"], "");
    assert!(sampled.out.lines().all(|line| ["red", "green", "blue green"].contains(&line)), "{}", sampled.out);
    let repaired = espalier(&["repair", "--choice", lines.path()], "I would say: Green.");
    assert_eq!((repaired.status, &*repaired.out), (0, "green"));
    let both = espalier(&["check", "--choice", lines.path(), "--regex", "a"], "a");
    assert_eq!(both.status, 2, "one demand at a time");
    // A special token is its spelling in a text; one by its number has none.
    let grammar = Scratch::new("named.gbnf", "root ::= <tool> [a-z]+");
    assert_eq!(espalier(&["check", "--gbnf", grammar.path()], "<tool>ab").status, 0);
    assert_eq!(espalier(&["check", "--gbnf", grammar.path()], "ab").status, 1);
    let numbered = Scratch::new("numbered.gbnf", "root ::= <[5]> [a-z]+");
    assert_eq!(espalier(&["check", "--gbnf", numbered.path()], "ab").status, 2);
    // What would mean nothing is not passed over.
    let startless = espalier(&["check", "--regex", "a", "--start", "b"], "a");
    assert_eq!(startless.status, 2);
    assert!(startless.err.contains("has no rules"), "{}", startless.err);
    assert_eq!(espalier(&["check", "--choice", lines.path(), "--regex-syntax", "rust"], "red").status, 2);
    assert_eq!(espalier(&["check", "--regex", "a", "--document", "u=f"], "a").status, 2);
}

#[test]
fn a_port_in_use_is_a_plain_sentence() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let model = Scratch::new("port.gguf", "GGUF");
    let done = espalier(&["serve", "--model", model.path(), "--port", &port], "");
    assert_eq!(done.status, 1);
    assert_eq!(done.err, format!("espalier: port {port} on 127.0.0.1 is in use; choose another with --port\n"));
}

#[test]
fn models_that_are_not_there_and_files_that_are_none() {
    let done = espalier(&["serve", "--model", "/nowhere/model.gguf", "--port", "0"], "");
    assert_eq!((done.status, done.err.as_str()), (1, "espalier: there is no model file /nowhere/model.gguf\n"));
    let done = espalier(&["serve", "--port", "0"], "");
    assert!(done.status == 1 && done.err.contains("espalier models pull"), "{}", done.err);
    let done = espalier(&["serve", "--model", "gpt-4", "--port", "0"], "");
    assert!(done.status == 1 && done.err.contains("\"gpt-4\""), "{}", done.err);
    let noise = Scratch::new("noise.gguf", "this is not a model");
    let done = espalier(&["serve", "--model", noise.path(), "--port", "0"], "");
    assert!(done.status == 1 && done.err.contains(noise.path()), "{}", done.err);
    let done = espalier(&["models", "show", noise.path()], "");
    assert!(done.status == 1 && done.err.contains("not a GGUF file"), "{}", done.err);
    let done = espalier(&["models", "list"], "");
    assert!(done.status == 0 && done.out.contains("SmolLM2-135M-Instruct.Q4_1"), "{}", done.out);
}

#[test]
fn configuration_files_are_checked() {
    let good = Scratch::new("good.toml", "[server]\nport = 9000\n");
    let done = espalier(&["config", "check", good.path()], "");
    assert!(done.status == 0 && done.out.contains("port = 9000") && done.out.contains("queue = 256"), "{}", done.out);
    espalier::config::Config::parse(&done.out).expect("what is printed is a configuration");
    let bad = Scratch::new("bad.toml", "[server]\nport = 9000\nprot = 1\n");
    for arguments in [&["config", "check", bad.path()][..], &["serve", "--config", bad.path(), "--port", "0"]] {
        let done = espalier(arguments, "");
        assert!(done.status == 1 && done.err.contains("line 3") && done.err.contains("prot"), "{}", done.err);
    }
    let keys = Scratch::new(
        "keys.toml",
        "[server]\napi_key_env = [\"ESPALIER_TEST_NO_SUCH_KEY\"]\n[[models]]\npath = \"x.gguf\"\n",
    );
    let done = espalier(&["serve", "--config", keys.path(), "--port", "0"], "");
    assert!(done.status == 1 && done.err.contains("ESPALIER_TEST_NO_SUCH_KEY"), "{}", done.err);
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let done = espalier(&["check", "--json-schema", "/nowhere/schema.json"], "{}");
    assert!(done.status == 1 && done.err.contains("/nowhere/schema.json"), "{}", done.err);
    let schema = Scratch::new("any.json", "{}");
    let done = espalier(&["check", "--json-schema", schema.path(), "/nowhere/text"], "");
    assert!(done.status == 1 && done.err.contains("/nowhere/text"), "{}", done.err);
    let done = espalier(&["check", "--json-schema", schema.path(), "--jsonl"], "{\"id\":1}\n");
    assert!(done.status == 1 && done.err.contains("line 1") && done.err.contains("text"), "{}", done.err);
}

#[test]
fn repair_prints_the_text_and_says_what_it_changed() {
    let done = espalier(&["repair"], "Sure: {a: 1, 'b': True,}\n");
    assert_eq!((done.status, &done.out[..]), (0, "{\"a\": 1, \"b\": true}\n"), "{}", done.err);
    assert!(done.err.contains("literal") && done.err.contains("\"True\" -> \"true\""), "{}", done.err);
    let valid = espalier(&["repair"], " {\"a\" : 1.0}\n");
    assert_eq!((valid.status, &valid.out[..], &valid.err[..]), (0, " {\"a\" : 1.0}\n", ""));

    let schema =
        Scratch::new("repair.json", r#"{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]}"#);
    let refused = espalier(&["repair", "--json-schema", schema.path()], "{\"a\": \"x\"}");
    assert_eq!((refused.status, &refused.out[..]), (1, ""));
    assert!(refused.err.contains("/a (byte 6)") && refused.err.contains("a number"), "{}", refused.err);

    let lines = "{\"id\":1,\"text\":\"{a:'5'\"}\n{\"id\":\"x\",\"text\":\"no\"}\n";
    let done = espalier(&["repair", "--jsonl", "--json-schema", schema.path()], lines);
    assert_eq!(done.status, 1);
    let lines: Vec<serde_json::Value> = done.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&lines[0]["text"], &lines[0]["refused"]), (&"{\"a\":5}".into(), &serde_json::Value::Null));
    assert_eq!(lines[0]["edits"][1]["what"], "scalar");
    assert!(lines[1]["text"].is_null() && lines[1]["refused"].is_string() && lines[1]["id"] == "x");

    let bad = Scratch::new("repair-bad.json", r#"{"type":"foo"}"#);
    assert_eq!(espalier(&["repair", "--json-schema", bad.path()], "{}").status, 2);
    assert_eq!(espalier(&["check"], "{}").status, 2, "only repair does without a constraint");
}
