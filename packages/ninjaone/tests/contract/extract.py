"""Takes what a machine can check out of the vendor's OpenAPI document: ``extract.py DOCUMENT [OUTPUT]``.

Kept are paths, methods, parameters, bodies, answers and schemas with types, formats, enums and required fields; left
out is everything that is prose. The output (``vendor.json`` beside this file) says which document it comes from by the
SHA-256 of its bytes. One operation and one schema stand on each line, in the order of their names, so that the
difference between two documents can be read.
"""

import argparse
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

OUTPUT = Path(__file__).with_name("vendor.json")

_METHODS = ("get", "put", "post", "delete", "patch")
_KEPT = ("type", "format", "enum", "required", "uniqueItems", "nullable")
_PREFIX = "#/components/schemas/"


def extract(document: bytes) -> dict[str, Any]:
    """The checkable part of an OpenAPI 3.0 document.

    Returns:
        ``{"sha256", "version", "operations": {"GET /v2/…": {"parameters", "body", "answers"}}, "schemas": {…}}``. A
        reference is ``{"$ref": name}``.
    """
    content = json.loads(document)
    operations = {
        f"{method.upper()} {path}": _operation(operation)
        for path, item in sorted(content["paths"].items())
        for method, operation in sorted(item.items())
        if method in _METHODS
    }
    schemas = {name: _schema(schema) for name, schema in sorted(content["components"]["schemas"].items())}
    return {
        "sha256": hashlib.sha256(document).hexdigest(),
        "version": content["info"]["version"],
        "operations": operations,
        "schemas": schemas,
    }


def _operation(operation: Mapping[str, Any]) -> dict[str, Any]:
    body = operation.get("requestBody")
    return {
        "parameters": [
            {
                "name": parameter["name"],
                "in": parameter["in"],
                "required": parameter.get("required", False),
                "schema": _schema(parameter["schema"]),
            }
            for parameter in operation.get("parameters", [])
        ],
        "body": None if body is None else {"required": body.get("required", False), "content": _content(body)},
        "answers": {status: _content(answer) for status, answer in sorted(operation["responses"].items())},
    }


def _content(value: Mapping[str, Any]) -> dict[str, Any]:
    """Schemas by content type; ``None`` where there is none."""
    return {
        kind: _schema(media["schema"]) if media.get("schema") else None
        for kind, media in sorted(value.get("content", {}).items())
    }


def _schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        return {"$ref": schema["$ref"].removeprefix(_PREFIX)}
    kept = {key: schema[key] for key in _KEPT if key in schema}
    if "properties" in schema:
        kept["properties"] = {name: _schema(value) for name, value in schema["properties"].items()}
    if "items" in schema:
        kept["items"] = _schema(schema["items"])
    for key in ("allOf", "anyOf", "oneOf"):
        if key in schema:
            kept[key] = [_schema(value) for value in schema[key]]
    if "additionalProperties" in schema:
        more = schema["additionalProperties"]
        kept["additionalProperties"] = _schema(more) if isinstance(more, Mapping) else more
    if "discriminator" in schema:
        kept["discriminator"] = schema["discriminator"]["propertyName"]
    return kept


def render(content: Mapping[str, Any]) -> str:
    """The JSON text, one operation and one schema a line."""

    def lines(name: str) -> str:
        rows = ",\n".join(f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in content[name].items())
        return f" {json.dumps(name)}: {{\n{rows}\n }}"

    head = "".join(f" {json.dumps(key)}: {json.dumps(content[key])},\n" for key in ("sha256", "version"))
    return f"{{\n{head}{lines('operations')},\n{lines('schemas')}\n}}\n"


def main() -> None:
    """Writes the output."""
    command = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    command.add_argument("document", type=Path, help="the vendor's OpenAPI document, as JSON")
    command.add_argument("output", type=Path, nargs="?", default=OUTPUT, help="default: vendor.json beside this file")
    options = command.parse_args()
    options.output.write_text(render(extract(options.document.read_bytes())), encoding="utf-8")


if __name__ == "__main__":
    main()
