"""How each kind of connection is computed exactly, one per file, under the name of the kind's own file."""
