"""Starts DynamoDB Local without LocalStack's Java agent where that was not downloaded.

The agent only lifts the limit of 20 indexes. LocalStack runs this script when it starts.
"""

from pathlib import Path

from localstack.services.dynamodb.packages import dynamodblocal_package
from localstack.services.dynamodb.server import DynamodbServer

_command = DynamodbServer._create_shell_command


def command(server: DynamodbServer) -> list[str]:
    """Return the command that starts DynamoDB Local."""
    words = _command(server)
    if Path(dynamodblocal_package.get_installer().get_ddb_agent_jar_path()).exists():
        return words
    return [word for word in words if not word.startswith("-javaagent:")]


DynamodbServer._create_shell_command = command
