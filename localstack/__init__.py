"""The local stack: engines, Terraform, cart stub, mail catcher, and what `make` calls."""
