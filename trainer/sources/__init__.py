"""Public data sets → prepared folders, one file each."""
