"""What of this folder is no test."""

collect_ignore = ["norse_runner.py"]
