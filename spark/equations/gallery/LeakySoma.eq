# Leaky integrate-and-fire (Neuronal Dynamics, eq. 1.5).
dv/dt = (potential_rest - v + resistance*I)/potential_tau : mV
potential_tau = 20 ms in [1e-4, 1e7]  "Membrane time constant."
resistance = 0.1 GΩ in [1e-12, 1e6]   "Membrane resistance."
potential_rest = -60 mV in [-1e6, 1e6]  "Resting potential."
potential_reset = -50 mV in [-1e6, 1e6] "Potential right after a spike."
theta = -40 mV in [-1e6, 1e6]         "Potential above which a spike is fired."
v(0) = potential_rest
threshold: v > theta
reset: v = potential_reset
