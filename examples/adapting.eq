# A leaky neuron that tires: every spike adds to a current that holds it back.
dt: 0.5 ms
units: 16
dv/dt = (v_rest - v + R*(I - w))/tau : mV (unless refractory)
dw/dt = -w/tau_w : pA
tau = 20 ms in [1, 200]        "Membrane time constant."
tau_w = 150 ms in [1, 2000]    "Time constant of the adaptation."
R = 0.1 GΩ in (0, 10]          "Membrane resistance."
v_rest = -60 mV                "Resting potential."
v(0) = v_rest
threshold: v > -40 mV
reset: v = -50 mV; w += 20 pA
refractory: 2 ms
