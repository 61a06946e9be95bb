# NIR primitive Threshold: spikes where the input exceeds a value, without a state.
input I : 1
theta = 0 in [-1e12, 1e12]  "Value above which a spike is fired."
threshold: I > theta
