"""Users with known tastes who ask a service and click: what an A/B test is rehearsed with."""
