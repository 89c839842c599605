"""Inner-product search over string ids. Knows nothing of tags, HTTP or Redis."""
