"""Lambda: aliases, event source mappings, permissions of roles, size of responses, metrics, end of a call's log."""

import json
import os
import queue
import random
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from ministack.core import iam_evaluator, lambda_runtime, responses
from ministack.core.responses import error_response_json
from ministack.services import cloudwatch, iam, lambda_svc, sqs

from localstack.ministack_patches import harness
from localstack.ministack_patches.patching import Function, changes, replaces

_random = random.SystemRandom()
_MAX_RESPONSE = 6_291_556
_RECEIVE_ACTIONS = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
_LOG_ACTIONS = ("logs:CreateLogStream", "logs:PutLogEvents")
_END = "\x1eend of call "
# MiniStack's own limit; only a killed process does not write its end.
_END_SECONDS = 0.25
_BEFORE_IMPORT = "    try:\n        mod = importlib.import_module(module_name)"
_LOG_AS_LAMBDA = r"""
    import logging

    _ms_ctx = {}

    def add_request_id(record):
        record.aws_request_id = _ms_ctx.get("request_id", "")
        return True

    logging.Formatter.converter = time.gmtime
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(add_request_id)
    line = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s"
    handler.setFormatter(logging.Formatter(line, "%Y-%m-%dT%H:%M:%S"))
    logging.getLogger().addHandler(handler)
"""
_BEFORE_END = "        _real_stdout.flush()\n\nrun()"
_WRITE_END = f"        print({_END!r} + _ms_ctx.get('request_id', ''), file=sys.__stderr__, flush=True)\n{_BEFORE_END}"
# Added to the niceness of a process that takes messages from a queue: when both are busy, it gets a third of what one
# of the API gets.
_NICE = 5


