"""HTTP: one file a noun. A route reads, calls one part, and encodes; nothing is decided here."""
