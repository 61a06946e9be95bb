# Integrate-and-fire without a leak: the charge of one step, whatever dt is.
dv/dt = resistance*I/dt : mV
resistance = 0.1 GΩ in [1e-12, 1e6]   "Rise of v per step and pA."
potential_reset = 0 mV in [-1e6, 1e6] "Potential right after a spike."
theta = 20 mV in [-1e6, 1e6]          "Potential above which a spike is fired."
threshold: v > theta
reset: v = potential_reset
