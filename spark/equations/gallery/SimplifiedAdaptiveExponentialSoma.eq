# RefractoryExponentialSoma with a moving threshold, which decays exactly: the Euler step of the membrane is written
# with `integrator: automatic`, which takes Euler only where nothing better exists.
upstroke = spike_slope*exp((min(v, theta) - rheobase_threshold)/spike_slope) : mV   # a unit above theta has spiked
dv/dt = (potential_rest - v + upstroke + resistance*(I if not_refractory else 0))/potential_tau : mV
dmoving_theta/dt = (theta - moving_theta)/threshold_tau : mV
potential_rest = -70 mV in [-1e3, 1e3]     "Resting potential."
potential_reset = -51 mV in [-1e3, 1e3]    "Potential right after a spike."
potential_tau = 5 ms in [1e-4, 1e7]        "Membrane time constant."
resistance = 0.5 GΩ in [1e-6, 1e3]         "Membrane resistance."
theta = -30 mV in [-1e3, 1e3]              "Potential above which a spike is fired."
rheobase_threshold = -50 mV in [-1e3, 1e3] "Potential at which the exponential takes over."
spike_slope = 2 mV in [1e-2, 1e2]          "Sharpness of the upstroke."
cooldown = 2 ms in [0, 1e5]           "Refractory time."
threshold_tau = 20 ms in [1e-4, 1e7]  "Time constant of the threshold."
threshold_delta = 100 mV in [0, 1e6]  "Rise of the threshold at a spike."
v(0) = potential_rest
moving_theta(0) = theta
threshold: v > old(moving_theta)   # the threshold of the start of the step
reset: v = potential_reset; moving_theta += threshold_delta
refractory: cooldown + 2*dt
