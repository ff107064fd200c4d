"""Moving the alias `live` between versions of a real function."""

import threading
from uuid import uuid4

import pytest

from localstack.aws import Aws
from release import traffic
from release.traffic import Move, TrafficError
from tests.support.lambda_functions import make_function, publish
from tooling.polling import poll

GOOD = "def handler(event, context):\n    return {'statusCode': 404}\n"
BROKEN = "import no_such_module\n"


@pytest.fixture
def function(aws: Aws) -> str:
    """A function whose alias has all traffic on its first version."""
    return make_function(GOOD)


@pytest.fixture
def alarm(aws: Aws) -> str:
    """An alarm that is quiet."""
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
        # It stays as it is set.
        TreatMissingData="ignore",
    )
    return name


def ring(aws: Aws, alarm: str) -> None:
    """Have an alarm ring."""
    aws.cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason="test")


def weights(aws: Aws, function: str) -> tuple[str, dict[str, float]]:
    """The version of the alias, and the parts that others have."""
    alias = aws.functions.get_alias(FunctionName=function, Name=traffic.ALIAS)
    return alias["FunctionVersion"], alias.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})


def test_a_new_version_gets_the_traffic_and_only_once(aws: Aws, function: str) -> None:
    assert traffic.finish(aws.functions, [function]) == {}
    publish(aws, function, GOOD + "# second\n")
    assert traffic.finish(aws.functions, [function]) == {function: Move("1", "2")}
    assert weights(aws, function) == ("2", {})
    assert traffic.finish(aws.functions, [function]) == {}


def test_a_version_that_does_not_run_gets_none(aws: Aws, function: str, alarm: str) -> None:
    publish(aws, function, BROKEN)
    with pytest.raises(TrafficError, match=f"{function}:2 does not run: .*no_such_module"):
        traffic.finish(aws.functions, [function])
    with pytest.raises(TrafficError, match="does not run"):
        traffic.canary(aws.functions, aws.cloudwatch, [function], [alarm], percent=10, seconds=1)
    assert weights(aws, function) == ("1", {})


def test_a_quiet_canary_goes_on(aws: Aws, function: str, alarm: str) -> None:
    publish(aws, function, GOOD + "# second\n")
    moved = traffic.canary(aws.functions, aws.cloudwatch, [function], [alarm], percent=10, seconds=1)
    assert moved == {function: Move("1", "2")}
    assert weights(aws, function) == ("2", {})


def test_an_alarm_turns_a_canary_back(aws: Aws, function: str, alarm: str) -> None:
    publish(aws, function, GOOD + "# second\n")

    def ring_when_shifted() -> None:
        poll("the shift", lambda: weights(aws, function) == ("1", {"2": 0.1}) or None, 20)
        ring(aws, alarm)

    watcher = threading.Thread(target=ring_when_shifted)
    watcher.start()
    with pytest.raises(TrafficError, match=f"turned back after 10 % of the traffic: {alarm} rang"):
        traffic.canary(aws.functions, aws.cloudwatch, [function], [alarm], percent=10, seconds=20)
    watcher.join()
    assert weights(aws, function) == ("1", {})


def test_nothing_is_shifted_while_an_alarm_rings(aws: Aws, function: str, alarm: str) -> None:
    publish(aws, function, GOOD + "# second\n")
    ring(aws, alarm)
    with pytest.raises(TrafficError, match=f"{alarm} ring already"):
        traffic.canary(aws.functions, aws.cloudwatch, [function], [alarm], percent=10, seconds=1)
    assert weights(aws, function) == ("1", {})
