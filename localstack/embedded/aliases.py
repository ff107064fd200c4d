"""Aliases that share their traffic."""

from __future__ import annotations

import random
from typing import Any

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
