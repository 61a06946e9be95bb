# NIR primitive IF: integrate and fire.
dv/dt = resistance*I/dt : 1
input I : 1
resistance = 1 in [-1e12, 1e12]          "What one unit of input leads to."
theta = 1 in [-1e12, 1e12]               "Potential above which a spike is fired."
potential_reset = 0 in [-1e12, 1e12]     "Potential right after a spike."
threshold: v > theta
reset: v = potential_reset
