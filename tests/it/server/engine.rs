//! What stands on the engine: refused constraints, the judgement of finished answers, and the commands that read texts.

use espalier::inference::FinishReason;
use serde_json::{Value, json};

use super::{
    commands::{Scratch, espalier},
    harness::{Server, Setup, answer, events},
};

const CHAT: &str = "/v1/chat/completions";

async fn saying(text: &'static str, reason: FinishReason) -> Server {
    Setup::default().serve(move |job| Ok(answer(job, text, reason))).await
}

fn ask(schema: Value, stream: bool) -> Value {
    let format = json!({"type": "json_schema", "json_schema": {"name": "a", "schema": schema}});
    json!({"messages": [{"role": "user", "content": "a"}], "response_format": format, "stream": stream})
}

fn person() -> Value {
    json!({
        "type": "object",
        "properties": {"name": {"type": "string", "maxLength": 8}, "age": {"type": "integer", "minimum": 0}},
        "required": ["name", "age"],
        "additionalProperties": false
    })
}

#[tokio::test]
async fn constraints_are_refused_before_a_backend_is_touched() {
    let server = Setup::default().serve(|_| panic!("a backend was touched")).await;
    for (schema, code, word) in [
        (json!({"properties": {"a": {"type": "nonsense"}}}), "invalid_constraint", "/properties/a/type"),
        (json!({"$ref": "#/$defs/none"}), "invalid_constraint", "$ref"),
        (json!({"type": "integer", "minimum": 5, "maximum": 3}), "unsatisfiable_constraint", ""),
        (json!(false), "unsatisfiable_constraint", ""),
    ] {
        for stream in [false, true] {
            let error = server.refused(CHAT, ask(schema.clone(), stream), 400).await;
            assert_eq!(error["code"], code, "{schema}: {error}");
            assert_eq!(error["param"], "response_format");
            assert!(error["message"].as_str().unwrap().contains(word), "{error}");
        }
    }
    let text = json!({"messages": [{"role": "user", "content": "a"}], "guided_json": "{\"type\": "});
    let error = server.refused(CHAT, text, 400).await;
    assert_eq!((&error["code"], &error["param"]), (&json!("invalid_constraint"), &json!("guided_json")));
}

#[tokio::test]
async fn schemas_refer_to_documents_of_the_request() {
    let server = saying("{}", FinishReason::Stop).await;
    let mut request = ask(json!({"$ref": "https://example.com/a.json"}), false);
    let error = server.refused(CHAT, request.clone(), 400).await;
    assert_eq!(error["code"], "unsupported_constraint", "{error}");
    request["espalier"] = json!({"documents": {"https://example.com/a.json": {"type": "object"}}});
    let answer = server.json(CHAT, &request).await;
    assert_eq!(answer["choices"][0]["message"]["content"], "{}");
    request["espalier"] = json!({"documents": {"https://example.com/a.json": {"type": "nonsense"}}});
    let error = server.refused(CHAT, request, 400).await;
    assert!(error["message"].as_str().unwrap().contains("https://example.com/a.json#/type"), "{error}");
}

