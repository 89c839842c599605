"""Where candidates come from. Each channel lists items by a rule of its own; a mix joins them."""
