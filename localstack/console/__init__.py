"""The console: a page on this machine that shows the local stack, and changes nothing but by its redrive button."""
