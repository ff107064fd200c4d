"""docs/api.md: the document for people, from nothing but the document."""

from __future__ import annotations

import json
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

# A pattern above this is told by the field's description alone.
_READABLE = 50
_TOLD_HEADERS = ("ETag", "Location", "Retry-After")
_HEAD = """# API

`make openapi` writes this page from [openapi.json](openapi.json), which also has every header and pattern; a test fails
when they differ, and every answer that a test gets is held to the document. Paths follow the URL that `make up` prints.
`make token` prints an ID token, which all but `GET /health` need.
"""


def text(document: dict[str, Any]) -> str:
    """The page.

    Args:
        document: OpenAPI 3.1, with references to its own components only.
    """
    return _Page(document).text()


def _cell(content: str) -> str:
    """A text as a cell of a table."""
    return content.replace("|", "\\|").replace("\n", " ")


def _code(content: object) -> str:
    return f"`{content}`"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [f"| {' | '.join(_cell(cell) for cell in row)} |" for row in (head, *rows)]
    return "\n".join([lines[0], "|" + "---|" * len(head), *lines[1:]]) + "\n"


def _request(
    method: str, path: str, operation: dict[str, Any], given: list[dict[str, Any]], body: dict[str, Any] | None
) -> str:
    """A request with what is required, as it travels."""
    for parameter in given:
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", parameter["example"])
    lines = [f"{method} {path}"]
    lines += ["Authorization: Bearer …"] if operation["security"] else []
    lines += [f"{p['name']}: {p['example']}" for p in given if p["in"] == "header" and p["required"]]
    if body:
        lines += ["Content-Type: application/json", "", json.dumps(body["example"], indent=2, ensure_ascii=False)]
    return "```http\n" + "\n".join(lines) + "\n```\n"


def _json(content: object) -> str:
    return f"```json\n{json.dumps(content, indent=2, ensure_ascii=False)}\n```\n"


