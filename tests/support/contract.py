"""Checks whether a response of the API is one that docs/openapi.json documents."""

import json
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import jsonschema_rs

from tooling.paths import ROOT

PATH = ROOT / "docs" / "openapi.json"


@cache
def document() -> dict[str, Any]:
    """The document as it is published."""
    found: dict[str, Any] = json.loads(PATH.read_text())
    return found


@cache
def _validator(schema: str) -> Callable[[object], list[str]]:
    root = {"$schema": "https://json-schema.org/draft/2020-12/schema", "components": document()["components"]}
    validator = jsonschema_rs.validator_for({**root, **json.loads(schema)}, validate_formats=True)
    return lambda value: [f"{error.instance_path}: {error.message}" for error in validator.iter_errors(value)]


def _errors(schema: dict[str, Any], value: object) -> list[str]:
    return _validator(json.dumps(schema))(value)


def _responses(method: str, path: str) -> dict[str, Any]:
    """The documented responses of a route, by status; API Gateway responds to any other route with 404."""
    components = document()["components"]["responses"]
    for template, operations in document()["paths"].items():
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template.replace(".", r"\.")), path):
            responses = operations.get(method.lower(), {}).get("responses")
            if responses:
                return {k: components[v["$ref"].rpartition("/")[2]] if "$ref" in v else v for k, v in responses.items()}
    return {"404": components["Problem404"]}


def breaches(method: str, path: str, status: int, headers: Mapping[str, str], body: str) -> list[str]:
    """List what is wrong with a response by the document; nothing for a documented response.

    Args:
        method: HTTP method of the request.
        path: path of the request, without the stage.
        status: status of the response.
        headers: headers of the response; their names in any case.
        body: body of the response.
    """
    response = _responses(method, path).get(str(status))
    if response is None:
        return [f"status {status} is not documented"]
    given = {name.lower(): value for name, value in headers.items()}
    media_type = given.get("content-type", "")
    if "content" not in response:
        found = ["body is not documented"] if body else []
    elif media_type not in response["content"]:
        return [f"content type {media_type!r} is not documented"]
    else:
        found = [f"body{error}" for error in _errors(response["content"][media_type]["schema"], json.loads(body))]
    for name, header in response.get("headers", {}).items():
        value = given.get(name.lower())
        if value is not None:
            typed = int(value) if header["schema"].get("type") == "integer" else value
            found += [f"header {name}{error}" for error in _errors(header["schema"], typed)]
        elif header.get("required"):
            found.append(f"header {name} is missing")
    return found
