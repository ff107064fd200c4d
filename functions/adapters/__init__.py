"""What the handlers share: the only code that knows the events of API Gateway and SQS."""
