"""The eight Lambda functions (R2), one folder each."""
