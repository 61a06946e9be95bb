# NIR primitive CubaLI: a leaky filter behind a synaptic current.
di/dt = (current_gain*I - i)/current_tau : 1
dv/dt = (potential_leak - v + resistance*new(i))/potential_tau : 1
input I : 1
current_tau = 5 ms in [1e-4, 1e7]        "Time constant of the synaptic current."
current_gain = 1 in [-1e12, 1e12]        "Weight of the input of the synaptic current."
resistance = 1 in [-1e12, 1e12]          "What one unit of input leads to."
potential_tau = 20 ms in [1e-4, 1e7]     "Membrane time constant."
potential_leak = 0 in [-1e12, 1e12]      "Potential that the leak leads to."
output: v
integrator: euler
