"""Event source mappings that AWS refuses to make."""

from __future__ import annotations

from typing import Any

from ministack.core.responses import error_response_json
from ministack.services import lambda_svc, sqs


def refuse_as_aws_does() -> None:
    """Refuse a second mapping of a source on a function, and a queue that gives a message again too soon.

    Source: Lambda API Reference, CreateEventSourceMapping, ResourceConflictException; Lambda Developer Guide,
    "Creating and configuring an Amazon SQS event source mapping": the queue's visibility time-out is at least the
    function's time-out.
    """
    create = lambda_svc._create_esm

    def create_mapping(data: dict[str, Any]) -> Any:
        source = data.get("EventSourceArn", "")
        name, qualifier, error = lambda_svc._resolve_existing_esm_function(data.get("FunctionName", ""))
        if error:
            return create(data)
        for mapping in lambda_svc._esms.values():
            if (mapping["EventSourceArn"], mapping["FunctionName"]) == (source, name) and mapping[
                "Qualifier"
            ] == qualifier:
                message = f"An event source mapping with event source {source} and function {name} already exists."
                return error_response_json("ResourceConflictException", message, 409)
        queue = sqs._queue_by_arn(source) if ":sqs:" in source else None
        hidden = int(queue["attributes"].get("VisibilityTimeout", 30)) if queue else None
        timeout = lambda_svc._functions[name]["config"]["Timeout"]
        if hidden is not None and hidden < timeout:
            message = f"Queue visibility timeout: {hidden} seconds is less than Function timeout: {timeout} seconds"
            return error_response_json("InvalidParameterValueException", message, 400)
        return create(data)

    lambda_svc._create_esm = create_mapping
