"""An engine behind a fault proxy keeps its state on disk."""

from pathlib import Path

from localstack import processes
from localstack.aws import Aws
from localstack.engines.ministack import MiniStack
from localstack.stack import Stack


def test_engine_state_survives_restart(tmp_path: Path) -> None:
    """Queues, messages, buckets and objects survive a restart."""
    ports = {use: processes.free_port() for use in ("engine", "proxy")}
    stack, engine = Stack(tmp_path, ports=ports), MiniStack()
    try:
        engine.start(stack)
        aws = Aws(stack.endpoint)
        queue = aws.sqs.create_queue(QueueName="kept")["QueueUrl"]
        aws.sqs.send_message(QueueUrl=queue, MessageBody="text")
        aws.s3.create_bucket(Bucket="kept", CreateBucketConfiguration={"LocationConstraint": "af-south-1"})
        aws.s3.put_bucket_versioning(Bucket="kept", VersioningConfiguration={"Status": "Enabled"})
        etag = aws.s3.put_object(Bucket="kept", Key="a/b.pdf", Body=b"%PDF", IfNoneMatch="*")["ETag"]
        engine.restart(stack)
        assert aws.sqs.receive_message(QueueUrl=queue)["Messages"][0]["Body"] == "text"
        (version,) = aws.s3.list_object_versions(Bucket="kept")["Versions"]
        assert version["ETag"] == etag
        assert aws.s3.get_object(Bucket="kept", Key="a/b.pdf")["Body"].read() == b"%PDF"
    finally:
        engine.stop(stack)
