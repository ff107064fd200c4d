"""Stand-ins for the images of Docker registries, made of Debian, PyPI and npm packages, where none can be reached.

`bin/ops stack images` makes them; tooling/docker.py chooses between them and the real ones.
Start with images.py.
"""
