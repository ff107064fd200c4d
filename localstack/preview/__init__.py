"""Every template with good and nasty data, as customers see it, without any AWS (R7)."""
