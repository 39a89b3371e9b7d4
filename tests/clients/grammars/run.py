"""Answers of the served model under grammars, read by parsers that are not ours: `run.py [--seeds N]`.

25 grammars in every notation, each with so many seeds at temperature 1; at 20 seeds that is 500 answers. Every answer must be
finished and be accepted by its judge: Python's own parsers (json, ast, csv, configparser, tomllib, datetime, re), Lua's compiler, Python's lark
(Earley, every way to cut a text into terminals), or a few lines of Python.
"""

import argparse
import ast
import concurrent.futures
import configparser
import csv
import datetime
import io
import json
import re
import shutil
import subprocess
import sys
import tomllib

import jsonschema
import lark

from served import ROOT, Server

BUILT_IN = ROOT / "grammars" / "lark"
PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string", "maxLength": 12}, "age": {"type": "integer", "minimum": 0, "maximum": 130}},
    "required": ["name", "age"],
    "additionalProperties": False,
}
COLOURS = ["red", "green", "blue", "light blue", "dark \"blue\"", "grün"]

# RFC 3986, appendix A, without the forms of IP addresses.
PLAIN = r"(?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})"
URI = re.compile(
    rf"[A-Za-z][A-Za-z0-9+.\-]*:(?://(?:(?:{PLAIN}|:)*@)?(?:\[[0-9A-Fa-f:.v]+[^\]]*\]|{PLAIN}*)(?::[0-9]*)?(?:/(?:{PLAIN}|[:@])*)*"
    rf"|/(?:(?:{PLAIN}|[:@])+(?:/(?:{PLAIN}|[:@])*)*)?|(?:{PLAIN}|[:@])+(?:/(?:{PLAIN}|[:@])*)*|)"
    rf"(?:\?(?:{PLAIN}|[:@/?])*)?(?:#(?:{PLAIN}|[:@/?])*)?"
)

NESTED = 'start: pair\npair: "(" (pair | WORD)+ ")"\nWORD: /[a-z]+ ?/'
CLASHING = 'start: (A | B)+ ";"\nA: "ab"\nB: /a?b?c/'
LETTER = 'start: "Dear " NAME ",\\n" line+ "Yours"\nline: /[A-Za-z ,]{5,40}\\./ "\\n"\nNAME: /[A-Z][a-z]{1,9}/'
GBNF_DATE = 'root ::= year "-" two "-" two\nyear ::= [0-9]{4}\ntwo ::= [0-9] [0-9]'
GBNF_LIST = 'root ::= item+\nitem ::= "- " [^\\r\\n]{3,30} "\\n"'
GBNF_SUM = 'root ::= term ("+" term)*\nterm ::= [1-9] [0-9]{0,3} | "(" root ")"'
EBNF_JSON = 'root ::= "{" pair ("," pair)* "}"\npair ::= "\\"" [a-z]+ "\\":" ("0" | [1-9] [0-9]*)'
EBNF_POEM = 'root ::= line line\nline ::= [A-Z] [a-z ]{8,30} "\\n"'
WHERE = 'len(ANSWER) < 60 and ENDS_WITH(ANSWER, ".")'
TAGGED = {
    "type": "structural_tag",
    "format": {
        "type": "triggered_tags",
        "triggers": ["<person>"],
        "tags": [{"begin": "<person>", "content": {"type": "json_schema", "json_schema": PERSON}, "end": "</person>"}],
        "at_least_one": True,
        "stop_after_first": True,
    },
}


def built_in(name):
    return {"type": "grammar", "syntax": "lark", "grammar": (BUILT_IN / f"{name}.lark").read_text()}


def by_lark(grammar):
    parser = lark.Lark(grammar, parser="earley", lexer="dynamic_complete")
    return parser.parse


def by_re(pattern):
    def judge(text):
        assert re.fullmatch(pattern, text), pattern

    return judge


def as_csv(text):
    list(csv.reader(io.StringIO(text, newline=""), strict=True))


def as_ini(text):
    parser = configparser.RawConfigParser(strict=False, allow_no_value=True, delimiters=("=",), comment_prefixes=("#", ";"))
    parser.read_string(text if text.lstrip().startswith("[") else "[top]\n" + text)


def as_tagged(text):
    before, rest = text.split("<person>", 1)
    value, behind = rest.split("</person>", 1)
    assert not behind, "nothing follows the tag"
    jsonschema.validate(json.loads(value), PERSON)


def as_toml(text):
    """Which keys stand twice is no matter of grammar."""
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        assert any(words in str(error) for words in ("Cannot overwrite", "Cannot declare", "Cannot mutate", "Duplicate")), error


def as_lua(text):
    """Lua's own compiler, where it is there. Which label a goto leads to and what is constant is no matter of grammar."""
    program = shutil.which("luac5.4") or shutil.which("luac")
    if program is None:
        return
    done = subprocess.run([program, "-p", "-"], input=text, capture_output=True, text=True, timeout=20)
    binding = ("no visible label", "assign to const variable", "already defined", "too many local", "multiple to-be-closed")
    assert done.returncode == 0 or any(reason in done.stderr for reason in binding), done.stderr


