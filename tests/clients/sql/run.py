"""`espalier check --sql` and `espalier sample --sql`, judged by SQLite itself (Python's sqlite3).

Gold queries that SQLite prepares must be accepted; queries of language models must get SQLite's verdict, both ways; and what
is drawn through the mask must be prepared. ESPALIER_SQL_SHARE says which share of the data is looked at, ESPALIER_SQL_WALKS
how many queries are drawn from each of the catalogs.
"""

import collections
import gzip
import json
import os
import pathlib
import re
import sqlite3
import subprocess
import sys
import tempfile
import tomllib

from served import ROOT, Skipped, binary, checks_of, run_checks

DATA = pathlib.Path(os.environ.get("ESPALIER_SHARED") or ROOT.parent / "shared") / "data" / "sql"
GOLD = ["spider", "bird", "ehrsql", "classical", "job", "tpch", "tpcds", "defog-sqlite"]
SHARE = int(os.environ.get("ESPALIER_SQL_SHARE", "10"))
WALKS = int(os.environ.get("ESPALIER_SQL_WALKS", "20"))
CATALOGS = 5
# Verdicts that may differ, of a thousand: SQLite does not look at tables of WITH that nothing reads.
DIFFERENT = 5


def lines_of(name):
    path = DATA / f"{name}.jsonl.gz"
    if not path.is_file():
        raise Skipped(f"{path} is not there")
    with gzip.open(path, "rt") as lines:
        return [json.loads(line) for line in lines]


def database(ddl):
    connection = sqlite3.connect(":memory:")
    # What PostgreSQL has in its definitions and SQLite does not read.
    connection.executescript(re.sub(r"::[a-z]+( varying)?(\(\d+\))?", "", ddl.replace("consumer_div.", "")))
    return connection


def prepares(connection, query):
    try:
        connection.execute("EXPLAIN " + query)
    except (sqlite3.Error, sqlite3.Warning) as error:
        return "bindings" in str(error)
    return True


class Catalog:
    def __init__(self, ddl):
        self.file = tempfile.NamedTemporaryFile("w", suffix=".sql")
        self.file.write(ddl)
        self.file.flush()

    def run(self, command, *arguments, text=""):
        return subprocess.run([binary(), command, "--sql", "sqlite", "--catalog", self.file.name, *arguments], input=text,
                              capture_output=True, text=True, timeout=300, check=False)

    def verdicts(self, queries):
        lines = "\n".join(json.dumps({"id": number, "text": query}) for number, query in enumerate(queries))
        done = self.run("check", "--jsonl", text=lines)
        assert done.returncode in (0, 1), done
        return [json.loads(line) for line in done.stdout.splitlines()]


def compare(schemas, queries):
    """(database accepts, we accept) -> count, and the queries that are judged differently."""
    ddl = {schema["db_id"]: schema["ddl"] for schema in schemas}
    asked = collections.defaultdict(list)
    for query in queries:
        asked[query["db_id"]].append(query["sql"])
    counts, different = collections.Counter(), []
    for name, texts in asked.items():
        connection = database(ddl[name])
        for text, verdict in zip(texts, Catalog(ddl[name]).verdicts(texts), strict=True):
            pair = (prepares(connection, text), verdict["valid"])
            counts[pair] += 1
            if pair[0] != pair[1]:
                different.append((name, text, verdict["message"]))
    return counts, different


def test_cases_are_judged_as_sqlite_judges_them():
    cases = tomllib.loads((ROOT / "tests" / "cases" / "sql.toml").read_text())
    connection = database(cases["catalog"])
    for text in cases["accepted"]:
        assert prepares(connection, text), text
    for text in cases["refused"]:
        assert not text or not prepares(connection, text), text
    verdicts = Catalog(cases["catalog"]).verdicts(cases["accepted"] + cases["refused"])
    wanted = [True] * len(cases["accepted"]) + [False] * len(cases["refused"])
    assert [verdict["valid"] for verdict in verdicts] == wanted


def test_gold_queries_are_accepted():
    for name in GOLD:
        counts, different = compare(lines_of(f"{name}.schemas"), lines_of(f"{name}.queries")[::SHARE])
        print(f"  {name}: {counts[True, True]} of {counts[True, True] + counts[True, False]} accepted", flush=True)
        assert not [case for case in different if case[2] is not None], (name, different[:3])


def test_queries_of_models_get_the_database_s_verdict():
    counts, different = compare(lines_of("bird.schemas"), lines_of("llm-written-sqlite")[::SHARE])
    print(f"  {sum(counts.values())} verdicts, {len(different)} differ", flush=True)
    assert len(different) * 1000 <= DIFFERENT * sum(counts.values()), different[:3]


def test_what_is_drawn_is_prepared():
    """What is drawn is prepared. A draw that outgrows its tables, or finds no way on, says so: such are counted, not hidden."""
    drawn = collections.Counter()
    for schema in lines_of("bird.schemas")[:CATALOGS]:
        connection = database(schema["ddl"])
        # A line break in an answer is one of the answer's, so they are drawn one by one.
        for seed in range(WALKS):
            done = Catalog(schema["ddl"]).run("sample", "--seed", str(seed), "--max-tokens", "120")
            if done.returncode == 1 and done.stderr.startswith("espalier: "):
                drawn["failed: " + done.stderr[10:60]] += 1
                continue
            assert done.returncode == 0, done
            assert prepares(connection, done.stdout), done.stdout
            drawn["prepared"] += 1
    print(f"  {dict(drawn)}", flush=True)
    assert drawn["prepared"] * 4 >= drawn.total(), drawn


def test_what_is_not_built_is_refused_by_name():
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        done = subprocess.run([binary(), "check", "--sql", "mysql", "--catalog", file.name], input="SELECT 1",
                              capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 2 and "sqlite" in done.stderr, done


if __name__ == "__main__":
    sys.exit(run_checks(checks_of(sys.modules[__name__])))
