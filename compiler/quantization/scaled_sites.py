"""Sites whose values are over a scale per unit, and sites that multiply by it again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from compiler.analysis.homogeneity import Degrees
from compiler.formats import F64
from compiler.ir.network import Network, Tensor
from compiler.ir.program import Argument, Declaration, Emit, Op, Program, Site, TensorRef
from compiler.ir.rewrite import fresh_name


def scaled_site(network: Network, site: Site, degrees: Degrees, scale: np.ndarray, name: str) -> Site:
    """The site with degree-1 arguments and initial states divided, literals of degree 1 made arguments."""
    program = network.programs[site.program]
    program, literals = _lifted(program, degrees)
    network.programs[program.name] = program
    arguments = {key: site.arguments[key] for key in site.arguments} | literals
    grown = {key for key, degree in degrees.names.items() if degree} | set(literals)
    initial = {item.name: site.initial.get(item.name, item.initial) for item in program.states}
    reference = TensorRef(f"{name}.scale")
    if scale.size > 1:
        network.tensors[reference.name] = Tensor(F64, scale)
    emitted = {item.port for item in program.emits if isinstance(item.value, str) and item.value in grown}
    return replace(
        site,
        program=program.name,
        arguments={key: _over(network, value, scale, f"{name}.{key}") if key in grown else value
                   for key, value in arguments.items()},
        initial={key: _over(network, value, scale, f"{name}.{key}0") for key, value in initial.items() if key in grown}
        | {key: value for key, value in site.initial.items() if key not in grown},
        scale=reference if scale.size > 1 else float(scale[0]),
        scaled=tuple(sorted((grown & {d.name for d in (*program.inputs, *program.states)}) | emitted)),
    )


def _over(network: Network, value: Argument, scale: np.ndarray, name: str) -> Argument:
    """value / scale per unit; zero stays zero."""
    real = network.real(value)
    if not real.any():
        return 0.0
    network.tensors[name] = Tensor(F64, np.broadcast_to(real, scale.shape) / scale)
    return TensorRef(name)


def _lifted(program: Program, degrees: Degrees) -> tuple[Program, dict[str, float]]:
    """Literals of degree 1 become parameters; returns their values. The program gets a name of its own then."""
    uses = {use for use, degree in degrees.literals.items() if degree}
    if not uses:
        return program, {}
    values: dict[str, float] = {}

    def lift(operand, use):
        if use not in uses:
            return operand
        name = f"{use[0]}_{'constant' if use[1] < 0 else use[1]}"
        values[name] = float(operand)
        return name

    ops = tuple(replace(op, operands=tuple(lift(item, (op.result, i)) for i, item in enumerate(op.operands)))
                for op in program.ops)
    updates = tuple((state, lift(value, (state, -1))) for state, value in program.updates)
    params = (*program.params, *(Declaration(name, F64) for name in values))
    name = program.name if program.name.endswith("_scaled") else f"{program.name}_scaled"
    return replace(program, name=name, params=params, ops=ops, updates=updates), values


def gained(network: Network, post: Site | None) -> tuple[Program, Site]:
    """The post program, or a new one, with its input multiplied by a gain first."""
    gain = Declaration("gain", F64)
    if post is None:
        op = Op("gained", "mul", ("total", "gain"), F64)
        total = Declaration("total", F64)
        program = Program("gain", (total,), (), (gain,), (op,), (), (Emit("current", "gained"),))
        return program, Site("gain")
    old = network.programs[post.program]
    name = old.inputs[0].name
    gain, gained = Declaration(fresh_name("gain", old.types()), F64), fresh_name("gained", old.types())

    def through(operand):
        return gained if operand == name else operand

    ops = tuple(replace(op, operands=tuple(map(through, op.operands))) for op in old.ops)
    program = replace(
        old,
        name=f"{old.name}_gain",
        params=(*old.params, gain),
        ops=(Op(gained, "mul", (name, gain.name), F64), *ops),
        updates=tuple((state, through(value)) for state, value in old.updates),
        emits=tuple(replace(item, value=through(item.value)) for item in old.emits),
    )
    return program, replace(post, program=program.name)
