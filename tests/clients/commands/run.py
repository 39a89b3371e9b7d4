"""The commands as a user runs them: exit statuses, and verdicts that are compared with Python's jsonschema and MaskBench's.

No model is needed: `check` and `sample` work on bytes.
"""

import collections
import importlib.util
import json
import pathlib
import subprocess
import sys
import tempfile

from served import Skipped, binary, checks_of, model, run_checks

HERE = pathlib.Path(__file__).resolve().parent
SPEC = importlib.util.spec_from_file_location("judge", HERE.parent / "judge" / "run.py")
judge = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(judge)

AGE = {"type": "object", "properties": {"age": {"type": "integer", "maximum": 130}}, "required": ["age"]}
# Real schemas whose instances are checked, and those that random answers are drawn from.
CHECKED, SAMPLED = 300, 120


def espalier(*arguments, text="", limit=60):
    return subprocess.run([binary(), *map(str, arguments)], input=text, capture_output=True, text=True, timeout=limit,
                          check=False)


class File:
    """A schema in a file."""

    def __init__(self, schema):
        self.file = tempfile.NamedTemporaryFile("w", suffix=".json")
        self.file.write(schema if isinstance(schema, str) else json.dumps(schema))
        self.file.flush()

    def __enter__(self):
        return self.file.name

    def __exit__(self, *_):
        self.file.close()


def test_check_tells_by_its_status():
    with File(AGE) as schema:
        assert espalier("check", "--json-schema", schema, text='{"age": 30}').returncode == 0
        wrong = espalier("check", "--json-schema", schema, text='{\n "age": 131}')
        assert wrong.returncode == 1 and ":2:" in wrong.stdout, wrong
        assert espalier("check", "--json-schema", schema, text='{"age": 1').returncode == 1
        assert espalier("check", "--json-schema", "/nowhere.json", text="1").returncode != 0
    for refused in ({"type": "strin"}, {"type": "integer", "minimum": 2, "maximum": 1}, "{", "7"):
        with File(refused) as schema:
            done = espalier("check", "--json-schema", schema, text="1")
            assert done.returncode == 2 and done.stderr, (refused, done)


def test_check_reads_and_writes_lines():
    lines = [{"id": 1, "text": '{"age": 1}'}, {"id": "b", "text": '{"age": 131}'}, {"id": None, "text": "{"}]
    with File(AGE) as schema:
        done = espalier("check", "--json-schema", schema, "--jsonl", text="\n".join(map(json.dumps, lines)))
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(line["id"], line["valid"]) for line in found] == [(1, True), ("b", False), (None, False)], done
    assert found[0]["at"] is None and found[1]["at"] == len('{"age": 13') and found[1]["message"], found


def test_unknown_flags_are_refused():
    assert espalier("check", "--no-such-flag").returncode == 2
    assert espalier("no-such-command").returncode == 2
    assert espalier("help").returncode == 0


def test_mask_shows_what_may_come_next():
    with File({"enum": ["red", "green"]}) as schema:
        done = espalier("mask", "--json-schema", schema, "--prefix", '"r')
        # The letter itself; generation does not write it as an escape.
        assert done.returncode == 0 and '"e"' in done.stdout and done.stdout.startswith("1 of "), done
        closed = espalier("mask", "--json-schema", schema, "--prefix", '"red')
        assert closed.stdout.startswith("1 of "), closed
        assert espalier("mask", "--json-schema", schema, "--prefix", '"blue').returncode != 0


def test_models_are_listed_and_shown():
    folder = pathlib.Path(model()).parent
    listed = espalier("models", "--models-dir", folder, "list")
    assert listed.returncode == 0 and "SmolLM2-135M-Instruct.Q4_1" in listed.stdout, listed
    shown = espalier("models", "show", model())
    assert shown.returncode == 0 and "llama" in shown.stdout, shown


def test_a_configuration_is_checked():
    for text, status in (("", 0), ("[server]\nport = 9000\n", 0), ("[server]\nport = \"x\"\n", 1), ("nothing = 1\n", 1)):
        with File(text) as path:
            done = espalier("config", "check", path)
            assert (done.returncode == 0) == (status == 0), (text, done)


def real_cases(count):
    """Schemas of MaskBench that use what is enforced, the same each time."""
    if not judge.OPEN_CASES.exists():
        raise Skipped(f"{judge.OPEN_CASES} is not there")
    return judge.choose(judge.load(), count)[0]


def test_check_agrees_with_maskbench():
    wrong, counts = [], collections.Counter()
    for case in real_cases(CHECKED):
        lines = "".join(json.dumps({"id": number, "text": test["text"]}) + "\n" for number, test in enumerate(case["tests"]))
        with File(case["schema"]) as schema:
            done = espalier("check", "--json-schema", schema, "--jsonl", text=lines)
        if done.returncode == 2:
            wrong.append(f"{case['id']}: refused: {done.stderr.strip()[:200]}")
            continue
        for line in map(json.loads, done.stdout.splitlines()):
            test = case["tests"][line["id"]]
            counts[test["valid"]] += 1
            if line["valid"] != test["valid"]:
                wrong.append(f"{case['id']}: said {line['valid']} ({line['message']} at {line['at']}): {test['text'][:200]}")
    print(f"        {counts[True]} valid and {counts[False]} invalid instances")
    assert counts[True] > 100 and counts[False] > 100, counts
    assert not wrong, f"{len(wrong)} differ:\n" + "\n".join(wrong[:20])


def test_samples_satisfy_their_schemas():
    wrong, drawn = [], 0
    own = [json.loads(line) for line in judge.OWN_CASES.read_text().splitlines()]
    try:
        cases = own + real_cases(SAMPLED)
    except Skipped:
        cases = own
    for case in cases:
        with File(case["schema"]) as schema:
            done = espalier("sample", "--json-schema", schema, "-n", 10, "--seed", 7, "--max-tokens", 3_000)
        texts = done.stdout.splitlines()
        drawn += len(texts)
        if len(texts) != 10:
            wrong.append(f"{case['id']}: {len(texts)} of 10 answers, status {done.returncode}: {done.stderr[:200]}")
        for text in texts:
            valid, why = judge.verdict(case["schema"], text)
            if not valid:
                wrong.append(f"{case['id']}: {why}: {text[:200]}")
    print(f"        {drawn} random answers judged")
    assert not wrong, f"{len(wrong)} of {drawn} are wrong:\n" + "\n".join(wrong[:20])


def test_a_seed_repeats_samples():
    with File(AGE) as schema:
        ask = ["sample", "--json-schema", schema, "-n", "3", "--seed", "5"]
        first, again = espalier(*ask), espalier(*ask)
        assert first.returncode == 0 and first.stdout == again.stdout and len(first.stdout.splitlines()) == 3, first


if __name__ == "__main__":
    sys.exit(run_checks(checks_of(sys.modules[__name__])))
