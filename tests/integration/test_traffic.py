"""Moving the alias `live` between versions of a real function."""

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from uuid import uuid4

import pytest
import requests

from common.observability import count_failed_call
from localstack.aws import Aws
from localstack.stack import Stack
from release import canary, traffic
from release.canary import Seen
from release.traffic import Move, Shares, TrafficError
from tests.support.lambda_functions import api_of, make_function, publish, ratio
from tooling.polling import poll

GOOD = "def handler(event, context):\n    return {'statusCode': 404}\n"
BROKEN = "import no_such_module\n"
# Each tenth call of the alias crashes. A deployment calls the version by its number, and that does not count.
ONE_IN_TEN = """
calls = 0

def handler(event, context):
    global calls
    calls += context.invoked_function_arn.endswith(":live")
    if calls % 10 == 0 and calls:
        raise RuntimeError
    return {"statusCode": 200}
"""


@pytest.fixture
def function(aws: Aws) -> str:
    """A function whose alias has all traffic on its first version."""
    return make_function(GOOD)


@pytest.fixture
def alarm(aws: Aws) -> str:
    """An alarm in OK."""
    name = f"alarm-{uuid4().hex[:8]}"
    aws.cloudwatch.put_metric_alarm(
        AlarmName=name,
        Namespace="Test",
        MetricName=name,
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=0,
        ComparisonOperator="GreaterThanThreshold",
        # It keeps the state that a test sets.
        TreatMissingData="ignore",
    )
    return name


def set_alarm(aws: Aws, alarm: str) -> None:
    """Put an alarm into ALARM."""
    aws.cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason="test")


def weights(aws: Aws, function: str) -> tuple[str, dict[str, float]]:
    """The version of the alias, and the shares of other versions."""
    alias = aws.functions.get_alias(FunctionName=function, Name=traffic.ALIAS)
    return alias["FunctionVersion"], alias.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})


def test_newest_version_gets_traffic_once(aws: Aws, function: str) -> None:
    """A new version gets all traffic; a second move does nothing."""
    assert traffic.move_to_newest(aws.functions, [function]) == {}
    publish(aws, function, GOOD + "# second\n")
    assert traffic.move_to_newest(aws.functions, [function]) == {function: Move("1", "2")}
    assert weights(aws, function) == ("2", {})
    assert traffic.move_to_newest(aws.functions, [function]) == {}


def test_broken_version_gets_no_traffic(aws: Aws, function: str, alarm: str) -> None:
    """A version that does not run gets no traffic."""
    publish(aws, function, BROKEN)
    with pytest.raises(TrafficError, match=f"{function}:2 does not run: .*no_such_module"):
        traffic.move_to_newest(aws.functions, [function])
    with pytest.raises(TrafficError, match="does not run"):
        canary.run(aws.functions, aws.cloudwatch, [function], [alarm], seconds=1)
    assert weights(aws, function) == ("1", {})


def shifted(aws: Aws, function: str) -> bool | None:
    """Whether the second version has its share of the traffic."""
    return weights(aws, function) == ("1", {"2": canary.PERCENT / 100}) or None


@contextmanager
def customers(
    aws: Aws, stack: Stack, function: str, when_shifted: Callable[[], object] = lambda: None
) -> Iterator[None]:
    """Call a function through its API as soon as its traffic is shared, until the end."""
    url, ended = api_of(function, stack), threading.Event()

    def call() -> None:
        poll("the shift", lambda: shifted(aws, function) or ended.is_set() or None, 20)
        when_shifted()
        while not ended.is_set():
            requests.get(url, timeout=30)

    with ThreadPoolExecutor(max_workers=1) as pool:
        calls = pool.submit(call)
        try:
            yield
        finally:
            ended.set()
        calls.result()


