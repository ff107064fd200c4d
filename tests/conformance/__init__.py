"""The AWS calls of the service, each with the response that AWS documents, tested on every engine."""
