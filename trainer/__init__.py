"""Data sets, the COUPLE network, its training and its offline evaluation: data → checkpoint."""
