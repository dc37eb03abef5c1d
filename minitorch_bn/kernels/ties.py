"""Which of several equal elements is found.

PyTorch leaves that open for ``topk``, ``kthvalue`` and ``mode``: it is what the C++ algorithms behind them come to, and
programs print it. Here these algorithms are gone through step by step on a line of places, for lines up to ``LIMIT``
elements: quickselect (Hoare 1961), heaps (Williams 1964), introsort and introselect (Musser 1997), as the GNU library
divides and compares. ``key[place]`` is an element's rank; the order wanted is ascending.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

LIMIT = 100_000  # a step of Python costs a hundred of C++'s: beyond, the first of equal elements is found


def ranks(row: np.ndarray, largest: bool = False) -> list[int]:
    """For each element its place among the different values; NaN is the largest, and NaNs are equal."""
    key = np.unique(row, return_inverse=True)[1].reshape(-1)
    return (-key if largest else key).tolist()


def smallest(key: list[int], k: int, ordered: bool) -> list[int]:
    """The places of the k smallest, in ascending order if that is asked for."""
    line = list(range(len(key)))
    if k * 64 <= len(line):
        _select_by_heap(line, key, 0, k, len(line))
        _sort_heap(line, key, 0, k)
        return line[:k]
    _select(line, key, k - 1)
    if ordered:
        _sort(line, key, k - 1)
    return line[:k]


def ascending(key: list[int]) -> list[int]:
    """All places in the order that an unstable sort leaves them in."""
    line = list(range(len(key)))
    _sort(line, key, len(line))
    return line


def ascending_by_less(key: list[float]) -> list[int]:
    """The same where NaNs are among the keys, which are neither less than others nor greater: no order comes out."""
    line, n = list(range(len(key))), len(key)
    _partition_all(line, key, 0, n, 2 * (n.bit_length() - 1))
    for i in range(1, n):  # by insertion; among the first sixteen, what is less than the first of all goes before it
        place, j = line[i], i
        if i < 16 and key[place] < key[line[0]]:
            line[: i + 1] = [place, *line[:i]]
            continue
        while j and key[place] < key[line[j - 1]]:
            line[j] = line[j - 1]
            j -= 1
        line[j] = place
    return line


def kth(key: list[int], k: int) -> int:
    """The place of the k-th smallest, counted from 0, by quickselect with the median of three as pivot."""
    line, left, right = list(range(len(key))), 0, len(key) - 1

    def order(i: int, j: int) -> None:
        if key[line[i]] > key[line[j]]:
            line[i], line[j] = line[j], line[i]

    while right > left + 1:
        middle = (left + right) // 2
        line[middle], line[left + 1] = line[left + 1], line[middle]
        order(left + 1, right)
        order(left, right)
        order(left + 1, left)
        i, j, pivot = left + 1, right, key[line[left]]
        while True:
            i += 1
            while key[line[i]] < pivot:
                i += 1
            j -= 1
            while key[line[j]] > pivot:
                j -= 1
            if j < i:
                break
            line[i], line[j] = line[j], line[i]
        line[left], line[j] = line[j], line[left]
        if j <= k:
            left = i
        if j >= k:
            right = j - 1
    if right == left + 1:
        order(left, right)
    return line[k]


# -- heaps: the largest of line[start : start + n] comes first -------------------------------------------------------


def _settle(line: list[int], key: Sequence[float], start: int, hole: int, n: int, place: int) -> None:
    """Lets a hole sink to the bottom, puts ``place`` there and lets that rise."""
    top = hole
    while 2 * hole + 2 < n:
        child = 2 * hole + 2
        if key[line[start + child]] < key[line[start + child - 1]]:
            child -= 1
        line[start + hole] = line[start + child]
        hole = child
    if 2 * hole + 2 == n:  # a last child without a sibling
        line[start + hole] = line[start + n - 1]
        hole = n - 1
    while hole > top and key[line[start + (hole - 1) // 2]] < key[place]:
        line[start + hole] = line[start + (hole - 1) // 2]
        hole = (hole - 1) // 2
    line[start + hole] = place


def _select_by_heap(line: list[int], key: Sequence[float], start: int, middle: int, stop: int) -> None:
    """The smallest of line[start:stop] into line[start:middle], as a heap."""
    n = middle - start
    for parent in range(n // 2 - 1, -1, -1):
        _settle(line, key, start, parent, n, line[start + parent])
    for i in range(middle, stop):
        if key[line[i]] < key[line[start]]:
            place, line[i] = line[i], line[start]
            _settle(line, key, start, 0, n, place)


def _sort_heap(line: list[int], key: Sequence[float], start: int, stop: int) -> None:
    for last in range(stop - 1, start, -1):
        place, line[last] = line[last], line[start]
        _settle(line, key, start, 0, last - start, place)


# -- partitions ----------------------------------------------------------------------------------------------------


def _partition(line: list[int], key: Sequence[float], first: int, last: int) -> int:
    """Divides line[first:last] at the median of three of its elements; returns where the upper part begins."""
    a, b, c = first + 1, first + (last - first) // 2, last - 1
    x, y, z = key[line[a]], key[line[b]], key[line[c]]
    # of equal ones not any will do
    median = (b if y < z else c if x < z else a) if x < y else (a if x < z else c if y < z else b)
    line[first], line[median] = line[median], line[first]
    pivot, low, high = key[line[first]], first + 1, last
    while True:
        while key[line[low]] < pivot:
            low += 1
        high -= 1
        while pivot < key[line[high]]:
            high -= 1
        if low >= high:
            return low
        line[low], line[high] = line[high], line[low]
        low += 1


def _select(line: list[int], key: list[int], k: int) -> None:
    """What belongs in place k comes there, smaller ones before and larger ones after it."""
    first, last = 0, len(line)
    depth = 2 * (len(line).bit_length() - 1)
    while last - first > 3:
        if depth == 0:
            _select_by_heap(line, key, first, k + 1, last)
            line[first], line[k] = line[k], line[first]
            return
        depth -= 1
        cut = _partition(line, key, first, last)
        if cut <= k:
            first = cut
        else:
            last = cut
    line[first:last] = sorted(line[first:last], key=key.__getitem__)  # by insertion, which is stable


def _sort(line: list[int], key: list[int], n: int) -> None:
    """Sorts line[:n]: partitions down to 16 elements, then by insertion."""
    if n > 1:
        _partition_all(line, key, 0, n, 2 * (n.bit_length() - 1))
        line[:n] = sorted(line[:n], key=key.__getitem__)


def _partition_all(line: list[int], key: Sequence[float], first: int, last: int, depth: int) -> None:
    while last - first > 16:
        if depth == 0:
            _select_by_heap(line, key, first, last, last)
            _sort_heap(line, key, first, last)
            return
        depth -= 1
        cut = _partition(line, key, first, last)
        _partition_all(line, key, cut, last, depth)
        last = cut
