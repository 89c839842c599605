"""The paper's tables and figures, trained and judged anew: `couple reproduce`."""
