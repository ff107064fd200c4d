"""Bounces and complaints on the engine: what Terraform creates in an account."""

from typing import Any

import boto3

from localstack.stack import SIGNATURE, Stack


def test_feedback_of_mails_is_described_as_created(stack: Stack) -> None:
    """A configuration set has its event destination, and a domain its MAIL FROM domain, after a deployment."""
    ses: Any = boto3.client(
        "ses",
        endpoint_url=stack.endpoint,
        region_name="af-south-1",
        aws_access_key_id="536580886816",
        aws_secret_access_key=SIGNATURE,
    )
    topic = "arn:aws:sns:af-south-1:536580886816:bbws-mail-feedback-dev"
    ses.create_configuration_set(ConfigurationSet={"Name": "mail"})
    ses.update_configuration_set_reputation_metrics_enabled(ConfigurationSetName="mail", Enabled=True)
    destination: dict[str, Any] = {
        "Name": "feedback",
        "Enabled": True,
        "MatchingEventTypes": ["bounce", "complaint"],
        "SNSDestination": {"TopicARN": topic},
    }
    ses.create_configuration_set_event_destination(ConfigurationSetName="mail", EventDestination=destination)
    found = ses.describe_configuration_set(
        ConfigurationSetName="mail", ConfigurationSetAttributeNames=["eventDestinations", "reputationOptions"]
    )
    assert found["EventDestinations"] == [destination]
    assert found["ReputationOptions"]["ReputationMetricsEnabled"] is True
    ses.delete_configuration_set_event_destination(ConfigurationSetName="mail", EventDestinationName="feedback")
    assert ses.describe_configuration_set(ConfigurationSetName="mail").get("EventDestinations", []) == []

    ses.verify_domain_identity(Domain="kimmyai.io")
    ses.set_identity_mail_from_domain(
        Identity="kimmyai.io", MailFromDomain="bounce.kimmyai.io", BehaviorOnMXFailure="UseDefaultValue"
    )
    attributes = ses.get_identity_mail_from_domain_attributes(Identities=["kimmyai.io"])["MailFromDomainAttributes"]
    assert attributes["kimmyai.io"]["MailFromDomain"] == "bounce.kimmyai.io"
