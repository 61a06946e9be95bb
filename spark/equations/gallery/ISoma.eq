# NIR primitive I: a sum that is read out.
dv/dt = resistance*I/dt : 1
input I : 1
resistance = 1 in [-1e12, 1e12]          "What one unit of input leads to."
output: v
