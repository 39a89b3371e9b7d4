//! Vocabularies out of tokenizer.json, judged by the `tokenizers` crate.

use espalier::vocab::{TokenKind, TokenizerError, TokenizerOptions, Vocabulary};
use proptest::{prelude::*, test_runner::TestRunner};
use tokenizers::{NormalizedString, Normalizer, Tokenizer};

use crate::shared;

struct Pair {
    name: &'static str,
    ours: Vocabulary,
    judge: Tokenizer,
    /// A space that the tokenizer itself puts before a text.
    prefix: &'static str,
}

impl Pair {
    fn new(name: &'static str, json: &[u8], prefix: &'static str) -> Self {
        let ours = Vocabulary::from_tokenizer_json(name, json, &TokenizerOptions::default()).unwrap();
        Self { name, ours, judge: Tokenizer::from_bytes(json).unwrap(), prefix }
    }

    fn small() -> [Self; 3] {
        let read =
            |name| std::fs::read(format!("{}/tests/cases/tokenizers/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        [
            Self::new("llama2", &read("llama2.tokenizer.json"), " "),
            Self::new("gemma", &read("gemma.tokenizer.json"), ""),
            Self::new("unigram", &read("unigram.tokenizer.json"), " "),
        ]
    }

    fn large() -> Vec<Self> {
        let files =
            [("Llama 3.1", "tokenizers/llama-3.1.tokenizer.json.gz"), ("Qwen 3", "tokenizers/qwen3.tokenizer.json.gz")];
        files.into_iter().filter_map(|(name, path)| Some(Self::new(name, &shared::data(path)?, ""))).collect()
    }

    fn encode(&self, text: &str) -> Vec<u32> {
        self.judge.encode_fast(text, false).unwrap().get_ids().to_vec()
    }

    fn bytes(&self, ids: &[u32]) -> Vec<u8> {
        ids.iter().flat_map(|id| self.ours.bytes(*id)).copied().collect()
    }

    /// Each token stands for the bytes that the judge prints for it between two other tokens.
    fn check_tokens(&self) {
        assert!(self.ours.len() >= self.judge.get_vocab_size(true), "{}", self.name);
        let (open, close) = (self.encode("x")[0], *self.encode("y").last().unwrap());
        let mut texts = 0;
        for id in 0..self.ours.len() as u32 {
            let Some(written) = self.judge.id_to_token(id) else {
                assert_eq!((self.ours.kind(id), self.ours.bytes(id)), (TokenKind::Special, &b""[..]), "hole {id}");
                continue;
            };
            if self.ours.kind(id) != TokenKind::Text {
                assert_eq!(self.ours.bytes(id), written.as_bytes(), "{} {id}", self.name);
                continue;
            }
            texts += 1;
            // Twice before it, since the very first token loses its leading space.
            let around = [open, open, id, close];
            let printed = self.judge.decode(&around, false).unwrap();
            let ours = String::from_utf8_lossy(&self.bytes(&around)).into_owned();
            assert_eq!(ours.strip_prefix(self.prefix).unwrap_or(&ours), printed, "{} {id} {written}", self.name);
        }
        assert!(texts > 400, "{}: {texts} tokens of text", self.name);
    }

    /// Each token of text is in the trie once, at the node that its bytes lead to.
    fn check_trie(&self) {
        let trie = self.ours.trie();
        let (nodes, mut path, mut seen) = (trie.nodes(), Vec::new(), 0);
        for (index, node) in nodes.iter().enumerate() {
            path.truncate(usize::from(node.depth) - 1);
            path.push(node.byte);
            for &id in trie.tokens_at(index as u32) {
                assert_eq!((self.ours.kind(id), self.ours.bytes(id)), (TokenKind::Text, &*path), "{} {id}", self.name);
                seen += 1;
            }
        }
        let texts = (0..self.ours.len() as u32).filter(|id| self.ours.kind(*id) == TokenKind::Text).count();
        assert_eq!(seen, texts, "{}", self.name);
    }

    /// The text is what its tokens stand for, one after the other.
    fn check_text(&self, text: &str) -> Result<(), TestCaseError> {
        let ids = self.encode(text);
        prop_assume!(ids.iter().all(|id| self.ours.kind(*id) == TokenKind::Text));
        let mut normal = NormalizedString::from(text);
        if self.name == "Qwen 3" {
            self.judge.get_normalizer().expect("NFC").normalize(&mut normal).unwrap();
        }
        let bytes = self.bytes(&ids);
        // Metaspace adds no second space; Prepend always adds one.
        let prefix = if self.name == "unigram" && text.starts_with([' ', '\u{2581}']) { "" } else { self.prefix };
        let expected = if text.is_empty() { String::new() } else { format!("{prefix}{}", normal.get()) };
        prop_assert_eq!(String::from_utf8_lossy(&bytes), expected.as_str(), "{}: {:?}", self.name, ids);
        Ok(())
    }

    fn check_texts(&self, cases: u32) {
        // U+2581 itself cannot be written in a SentencePiece vocabulary: it comes back as a space.
        let no_metaspace = |text: String| text.replace('\u{2581}', "_");
        let text = prop_oneof![
            any::<String>().prop_map(no_metaspace),
            "[ -~\\n]{0,60}",
            "\\{\"[a-zà-ü 東京]{0,12}\": (-?[0-9]{1,9}|\"[ -~]{0,20}\"|null|\\[true, false\\]) {0,4}\\}",
        ];
        let mut runner =
            TestRunner::new(ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() });
        runner.run(&text, |text| self.check_text(&text)).unwrap();
    }
}

