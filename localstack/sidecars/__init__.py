"""Stand-ins beside the engine, each a process of its own: Cart service, mail catcher, issuer of tokens.

localstack/up.py starts them; ministack_patches/ reads issuer_pool.py.
Start with cart_stub.py.
"""
