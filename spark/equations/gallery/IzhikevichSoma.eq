# Izhikevich 2003, eq. 1-3, one Euler step.
dv/dt = quadratic*v^2 + linear*v + constant - u + I : mV
du/dt = recovery_timescale*(recovery_sensitivity*v - u) : mV/ms
input I : mV/ms
potential_start = -65 mV in [-200, 200]       "v at the start; u follows."
potential_reset = -65 mV in [-200, 200]       "Potential right after a spike, c."
theta = 30 mV in [-200, 200]                  "Potential above which a spike is fired."
recovery_timescale = 0.02/ms in [0, 10]       "Rate of the recovery, a."
recovery_sensitivity = 0.2/ms in [-5, 5]      "Coupling of the recovery to v, b."
recovery_update = 8 mV/ms in [-100, 100]      "Recovery added at a spike, d."
quadratic = 0.04/mV/ms in [1e-3, 1]           "Coefficient of v squared."
linear = 5/ms in [0, 20]                      "Coefficient of v."
constant = 140 mV/ms in [-1000, 1000]         "Constant term."
v(0) = potential_start
u(0) = recovery_sensitivity*potential_start
threshold: v > theta
reset: v = potential_reset; u += recovery_update
integrator: euler
