"""Requests to providers, held against the providers' own descriptions: `run.py SENT.jsonl SPECS`.

SENT.jsonl is what the test `cloud::specs` writes with ESPALIER_SENT, a line each: {"kind", "body"}. SPECS is the folder with
the OpenAPI documents of Mistral, Ollama and OpenRouter. Bedrock's service model comes from the package botocore, Google's
discovery document from google-api-python-client; the packages jsonschema and pyyaml are needed too. Prints a line for each
kind; status 1 if a request does not fit.
"""

import collections
import gzip
import json
import pathlib
import sys

import botocore.loaders
import botocore.model
import botocore.validate
import googleapiclient
import jsonschema
import yaml


def of_openapi(document, name):
    """A validator for one schema of an OpenAPI document. `nullable` and overlapping `oneOf` are read as they are meant."""

    def mend(value):
        if isinstance(value, list):
            return [mend(item) for item in value]
        if not isinstance(value, dict):
            return value
        value = {key: mend(item) for key, item in value.items() if key not in ("discriminator", "example", "examples")}
        if "oneOf" in value and isinstance(value["oneOf"], list):
            value["anyOf"] = value.pop("oneOf")
        if value.pop("nullable", False) is True:
            value = {"anyOf": [value, {"type": "null"}]}
        return value

    schema = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": mend(document["components"]["schemas"])}}
    validator = jsonschema.Draft202012Validator(schema)
    return lambda body: [f"{error.json_path}: {error.message[:300]}" for error in validator.iter_errors(body)]


def of_discovery(document, name):
    """A validator for one schema of a discovery document: every field must be known. Numbers of 64 bits are texts there, and
    a schema within a request is any value."""

    def convert(schema):
        if "$ref" in schema:
            return {"$ref": f"#/$defs/{schema['$ref']}"}
        kind = schema.get("type")
        if kind == "array":
            return {"type": "array", "items": convert(schema["items"])}
        if kind == "object" and "properties" in schema:
            properties = {key: convert(value) for key, value in schema["properties"].items()}
            return {"type": "object", "properties": properties, "additionalProperties": False}
        if kind == "object":
            rest = schema.get("additionalProperties")
            return {"type": "object", "additionalProperties": convert(rest) if rest else True}
        if kind == "any" or kind is None:
            return {}
        if "enum" in schema:
            return {"enum": schema["enum"]}
        return {"type": kind}

    schema = {"$ref": f"#/$defs/{name}", "$defs": {key: convert(value) for key, value in document["schemas"].items()}}
    validator = jsonschema.Draft202012Validator(schema)
    return lambda body: [f"{error.json_path}: {error.message[:300]}" for error in validator.iter_errors(body)]


def of_botocore(service, operation):
    """The official client's own validation of parameters, and no field that it does not know."""
    model = botocore.model.ServiceModel(botocore.loaders.Loader().load_service_model(service, "service-2"))
    shape = model.operation_model(operation).input_shape

    def unknown(value, shape, path=""):
        if shape.type_name == "structure" and isinstance(value, dict) and not getattr(shape, "is_document_type", False):
            for key, item in value.items():
                if key not in shape.members:
                    yield f"{path}.{key}: not known"
                else:
                    yield from unknown(item, shape.members[key], f"{path}.{key}")
        elif shape.type_name == "list" and isinstance(value, list):
            for index, item in enumerate(value):
                yield from unknown(item, shape.member, f"{path}[{index}]")

    def check(body):
        report = botocore.validate.ParamValidator().validate({"modelId": "m", **body}, shape)
        return ([report.generate_report()] if report.has_errors() else []) + list(unknown(body, shape))

    return check


def load_yaml(path):
    return yaml.load(gzip.open(path, "rt", encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def main():
    sent, specs = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    openrouter = load_yaml(specs / "openrouter.openapi.yaml.gz")
    documents = pathlib.Path(googleapiclient.__file__).parent / "discovery_cache" / "documents"
    google = json.loads((documents / "aiplatform.v1.json").read_text(encoding="utf-8"))
    gemini = of_discovery(google, "GoogleCloudAiplatformV1GenerateContentRequest")
    checks = {
        "mistral": of_openapi(load_yaml(specs / "mistral.openapi.yaml.gz"), "ChatCompletionRequest"),
        "ollama": of_openapi(load_yaml(specs / "ollama.openapi.yaml.gz"), "ChatRequest"),
        "openrouter": of_openapi(openrouter, "ChatRequest"),
        "anthropic": of_openapi(openrouter, "MessagesRequest"),
        "gemini": gemini,
        "vertex_gemini": gemini,
        "bedrock": of_botocore("bedrock-runtime", "Converse"),
    }
    counts, bad = collections.Counter(), collections.Counter()
    for line in sent.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        check = checks.get(entry["kind"])
        if check is None:
            continue
        counts[entry["kind"]] += 1
        errors = check(entry["body"])
        if errors:
            bad[entry["kind"]] += 1
            print(f"{entry['kind']}: {json.dumps(entry['body'])[:400]}")
            print("\n".join(f"    {error}" for error in errors[:5]))
    for kind in checks:
        # A description that says yes to everything would show nothing.
        assert checks[kind]({"messages": 7, "contents": 7, "model": 7}), f"{kind}: takes anything"
        print(f"{kind}: {counts[kind] - bad[kind]} of {counts[kind]} requests fit")
    failed = bad.total() + sum(1 for kind in checks if not counts[kind])
    print(f"{counts.total() - bad.total()} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
