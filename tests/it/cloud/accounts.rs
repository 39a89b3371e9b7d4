//! Who asks: Google's accounts, whose tokens do not last, and Azure's older addresses.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use aws_lc_rs::{
    encoding::AsDer,
    rsa::{KeyPair, KeySize},
    signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey},
};
use base64::{Engine as _, prelude::BASE64_STANDARD, prelude::BASE64_URL_SAFE_NO_PAD};
use espalier::backend::provider::Tokens;
use serde_json::{Value, json};

use super::{
    setup::{CHAT, Cloud, KEY, ask, ask_person, policy, serve},
    upstream::{Seen, Upstream, answer, json_reply, reply},
};

const GEMINI: &str = r#"{"candidates":[{"content":{"parts":[{"text":"{\"name\":\"Ann\",\"age\":3}"}],"role":"model"},
    "finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":5}}"#;

fn header<'a>(seen: &'a Seen, name: &str) -> Option<&'a str> {
    seen.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
}

/// Gives tokens `t0`, `t1`, .. that last for so many seconds.
async fn giving(seconds: u64) -> Upstream {
    Upstream::start(move |seen| {
        json_reply(
            200,
            &json!({"access_token": format!("t{}", seen.number), "expires_in": seconds, "token_type": "Bearer"}),
        )
    })
    .await
}

/// Takes tokens while they are not in this list, and keeps none.
async fn vertex(refused: &'static [&'static str]) -> Upstream {
    Upstream::start(move |seen| {
        let token = header(seen, "authorization").unwrap().strip_prefix("Bearer ").unwrap();
        match refused.contains(&token) {
            true => {
                json_reply(401, &json!({"error": {"code": 401, "message": "expired", "status": "UNAUTHENTICATED"}}))
            }
            false => reply(200, &[("content-type", "application/json")], GEMINI),
        }
    })
    .await
}

fn tokens_of(seen: &[Seen]) -> Vec<&str> {
    seen.iter().map(|seen| header(seen, "authorization").unwrap()).collect()
}

async fn front(vertex: &Upstream, tokens: Tokens) -> crate::server::harness::Server {
    let cloud = Cloud { tokens: Some(Arc::new(tokens)), model: "gemini-3", ..Cloud::of("vertex_gemini") };
    let url = format!("{}/projects/p/locations/l", vertex.url);
    serve(vec![cloud.at("first", &url)], policy()).await
}

