"""What quantizing costs and which part of it costs that: hybrid networks, errors by population, blame.

A *hybrid* takes the co-scaled network (exact numbers) and the fixed network made from it, and executes each component
(`COMPONENTS`) in one of the two ways. With every component quantized it is the golden model bit for bit, with none it
is the float model to rounding; everything said about the cost of one component is a run with that one changed.
"""
