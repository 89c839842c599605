"""What needs root and network namespaces is run where it is named, as `make chaos` does."""

collect_ignore = ["test_hosts.py"]
