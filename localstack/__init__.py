"""The local platform: engines with their patches, Terraform, sidecars, faults, console and previews.

Only labs/, cli/, e2e/ and tests/ may import it.
Start with up.py: what `make up` does, in order.
"""
