# RefractoryLeakySoma with a threshold that rises at each spike and decays back.
dv/dt = (potential_rest - v + resistance*(I if not_refractory else 0))/potential_tau : mV
dmoving_theta/dt = (theta - moving_theta)/threshold_tau : mV
potential_tau = 20 ms in [1e-4, 1e7]  "Membrane time constant."
resistance = 0.1 GΩ in [1e-12, 1e6]   "Membrane resistance."
potential_rest = -60 mV in [-1e6, 1e6]  "Resting potential."
potential_reset = -50 mV in [-1e6, 1e6] "Potential right after a spike."
theta = -40 mV in [-1e6, 1e6]         "Potential above which a spike is fired."
cooldown = 2 ms in [0, 1e5]           "Refractory time."
threshold_tau = 20 ms in [1e-4, 1e7]  "Time constant of the threshold."
threshold_delta = 100 mV in [0, 1e6]  "Rise of the threshold at a spike."
v(0) = potential_rest
moving_theta(0) = theta
threshold: v > old(moving_theta)   # the threshold of the start of the step
reset: v = potential_reset; moving_theta += threshold_delta
refractory: cooldown + 2*dt
