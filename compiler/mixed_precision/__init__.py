"""Bits for each projection and each population: as few as a budget of accuracy or of memory asks for.

1. Sensitivity (`sensitivity.py`): the weights of every projection alone, and the states of every population alone, are
   rounded to every narrower width, all others stay as they are; what counts is how far the scores move that the class
   is read from.
2. Allocation (`allocation.py`): from the widest bits on, always the step that moves the scores least for the memory it
   saves, the next width or a narrower one at once (the lower convex hull of each trade-off, Shoham & Gersho 1988). This
   gives a path of ever smaller networks.
3. Networks along the path are compiled and their integers run on the samples (`measuring.py`): the smallest that loses
   no more than is allowed is chosen, or the best that fits the memory (`selection.py`).
"""

from compiler.mixed_precision.amounts import parse_memory
from compiler.mixed_precision.choices import Choice, Search, lines
from compiler.mixed_precision.selection import search

__all__ = ["Choice", "Search", "lines", "parse_memory", "search"]
