"""Models of any family: loading, encoding, running and changing them."""
