"""Networks from short texts, and the bodies of their programs as text, for before-and-after tests."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from compiler.ir.network import Network, Tensor
from compiler.ir.parse import parse
from compiler.ir.print import print_network
from compiler.ir.tensors import tensor_hash
from compiler.ir.verify import verify
from compiler.options import Options

Pass = Callable[[Network, Options], Network]

OPTIONS = Options()


def network(text: str, **tensors: Tensor) -> Network:
    """A network at the model level from its text without header and tensor lines; tensors: `a_b` is `#a.b`."""
    named = {name.replace("__", "."): item for name, item in tensors.items()}
    lines = [f"tensor #{name} : {item.type}[{','.join(map(str, item.data.shape))}] sha256:{tensor_hash(item)}"
             for name, item in sorted(named.items())]
    parsed = parse("\n".join(["snn 1  level=model  dt=1.0", *lines, text]), named)
    assert verify(parsed) == [], verify(parsed)[0]
    return parsed


def one_program(body: str, declarations: str = "", arguments: str = "", units: int = 2) -> Network:
    """A population %p of one program with input x, state v and what `declarations` adds."""
    return network(f"""
        program @q(x: f64, v: state f64 = 0.0{declarations}) {{
          {body}
        }}
        input %in[{units}] : current f64
        population %p[{units}] = @q({arguments})
        projection %in_p: %in.current -> %p.x  identity()  delay=0
        output %out = %p.{"spikes" if "emit spikes" in body else "y"}
    """)


def body_of(net: Network, program: str = "q") -> list[str]:
    """The lines of a program between its braces."""
    lines = print_network(net).splitlines()
    start = next(index for index, line in enumerate(lines) if line.startswith(f"program @{program}("))
    stop = lines.index("}", start)
    return [line.strip() for line in lines[start + 1 : stop]]


def applied(run: Pass, net: Network) -> Network:
    """The network after a pass; the one before stays as it was, the one after is valid."""
    before = net.copy()
    after = run(net, OPTIONS)
    assert net == before
    assert verify(after) == [], verify(after)[0]
    return after


def values(*numbers: float) -> np.ndarray:
    return np.array(numbers, float)
