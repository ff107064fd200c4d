"""Between AWS events and the functions: the only code that knows the events of API Gateway and SQS."""
