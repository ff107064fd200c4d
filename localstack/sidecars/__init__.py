"""Stand-ins beside the engine, each a process of its own: Cart service, mail catcher, issuer of tokens.

localstack/up.py starts them.
Start with cart_stub.py.
"""