def test_canary_with_sound_calls_gets_all_traffic(
    aws: Aws, stack: Stack, function: str, alarm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A canary gets all traffic if the new version was called often enough and no call failed."""
    # On a busy machine a tenth of the calls would be too few.
    monkeypatch.setattr(canary, "PERCENT", 80)
    publish(aws, function, GOOD + "# second\n")
    # Calls before the canary, and of the version by its number, are not calls of the canary.
    for _ in range(5):
        aws.functions.invoke(FunctionName=function, Qualifier="2")
    with customers(aws, stack, function):
        moved = canary.run(aws.functions, aws.cloudwatch, [function], [alarm], seconds=5, required_calls=3)
    calls = moved[function].calls
    assert moved == {function: Move("1", "2", calls)}
    assert calls is not None
    assert calls >= 3
    assert weights(aws, function) == ("2", {})


def test_canary_without_calls_rolls_back(aws: Aws, function: str, alarm: str) -> None:
    """A canary that nobody called proves nothing: it is rolled back, unless that is allowed."""
    publish(aws, function, GOOD + "# second\n")
    with pytest.raises(TrafficError, match=f"fewer than 30 calls: {function} had 0\n.*--allow-quiet-canary"):
        canary.run(aws.functions, aws.cloudwatch, [function], [alarm], seconds=1)
    assert weights(aws, function) == ("1", {})
    moved = canary.run(aws.functions, aws.cloudwatch, [function], [alarm], seconds=1, required_calls=0)
    assert moved == {function: Move("1", "2", 0)}
    assert weights(aws, function) == ("2", {})


def test_canary_that_fails_one_call_in_ten_rolls_back(aws: Aws, stack: Stack, function: str) -> None:
    """A version that fails one call in ten is rolled back, although the alarm on all calls stays OK."""
    publish(aws, function, ONE_IN_TEN)
    aws.cloudwatch.put_metric_alarm(**ratio(function))
    text = f"rolled back after 10 % of the traffic; {function}: version 2 had [0-9]+ calls, failed: [0-9]+\n"
    with customers(aws, stack, function), pytest.raises(TrafficError, match=text):
        canary.run(aws.functions, aws.cloudwatch, [function], [f"{function}-errors"], seconds=120)
    assert weights(aws, function) == ("1", {})
    (old,) = aws.cloudwatch.describe_alarms(AlarmNames=[f"{function}-errors"])["MetricAlarms"]
    assert old["StateValue"] == "OK"


def test_canary_counts_caught_errors(aws: Aws, function: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A call counts as failed if it crashed, and if the function caught the error itself, as all functions here do."""
    allow = {"Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": "*"}
    aws.iam.put_role_policy(
        RoleName=function, PolicyName="logs", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": allow})
    )
    count_failed_call(function, "2")
    source = f"def handler(event, context):\n    print({capsys.readouterr().out!r})\n    1 / len(event)\n"
    since, version = datetime.now(UTC), publish(aws, function, source)
    aws.functions.get_waiter("function_active_v2").wait(FunctionName=function, Qualifier=version)
    traffic.set_alias(aws.functions, function, version)
    assert canary.seen(aws.cloudwatch, {function: version}, since) == {function: Seen(0, 0)}
    for event in ("{}", '{"a": 1}'):
        aws.functions.invoke(FunctionName=function, Qualifier=traffic.ALIAS, Payload=event)
    assert canary.seen(aws.cloudwatch, {function: version}, since) == {function: Seen(2, 3)}


def test_canary_with_alarm_rolls_back(aws: Aws, stack: Stack, function: str, alarm: str) -> None:
    """An alarm rolls the canary back."""
    publish(aws, function, GOOD + "# second\n")
    text = f"rolled back after 10 % of the traffic; in ALARM: {alarm}"
    with customers(aws, stack, function, lambda: set_alarm(aws, alarm)), pytest.raises(TrafficError, match=text):
        canary.run(aws.functions, aws.cloudwatch, [function], [alarm], seconds=20)
    assert weights(aws, function) == ("1", {})


def test_canary_does_not_start_in_alarm(aws: Aws, function: str, alarm: str) -> None:
    """No traffic moves while an alarm is in ALARM."""
    publish(aws, function, GOOD + "# second\n")
    set_alarm(aws, alarm)
    with pytest.raises(TrafficError, match=f"in ALARM already: {alarm}"):
        canary.run(aws.functions, aws.cloudwatch, [function], [alarm], seconds=1)
    assert weights(aws, function) == ("1", {})


@pytest.mark.parametrize(
    ("version", "others", "text"),
    [("1", {"2": 0.1}, "10% version 2, 90% version 1"), ("2", {}, "100% version 2")],
    ids=["in the canary", "after it"],
)
def test_misplaced_traffic_is_settled(
    aws: Aws, function: str, version: str, others: dict[str, float], text: str
) -> None:
    """Traffic that a deployment has moved before it died is found, and given back to the live version."""
    publish(aws, function, GOOD + "# second\n")
    live = {function: "1"}
    assert traffic.settle(aws.functions, live) == {}
    traffic.set_alias(aws.functions, function, version, others)
    assert {name: str(has) for name, has in traffic.misplaced(aws.functions, live).items()} == {function: text}
    assert traffic.settle(aws.functions, live) == {function: Shares(version, others)}
    assert weights(aws, function) == ("1", {})
