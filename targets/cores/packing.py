"""Synapse lists as the words of a core's memory: entries bit after bit, every list from a word on.

An entry is `weight | delay << weight_bits | index << (weight_bits + delay_bits)`, lowest bits first;
signed weights are two's complement.
"""

from __future__ import annotations

import numpy as np

WHOLE_BYTES = {8: np.uint8, 16: np.uint16, 32: np.uint32}


def word_type(word_bits: int) -> np.dtype:
    """The unsigned integer that one word is stored in, little-endian."""
    return np.dtype(f"<u{word_bits // 8}")


def pack_rows(entries: np.ndarray, entry_bits: int, word_bits: int) -> np.ndarray:
    """Lists of equal length: entries [lists, n] (fields wider than `entry_bits` are cut) -> words [lists, words].

    >>> pack_rows(np.array([[1, 2, 3]]), 4, 8).tolist()
    [[33, 3]]
    """
    lists, length = entries.shape
    words = -(-length * entry_bits // word_bits)
    if entry_bits in WHOLE_BYTES:
        room = np.zeros((lists, words * word_bits // entry_bits), WHOLE_BYTES[entry_bits])
        room[:, :length] = entries.astype(WHOLE_BYTES[entry_bits])
        return room.view(word_type(word_bits))
    bits = np.zeros((lists, words * word_bits), np.uint8)
    fields = bits[:, : length * entry_bits].reshape(lists, length, entry_bits)
    for place in range(entry_bits):
        fields[:, :, place] = (entries >> place) & 1
    return np.packbits(bits, axis=1, bitorder="little").view(word_type(word_bits))


def pack_lists(entries: np.ndarray, lengths: np.ndarray, entry_bits: int, word_bits: int) -> np.ndarray:
    """Lists of any length, one after the other: entries [sum of lengths] -> words [words].

    >>> pack_lists(np.array([1, 2, 3]), np.array([1, 2]), 4, 8).tolist()
    [1, 50]
    """
    words = words_of(lengths, entry_bits, word_bits)
    starts = (np.cumsum(words) - words) * word_bits
    within = np.arange(len(entries)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    offsets = np.repeat(starts, lengths) + within * entry_bits
    bits = np.zeros(int(words.sum()) * word_bits, np.uint8)
    for place in range(entry_bits):
        bits[offsets + place] = (entries >> place) & 1
    return np.packbits(bits, bitorder="little").view(word_type(word_bits))


def words_of(lengths: np.ndarray, entry_bits: int, word_bits: int) -> np.ndarray:
    """Words of every list."""
    return -(-lengths * entry_bits // word_bits)
