"""Answers of the served model to real schemas, judged by Python's jsonschema: `run.py --out ANSWERS.jsonl`.

40 schemas x 10 seeds at temperature 1.0; with --room 1.2, max_tokens is so many times what the shortest answer takes, as
the server tells it when it is asked for too little. Each answer that the server calls finished must satisfy its schema; none may end
in an error; with --cut-share, no more than that part may be cut by max_tokens. The answers are stored for a second judge (tests/judge.rs), a line each:
{"id", "seed", "schema", "finish_reason", "text", "error", "valid"}.
"""

import argparse
import collections
import concurrent.futures
import gzip
import hashlib
import json
import math
import pathlib
import re
import sys
import time

import jsonschema

from served import ROOT, Server

OPEN_CASES = ROOT.parent / "shared" / "data" / "maskbench" / "maskbench-open.jsonl.gz"
OWN_CASES = ROOT / "tests" / "cases" / "judge.jsonl"

# What the schemas may use: the keywords enforced since the first version, and annotations.
ENFORCED = {
    "type", "properties", "required", "additionalProperties", "items", "prefixItems", "minItems", "maxItems", "minLength",
    "maxLength", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "enum", "const", "pattern", "$ref", "$defs",
    "definitions", "anyOf", "allOf",
}
ANNOTATIONS = {"$schema", "$id", "id", "title", "description", "default", "examples", "$comment"}
# Each of these stands in at least so many of the chosen schemas, as far as the data has them.
WANTED = sorted(ENFORCED - {"definitions", "$defs"}) + ["nullable union", "recursion"]
AT_LEAST = 3


def keywords(schema, found):
    """Adds the keywords of a schema and its parts; False if something is used that is not on the list."""
    if isinstance(schema, bool):
        return True
    if not isinstance(schema, dict):
        return False
    for word, value in schema.items():
        if word not in ENFORCED and word not in ANNOTATIONS:
            return False
        found[word] += 1
        if word in ("properties", "$defs", "definitions"):
            parts = list(value.values()) if isinstance(value, dict) else [None]
        elif word in ("anyOf", "allOf", "prefixItems"):
            parts = value if isinstance(value, list) else [None]
        elif word in ("items", "additionalProperties"):
            parts = [value]
        else:
            parts = []
        if not all(keywords(part, found) for part in parts):
            return False
    if isinstance(schema.get("type"), list) and "null" in schema["type"]:
        found["nullable union"] += 1
    reference = schema.get("$ref")
    if reference == "#":
        found["recursion"] += 1
    return reference is None or (isinstance(reference, str) and reference.startswith("#"))


def suitable(schema):
    """The keywords of a schema that can be used here, or nothing."""
    size = len(json.dumps(schema))
    found = collections.Counter()
    if not 120 <= size <= 4000 or not isinstance(schema, dict) or not keywords(schema, found):
        return None
    draft = schema.get("$schema", "")
    # Drafts before 6 write some of these keywords otherwise, and an `$id` would move the references.
    if "draft-03" in draft or ("draft-04" in draft and ("exclusiveMinimum" in found or "exclusiveMaximum" in found)):
        return None
    if any(word in found for word in ("$id", "id")) and "$ref" in found:
        return None
    return found if found["type"] + found["enum"] + found["const"] > 0 else None


def choose(cases, count):
    """The same schemas each time: in the order of their ids' hashes, first those that bring a rare keyword."""
    pool = []
    for case in sorted(cases, key=lambda case: hashlib.sha256(case["id"].encode()).digest()):
        found = suitable(case["schema"])
        if found:
            pool.append((case, found))
    chosen, seen, families = [], collections.Counter(), collections.Counter()

    def take(case, found):
        chosen.append(case)
        seen.update(word for word in found)
        families[family(case)] += 1

    rare_first = sorted(WANTED, key=lambda word: sum(word in found for _, found in pool))
    for word in rare_first:
        for case, found in pool:
            if seen[word] >= AT_LEAST or len(chosen) >= count:
                break
            if word in found and case not in chosen:
                take(case, found)
    for case, found in pool:
        if len(chosen) < count and case not in chosen and families[family(case)] < count / 4:
            take(case, found)
    return chosen, seen


def family(case):
    return case["id"].split("---")[0].split("_")[0]


def load():
    if OPEN_CASES.exists():
        with gzip.open(OPEN_CASES, "rt") as lines:
            return [json.loads(line) for line in lines]
    print(f"SKIPPED MaskBench: {OPEN_CASES} is not there; the judge takes the schemas of our own")
    return [json.loads(line) for line in OWN_CASES.read_text().splitlines()]


def prompt(case):
    schema = case["schema"]
    about = schema.get("title") or schema.get("description") or family(case)
    names = ", ".join(list(schema.get("properties", {}))[:12])
    return f"Write a short example of: {str(about)[:200]}." + (f" Fields: {names[:300]}." if names else "")


