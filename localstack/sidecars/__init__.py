"""Stand-ins for services that the engine lacks, each a process: Cart service, mail catcher, issuer of tokens.

localstack/up.py starts them.
Start with cart_stub.py.
"""
