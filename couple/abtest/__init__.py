"""What an experiment showed: from drained Parquet to figures with intervals, and a page of them."""