def is_in(texts):
    def judge(text):
        assert text in texts

    return judge


def is_short_sentence(text):
    assert len(text) < 60 and text.endswith(".")


def grammar(syntax, text):
    return {"type": "grammar", "syntax": syntax, "grammar": text}


def regex(pattern, syntax):
    return {"type": "regex", "regex": pattern, "syntax": syntax}


# Name, what is asked for, the response format, the judge.
CASES = [
    ("json", "Make up a small JSON object.", built_in("json"), json.loads),
    ("arithmetic", "Write a formula.", built_in("arithmetic"), by_lark((BUILT_IN / "arithmetic.lark").read_text())),
    ("csv", "Write three lines of CSV about fruit.", built_in("csv"), as_csv),
    ("ini", "Write a short INI file.", built_in("ini"), as_ini),
    ("iso-date", "When was the moon landing?", built_in("iso-date"), datetime.datetime.fromisoformat),
    ("pgn", "Write a short chess game.", built_in("pgn"), by_lark((BUILT_IN / "pgn.lark").read_text())),
    ("python-literal", "Write a Python list.", built_in("python-literal"), ast.literal_eval),
    ("toml", "Write a short TOML file.", built_in("toml"), as_toml),
    ("uri", "Name a web address.", built_in("uri"), by_re(URI)),
    ("lua", "Write a function in Lua.", built_in("lua"), as_lua),
    ("nested", "Write something in parentheses.", grammar("lark", NESTED), by_lark(NESTED)),
    ("clashing", "Write letters.", grammar("lark", CLASHING), by_lark(CLASHING)),
    ("letter", "Write a letter.", grammar("lark", LETTER), by_lark(LETTER)),
    ("gbnf date", "What day is it?", grammar("gbnf", GBNF_DATE), by_re(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")),
    ("gbnf list", "Name some towns.", grammar("gbnf", GBNF_LIST), by_re(r"(- [^\r\n]{3,30}\n)+")),
    ("gbnf sum", "Write a sum.", grammar("gbnf", GBNF_SUM), lambda text: ast.parse(text, mode="eval")),
    ("ebnf json", "Count some things.", grammar("ebnf", EBNF_JSON), json.loads),
    ("ebnf poem", "Write a poem.", grammar("ebnf", EBNF_POEM), by_re(r"([A-Z][a-z ]{8,30}\n){2}")),
    ("python regex", "Who wrote it?", regex(r"(?i:by) [A-Z]\w{1,9}(?P<year>, \d{4})?", "python"), by_re(r"(?i:by) [A-Z]\w{1,9}(, \d{4})?")),
    ("ecma regex", "Name a colour.", regex(r"#(?:[0-9a-f]{3}){1,2}", "ecma"), by_re(r"#(?:[0-9a-f]{3}){1,2}")),
    ("rust regex", "Say hello.", regex(r"(?i)hello[,!] [a-z ]{2,20}[.!]", "rust"), by_re(r"(?i)hello[,!] [a-z ]{2,20}[.!]")),
    ("lookahead", "Choose a password.", regex(r"(?=.*[0-9])(?=.*[a-z])[0-9a-z]{6,12}", "ecma"),
     by_re(r"(?=.*[0-9])(?=.*[a-z])[0-9a-z]{6,12}")),
    ("choice", "Which colour?", {"type": "choice", "choice": COLOURS}, is_in(COLOURS)),
    ("where", "Tell me about the sea.", {"type": "where", "where": WHERE}, is_short_sentence),
    ("structural tag", "Make up a person.", TAGGED, as_tagged),
]


def ask(server, model, case, seed):
    """None if all is well, else what is wrong."""
    name, prompt, form, judge = case
    body = {
        "model": model, "messages": [{"role": "user", "content": prompt}], "temperature": 1.0, "seed": seed, "max_tokens": 80,
        "response_format": form,
    }
    status, _, answer = server.post("/v1/chat/completions", body, timeout=600)
    if status != 200:
        return f"{name}, seed {seed}: {status}: {answer['error']['message']}"
    choice = answer["choices"][0]
    text = choice["message"]["content"]
    if choice["finish_reason"] != "stop":
        return f"{name}, seed {seed}: it ended with {choice['finish_reason']}: {text!r}"
    try:
        judge(text)
    except Exception as error:  # whatever a parser raises says that the text is none of its own
        return f"{name}, seed {seed}: {type(error).__name__}: {str(error)[:300]}: {text!r}"
    return None


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--seeds", type=int, default=20)
    given = arguments.parse_args()
    failed = 0
    with Server() as server, concurrent.futures.ThreadPoolExecutor(4) as pool:
        model = server.model_id()
        for case in CASES:
            wrong = [why for why in pool.map(lambda seed: ask(server, model, case, seed), range(given.seeds)) if why]
            print(f"{case[0]}: {given.seeds - len(wrong)} of {given.seeds}", flush=True)
            for why in wrong:
                print("  " + why, flush=True)
            failed += len(wrong)
    print(f"{len(CASES) * given.seeds - failed} passed, {failed} failed", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
