"""Adjacent stages side by side on the same input: stimulus, coverage, verdicts, recorded traces."""