#[test]
fn small_sentence_piece_vocabularies_print_as_the_judge() {
    Pair::small().iter().for_each(Pair::check_tokens);
}

#[test]
fn small_sentence_piece_vocabularies_write_any_text() {
    Pair::small().iter().for_each(|pair| pair.check_texts(400));
}

#[test]
fn large_byte_level_vocabularies_print_as_the_judge() {
    Pair::large().iter().for_each(Pair::check_tokens);
}

#[test]
fn tries_hold_all_text() {
    Pair::small().iter().chain(&Pair::large()).for_each(Pair::check_trie);
}

#[test]
fn large_byte_level_vocabularies_write_any_text() {
    Pair::large().iter().for_each(|pair| pair.check_texts(200));
}

#[test]
fn byte_tokens_are_single_bytes_and_may_not_be_utf8() {
    let [llama2, ..] = Pair::small();
    for byte in 0..=255_u8 {
        let id = llama2.judge.token_to_id(&format!("<0x{byte:02X}>")).unwrap();
        assert_eq!(llama2.ours.bytes(id), [byte]);
    }
    // "A" is both a piece of its own and a byte: two tokens at one node of the trie.
    let first = |byte| llama2.ours.trie().nodes().iter().position(|node| node.depth == 1 && node.byte == byte).unwrap();
    assert_eq!(llama2.ours.trie().tokens_at(first(b'A') as u32).len(), 2);
}

#[test]
fn end_tokens_are_the_special_ones_with_a_known_name() {
    let [llama2, gemma, _] = Pair::small();
    assert_eq!(llama2.ours.end_tokens(), [2]);
    // Gemma's `</s>` is a tag of HTML, text like any other.
    let names: Vec<_> = gemma.ours.end_tokens().iter().map(|id| gemma.judge.id_to_token(*id).unwrap()).collect();
    assert_eq!(names, ["<eos>", "<end_of_turn>"]);
    let tag = gemma.judge.token_to_id("</s>").unwrap();
    assert_eq!((gemma.ours.kind(tag), gemma.ours.bytes(tag)), (TokenKind::Text, &b"</s>"[..]));
    let spaces = gemma.judge.token_to_id("▁▁").unwrap();
    assert_eq!((gemma.ours.kind(spaces), gemma.ours.bytes(spaces)), (TokenKind::Text, &b"  "[..]));
    for pair in Pair::large() {
        let names: Vec<_> = pair.ours.end_tokens().iter().map(|id| pair.judge.id_to_token(*id).unwrap()).collect();
        let expected: &[&str] = match pair.name {
            "Llama 3.1" => &["<|end_of_text|>", "<|eot_id|>"],
            _ => &["<|endoftext|>", "<|im_end|>"],
        };
        assert_eq!(names, expected);
    }
}

