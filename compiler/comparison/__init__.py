"""Float against fixed on labelled data."""
