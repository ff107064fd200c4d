"""`make simulate`: what the local stack cannot show of a load far above today's (docs/scale.md)."""