#[tokio::test]
async fn schemas_nested_without_end_are_refused() {
    let server = Setup::default().serve(|_| panic!("a backend was touched")).await;
    for (open, close) in [("{\"items\":", "}"), ("{\"anyOf\":[", "]}"), ("{\"const\":{\"a\":", "}}")] {
        let schema = open.repeat(25_000) + "{}" + &close.repeat(25_000);
        let body = format!(r#"{{"messages":[{{"role":"user","content":"a"}}],"json_schema":{schema}}}"#);
        let error = server.refused(CHAT, body, 400).await;
        assert_eq!(error["param"], "json_schema", "{error}");
    }
}

#[tokio::test]
async fn an_answer_that_breaks_its_constraint_never_leaves() {
    for text in [
        r#"{"name":"Ann","age":-1}"#,
        r#"{"name":"Ann"}"#,
        r#"{"name":"Ann","age":1,"x":2}"#,
        "[]",
        "{\"name\":\"Ann\"",
    ] {
        let server = saying(text, FinishReason::Stop).await;
        let error = server.refused(CHAT, ask(person(), false), 500).await;
        assert_eq!(error["type"], "server_error");
        let response = server.post(CHAT, ask(person(), true)).await;
        let events = events(&response.text().await.unwrap());
        let last: Value = serde_json::from_str(events.last().unwrap()).unwrap();
        assert_eq!(last["error"]["code"], "internal_error", "{text}");
        assert_eq!(last["espalier"]["verdict"], "failed");
        assert!(events.iter().all(|event| !event.contains("\"finish_reason\":\"stop\"")), "{text}");
    }
}

#[tokio::test]
async fn any_order_and_whitespace_satisfies_and_a_cut_answer_is_a_beginning() {
    let server = saying("{ \"age\": 3,\n \"name\": \"Ann\" }", FinishReason::Stop).await;
    assert_eq!(server.json(CHAT, ask(person(), false)).await["espalier"]["verdict"], "satisfied");
    let server = saying(r#"{"name":"An"#, FinishReason::Length).await;
    assert_eq!(server.json(CHAT, ask(person(), false)).await["espalier"]["verdict"], "truncated");
    let server = saying(r#"{"name":5"#, FinishReason::Length).await;
    server.refused(CHAT, ask(person(), false), 500).await;
}

#[test]
fn check_tells_the_first_violation() {
    let schema = Scratch::new("person.json", &person().to_string());
    let check = |text: &str| espalier(&["check", "--json-schema", schema.path()], text);
    assert_eq!(check("{\"age\": 3,\n\"name\": \"Ann\"}\n").status, 0);
    let done = check("{\"age\": 3,\n\"name\": 7}");
    assert_eq!(done.status, 1);
    assert!(done.out.starts_with("-:2:9: '7' may not come here; expected "), "{}", done.out);
    let done = check("{\"age\": 3");
    assert!(done.status == 1 && done.out.contains("ends too early"), "{}", done.out);
    let refused = Scratch::new("refused.json", r#"{"type": "nonsense"}"#);
    let done = espalier(&["check", "--json-schema", refused.path()], "{}");
    assert!(done.status == 2 && done.err.contains("/type"), "{}", done.err);
    let lines =
        "{\"id\":\"a\",\"text\":\"{\\\"name\\\":\\\"é\\\",\\\"age\\\":1}\"}\n\n{\"id\":2,\"text\":\"{\\\"nome\\\"\"}\n";
    let done = espalier(&["check", "--json-schema", schema.path(), "--jsonl"], lines);
    let judged: Vec<Value> = done.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(judged[0], json!({"id": "a", "valid": true, "at": null, "message": null}));
    assert_eq!((&judged[1]["id"], &judged[1]["valid"], &judged[1]["at"]), (&json!(2), &json!(false), &json!(3)));
    assert_eq!(done.status, 1);
}

#[test]
fn schemas_refer_to_documents_of_the_command_line() {
    let document = Scratch::new("name.json", r#"{"type": "string"}"#);
    let schema = Scratch::new("referring.json", r#"{"$ref": "https://example.com/name.json?a=b"}"#);
    let given = format!("https://example.com/name.json?a=b={}", document.path());
    let check = |text: &str| espalier(&["check", "--json-schema", schema.path(), "--document", &given], text).status;
    assert_eq!((check("\"a\""), check("1")), (0, 1));
    let done = espalier(&["check", "--json-schema", schema.path()], "1");
    assert!(done.status == 2 && done.err.contains("https://example.com/name.json?a=b"), "{}", done.err);
}

#[test]
fn samples_satisfy_another_judge_and_repeat_with_their_seed() {
    let schema = Scratch::new("sample.json", &person().to_string());
    let draw = |seed| espalier(&["sample", "--json-schema", schema.path(), "-n", "20", "--seed", seed], "");
    let done = draw("7");
    assert_eq!(done.status, 0, "{}", done.err);
    let validator = jsonschema::validator_for(&person()).unwrap();
    let texts: Vec<&str> = done.out.lines().collect();
    assert_eq!(texts.len(), 20);
    for text in &texts {
        let value: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert!(validator.is_valid(&value), "{text}");
    }
    assert_eq!(draw("7").out, done.out);
    assert_ne!(draw("8").out, done.out);
}

#[test]
fn mask_shows_what_may_come() {
    let schema = Scratch::new("mask.json", r#"{"enum": [{"a": true}, {"a": "xyz"}]}"#);
    let mask = |prefix: &str| espalier(&["mask", "--json-schema", schema.path(), "--prefix", prefix], "");
    let done = mask(r#"{"a":"#);
    assert!(
        done.out.starts_with("2 of 257 tokens may come next\n      34  \"\\\"\"\n     116  \"t\"\n"),
        "{}",
        done.out
    );
    let done = mask(r#"{"a":t"#);
    assert!(done.out.contains("1 of 257") && done.out.contains("forced: \"rue}\""), "{}", done.out);
    let done = mask(r#"{"a":true}"#);
    assert!(done.out.contains("the end"), "{}", done.out);
    let done = mask(r#"{"b"#);
    assert!(done.status == 1 && done.err.contains("first 2 bytes"), "{}", done.err);
}

#[test]
fn our_own_engine_reads_the_schema_of_the_configuration() {
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/config.schema.json");
    for (text, status) in [
        (r#"{"server": {"port": 80}, "models": [{"path": "a.gguf", "kv": "q8_0"}], "log": {"level": "info"}}"#, 0),
        (r#"{"server": {"prot": 80}}"#, 1),
        (r#"{"models": [{"id": "a"}]}"#, 1),
    ] {
        let done = espalier(&["check", "--json-schema", schema], text);
        assert_eq!(done.status, status, "{text}: {}{}", done.out, done.err);
    }
}