def needed(server, body):
    """Tokens of a short answer, as told by the refusal of a request that allows one token."""
    status, _, answer = server.post("/v1/chat/completions", {**body, "max_tokens": 1}, timeout=600)
    if status == 200:
        return 1
    if answer["error"]["code"] != "max_tokens_too_small":
        raise ValueError(f"{status}: {answer['error']['message']}")
    return int(re.search(r"at least (\d+)", answer["error"]["message"]).group(1))


def ask(server, model, case, seed, max_tokens, room):
    record = {"id": case["id"], "seed": seed, "schema": case["schema"], "finish_reason": None, "text": "", "error": None,
              "valid": None}
    body = {
        "model": model, "messages": [{"role": "user", "content": prompt(case)}], "temperature": 1.0, "seed": seed,
        "max_tokens": max_tokens,
        "response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": case["schema"]}},
    }
    try:
        if room:
            body["max_tokens"] = math.ceil(room * needed(server, body))
        status, _, answer = server.post("/v1/chat/completions", body, timeout=600)
    except (OSError, ValueError) as error:
        record["error"] = repr(error)
        return record
    if status != 200:
        record["error"] = f"{status}: {answer['error']['message']}"
        return record
    choice = answer["choices"][0]
    record.update(finish_reason=choice["finish_reason"], text=choice["message"]["content"],
                  tokens=answer["usage"]["completion_tokens"])
    if choice["finish_reason"] == "stop":
        record["valid"], record["error"] = verdict(case["schema"], record["text"])
    return record


def no_twins(pairs):
    keys = [key for key, _ in pairs]
    if len(set(keys)) != len(keys):
        raise ValueError(f"a key stands twice: {keys}")
    return dict(pairs)


def verdict(schema, text):
    """(valid, why not)"""
    judge = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    try:
        value = json.loads(text, object_pairs_hook=no_twins)
    except ValueError as error:
        return False, f"not JSON: {error}"
    error = next(judge(schema).iter_errors(value), None)
    return error is None, error and f"{error.json_path}: {error.message[:200]}"


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--out", type=pathlib.Path, required=True)
    arguments.add_argument("--schemas", type=int, default=40)
    arguments.add_argument("--seeds", type=int, default=10)
    arguments.add_argument("--max-tokens", type=int, default=1024)
    arguments.add_argument("--room", type=float, help="max_tokens as a multiple of what the shortest answer takes")
    arguments.add_argument("--cut-share", type=float, help="fail if more than this part is cut by max_tokens")
    arguments.add_argument("--list", action="store_true", help="only name the schemas")
    given = arguments.parse_args()
    cases, seen = choose(load(), given.schemas)
    print(f"{len(cases)} schemas x {given.seeds} seeds; schemas with " +
          ", ".join(f"{word} {seen[word]}" for word in WANTED if seen[word]), flush=True)
    if given.list:
        print("\n".join(f"{case['id']} {json.dumps(case['schema'])[:160]}" for case in cases))
        return 0
    records, began, told = [], time.monotonic(), time.monotonic()
    with Server() as server, concurrent.futures.ThreadPoolExecutor(4) as pool, given.out.open("w") as out:
        model = server.model_id()
        jobs = [pool.submit(ask, server, model, case, seed, given.max_tokens, given.room)
                for case in cases for seed in range(given.seeds)]
        for job in concurrent.futures.as_completed(jobs):
            records.append(job.result())
            out.write(json.dumps(records[-1]) + "\n")
            if time.monotonic() - told > 15:
                told = time.monotonic()
                print(f"{len(records)} of {len(jobs)} answers after {told - began:.0f} s", flush=True)
    return report(cases, records, time.monotonic() - began, given.cut_share)


def report(cases, records, seconds, cut_share):
    failed = 0
    for case in cases:
        wrong = [r for r in records if r["id"] == case["id"] and (r["valid"] is False or r["error"])]
        failed += bool(wrong)
        for record in wrong[:3]:
            print(f"FAILED  {record['id']} seed {record['seed']}: {record['error']}\n          {record['text'][:300]}")
    finished = sum(r["finish_reason"] == "stop" for r in records)
    cut = [r for r in records if r["finish_reason"] == "length"]
    errors = sum(r["finish_reason"] is None for r in records)
    invalid = sum(r["valid"] is False for r in records)
    tokens = sum(r.get("tokens", 0) for r in records)
    print(f"{len(records)} answers in {seconds:.0f} s, {tokens} tokens: {finished} finished, of these {invalid} invalid; "
          f"{len(cut)} cut by max_tokens; {errors} errors")
    for name, count in collections.Counter(r["id"] for r in cut).most_common(5):
        print(f"          cut {count} times: {name}")
    too_many = cut_share is not None and len(cut) > cut_share * len(records)
    if too_many:
        print(f"FAILED  more than {cut_share:.0%} are cut by max_tokens: {len(cut)} of {len(records)}")
    print(f"{len(cases) - failed} passed, {failed + too_many} failed, 0 skipped")
    return 1 if failed or too_many else 0


if __name__ == "__main__":
    sys.exit(main())
