"""Load on a running service, from outside: it speaks HTTP and imports nothing of what it asks."""
