"""Replaces expressions by simpler ones of the same value, and shares what is computed twice.

Rewrite: by the rules of `compiler.algebra`, x * 1, x + 0 -> x; a converted truth value compared with a number
-> that value; a select between 0 and 1 -> its condition; truth times truth -> `and`; not not, conversions to
the same type, equal arms, repeated expressions -> once. A population's port that emits a converted truth
value emits the truth value: it is a spike.
  before  %b = gt %u, theta   %s = convert %b : f64   %r = select ready, %s, 0.0 : f64   emit spikes = %r
  after   %b = gt %u, theta   %r_bool = and ready, %b                                    emit spikes = %r_bool

Levels: model. Preserves: every state, emitted port and output in float64, bit for bit, up to the sign of zeros;
where a value that a spike multiplies is infinite or NaN, 0 takes the place of NaN. Programs that come out equal
are shared.
"""

from __future__ import annotations

from dataclasses import replace

from compiler.algebra import Known, Node, Value, simplest
from compiler.formats import BoolType
from compiler.ir.network import Network
from compiler.ir.program import Op, Operand, Program
from compiler.ir.rewrite import fresh_name, prune_arguments, resolve, share_programs, substituted, without_unused
from compiler.options import Options

LEVELS = ("model",)

_COMMUTATIVE = frozenset({"add", "mul", "min", "max", "eq", "ne", "and", "or", "xor"})
_ROUNDS = 50


def run(network: Network, options: Options) -> Network:
    """The network with simplified programs."""
    simple = network.copy()
    emitting = {item.site.program for item in network.populations}
    for name, program in network.programs.items():
        simple.programs[name] = simplified(program, name in emitting)
    prune_arguments(simple)
    share_programs(simple)
    return simple


def simplified(program: Program, emits_spikes: bool = True) -> Program:
    """The program after all rules, until none applies. emits_spikes: emit truth values as such."""
    for _ in range(_ROUNDS):
        once = _Round(program).result()
        once = _with_spikes(once) if emits_spikes else once
        if once == program:
            break
        program = once
    return program


def _with_spikes(program: Program) -> Program:
    known = Known(program.types())
    for op in program.ops:
        known.add(op)
    truths = {item.port: known.truth(item.value) for item in program.emits}
    emits = tuple(
        replace(item, value=truths[item.port]) if isinstance(truths[item.port], str) else item for item in program.emits
    )
    return without_unused(replace(program, emits=emits))


class _Round:
    """One walk over a program."""

    def __init__(self, program: Program):
        self.program = program
        self.known = Known({item.name: item.type for item in (*program.inputs, *program.states, *program.params)})
        self.taken = set(program.types())
        self.ops: list[Op] = []
        self.values: dict[str, Operand] = {}
        self.seen: dict[tuple, str] = {}

    def result(self) -> Program:
        for op in self.program.ops:
            op = replace(op, operands=tuple(resolve(item, self.values) for item in op.operands))
            found = simplest(op, self.known)
            node = Node(op.opcode, op.operands, op.type) if found is None else found
            self.values[op.result] = self._placed(node, op, op.result)
        return without_unused(substituted(self.program, self.ops, self.values))

    def _placed(self, value: Value, origin: Op, name: str) -> Operand:
        """The operand that stands for a value; new ops are named after the op they come from."""
        if not isinstance(value, Node):
            return value
        operands = tuple(self._placed(item, origin, "") for item in value.operands)
        key = _key(value, operands)
        if key not in self.seen:
            name = name or self._inner_name(origin, value)
            op = Op(name, value.opcode, operands, value.type, origin.place)
            self.ops.append(op)
            self.known.add(op)
            self.seen[key] = name
        return self.seen[key]

    def _inner_name(self, origin: Op, value: Node) -> str:
        wish = f"{origin.result}_bool" if isinstance(value.type, BoolType) else f"{origin.result}_part"
        name = fresh_name(wish, self.taken)
        self.taken.add(name)
        return name


def _key(node: Node, operands: tuple[Operand, ...]) -> tuple:
    """Equal for ops of equal results. Literals count with their type: 0 is not False, 0.0 not -0.0."""
    keys = [(type(item).__name__, repr(item)) for item in operands]
    return node.opcode, node.type, tuple(sorted(keys) if node.opcode in _COMMUTATIVE else keys)