class _Page:
    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document

    def _resolved(self, node: dict[str, Any]) -> dict[str, Any]:
        if "$ref" not in node:
            return node
        found: Any = self._document
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        return {**found, **{key: value for key, value in node.items() if key != "$ref"}}

    def text(self) -> str:
        info = self._document["info"]
        parts = [_HEAD, info["description"] + "\n"]
        for path, operations in self._document["paths"].items():
            parts += [self._operation(method, path, operation) for method, operation in operations.items()]
        parts.append("## Schemas\n")
        schemas = self._document["components"]["schemas"]
        parts += [self._schema(name, schemas[name]) for name in sorted(schemas) if "properties" in schemas[name]]
        return "\n".join(parts)

    def _operation(self, method: str, path: str, operation: dict[str, Any]) -> str:
        given = [self._resolved(parameter) for parameter in operation.get("parameters", [])]
        parts = [f"## {method.upper()} {path}\n", operation["summary"] + "\n"]
        if given:
            parts.append(_table(("parameter", "in", "required", "takes", "meaning"), map(self._parameter, given)))
        body = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if body:
            parts.append(f"The body is an {self._takes(body['schema'])}.\n")
        parts.append(_table(("answer", "body", "headers", "when"), map(self._answer, operation["responses"].items())))
        parts.append(_request(method.upper(), path, operation, given, body))
        shown = [self._example(status, answer) for status, answer in operation["responses"].items() if status < "300"]
        return "\n".join([*parts, *shown])

    def _parameter(self, parameter: dict[str, Any]) -> tuple[str, ...]:
        required = "yes" if parameter["required"] else ""
        takes = self._takes(parameter["schema"])
        return _code(parameter["name"]), parameter["in"], required, takes, parameter["description"]

    def _answer(self, answer: tuple[str, dict[str, Any]]) -> tuple[str, ...]:
        status, response = answer[0], self._resolved(answer[1])
        (content,) = response["content"].values()
        headers = ", ".join(_code(name) for name in response.get("headers", {}) if name in _TOLD_HEADERS)
        return (
            f"{status} {HTTPStatus(int(status)).phrase}",
            self._takes(content["schema"]),
            headers,
            response["description"],
        )

    def _example(self, status: str, answer: dict[str, Any]) -> str:
        (content,) = self._resolved(answer)["content"].values()
        return f"is answered {status}:\n\n{_json(content['example'])}"

    def _schema(self, name: str, schema: dict[str, Any]) -> str:
        rows = [
            (_code(field), "yes" if field in schema.get("required", []) else "", self._takes(value), _meaning(value))
            for field, value in schema["properties"].items()
        ]
        parts = [f"### {name}\n", schema["description"] + "\n"]
        head = ("field", "required", "takes", "meaning")
        # Few have a meaning that their names do not tell.
        told = any(row[-1] for row in rows)
        parts.append(_table(head, rows) if told else _table(head[:-1], (row[:-1] for row in rows)))
        parts += [f"{rule}\n" for rule in _rules(schema)]
        if name == "Problem":
            example = self._document["components"]["responses"]["Problem400"]["content"]["application/problem+json"]
            parts.append(_json(example["example"]))
        return "\n".join(parts)

    def _takes(self, schema: dict[str, Any]) -> str:
        """What a value may be, in words."""
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            target = self._resolved({"$ref": schema["$ref"]})
            return f"[{name}](#{name.lower()})" if "properties" in target else self._takes(target) + _default(schema)
        if "anyOf" in schema:
            return " or ".join(self._takes(option) for option in schema["anyOf"])
        if "const" in schema:
            return _code(schema["const"])
        if "enum" in schema:
            return " ".join(_code(value) for value in schema["enum"]) + _default(schema)
        if schema["type"] == "array":
            return f"a list of {self._takes(schema['items'])}{_bounds(schema, 'Items')}"
        if schema["type"] == "object":
            return f"({', '.join(_code(name) for name in schema['properties'])})"
        words = [_KINDS.get(schema.get("format", ""), schema["type"])]
        words += [_bounds(schema, "Length", " characters"), _bounds(schema, "imum")]
        pattern = schema.get("pattern", "")
        if pattern and len(pattern) <= _READABLE:
            words.append(f" {_code(pattern)}")
        return "".join(words) + _default(schema)


_KINDS = {"uuid": "UUID", "date-time": "moment (ISO 8601)"}


def _default(schema: dict[str, Any]) -> str:
    return f"; {_code(schema['default'])} if left out" if "default" in schema else ""


def _meaning(schema: dict[str, Any]) -> str:
    return str(schema.get("description", ""))


def _bounds(schema: dict[str, Any], of: str, unit: str = "") -> str:
    low, high = schema.get(f"min{of}"), schema.get(f"max{of}")
    if low is None and high is None:
        return ""
    if high is None:
        return ", not empty" if unit and low == 1 else f", {low}{unit} or more"
    return f", {low} to {high}{unit}" if low is not None else f", at most {high}{unit}"


def _rules(schema: dict[str, Any]) -> list[str]:
    """What holds between fields, in words."""
    found = []
    if "anyOf" in schema:
        found.append(f"Either {' or '.join(_state(option) for option in schema['anyOf'])}.")
    if "if" in schema:
        rule = f"If {_state(schema['if'])}, {_state(schema['then'])}"
        found.append(rule + (f"; otherwise {_state(schema['else'])}." if "else" in schema else "."))
    return found


def _state(schema: dict[str, Any]) -> str:
    """A partial schema, as what it says of an object."""
    said = []
    properties = schema.get("properties", {})
    for field in dict.fromkeys([*properties, *schema.get("required", [])]):
        value = properties.get(field)
        if value is False:
            said.append(f"{_code(field)} is not there")
        elif isinstance(value, dict) and "const" in value:
            said.append(f"{_code(field)} is {_code(json.dumps(value['const']))}")
        elif isinstance(value, dict) and "pattern" in value:
            said.append(f"{_code(field)} is {_code(value['pattern'])}")
        else:
            said.append(f"{_code(field)} is given")
    return " and ".join(said)
