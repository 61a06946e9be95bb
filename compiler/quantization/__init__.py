"""From real numbers to integers: formats, coefficients and the integer program of a dynamics program."""
