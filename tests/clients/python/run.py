"""The official Python client against the served model: what a program written for OpenAI does, unchanged."""

import json
import math
import re
import sys
from enum import Enum
from typing import List, Optional

import jsonschema
import openai
from pydantic import BaseModel, Field

from served import Server, checks_of, run_checks

PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 20},
        "age": {"type": "integer", "minimum": 0, "maximum": 130},
        "role": {"enum": ["reader", "writer"]},
    },
    "required": ["name", "age", "role"],
    "additionalProperties": False,
}
ASK = [{"role": "user", "content": "Make up a person. Answer in JSON."}]


class Color(str, Enum):
    red = "red"
    green = "green"


class Address(BaseModel):
    street: str = Field(max_length=24)
    number: int = Field(ge=1, le=999)


class Customer(BaseModel):
    name: str = Field(max_length=24)
    addresses: List[Address] = Field(min_length=1, max_length=2)
    favourite: Color
    nickname: Optional[str] = Field(max_length=12)


def as_format(schema, **more):
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, **more}}


def raises(kind, call):
    """The exception of this kind that the call raises."""
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f"nothing raised, {kind.__name__} expected")


def test_the_models_are_listed_and_found(client, model):
    assert model in [entry.id for entry in client.models.list()]
    entry = client.models.retrieve(model)
    assert entry.object == "model" and entry.id == model and entry.created > 0
    raises(openai.NotFoundError, lambda: client.models.retrieve("no-such-model"))


def test_a_plain_answer(client, model):
    answer = client.chat.completions.create(model=model, messages=ASK, max_tokens=16)
    assert answer.id.startswith("chatcmpl-") and answer.object == "chat.completion" and answer.model == model
    assert answer.system_fingerprint
    choice = answer.choices[0]
    assert choice.index == 0 and choice.message.role == "assistant" and choice.message.refusal is None
    assert choice.finish_reason in ("stop", "length") and choice.logprobs is None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert 0 < answer.usage.completion_tokens <= 16


def test_an_answer_that_satisfies_a_schema(client, model):
    answer = client.chat.completions.create(
        model=model, messages=ASK, response_format=as_format(PERSON, strict=True), max_tokens=120, seed=1)
    assert answer.choices[0].finish_reason == "stop", answer
    jsonschema.validate(json.loads(answer.choices[0].message.content), PERSON)
    receipt = answer.model_extra["espalier"]
    assert receipt["method"] == "masked" and receipt["verdict"] == "satisfied", receipt


def test_the_receipt_is_in_the_headers_too(client, model):
    raw = client.chat.completions.with_raw_response.create(
        model=model, messages=ASK, response_format=as_format(PERSON), max_tokens=120)
    assert raw.headers["x-espalier-method"] == "masked" and raw.headers["x-espalier-id"]
    assert raw.parse().choices[0].message.content


def test_strict_false_is_enforced_too(client, model):
    answer = client.chat.completions.create(
        model=model, messages=ASK, response_format=as_format(PERSON, strict=False), max_tokens=120, temperature=1.5)
    jsonschema.validate(json.loads(answer.choices[0].message.content), PERSON)


def test_any_json_object(client, model):
    for seed in range(4):
        answer = client.chat.completions.create(
            model=model, messages=ASK, response_format={"type": "json_object"}, max_tokens=300, seed=seed)
        text = answer.choices[0].message.content
        if answer.choices[0].finish_reason == "stop":
            assert isinstance(json.loads(text), dict), text
        else:
            assert text.lstrip().startswith("{"), text


def test_parse_gives_nested_pydantic_models(client, model):
    for seed in range(3):
        answer = client.chat.completions.parse(
            model=model, messages=ASK, response_format=Customer, max_tokens=300, seed=seed)
        customer = answer.choices[0].message.parsed
        assert isinstance(customer, Customer) and isinstance(customer.addresses[0], Address), answer


