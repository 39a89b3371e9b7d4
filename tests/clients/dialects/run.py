"""The vendors' own clients against the answers that our tests play: that these are what the vendors send.

The Rust tests hold our readers against the files in tests/wire; here the packages `openai`, `anthropic` and `google-genai` read
the same files. A package that is not there is a check that is skipped, and says so.
"""

import importlib
import sys

from scripted import Scripted, playing
from served import Skipped, checks_of, run_checks

ANN = '{"name":"Ann","age":3}'
CALLS = [("weather", {"city": "Oslo"}), ("time", {})]
HI = [{"role": "user", "content": "Hi"}]


def package(name):
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise Skipped(f"the package {name} is not there: {error}") from error


def raises(kind, call):
    """The exception of this kind that the call raises."""
    try:
        found = call()
    except kind as error:
        return error
    raise AssertionError(f"nothing raised, {kind.__name__} expected, got {found}")


def anthropic(name, streams, status=200):
    """The message as Anthropic's client reads it."""
    vendor = package("anthropic")
    with Scripted(playing("anthropic", name, status)) as upstream:
        client = vendor.Anthropic(api_key="none", base_url=upstream.url, max_retries=0)
        ask = {"model": "m", "max_tokens": 100, "messages": HI}
        if not streams:
            return client.messages.create(**ask)
        with client.messages.stream(**ask) as stream:
            return stream.get_final_message()


def test_anthropic_reads_our_answers():
    for name, streams in [("plain", False), ("stream", True)]:
        message = anthropic(name, streams)
        text = "".join(block.text for block in message.content if block.type == "text")
        assert (text, message.stop_reason) == (ANN, "end_turn"), message
        assert (message.usage.input_tokens, message.usage.cache_read_input_tokens, message.usage.output_tokens) == (5, 4, 5)


def test_anthropic_reads_our_calls():
    for streams in (False, True):
        message = anthropic("call", streams)
        calls = [(block.name, block.input) for block in message.content if block.type == "tool_use"]
        assert (calls, message.stop_reason) == (CALLS, "tool_use"), message


def test_anthropic_reads_our_ends():
    for name, reason in [("length", "max_tokens"), ("refusal", "refusal")]:
        for streams in (False, True):
            assert anthropic(name, streams).stop_reason == reason, (name, streams)
    assert anthropic("pause", False).stop_reason == "pause_turn"


def test_anthropic_reads_our_errors():
    vendor = package("anthropic")
    error = raises(vendor.RateLimitError, lambda: anthropic("error", False, 429))
    assert "slow down" in str(error), error
    raises(vendor.APIStatusError, lambda: anthropic("error", True))


def gemini(name, streams, status=200):
    """The answers as Google's client reads them: one, or those of a stream."""
    vendor = package("google.genai")
    with Scripted(playing("gemini", name, status)) as upstream:
        options = vendor.types.HttpOptions(base_url=upstream.url)
        client = vendor.Client(api_key="none", http_options=options)
        if streams:
            return list(client.models.generate_content_stream(model="m", contents="Hi"))
        return [client.models.generate_content(model="m", contents="Hi")]


def test_gemini_reads_our_answers():
    for name, streams in [("plain", False), ("stream", True)]:
        answers = gemini(name, streams)
        parts = [part for answer in answers for part in answer.candidates[0].content.parts or []]
        text = "".join(part.text or "" for part in parts if not part.thought)
        usage = answers[-1].usage_metadata
        assert (text, answers[-1].candidates[0].finish_reason.name) == (ANN, "STOP"), answers
        assert (usage.prompt_token_count, usage.cached_content_token_count) == (9, 4), usage
        assert usage.candidates_token_count + usage.thoughts_token_count == 5, usage


def test_gemini_reads_our_calls():
    for streams in (False, True):
        answers = gemini("call", streams)
        calls = [(call.name, call.args or {}) for answer in answers for call in answer.function_calls or []]
        assert calls == CALLS, answers


def test_gemini_reads_our_ends():
    for streams in (False, True):
        assert gemini("length", streams)[-1].candidates[0].finish_reason.name == "MAX_TOKENS"
    for name in ("filtered", "refusal"):
        answer = gemini(name, False)[-1]
        blocked = answer.prompt_feedback and answer.prompt_feedback.block_reason
        reason = blocked or answer.candidates[0].finish_reason
        # The client makes a member of what it does not know, and warns: a name of theirs has a member before that.
        assert type(reason).__members__.get(reason.name) is reason and reason.name not in ("STOP", "MAX_TOKENS"), answer


def test_gemini_reads_our_errors():
    errors = package("google.genai.errors")
    error = raises(errors.ClientError, lambda: gemini("error", False, 429))
    assert error.code == 429 and "slow down" in str(error), error


def responses(name, streams, status=200):
    """The response as OpenAI's client reads it, at the end of a stream too."""
    vendor = package("openai")
    with Scripted(playing("responses", name, status)) as upstream:
        client = vendor.OpenAI(api_key="none", base_url=upstream.url, max_retries=0)
        if not streams:
            return client.responses.create(model="m", input="Hi")
        events = list(client.responses.create(model="m", input="Hi", stream=True))
        return events[-1].response


def test_openai_reads_our_responses():
    for name, streams in [("plain", False), ("stream", True)]:
        answer = responses(name, streams)
        assert answer.status == "completed" and answer.output_text.endswith(ANN), answer
        assert (answer.usage.input_tokens, answer.usage.input_tokens_details.cached_tokens) == (9, 4)
        assert answer.usage.output_tokens == 5


def test_openai_reads_our_calls():
    import json

    for streams in (False, True):
        answer = responses("call", streams)
        calls = [(item.name, json.loads(item.arguments or "{}")) for item in answer.output if item.type == "function_call"]
        assert calls == CALLS, answer


def test_openai_reads_our_ends():
    for streams in (False, True):
        answer = responses("length", streams)
        assert (answer.status, answer.incomplete_details.reason) == ("incomplete", "max_output_tokens"), answer
    refused = [part.type for item in responses("refusal", False).output for part in getattr(item, "content", None) or []]
    assert "refusal" in refused, refused


def test_openai_reads_our_errors():
    vendor = package("openai")
    error = raises(vendor.RateLimitError, lambda: responses("error", False, 429))
    assert "slow down" in str(error), error


if __name__ == "__main__":
    sys.exit(run_checks(checks_of(sys.modules[__name__])))
