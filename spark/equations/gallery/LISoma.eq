# NIR primitive LI: a leaky filter that is read out.
dv/dt = (potential_leak - v + resistance*I)/potential_tau : 1
input I : 1
resistance = 1 in [-1e12, 1e12]          "What one unit of input leads to."
potential_tau = 20 ms in [1e-4, 1e7]     "Membrane time constant."
potential_leak = 0 in [-1e12, 1e12]      "Potential that the leak leads to."
output: v
integrator: euler
