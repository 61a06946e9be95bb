# Exponential integrate-and-fire (Fourcaud-Trocmé et al. 2003).
upstroke = spike_slope*exp((min(v, theta) - rheobase_threshold)/spike_slope) : mV   # a unit above theta has spiked
dv/dt = (potential_rest - v + upstroke + resistance*I)/potential_tau : mV
potential_rest = -70 mV in [-1e3, 1e3]     "Resting potential."
potential_reset = -51 mV in [-1e3, 1e3]    "Potential right after a spike."
potential_tau = 5 ms in [1e-4, 1e7]        "Membrane time constant."
resistance = 0.5 GΩ in [1e-6, 1e3]         "Membrane resistance."
theta = -30 mV in [-1e3, 1e3]              "Potential above which a spike is fired."
rheobase_threshold = -50 mV in [-1e3, 1e3] "Potential at which the exponential takes over."
spike_slope = 2 mV in [1e-2, 1e2]          "Sharpness of the upstroke."
v(0) = potential_rest
threshold: v > theta
reset: v = potential_reset
integrator: euler
