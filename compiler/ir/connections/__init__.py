"""Linear maps of projections, one per file; the file is the registration (`base.find`)."""
