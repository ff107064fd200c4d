"""Makes MiniStack behave like AWS where it does not yet: one module for each AWS service, one function for each patch.

harness.py, tree.py and debugger.py serve our own commands. Runs in the engine's virtual environment;
`tests/integration/test_embedded.py` and `tests/conformance/` check it.
Start with patching.py; __main__.py applies every module.
"""