def test_a_stream_of_chunks(client, model):
    chunks = list(client.chat.completions.create(
        model=model, messages=ASK, response_format=as_format(PERSON), max_tokens=120, stream=True, seed=2))
    assert chunks[0].choices[0].delta.role == "assistant" and chunks[0].object == "chat.completion.chunk"
    assert len({chunk.id for chunk in chunks}) == 1
    assert all(chunk.choices for chunk in chunks), "a chunk without choices though no usage was asked for"
    assert [chunk.choices[0].finish_reason for chunk in chunks][-1] == "stop"
    assert all(chunk.choices[0].finish_reason is None for chunk in chunks[:-1])
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    jsonschema.validate(json.loads(text), PERSON)
    assert chunks[-1].model_extra["espalier"]["verdict"] == "satisfied"


def test_a_stream_says_what_the_whole_answer_says(client, model):
    # The last bits of a model's numbers depend on where its cache lies, and with them a draw now and then: one of the seeds
    # may differ, all of them cannot.
    def same(seed):
        ask = {"model": model, "messages": ASK, "response_format": as_format(PERSON), "max_tokens": 120, "seed": seed}
        whole = client.chat.completions.create(**ask).choices[0].message.content
        parts = client.chat.completions.create(**ask, stream=True)
        return "".join(chunk.choices[0].delta.content or "" for chunk in parts) == whole

    assert any(same(seed) for seed in range(3, 9))


def test_usage_in_the_stream_when_asked_for(client, model):
    chunks = list(client.chat.completions.create(
        model=model, messages=ASK, max_tokens=8, stream=True, stream_options={"include_usage": True}))
    assert chunks[-1].choices == [] and chunks[-1].usage.completion_tokens > 0
    assert all(chunk.usage is None for chunk in chunks[:-1])


def test_the_stream_helper_parses(client, model):
    with client.chat.completions.stream(
            model=model, messages=ASK, response_format=Customer, max_tokens=300, seed=5) as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_completion()
    assert {"chunk", "content.delta", "content.done"} <= kinds, kinds
    assert isinstance(final.choices[0].message.parsed, Customer)


def test_an_answer_cut_by_max_tokens_says_so(client, model):
    answer = client.chat.completions.create(model=model, messages=ASK, max_tokens=5)
    assert answer.choices[0].finish_reason == "length" and answer.usage.completion_tokens == 5


def test_an_answer_that_can_be_finished_within_max_tokens_is(client, model):
    """Too little room is refused with the number that is needed; with that number the answer is whole."""
    schema = {"type": "object", "properties": {"name": {"type": "string"}, "tags": {"type": "array", "items": {"type": "string"}}},
              "required": ["name", "tags"]}

    def ask(max_tokens, seed=1):
        return client.chat.completions.create(model=model, messages=ASK, response_format=as_format(schema), seed=seed,
                                              max_tokens=max_tokens)
    refusal = raises(openai.BadRequestError, lambda: ask(3))
    assert refusal.code == "max_tokens_too_small" and refusal.param == "max_tokens", refusal
    needed = int(re.search(r"at least (\d+)", refusal.message).group(1))
    raises(openai.BadRequestError, lambda: ask(needed - 1))
    for seed, room in enumerate([needed, needed, needed + 1, needed + 4, needed + 12, needed + 30]):
        answer = ask(room, seed)
        assert answer.choices[0].finish_reason == "stop" and answer.usage.completion_tokens <= room, answer
        jsonschema.validate(json.loads(answer.choices[0].message.content), schema)


def test_several_choices(client, model):
    answer = client.chat.completions.create(
        model=model, messages=ASK, response_format=as_format(PERSON), n=3, max_tokens=120, seed=7)
    assert sorted(choice.index for choice in answer.choices) == [0, 1, 2]
    for choice in answer.choices:
        jsonschema.validate(json.loads(choice.message.content), PERSON)
    assert len({choice.message.content for choice in answer.choices}) > 1, "three equal choices at temperature 1"


def test_a_seed_repeats_an_answer(client, model):
    def ask(**more):
        return client.chat.completions.create(
            model=model, messages=ASK, max_tokens=24, temperature=1.0, **more).choices[0].message.content
    assert ask(seed=11) == ask(seed=11)
    assert len({ask(seed=seed) for seed in range(4)}) > 1
    assert ask(seed=1, top_p=1e-9) == ask(seed=2, top_p=1e-9), "top_p near 0 leaves one token"


def test_temperature_zero_is_greedy(client, model):
    texts = {
        client.chat.completions.create(model=model, messages=ASK, max_tokens=16, temperature=0).choices[0].message.content
        for _ in range(2)}
    assert len(texts) == 1, texts


