"""What every module stands on: configurations, payloads, the pure step and its runs, files."""
