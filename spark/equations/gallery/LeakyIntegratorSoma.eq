# A leaky membrane that never fires: a read-out.
dv/dt = (resistance*I - v)/potential_tau : mV
potential_tau = 20 ms in [1e-4, 1e7]  "Membrane time constant."
resistance = 0.1 GΩ in [1e-12, 1e6]   "Membrane resistance."
output: v
