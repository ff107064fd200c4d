"""Runs functions in an image that is on the machine without asking its registry, which may not be reachable.

LocalStack runs this script when it starts.
"""

from localstack.services.lambda_.invocation import docker_runtime_executor as executor
from localstack.utils.container_utils.container_client import ContainerException

_pull = executor._ensure_runtime_image_present


def ensure_present(image: str, platform: object) -> None:
    """Pull an image, unless it is there."""
    try:
        executor.CONTAINER_CLIENT.inspect_image(image, pull=False)
    except ContainerException:
        _pull(image, platform)


executor._ensure_runtime_image_present = ensure_present
