"""The order domain: what is true of an order whichever function handles it. Knows no Lambda event."""