fn tiny(decoder: &str, model: &str) -> String {
    let before = r#""pre_tokenizer": {"type": "ByteLevel"}"#;
    let added = r#"[{"id": 9, "content": "</s>", "special": true}, {"id": 5, "content": "Ġ", "special": false}]"#;
    format!(r#"{{"added_tokens": {added}, {before}, "decoder": {decoder}, "model": {model}}}"#)
}

fn load(json: &str, options: &TokenizerOptions) -> Result<Vocabulary, TokenizerError> {
    Vocabulary::from_tokenizer_json("tiny", json.as_bytes(), options)
}

const BPE: &str = r#"{"type": "BPE", "vocab": {"a": 0, "Ġa": 1}, "merges": []}"#;

#[test]
fn holes_padding_and_chosen_end_tokens() {
    let vocabulary = load(&tiny("null", BPE), &TokenizerOptions { end_tokens: Some(vec![7]), len: 12 }).unwrap();
    assert_eq!((vocabulary.len(), vocabulary.end_tokens()), (12, &[7][..]));
    assert_eq!(vocabulary.bytes(1), b" a");
    // An added token has its literal content: here the letter itself, which a byte-level piece would read as a space.
    assert_eq!((vocabulary.kind(5), vocabulary.bytes(5)), (TokenKind::Text, "Ġ".as_bytes()));
    assert_eq!((vocabulary.kind(9), vocabulary.bytes(9)), (TokenKind::Special, &b"</s>"[..]));
    assert_eq!((vocabulary.kind(11), vocabulary.bytes(11)), (TokenKind::Special, &b""[..]));
}

#[test]
fn what_cannot_be_read_is_refused_by_name() {
    let byte_level = r#"{"type": "ByteLevel"}"#;
    let cases = [
        ("{".to_owned(), "not a tokenizer.json"),
        ("[]".to_owned(), "not a tokenizer.json"),
        (tiny(r#"{"type": "WordPiece"}"#, BPE), "\"WordPiece\""),
        (tiny(r#"{"type": "Replace", "pattern": {"Regex": "a+"}, "content": ""}"#, BPE), "Replace of a+"),
        (tiny(r#"{"type": "Strip", "content": " ", "start": 1, "stop": 0}"#, BPE), "\"Strip\""),
        (tiny(byte_level, r#"{"type": "WordLevel", "vocab": {"a": 0}}"#), "\"WordLevel\""),
        (tiny(byte_level, r#"{"type": "BPE", "vocab": {"a": 4194304}, "merges": []}"#), "4194304"),
        (tiny(byte_level, &BPE.replace("\"merges\"", "\"end_of_word_suffix\": \"</w>\", \"merges\"")), "</w>"),
        (tiny(byte_level, &BPE.replace("\"a\"", &format!("\"{}\"", "a".repeat(70_000)))), "70000 bytes"),
        (tiny("null", BPE).replace("ByteLevel", "Whitespace"), "neither a decoder"),
        (tiny(byte_level, BPE).replace("</s>", "<unusual>"), "say which"),
        (r#"{"decoder": {"type": "ByteLevel"}, "model": {"type": "BPE", "vocab": {}}}"#.to_owned(), "no tokens"),
    ];
    for (json, expected) in cases {
        let message = load(&json, &TokenizerOptions::default()).unwrap_err().to_string();
        assert!(message.contains(expected), "{message:?} does not say {expected:?}");
    }
    let options = TokenizerOptions { end_tokens: Some(vec![10]), len: 0 };
    assert!(matches!(load(&tiny(byte_level, BPE), &options), Err(TokenizerError::UnknownEndToken { id: 10, len: 10 })));
}

/// 128,000 tokens in a fraction of a second; the bound is wide because test machines are busy.
#[test]
fn large_vocabularies_load_fast() {
    let Some(json) = shared::data("tokenizers/qwen3.tokenizer.json.gz") else { return };
    let start = std::time::Instant::now();
    Vocabulary::from_tokenizer_json("Qwen 3", &json, &TokenizerOptions::default()).unwrap();
    let took = start.elapsed();
    println!("151,669 tokens in {took:?}");
    assert!(took.as_secs_f64() < 5.0, "{took:?}");
}