#[tokio::test]
async fn a_service_account_signs_for_its_tokens() {
    let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let pem = BASE64_STANDARD.encode(pair.as_der().unwrap().as_ref());
    let pem = pem.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect::<Vec<_>>().join("\n");
    let giver = giving(3600).await;
    let token_uri = giver.url.replace("/v1", "/token");
    let file = json!({
        "type": "service_account", "client_email": "a@p.iam", "private_key_id": "k1", "token_uri": token_uri,
        "private_key": format!("-----BEGIN PRIVATE KEY-----\n{pem}\n-----END PRIVATE KEY-----\n")});
    let vertex = vertex(&[]).await;
    let server = front(&vertex, Tokens::of_service_account(&file.to_string()).unwrap()).await;
    for _ in 0..3 {
        let body = server.json(CHAT, ask_person(false)).await;
        assert_eq!(body["espalier"]["verdict"], "satisfied");
    }
    assert_eq!(tokens_of(&vertex.seen()), ["Bearer t0"; 3], "one token for all");
    assert_eq!(vertex.seen()[0].path, "/v1/projects/p/locations/l/publishers/google/models/gemini-3:generateContent");
    let [asked] = &giver.seen()[..] else { panic!("one request for a token") };
    assert_eq!(
        (asked.path.as_str(), header(asked, "content-type")),
        ("/token", Some("application/x-www-form-urlencoded"))
    );
    let form = asked.body.as_str().unwrap();
    let assertion =
        form.strip_prefix("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=").unwrap();
    let (signed, signature) = assertion.rsplit_once('.').unwrap();
    let decode = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text).unwrap();
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref());
    public.verify(signed.as_bytes(), &decode(signature)).expect("the account's own signature");
    let parts: Vec<Value> = signed.split('.').map(|part| serde_json::from_slice(&decode(part)).unwrap()).collect();
    assert_eq!(parts[0], json!({"alg": "RS256", "typ": "JWT", "kid": "k1"}));
    assert_eq!((&parts[1]["iss"], &parts[1]["aud"]), (&json!("a@p.iam"), &json!(token_uri)));
    assert_eq!(parts[1]["scope"], "https://www.googleapis.com/auth/cloud-platform");
    assert_eq!(parts[1]["exp"].as_u64().unwrap() - parts[1]["iat"].as_u64().unwrap(), 3600);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_asks_its_metadata_server() {
    let giver = giving(2).await;
    let host = giver.url.trim_start_matches("http://").trim_end_matches("/v1").to_owned();
    // Many at once: one of them asks.
    let vertex_server = vertex(&[]).await;
    let server = Arc::new(front(&vertex_server, Tokens::of_machine(&host).unwrap()).await);
    let asked = |server: &Arc<crate::server::harness::Server>| {
        let server = server.clone();
        tokio::spawn(async move { server.json(CHAT, ask_person(false)).await })
    };
    for request in (0..8).map(|_| asked(&server)).collect::<Vec<_>>() {
        request.await.unwrap();
    }
    assert_eq!(giver.seen().len(), 1);
    assert_eq!(giver.seen()[0].path, "/computeMetadata/v1/instance/service-accounts/default/token");
    assert_eq!(header(&giver.seen()[0], "metadata-flavor"), Some("Google"));
    // Half of a short time is used.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    server.json(CHAT, ask_person(false)).await;
    assert_eq!(tokens_of(&vertex_server.seen()).last(), Some(&"Bearer t1"));
    // One that is not taken any more is not used again.
    let giver = giving(3600).await;
    let host = giver.url.trim_start_matches("http://").trim_end_matches("/v1").to_owned();
    let vertex = vertex(&["t0"]).await;
    let server = front(&vertex, Tokens::of_machine(&host).unwrap()).await;
    server.refused(CHAT, ask_person(false), 502).await;
    server.json(CHAT, ask_person(false)).await;
    assert_eq!(tokens_of(&vertex.seen()), ["Bearer t0", "Bearer t1"]);
}

#[tokio::test]
async fn without_a_token_nothing_is_sent() {
    let vertex = vertex(&[]).await;
    for (status, body, code) in
        [(403, "{}", "upstream_refused"), (500, "", "upstream_error"), (200, "<html>", "upstream_error")]
    {
        let tries = Arc::new(AtomicUsize::new(0));
        let counted = tries.clone();
        let giver = Upstream::start(move |_| {
            counted.fetch_add(1, SeqCst);
            reply(status, &[("content-type", "application/json")], body)
        })
        .await;
        let host = giver.url.trim_start_matches("http://").trim_end_matches("/v1").to_owned();
        let server = front(&vertex, Tokens::of_machine(&host).unwrap()).await;
        let error = server.refused(CHAT, ask_person(false), 502).await;
        assert_eq!(error["code"], code, "{error}");
        assert_eq!(tries.load(SeqCst), if status == 403 { 1 } else { 2 }, "what may pass is tried again");
    }
    assert!(vertex.seen().is_empty());
}

#[tokio::test]
async fn azures_older_addresses() {
    let upstream = Upstream::start(|seen| answer(seen, r#"{"name":"Ann","age":3}"#, "stop")).await;
    for (base, streams) in [("", false), ("/", true), ("/openai", false), ("/openai/", true)] {
        let url = upstream.url.replace("/v1", base);
        let cloud = Cloud { api_version: Some("2024-10-21"), model: "my model/4", ..Cloud::of("azure_openai") }
            .at("first", &url);
        let server = serve(vec![cloud], policy()).await;
        match streams {
            false => drop(server.json(CHAT, ask_person(false)).await),
            true => drop(server.events(CHAT, ask_person(true)).await),
        }
        let seen = upstream.seen().pop().unwrap();
        assert_eq!(seen.path, "/openai/deployments/my%20model%2F4/chat/completions?api-version=2024-10-21");
        assert_eq!((header(&seen, "api-key"), header(&seen, "authorization")), (Some(KEY), None));
        assert_eq!(seen.body["response_format"]["type"], "json_schema");
        assert_eq!(seen.streams(), streams);
        assert_eq!(seen.body["messages"], ask(json!({}))["messages"]);
    }
}