def test_stop_strings(client, model):
    free = client.chat.completions.create(model=model, messages=ASK, max_tokens=40, temperature=0)
    text = free.choices[0].message.content
    word = text[8:14]
    for stop in (word, [word, "never written"]):
        cut = client.chat.completions.create(model=model, messages=ASK, max_tokens=40, temperature=0, stop=stop)
        assert cut.choices[0].finish_reason == "stop" and cut.choices[0].message.content == text[:text.index(word)]


def test_logprobs(client, model):
    answer = client.chat.completions.create(
        model=model, messages=ASK, response_format=as_format(PERSON), max_tokens=120, logprobs=True, top_logprobs=3)
    content = answer.choices[0].logprobs.content
    assert b"".join(bytes(token.bytes) for token in content).decode() == answer.choices[0].message.content
    # The token that ends the answer is counted or not, as the model ended it or the schema did.
    assert 0 <= answer.usage.completion_tokens - len(content) <= 1
    for token in content:
        assert token.logprob <= 0.0 and len(token.top_logprobs) == 3
        likelihoods = [other.logprob for other in token.top_logprobs]
        assert likelihoods == sorted(likelihoods, reverse=True)
        assert sum(math.exp(value) for value in likelihoods) <= 1.0001


def test_logit_bias_bans_a_token_but_never_the_last_one(client, model):
    answer = client.chat.completions.create(
        model=model, messages=ASK, response_format=as_format({"const": "yes"}), max_tokens=20,
        logit_bias={str(token): -100 for token in range(300)})
    assert json.loads(answer.choices[0].message.content) == "yes"


def test_completions(client, model):
    answer = client.completions.create(model=model, prompt="The capital of France is", max_tokens=8, temperature=0)
    assert answer.id.startswith("cmpl-") and answer.object == "text_completion"
    assert answer.choices[0].text and answer.usage.completion_tokens <= 8
    chunks = list(client.completions.create(
        model=model, prompt="The capital of France is", max_tokens=8, temperature=0, stream=True))
    assert "".join(chunk.choices[0].text for chunk in chunks) == answer.choices[0].text
    echo = client.completions.create(
        model=model, prompt="The capital of France is", max_tokens=4, temperature=0, echo=True)
    assert echo.choices[0].text.startswith("The capital of France is")


def test_completions_with_a_schema(client, model):
    answer = client.completions.create(
        model=model, prompt="A person as JSON: ", max_tokens=120, extra_body={"response_format": as_format(PERSON)})
    jsonschema.validate(json.loads(answer.choices[0].text), PERSON)


def test_names_that_other_servers_use(client, model):
    for body in ({"guided_json": PERSON}, {"structured_outputs": {"json": PERSON}}, {"json_schema": PERSON}):
        answer = client.chat.completions.create(model=model, messages=ASK, max_tokens=120, extra_body=body)
        jsonschema.validate(json.loads(answer.choices[0].message.content), PERSON)


def test_answers_that_are_not_json(client, model):
    lark = 'start: "To sum up: " WORD (", " WORD)~1..3 "."\nWORD: /[a-z]{2,9}/'
    gbnf = 'root ::= ("yes" | "no") " because " [a-z ]{3,30} "."'
    for form, pattern in (
        ({"type": "regex", "regex": "[A-Z][a-z]{2,10} [0-9]{4}"}, "[A-Z][a-z]{2,10} [0-9]{4}"),
        ({"type": "choice", "choice": ["red", "green", "dark blue"]}, "red|green|dark blue"),
        ({"type": "grammar", "syntax": "lark", "grammar": lark}, r"To sum up: [a-z]{2,9}(, [a-z]{2,9}){1,3}\."),
        ({"type": "grammar", "syntax": "gbnf", "grammar": gbnf}, r"(yes|no) because [a-z ]{3,30}\."),
        ({"type": "where", "where": "len(X) < 40 and STOPS_AT(X, '.')"}, r"[^.]{0,38}\."),
    ):
        answer = client.chat.completions.create(
            model=model, messages=ASK, max_tokens=80, extra_body={"response_format": form}).choices[0]
        text = answer.message.content
        assert answer.finish_reason == "stop" and re.fullmatch(pattern, text, re.DOTALL), (form, text)


