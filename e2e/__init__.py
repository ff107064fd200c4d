"""The promises of the service, tried from outside on a whole stack."""
