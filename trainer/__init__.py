"""COUPLE and what surrounds it: data, network, training, evaluation. Torch lives here alone."""