WEATHER = {"type": "function", "function": {"name": "get_weather", "description": "The weather in a town.", "parameters": {
    "type": "object", "properties": {"town": {"type": "string", "maxLength": 12}, "unit": {"enum": ["C", "F"]}},
    "required": ["town", "unit"], "additionalProperties": False}}}
CLOCK = {"type": "function", "function": {"name": "get_time", "description": "The time of day."}}
TOWNS = [{"role": "user", "content": "What is the weather in Oslo and in Rome, and how late is it?"}]


def check_call(call):
    assert call.type == "function" and call.id, call
    arguments = json.loads(call.function.arguments)
    if call.function.name == "get_weather":
        jsonschema.validate(arguments, WEATHER["function"]["parameters"])
    else:
        assert (call.function.name, arguments) == ("get_time", {}), call


def test_tools(client, model):
    for seed in range(3):
        named = {"type": "function", "function": {"name": "get_weather"}}
        for choice, parallel in (("required", True), ("required", False), (named, False), ("auto", True)):
            answer = client.chat.completions.create(model=model, messages=TOWNS, tools=[WEATHER, CLOCK], tool_choice=choice,
                                                    parallel_tool_calls=parallel, max_tokens=120, seed=seed).choices[0]
            calls = answer.message.tool_calls or []
            assert calls or choice == "auto", answer
            assert answer.finish_reason == ("tool_calls" if calls else "stop"), answer
            assert parallel or len(calls) == 1, answer
            for call in calls:
                check_call(call)
                assert choice != named or call.function.name == "get_weather"


def test_tools_streamed(client, model):
    with client.chat.completions.stream(model=model, messages=TOWNS, tools=[WEATHER, CLOCK], tool_choice="required",
                                        max_tokens=120, seed=5) as stream:
        pieces = sum(event.type == "tool_calls.function.arguments.delta" for event in stream)
        answer = stream.get_final_completion().choices[0]
    assert answer.finish_reason == "tool_calls" and pieces >= len(answer.message.tool_calls), answer
    for call in answer.message.tool_calls:
        check_call(call)


SUM = {"type": "custom", "custom": {"name": "sum", "description": "Adds numbers.", "format": {"type": "grammar", "grammar": {
    "syntax": "lark", "definition": "start: N (\"+\" N)~1..3\nN: /[1-9][0-9]{0,2}/"}}}}


def test_custom_tools(client, model):
    for seed, choice in ((1, "required"), (2, {"type": "custom", "custom": {"name": "sum"}})):
        ask = {"model": model, "messages": [{"role": "user", "content": "Add 1 and 2."}], "tools": [SUM], "tool_choice": choice,
               "parallel_tool_calls": False, "max_tokens": 80, "seed": seed}
        answer = client.chat.completions.create(**ask).choices[0]
        [call] = answer.message.tool_calls
        assert answer.finish_reason == "tool_calls" and call.type == "custom" and call.custom.name == "sum", answer
        assert re.fullmatch(r"\d+(\+\d+){1,3}", call.custom.input), call
        result = {"role": "tool", "tool_call_id": call.id, "content": "3"}
        answer = client.chat.completions.create(model=model, messages=[*ask["messages"], answer.message, result], tools=[SUM],
                                                tool_choice="none", max_tokens=20).choices[0]
        assert answer.message.content, answer
        text = ""
        for chunk in client.chat.completions.create(**ask, stream=True):
            for piece in chunk.choices[0].delta.tool_calls or []:
                # The client has no type for these pieces, and hands on what came.
                text += piece.custom["input"]
        assert text == call.custom.input, (text, call)


def test_a_conversation_with_tools(client, model):
    asked = client.chat.completions.create(model=model, messages=TOWNS, tools=[WEATHER], tool_choice="required", max_tokens=100,
                                           seed=1).choices[0].message
    results = [{"role": "tool", "tool_call_id": call.id, "content": "12 degrees"} for call in asked.tool_calls]
    answer = client.chat.completions.create(model=model, messages=[*TOWNS, asked, *results], tools=[WEATHER], tool_choice="none",
                                            max_tokens=40).choices[0]
    assert answer.message.content and not answer.message.tool_calls, answer
    form = as_format({"type": "object", "properties": {"degrees": {"type": "integer"}}, "required": ["degrees"]})
    answer = client.chat.completions.create(model=model, messages=[*TOWNS, asked, *results], tools=[WEATHER], max_tokens=100,
                                            response_format=form).choices[0]
    assert answer.message.tool_calls or isinstance(json.loads(answer.message.content)["degrees"], int), answer


