"""The verbs of the command line, one file each: the file name is the registration.

Every file has `command`, a click command. Files stay light: what is slow to import is imported when it is needed, so
that `sparkc --help` is quick.
"""
