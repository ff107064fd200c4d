"""The promises of the service, tested from outside on a whole stack."""
