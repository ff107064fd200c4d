"""Aliases that share their traffic, and are at versions that there are."""

from __future__ import annotations

import random
from typing import Any

from ministack.core.responses import error_response_json
from ministack.services import lambda_svc

_chance = random.SystemRandom()


def route_by_weight() -> None:
    """Give a part of an alias's calls to the versions in its routing configuration.

    Source: AWS Lambda Developer Guide, "Implement Lambda canary deployments using a weighted alias".
    """
    record_of = lambda_svc._effective_func_record_for_qualifier

    def record(function: Any, qualifier: str | None) -> Any:
        alias = (function or {}).get("aliases", {}).get(qualifier, {})
        weights = (alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
        for version, weight in weights.items():
            if _chance.random() < float(weight):
                return record_of(function, version)
        return record_of(function, qualifier)

    lambda_svc._effective_func_record_for_qualifier = record


def need_their_version() -> None:
    """Refuse an alias at a version that is not there.

    Source: Lambda API Reference, UpdateAlias, ResourceNotFoundException.
    """
    create, update = lambda_svc._create_alias, lambda_svc._update_alias

    def missing(function: str, data: dict[str, Any]) -> Any:
        version = data.get("FunctionVersion", "$LATEST")
        known = lambda_svc._functions.get(function)
        if known is None or version == "$LATEST" or version in known["versions"]:
            return None
        arn = f"{lambda_svc._func_arn(function)}:{version}"
        return error_response_json("ResourceNotFoundException", f"Function not found: {arn}", 404)

    def create_alias(function: str, data: dict[str, Any]) -> Any:
        return missing(function, data) or create(function, data)

    def update_alias(function: str, alias: str, data: dict[str, Any]) -> Any:
        return missing(function, data) or update(function, alias, data)

    lambda_svc._create_alias, lambda_svc._update_alias = create_alias, update_alias
