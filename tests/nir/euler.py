"""What a NIR graph means in steps, written once more: plain NumPy over `nir` objects, nothing of this project."""

import numpy as np
from scipy.signal import correlate


def back_edges(nodes, edges):
    found, done = set(), set()

    def visit(name, path):
        for target in sorted(b for a, b in edges if a == name):
            if target in path:
                found.add((name, target))
            elif target not in done:
                visit(target, [*path, target])
        done.add(name)

    for name in [*sorted(name for name, node in nodes.items() if type(node).__name__ == "Input"), *sorted(nodes)]:
        if name not in done:
            visit(name, [name])
    return found


def run(graph, inputs, dt=1e-4, reset="file", delay=1):
    """Outputs of every node, {name: [T, *shape]}, for inputs {name: [T, *shape]}; feedback empty at first."""
    late = {name for name, node in graph.nodes.items() if type(node).__name__ == "Delay"}
    breaking = {name for name in late if np.rint(np.min(graph.nodes[name].delay) / dt) > 0}
    edges = [edge for edge in graph.edges if edge[0] not in breaking]
    back = back_edges(graph.nodes, edges)
    seen = {name: [] for name in graph.nodes}
    state = {}
    for t in range(len(next(iter(inputs.values())))):
        now = {}

        def value(name, t=t, now=now):
            if name not in now:
                node = graph.nodes[name]
                kind = type(node).__name__
                if kind == "Input":
                    now[name] = inputs[name][t]
                elif kind == "Delay":
                    now[name] = delayed(name, node, t)
                else:
                    now[name] = step(kind, node, arriving(name, t), state.setdefault(name, {}), dt, reset)
            return now[name]

        def arriving(name, t):
            parts = []
            for source, target in graph.edges:
                if target != name:
                    continue
                if (source, target) in back:
                    parts += [seen[source][t - delay]] if t >= delay else []
                else:
                    parts.append(value(source))
            return sum(parts) if parts else None

        kept = state.setdefault("kept", {name: [] for name in late})

        def delayed(name, node, t, kept=kept):
            steps = np.rint(np.asarray(node.delay) / dt).astype(int)
            rows = [*kept[name], arriving(name, t) if steps.min() == 0 else None]
            return np.stack([rows[t - k].reshape(-1)[i] if t >= k else 0.0
                             for i, k in enumerate(steps.reshape(-1))]).reshape(steps.shape)

        for name in graph.nodes:
            if name not in late:
                seen[name].append(value(name))
        for name in late:
            kept[name].append(np.asarray(arriving(name, t)))
            seen[name].append(now[name] if name in now else delayed(name, graph.nodes[name], t))
    return {name: np.array(rows) for name, rows in seen.items()}


def step(kind, node, x, state, dt, reset):
    if kind == "Output":
        return x
    if kind in ("Affine", "Linear"):
        return node.weight @ x + (node.bias if kind == "Affine" else 0)
    if kind == "Scale":
        return node.scale * x
    if kind == "Threshold":
        return (x > node.threshold).astype(float)
    if kind == "Flatten":
        return np.asarray(x).reshape(flattened(x.shape, int(node.start_dim), int(node.end_dim)))
    if kind in ("Conv1d", "Conv2d"):
        return convolved(node, x)
    if kind in ("SumPool2d", "AvgPool2d"):
        return pooled(node, x) / (np.prod(node.kernel_size) if kind == "AvgPool2d" else 1)
    return neuron(kind, node, x, state, dt, reset)


def neuron(kind, node, x, state, dt, reset):
    v = state.get("v", np.zeros_like(node.r, float))
    if kind.startswith("Cuba"):
        i = state.get("i", np.zeros_like(v))
        state["i"] = x = i + dt / node.tau_syn * (-i + node.w_in * x)
    if kind in ("I", "IF"):
        v = v + node.r * x
    else:
        tau = node.tau_mem if kind.startswith("Cuba") else node.tau
        v = v + dt / tau * (node.v_leak - v + node.r * x)
    if not kind.endswith("F"):
        state["v"] = v
        return v
    z = v > node.v_threshold
    after = {"file": node.v_reset, "zero": np.zeros_like(v), "subtract": v - (node.v_threshold - node.v_reset)}[reset]
    state["v"] = np.where(z, after, v)
    return z.astype(float)


def flattened(shape, start, end):
    end = end % len(shape)
    start = start % len(shape)
    return (*shape[:start], int(np.prod(shape[start : end + 1])), *shape[end + 1 :])


def padded(x, padding, kernel, dilation):
    axes = len(kernel)
    if isinstance(padding, str):
        spans = [d * (k - 1) if padding == "same" else 0 for k, d in zip(kernel, dilation, strict=True)]
        widths = [(span // 2, span - span // 2) for span in spans]
    else:
        widths = [(int(p), int(p)) for p in np.broadcast_to(padding, axes)]
    return np.pad(x, [(0, 0)] * (x.ndim - axes) + widths)


def convolved(node, x):
    kernel = node.weight.shape[2:]
    axes = len(kernel)
    stride, dilation = (np.broadcast_to(value, axes) for value in (node.stride, node.dilation))
    x = padded(x, node.padding, kernel, dilation)
    outs, ins = node.weight.shape[0] // node.groups, node.weight.shape[1]
    maps = []
    for o, weight in enumerate(node.weight):
        spread = np.zeros((ins, *[(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]))
        spread[(slice(None), *[slice(None, None, d) for d in dilation])] = weight
        group = o // outs
        full = correlate(x[group * ins : (group + 1) * ins], spread, mode="valid", method="direct")[0]
        maps.append(full[tuple(slice(None, None, s) for s in stride)] + node.bias[o])
    return np.stack(maps)


def pooled(node, x):
    kernel, stride = np.broadcast_to(node.kernel_size, 2), np.broadcast_to(node.stride, 2)
    x = padded(x, np.broadcast_to(node.padding, 2), kernel, (1, 1))
    full = np.stack([correlate(channel, np.ones(kernel), mode="valid", method="direct") for channel in x])
    return full[:, :: stride[0], :: stride[1]]
