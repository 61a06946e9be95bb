"""Shares for people."""


def percent(share: float) -> str:
    """A share in percent, two digits, small ones not as powers of ten.

    >>> percent(0.00001), percent(0.0123), percent(1.0)
    ('< 0.01 %', '1.23 %', '100.0 %')
    """
    value = 100 * share
    if abs(value) < 0.005:
        return "0 %" if value == 0 else "< 0.01 %"
    return f"{value:.2f} %" if abs(value) < 10 else f"{value:.1f} %"
