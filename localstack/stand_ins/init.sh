#!/bin/sh
# The first program in a function's container.
exec /var/lang/bin/python3.12 /var/rapid/container_init.py