@replaces(lambda_svc, "_effective_func_record_for_qualifier")
def route_by_weight(record_of: Function, function: Any, qualifier: str | None) -> Any:
    """Route a share of an alias's calls to the versions in its routing configuration, and keep the alias in the ARN.

    MiniStack ignores the configuration, and calls the version by its own ARN. Source: AWS Lambda Developer Guide,
    "Implement Lambda canary deployments using a weighted alias" and "Using the Lambda context object to retrieve Python
    function information", invoked_function_arn.
    """
    alias = (function or {}).get("aliases", {}).get(qualifier)
    if alias is None or qualifier is None:
        return record_of(function, qualifier)
    weights = (alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
    chosen = next((version for version, weight in weights.items() if _random.random() < float(weight)), qualifier)
    record, config = record_of(function, chosen)
    if record is None:
        return record, config
    config = config | {"FunctionArn": ":".join([*config["FunctionArn"].split(":")[:7], qualifier])}
    return record | {"config": config}, config


@replaces(lambda_svc, "_create_alias")
@replaces(lambda_svc, "_update_alias")
def refuse_missing_version(put: Function, function: str, *alias_and_data: Any) -> Any:
    """Refuse an alias of a version that does not exist; MiniStack creates or updates it.

    Source: Lambda API Reference, CreateAlias and UpdateAlias, ResourceNotFoundException.
    """
    version = alias_and_data[-1].get("FunctionVersion", "$LATEST")
    known = lambda_svc._functions.get(function)
    if known is None or version == "$LATEST" or version in known["versions"]:
        return put(function, *alias_and_data)
    arn = f"{lambda_svc._func_arn(function)}:{version}"
    return error_response_json("ResourceNotFoundException", f"Function not found: {arn}", 404)


@replaces(lambda_svc, "_create_esm")
def refuse_mappings(create: Function, data: dict[str, Any]) -> Any:
    """Refuse a second mapping of a source to a function, and a queue whose visibility timeout is below the function's.

    MiniStack creates both. Source: Lambda API Reference, CreateEventSourceMapping, ResourceConflictException; Lambda
    Developer Guide, "Creating and configuring an Amazon SQS event source mapping".
    """
    source = data.get("EventSourceArn", "")
    name, qualifier, error = lambda_svc._resolve_existing_esm_function(data.get("FunctionName", ""))
    if error:
        return create(data)
    existing = {(m["EventSourceArn"], m["FunctionName"], m["Qualifier"]) for m in lambda_svc._esms.values()}
    if (source, name, qualifier) in existing:
        message = f"An event source mapping with event source {source} and function {name} already exists."
        return error_response_json("ResourceConflictException", message, 409)
    source_queue = sqs._queue_by_arn(source) if ":sqs:" in source else None
    hidden = int(source_queue["attributes"].get("VisibilityTimeout", 30)) if source_queue else None
    timeout = lambda_svc._functions[name]["config"]["Timeout"]
    if hidden is not None and hidden < timeout:
        message = f"Queue visibility timeout: {hidden} seconds is less than Function timeout: {timeout} seconds"
        return error_response_json("InvalidParameterValueException", message, 400)
    return create(data)


def _role_may(config: dict[str, Any], actions: tuple[str, ...], resource: str) -> bool:
    """Whether the role of a function may perform all of the actions."""
    account, role = config["Role"].split(":")[4], config["Role"].rsplit("/", 1)[1]
    session = f"arn:aws:sts::{account}:assumed-role/{role}/{config['FunctionName']}"
    policies = iam_evaluator._gather_role_policies(role, account)
    limits = iam_evaluator._permissions_boundary(iam._roles, role, account)
    for action in actions:
        request = iam_evaluator.EvalContext(
            principal_arn=session,
            principal_type="AssumedRole",
            principal_account=account,
            action=action,
            resource_arn=resource,
            region=responses.get_region(),
        )
        allowed = iam_evaluator.evaluate(request, policies, *limits).decision == "Allow"
        harness.record_decision(session, action, resource, allowed)
        if not allowed:
            return False
    return True


@replaces(lambda_svc, "_sqs_esm_concurrency")
def receive_if_role_may(
    concurrency: Function, mapping: dict[str, Any], function: Any, config: dict[str, Any], source: Any = None
) -> int:
    """Receive messages for a function only if its role may receive, delete and describe; MiniStack does not check.

    It runs one batch of a queue more at a time than there are processors: a batch waits for the engine now and then,
    and one processor would be idle. Still more would end later, each of them, and start more processes.

    Whenever a message arrives or a batch ends, MiniStack goes through all mappings. An empty queue needs no check.

    Source: AWS Lambda Developer Guide, "Using Lambda with Amazon SQS", execution role permissions.
    """
    if source and not source["messages"]:
        return 0
    allowed = _role_may(config, _RECEIVE_ACTIONS, mapping["EventSourceArn"])
    return min(concurrency(mapping, function, config, source), (os.cpu_count() or 1) + 1) if allowed else 0


@replaces(lambda_svc, "_emit_lambda_logs")
def log_if_role_may(emit: Function, function: dict[str, Any], *arguments: Any, **named: Any) -> None:
    """Store the logs of a function only if its role may write them; MiniStack does not check.

    Source: AWS Lambda Developer Guide, "Sending Lambda function logs to CloudWatch Logs".
    """
    config = function.get("config") or function
    region, account = responses.get_region(), responses.get_account_id()
    group = f"arn:aws:logs:{region}:{account}:log-group:/aws/lambda/{config['FunctionName']}"
    if _role_may(config, _LOG_ACTIONS, f"{group}:log-stream:"):
        emit(function, *arguments, **named)


@replaces(lambda_svc, "_execute_function_dispatch")
def refuse_large_response(dispatch: Function, *call: Any) -> Any:
    """Fail a call whose response is above 6,291,556 bytes, for API Gateway with 502; MiniStack returns any response.

    Source: Lambda Developer Guide, "Lambda quotas", invocation payload; the runtime returns a response as UTF-8.
    """
    result = dispatch(*call)
    body = result.get("body")
    encoded = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode(errors="surrogatepass")
    if len(encoded) <= _MAX_RESPONSE:
        return result
    message = f"Response payload size exceeded maximum allowed payload size ({_MAX_RESPONSE} bytes)."
    error = {"errorMessage": message, "errorType": "Function.ResponseSizeTooLarge"}
    return {**result, "body": error, "error": True}


_emit_metrics = lambda_svc._emit_lambda_metrics


@replaces(lambda_svc, "_execute_function_dispatch")
def count_every_call(
    dispatch: Function, function: Any, config: dict[str, Any], event: Any, request_id: str, started: float
) -> Any:
    """Count the calls by API Gateway and by event source mappings too, and the calls of an alias by version.

    MiniStack counts those by Invoke only, and by function only. Source: AWS Lambda Developer Guide, "Types of metrics
    for Lambda functions" and "Viewing metrics for Lambda functions", dimension ExecutedVersion; the dimensions of one
    metric are those of the alarm in AWS SAM's "Safe Lambda deployments".
    """
    result = dispatch(function, config, event, request_id, started)
    failed = isinstance(result, dict) and bool(result.get("error"))
    duration_ms = (time.time() - started) * 1000
    name, version, qualifier = config["FunctionName"], config["Version"], config["FunctionArn"].split(":")[7:]
    _emit_metrics(name, duration_ms=duration_ms, error=failed, throttle=False)
    if qualifier not in ([], [version]):
        dimensions = {"FunctionName": name, "Resource": f"{name}:{qualifier[0]}", "ExecutedVersion": version}
        for metric, value in (("Invocations", 1), ("Errors", int(failed))):
            cloudwatch.record_metric("AWS/Lambda", metric, value, "Count", dimensions)
    return result


@replaces(lambda_svc, "_emit_lambda_metrics")
def count_throttles_only(emit: Function, function: str, duration_ms: float, error: bool, throttle: bool) -> None:
    """Leave the other metrics of Invoke to `count_every_call`."""
    if throttle:
        emit(function, duration_ms, error, throttle)


@changes
def log_as_runtime() -> None:
    """Give a function's root logger the handler of Lambda's runtime, which writes what libraries log.

    MiniStack's worker has none, and Python then drops what a library without a handler logs. Source: Lambda Developer
    Guide, "Log and monitor Python Lambda functions"; awslambdaric/bootstrap.py, `_setup_logging`.
    """
    script = lambda_runtime._PYTHON_WORKER_SCRIPT
    if script.count(_BEFORE_IMPORT) != 1:
        raise RuntimeError("MiniStack's worker imports a function differently: adapt _BEFORE_IMPORT")
    lambda_runtime._PYTHON_WORKER_SCRIPT = script.replace(_BEFORE_IMPORT, f"{_LOG_AS_LAMBDA}{_BEFORE_IMPORT}")


@changes
def end_logs_with_call() -> None:
    """Make a function's process write a marker after the last line of a call, and read its log up to the marker.

    MiniStack instead waits 5 ms for another line, and 50 ms for the first. Source: Lambda Developer Guide,
    "Understanding the Lambda execution environment lifecycle": the invoke phase ends when the runtime signals that it
    is done.
    """
    script = lambda_runtime._PYTHON_WORKER_SCRIPT
    if script.count(_BEFORE_END) != 1:
        raise RuntimeError("MiniStack's worker ends a call differently: adapt _BEFORE_END")
    lambda_runtime._PYTHON_WORKER_SCRIPT = script.replace(_BEFORE_END, _WRITE_END)


@replaces(lambda_runtime.Worker, "_read_stderr")
def read_lines(_: Function, worker: Any) -> None:
    """Read the lines of a process, for `end_logs_with_call`."""
    # Those of this process: the next one gets its own queue and pipe.
    lines, pipe = worker._stderr_queue, worker._proc.stderr
    with suppress(OSError, ValueError):
        for line in pipe:
            lines.put(line.rstrip("\n"))
    lines.put(getattr(worker, "call_end", _END))


@replaces(lambda_runtime.Worker, "invoke")
def remember_call(invoke: Function, worker: Any, event: Any, request_id: str, **more: Any) -> Any:
    """Remember which marker ends a call, for `end_logs_with_call`."""
    worker.call_end = _END + request_id
    return invoke(worker, event, request_id, **more)


@replaces(lambda_runtime.Worker, "invoke")
def let_requests_go_first(invoke: Function, worker: Any, event: Any, request_id: str, **more: Any) -> Any:
    """Lower the priority of a process that takes messages from a queue, since nobody waits for its response.

    In AWS it would not share processors with the functions of the API.
    """
    records = event.get("Records") if isinstance(event, dict) else None
    # A process that runs the working copy is the child of another, and has no number here.
    process = getattr(worker._proc, "pid", None)
    takes_messages = records and records[0].get("eventSource") == "aws:sqs"
    if takes_messages and process is not None and process != getattr(worker, "goes_last", None):
        with suppress(ProcessLookupError):
            # Relative: only root may raise the priority of an engine that has a low one itself.
            os.setpriority(os.PRIO_PROCESS, process, os.getpriority(os.PRIO_PROCESS, process) + _NICE)
        worker.goes_last = process
    return invoke(worker, event, request_id, **more)


@replaces(lambda_runtime.Worker, "_drain_stderr_bounded")
def read_until_end(drain: Callable[..., str], worker: Any, **waits: float) -> str:
    """Return the lines of a call without markers, for `end_logs_with_call`."""
    end = getattr(worker, "call_end", None)
    if end is None or not worker.config.get("Runtime", "").startswith("python"):
        return drain(worker, **waits)
    lines: list[str] = []
    deadline = time.monotonic() + _END_SECONDS
    while True:
        try:
            line = worker._stderr_queue.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            break
        # After a line without a newline the marker follows on the same line.
        text, marker, request_id = line.partition(_END)
        if text or not marker:
            lines.append(text)
        if marker + request_id == end:
            break
    return "\n".join(lines)
