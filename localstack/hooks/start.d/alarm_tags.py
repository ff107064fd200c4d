"""Keeps the tags of a new alarm, which LocalStack 4 drops, so that a second Terraform plan is empty.

Source: CloudWatch API Reference, PutMetricAlarm, Tags. LocalStack runs this script when it starts.
"""

from typing import Any

from localstack.aws.api import RequestContext, handler
from localstack.services.cloudwatch.models import CloudWatchStore
from localstack.services.cloudwatch.provider_v2 import CloudwatchProvider
from localstack.utils.aws import arns

_put = CloudwatchProvider.put_metric_alarm


@handler("PutMetricAlarm", expand=False)
def put_metric_alarm(provider: CloudwatchProvider, context: RequestContext, request: dict[str, Any]) -> None:
    """Create or update an alarm, and tag it."""
    tags = request.pop("Tags", None) or []
    _put(provider, context, request)
    arn = arns.cloudwatch_alarm_arn(request["AlarmName"], context.account_id, context.region)
    provider.get_store(context.account_id, context.region).TAGS.tag_resource(arn, tags)


# Later versions keep the tags themselves, in another place.
if "TAGS" in vars(CloudWatchStore):
    CloudwatchProvider.put_metric_alarm = put_metric_alarm
