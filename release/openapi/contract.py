"""Whether an answer of the API is one that docs/openapi.json promises."""

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import jsonschema_rs

from release.openapi.__main__ import PATH


@cache
def document() -> dict[str, Any]:
    """The document as it is published."""
    found: dict[str, Any] = json.loads(PATH.read_text())
    return found


@cache
def _errors_of(schema: str) -> Any:
    root = {"$schema": "https://json-schema.org/draft/2020-12/schema", "components": document()["components"]}
    validator = jsonschema_rs.validator_for({**root, **json.loads(schema)}, validate_formats=True)
    return lambda value: [f"{error.instance_path}: {error.message}" for error in validator.iter_errors(value)]


def _errors(schema: dict[str, Any], value: object) -> list[str]:
    found: list[str] = _errors_of(json.dumps(schema))(value)
    return found


def _resolved(node: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in node:
        return node
    found: dict[str, Any] = document()["components"]["responses"][node["$ref"].rpartition("/")[2]]
    return found


def _responses(method: str, path: str) -> dict[str, Any]:
    for template, operations in document()["paths"].items():
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template.replace(".", r"\.")), path):
            found: dict[str, Any] = operations.get(method.lower(), {}).get("responses", {})
            return found
    return {}


def breaches(method: str, path: str, status: int, headers: Mapping[str, str], body: str) -> list[str]:
    """What an answer has that the document does not promise, or lacks; empty for a good one.

    Args:
        method: of the request.
        path: of the request, without the stage.
        status: of the answer.
        headers: of the answer, whatever the case of their names.
        body: of the answer.
    """
    responses = _responses(method, path)
    # API Gateway answers so for whatever is no route.
    known = responses or {"404": {"$ref": "#/components/responses/Problem404"}}
    if str(status) not in known:
        return [f"status {status} is not documented"]
    response, given = _resolved(known[str(status)]), {name.lower(): value for name, value in headers.items()}
    media_type = given.get("content-type", "")
    if media_type not in response["content"]:
        return [f"content type {media_type!r} is not documented"]
    found = [f"body{error}" for error in _errors(response["content"][media_type]["schema"], json.loads(body))]
    for name, header in response.get("headers", {}).items():
        value = given.get(name.lower())
        if value is None:
            found += [f"header {name} is missing"] if header.get("required") else []
        else:
            typed = int(value) if header["schema"].get("type") == "integer" else value
            found += [f"header {name}{error}" for error in _errors(header["schema"], typed)]
    return found
