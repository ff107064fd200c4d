"""Functions that do no more than what a row is measured beside; each file is one function's whole code."""
