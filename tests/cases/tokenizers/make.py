"""Writes the three SentencePiece-like tokenizers of this folder: `python3 make.py`.

A few hundred tokens each: the specials, 256 byte tokens, the characters of the sample text and the merges that a plain
BPE training finds in it. The pipelines are those of real families:
  llama2.tokenizer.json   BPE, normalizer Prepend + Replace, decoder Replace, ByteFallback, Fuse, Strip
  gemma.tokenizer.json    BPE, normalizer Replace, added tokens of spaces and newlines, decoder Replace, ByteFallback, Fuse
  unigram.tokenizer.json  Unigram with byte fallback, Metaspace as pre-tokenizer and decoder
"""
import collections, json, math, pathlib

TEXT = """{"name": "Anna Müller", "age": 42, "email": "anna@example.org", "tags": ["a", "b", "c"], "active": true}
{"id": "c0ffee", "value": -1.5e3, "items": [{"x": 1, "y": 2}, {"x": 3, "y": 4}], "none": null, "ok": false}
the quick brown fox jumps over the lazy dog; the answer is in the text, and the text is in the answer.
Grüße aus Köln — 東京 と 大阪 の 間 に は 新幹線 が 走る。 naïve café, piñata, Ελλάδα, Москва. 🙂🚀
select name, value from items where id = 10 and value >= 2.5 order by name limit 100
if (value != null) { return value.items.map(item => item.name); } else { throw new Error("no value"); }
"""
MERGES = 220


def train(text):
    words = collections.Counter("▁" + word for word in text.split())
    words = {word: (list(word), count) for word, count in words.items()}
    merges = []
    while len(merges) < MERGES:
        pairs = collections.Counter()
        for pieces, count in words.values():
            for pair in zip(pieces, pieces[1:]):
                pairs[pair] += count
        pair = max(pairs, key=lambda pair: (pairs[pair], pair))
        merges.append(pair)
        for pieces, _ in words.values():
            at = 0
            while at + 1 < len(pieces):
                if (pieces[at], pieces[at + 1]) == pair:
                    pieces[at : at + 2] = ["".join(pair)]
                at += 1
    return merges


def added(id, content, special):
    return {"id": id, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
            "special": special}


def write(name, **parts):
    parts = {"version": "1.0", "truncation": None, "padding": None, **parts}
    path = pathlib.Path(__file__).parent / f"{name}.tokenizer.json"
    path.write_text(json.dumps(parts, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")


def main():
    bytes_ = [f"<0x{byte:02X}>" for byte in range(256)]
    # Not all characters of the text: what is left out must come out of the byte tokens.
    characters = sorted(set(TEXT.replace("\n", "")) - set(" 🚀線") | {"▁"})
    merges = [pair for pair in train(TEXT) if all(c in characters for c in "".join(pair))]
    replace = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
    restore = [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"}]

    def bpe(first):
        pieces = list(dict.fromkeys(first + bytes_ + characters + ["".join(pair) for pair in merges]))
        return {"type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None,
                "end_of_word_suffix": None, "fuse_unk": True, "byte_fallback": True, "ignore_merges": False,
                "vocab": {piece: id for id, piece in enumerate(pieces)}, "merges": [" ".join(pair) for pair in merges]}

    specials = ["<unk>", "<s>", "</s>"]
    write("llama2", added_tokens=[added(id, name, True) for id, name in enumerate(specials)],
          normalizer={"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, replace]},
          pre_tokenizer=None, post_processor=None, model=bpe(specials),
          decoder={"type": "Sequence", "decoders": restore + [{"type": "Strip", "content": " ", "start": 1, "stop": 0}]})

    specials = ["<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>"]
    texts = ["\n", "\n\n", "▁▁", "▁▁▁", "<table>", "</s>"]
    model = bpe(specials + texts)
    tokens = [added(id, name, True) for id, name in enumerate(specials)]
    tokens += [added(len(specials) + id, name, False) for id, name in enumerate(texts)]
    tokens.append(added(len(model["vocab"]), "<tool>", False))
    write("gemma", added_tokens=tokens, normalizer=replace, pre_tokenizer=None, post_processor=None, model=model,
          decoder={"type": "Sequence", "decoders": restore})

    specials = ["<unk>", "<s>", "</s>"]
    pieces = [[name, 0.0] for name in specials + bytes_]
    pieces += [["".join(pair), -math.log(2 + rank)] for rank, pair in enumerate(merges)]
    known = {piece for piece, _ in pieces}
    pieces += [[character, -9.0 - at / 100] for at, character in enumerate(characters) if character not in known]
    metaspace = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}
    write("unigram", added_tokens=[added(id, name, True) for id, name in enumerate(specials)], normalizer=None,
          pre_tokenizer=metaspace, post_processor=None,
          model={"type": "Unigram", "unk_id": 0, "vocab": pieces, "byte_fallback": True},
          decoder={"type": "Sequence", "decoders": [{"type": "ByteFallback"}, metaspace]})


main()
