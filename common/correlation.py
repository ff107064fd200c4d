"""The id of a request, which its response, messages, logs and mails have too."""

from typing import Final

# Header of requests, responses and mails.
CORRELATION_HEADER: Final = "X-Correlation-Id"