def test_indented_text_is_as_python_writes_it(client, model):
    schema = {"type": "object", "properties": {"name": {"type": "string", "maxLength": 12}, "tags": {
        "type": "array", "items": {"type": "string", "maxLength": 8}, "minItems": 1, "maxItems": 3}, "empty": {"const": []}},
        "required": ["name", "tags", "empty"], "additionalProperties": False}
    for seed in range(3):
        for room in (150, 60):
            answer = client.chat.completions.create(model=model, messages=ASK, response_format=as_format(schema), seed=seed,
                                                    max_tokens=room, extra_body={"espalier": {"whitespace": "indented"}})
            text = answer.choices[0].message.content
            assert answer.choices[0].finish_reason == "stop" and text == json.dumps(json.loads(text), indent=2, ensure_ascii=False)
            jsonschema.validate(json.loads(text), schema)


def test_key_order_is_the_schemas(client, model):
    answer = client.chat.completions.create(
        model=model, messages=ASK, response_format=as_format(PERSON), max_tokens=120, temperature=1.3)
    assert list(json.loads(answer.choices[0].message.content)) == ["name", "age", "role"]


def bad(client, model, code=None, param=None, **request):
    error = raises(openai.BadRequestError, lambda: client.chat.completions.create(
        **{"model": model, "messages": ASK, "max_tokens": 8, **request}))
    assert error.status_code == 400 and error.type == "invalid_request_error", error
    assert code is None or error.code == code, f"code {error.code}: {error}"
    assert param is None or error.param == param, f"param {error.param}: {error}"
    return str(error)


def test_an_unsupported_constraint_is_named(client, model):
    for form in ({"type": "types", "language": "go", "source": "", "root": "A"}, {"type": "no-such-form"}):
        assert form["type"] in bad(client, model, response_format=form)


def test_a_refused_schema_names_the_keyword(client, model):
    text = bad(client, model, response_format=as_format({"type": "object", "properties": {"a": {"type": "strin"}}}))
    assert "/properties/a/type" in text, text


def test_an_unsatisfiable_schema_is_refused(client, model):
    bad(client, model, response_format=as_format({"type": "integer", "minimum": 5, "maximum": 4}))
    bad(client, model, response_format=as_format(False))


def test_two_constraints_are_refused(client, model):
    bad(client, model, response_format=as_format(PERSON), extra_body={"guided_regex": "a+"})
    bad(client, model, response_format=as_format(PERSON), extra_body={"guided_json": PERSON})


def test_an_unknown_constraint_field_is_refused(client, model):
    bad(client, model, response_format={**as_format(PERSON), "schemata": 1})
    bad(client, model, response_format={"type": "json_schema", "json_schema": {"name": "a", "shema": {}}})
    bad(client, model, extra_body={"espalier": {"no_such_knob": True}})


def test_values_out_of_range_are_named(client, model):
    bad(client, model, param="temperature", temperature=9)
    bad(client, model, param="top_p", top_p=2)
    bad(client, model, param="n", n=0)
    bad(client, model, param="top_logprobs", logprobs=True, top_logprobs=99)
    bad(client, model, param="messages", messages=[])


def test_an_unknown_model_is_not_found(client, model):
    error = raises(openai.NotFoundError, lambda: client.chat.completions.create(model="gpt-nope", messages=ASK))
    assert error.code == "model_not_found", error


def test_a_prompt_beyond_the_context(client, model):
    long = [{"role": "user", "content": "word " * 40_000}]
    bad(client, model, code="context_length_exceeded", messages=long)


def main():
    with Server() as server:
        # No retries: an error that a retry hides is still an error.
        client = openai.OpenAI(base_url=server.url + "/v1", api_key="none", max_retries=0, timeout=120)
        status = run_checks(checks_of(sys.modules[__name__]), client, server.model_id())
        if status:
            print("The server's last lines:\n" + "\n".join(server.log().splitlines()[-20:]))
    return status


if __name__ == "__main__":
    sys.exit(main())
