# Leaky integrate-and-fire behind a synaptic current, which the membrane sees as it is at the end of the step.
di/dt = (current_gain*I - i)/current_tau : pA
dv/dt = (potential_rest - v + resistance*new(i))/potential_tau : mV (unless refractory)
current_tau = 5 ms in [1e-4, 1e7]     "Time constant of the current."
current_gain = 1 in [-1e6, 1e6]       "Weight of the input."
potential_tau = 20 ms in [1e-4, 1e7]  "Membrane time constant."
resistance = 0.1 GΩ in [1e-12, 1e6]   "Membrane resistance."
potential_rest = -60 mV in [-1e6, 1e6]  "Resting potential."
potential_reset = -50 mV in [-1e6, 1e6] "Potential right after a spike."
theta = -40 mV in [-1e6, 1e6]         "Potential above which a spike is fired."
cooldown = 0 ms in [0, 1e5]           "Refractory time."
v(0) = potential_rest
threshold: v > theta
reset: v = potential_reset
refractory: cooldown + dt
