"""X25519 of RFC 7748: the Montgomery ladder of its section 5, plain and not constant-time."""

from __future__ import annotations

P = 2**255 - 19
A24 = 121665
BASE_POINT = (9).to_bytes(32, 'little')


def _clamp(scalar: bytes) -> int:
    number = bytearray(scalar)
    number[0] &= 248
    number[31] = number[31] & 127 | 64
    return int.from_bytes(number, 'little')


def x25519(scalar: bytes, point: bytes) -> bytes:
    k = _clamp(scalar)
    x1 = int.from_bytes(point, 'little') & (2**255 - 1)
    x2, z2, x3, z3, swapped = 1, 0, x1, 1, 0
    for bit in reversed(range(255)):
        current = k >> bit & 1
        if swapped != current:
            x2, x3, z2, z3 = x3, x2, z3, z2
        swapped = current
        a, b = x2 + z2, x2 - z2
        c, d = x3 + z3, x3 - z3
        aa, bb = a * a % P, b * b % P
        da, cb = d * a % P, c * b % P
        e = aa - bb
        x3, z3 = (da + cb) ** 2 % P, x1 * (da - cb) ** 2 % P
        x2, z2 = aa * bb % P, e * (aa + A24 * e) % P
    if swapped:
        x2, z2 = x3, z3
    return (x2 * pow(z2, P - 2, P) % P).to_bytes(32, 'little')


def public_key(private: bytes) -> bytes:
    return x25519(private, BASE_POINT)
