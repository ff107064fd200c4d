"""MiniStack, taught what AWS does and it does not yet; runs in the engine's virtual environment.

Each module is a lesson that makes the engine stricter or closer to AWS; `tests/integration/test_embedded.py` and
`tests/conformance/` try it.
"""
