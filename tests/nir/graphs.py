"""Random NIR graphs: chains of layers with branches, feedback and delays."""

import nir
import numpy as np


def neuron(kind, shape, rng):
    def between(low, high):
        return rng.uniform(low, high, shape)

    tau = {"tau": between(3e-4, 2e-3)}
    membrane = {"r": between(0.5, 2.0), "v_leak": between(-0.2, 0.2)}
    firing = {"v_threshold": between(0.4, 1.2), "v_reset": between(-0.3, 0.2)}
    cuba = {"tau_mem": between(3e-4, 2e-3), "tau_syn": between(2e-4, 1e-3), "w_in": between(0.5, 3.0)}
    fields = {
        "I": {"r": membrane["r"]}, "IF": {"r": membrane["r"], **firing}, "LI": tau | membrane,
        "LIF": tau | membrane | firing, "CubaLI": cuba | membrane, "CubaLIF": cuba | membrane | firing,
    }
    return getattr(nir, kind)(**fields[kind])


def affine(outs, ins, rng, bias=True):
    weight = rng.normal(size=(outs, ins)) / np.sqrt(ins) * 2
    return nir.Affine(weight, rng.normal(size=outs) / 4) if bias else nir.Linear(weight)


def recurrent(seed):
    """Two layers of random neurons, each with feedback through weights, a skip, a scale, a threshold and a delay."""
    rng = np.random.default_rng(seed)
    kinds = rng.permutation(["IF", "LIF", "CubaLIF"])
    nodes = {
        "in": nir.Input(np.array([4])), "out": nir.Output(np.array([3])), "w1": affine(5, 4, rng),
        "a": neuron(kinds[0], (5,), rng), "rec": affine(5, 5, rng, bias=bool(seed % 2)), "w2": affine(3, 5, rng),
        "b": neuron(kinds[1], (3,), rng), "skip": affine(3, 4, rng, bias=False),
        "late": nir.Delay(rng.integers(0, 4, 3) * 1e-4), "s": nir.Scale(rng.normal(size=5)),
        "t": nir.Threshold(rng.uniform(0.1, 0.9, 4)), "read": neuron(str(rng.choice(["LI", "CubaLI", "I"])), (3,), rng),
    }
    edges = [("in", "w1"), ("w1", "a"), ("a", "rec"), ("rec", "a"), ("a", "s"), ("s", "w2"), ("w2", "b"), ("in", "t"),
             ("t", "skip"), ("skip", "b"), ("b", "late"), ("late", "read"), ("b", "read"), ("read", "out")]
    return nir.NIRGraph(nodes, edges)


def convolutional(seed):
    """Input [2, 9, 8] through convolution, pooling, another convolution, flatten, a dense layer."""
    rng = np.random.default_rng(seed)
    groups = [1, 2][seed % 2]
    padding = [(1, 2), "same", "valid", (0, 0)][seed % 4]
    stride = (1, 1) if padding == "same" else (1, 2)
    first = nir.Conv2d((9, 8), rng.normal(size=(4, 2 // groups, 3, 3)), stride, padding, (1, 1), groups,
                       rng.normal(size=4) / 4)
    shape = first.output_type["output"].tolist()
    pool = [nir.SumPool2d, nir.AvgPool2d][seed // 2 % 2](np.array([2, 2]), np.array([2, 1]), np.array([0, 1]))
    pooled = [4, shape[1] // 2 if shape[1] % 2 == 0 else (shape[1] - 2) // 2 + 1, shape[2] + 1]
    second = nir.Conv2d(tuple(pooled[1:]), rng.normal(size=(3, 4, 2, 2)) + 0.3, (1, 1), (1, 1), (1, 1), 1,
                        rng.normal(size=3) / 4)
    last = [3, pooled[1] + 1, pooled[2] + 1]
    nodes = {
        "in": nir.Input(np.array([2, 9, 8])), "c1": first, "n1": neuron("LIF", shape, rng), "p": pool, "c2": second,
        "n2": neuron("IF", last, rng), "f": nir.Flatten({"input": np.array(last)}, 0, -1),
        "n3": neuron("CubaLIF", (5,), rng), "out": nir.Output(np.array([5])),
        "w": nir.Affine(rng.normal(size=(5, int(np.prod(last)))) + 0.2, rng.normal(size=5)),
    }
    names = ["in", "c1", "n1", "p", "c2", "n2", "f", "w", "n3", "out"]
    return nir.NIRGraph(nodes, list(zip(names, names[1:], strict=False)), type_check=False)
