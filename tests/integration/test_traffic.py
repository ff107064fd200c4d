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
        traffic.canary(aws.functions, aws.cloudwatch, [function], [alarm], percent=10, seconds=1)
    assert weights(aws, function) == ("1", {})


def test_canary_without_alarm_gets_all_traffic(aws: Aws, function: str, alarm: str) -> None:
    """A canary without an alarm gets all traffic."""
    publish(aws, function, GOOD + "# second\n")
    moved = traffic.canary(aws.functions, aws.cloudwatch, [function], [alarm], percent=10, seconds=1)
    assert moved == {function: Move("1", "2")}
    assert weights(aws, function) == ("2", {})


def test_canary_with_alarm_rolls_back(aws: Aws, function: str, alarm: str) -> None:
    """An alarm rolls the canary back."""
    publish(aws, function, GOOD + "# second\n")

    def alarm_when_shifted() -> None:
        poll("the shift", lambda: weights(aws, function) == ("1", {"2": 0.1}) or None, 20)
        set_alarm(aws, alarm)

    watcher = threading.Thread(target=alarm_when_shifted)
    watcher.start()
    with pytest.raises(TrafficError, match=f"rolled back after 10 % of the traffic; in ALARM: {alarm}"):
        traffic.canary(aws.functions, aws.cloudwatch, [function], [alarm], percent=10, seconds=20)
    watcher.join()
    assert weights(aws, function) == ("1", {})


def test_canary_does_not_start_in_alarm(aws: Aws, function: str, alarm: str) -> None:
    """No traffic moves while an alarm is in ALARM."""
    publish(aws, function, GOOD + "# second\n")
    set_alarm(aws, alarm)
    with pytest.raises(TrafficError, match=f"in ALARM already: {alarm}"):
        traffic.canary(aws.functions, aws.cloudwatch, [function], [alarm], percent=10, seconds=1)
    assert weights(aws, function) == ("1", {})
