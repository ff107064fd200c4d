"""Experiments on a stack: benchmarks, load, faults, and a rehearsal of releases.

Only tests and the command-line programs import it; deleting it takes nothing from the service or the local stack.
Start with the run.py of an experiment, or with scale.py.
"""
