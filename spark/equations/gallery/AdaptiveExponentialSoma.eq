# AdEx (Brette & Gerstner 2005, eq. 1-3).
upstroke = spike_slope*exp((min(v, theta) - rheobase_threshold)/spike_slope) : mV   # a unit above theta has spiked
dv/dt = (potential_rest - v + upstroke + resistance*(I - w))/potential_tau : mV
dw/dt = (adaptation_subthreshold*(v - potential_rest) - w)/adaptation_tau : pA
potential_rest = -70 mV in [-1e3, 1e3]     "Resting potential."
potential_reset = -51 mV in [-1e3, 1e3]    "Potential right after a spike."
potential_tau = 5 ms in [1e-4, 1e7]        "Membrane time constant."
resistance = 0.5 GΩ in [1e-6, 1e3]         "Membrane resistance."
theta = -30 mV in [-1e3, 1e3]              "Potential above which a spike is fired."
rheobase_threshold = -50 mV in [-1e3, 1e3] "Potential at which the exponential takes over."
spike_slope = 2 mV in [1e-2, 1e2]          "Sharpness of the upstroke."
adaptation_tau = 100 ms in [1e-4, 1e7]     "Time constant of the adaptation."
adaptation_delta = 7 pA in [0, 1e5]        "Adaptation added at a spike."
adaptation_subthreshold = 0.5 nS in [-1e3, 1e3] "Coupling of the adaptation to the potential."
v(0) = potential_rest
threshold: v > theta
reset: v = potential_reset; w += adaptation_delta
integrator: euler
