"""The exact step of a linear system: matrix exponentials in float64."""

from __future__ import annotations

import numpy as np

TERMS = 18
SMALLEST_NORM = 0.5


def propagator(matrix: np.ndarray, duration: float) -> tuple[np.ndarray, np.ndarray]:
    """P = exp(Ah) and Φ = ∫₀ʰ exp(As) ds of dx/dt = Ax + b, so that x(h) = P·x(0) + Φ·b for a constant b.

    matrix: [..., n, n] per ms; duration h: ms. A Taylor series of Φ over h/2^s, then s doublings of Φ and of
    E = P − 1 = AΦ (E keeps slow modes beside fast ones to full precision, which P itself would round away).
    Source: Moler & Van Loan 2003, "Nineteen dubious ways", method 3; Higham 2008, section 10.7.

    >>> transfer, gain = propagator(np.array([[-0.1]]), 10.0)
    >>> round(float(transfer[0, 0]), 12), round(float(gain[0, 0]), 12)
    (0.367879441171, 6.321205588286)
    """
    norm = float(np.max(np.sum(np.abs(matrix), axis=-1), initial=0.0)) * duration
    halvings = max(0, int(np.ceil(np.log2(norm / SMALLEST_NORM)))) if norm > 0 else 0
    step = duration / 2.0**halvings
    identity = np.eye(matrix.shape[-1])
    gain = np.zeros_like(matrix) + identity
    for k in range(TERMS, 1, -1):
        gain = identity + step / k * (matrix @ gain)
    gain = step * gain
    change = matrix @ gain
    for _ in range(halvings):
        gain = gain @ (2 * identity + change)
        change = 2 * change + change @ change
    return identity + change, gain
