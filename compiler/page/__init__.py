"""`report.html`: one self-contained page about a compile, for browsers and printers; nothing from elsewhere."""
