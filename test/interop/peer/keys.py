"""Keys and credentials of PROTOCOL.md section 1 and 2, and RFC 8489's long-term keys."""

from __future__ import annotations

import base64
import hashlib
import hmac
import struct
import time
from typing import Tuple

from .x25519 import public_key, x25519

FIRST_EPOCH_SECONDS = 1767225600
"""2026-01-01 00:00:00 UTC."""


def hkdf(secret: bytes, info: bytes, length: int = 32) -> bytes:
    """HKDF-SHA-256 of RFC 5869 with an empty salt."""
    pseudorandom = hmac.new(bytes(32), secret, hashlib.sha256).digest()
    output, block, count = b'', b'', 1
    while len(output) < length:
        block = hmac.new(pseudorandom, block + info + bytes([count]), hashlib.sha256).digest()
        output, count = output + block, count + 1
    return output[:length]


def join(*parts: object) -> bytes:
    """The parts with a zero byte between each two."""
    return b'\0'.join(part if isinstance(part, bytes) else str(part).encode() for part in parts)


def tenant_root(cluster_secret: bytes) -> bytes:
    return hkdf(cluster_secret, b'turnpike tenants v1')


def tenant_secret(cluster_secret: bytes, tenant: str) -> bytes:
    return hkdf(tenant_root(cluster_secret), join('turnpike tenant v1', tenant))


def mint(
    secret: bytes, tenant: str, connection: str, role: int, expires: int, more: str = ''
) -> Tuple[str, str]:
    """The username and password that a tenant's own server may make."""
    username = f'{expires}:{tenant}/{connection}/{role}{more}'
    digest = hmac.new(secret, username.encode(), hashlib.sha256).digest()
    return username, base64.b64encode(digest).decode()


def long_term_key(algorithm: str, username: str, realm: str, password: str) -> bytes:
    """RFC 8489 section 9.2.2 and 18.5.1."""
    return hashlib.new(algorithm, f'{username}:{realm}:{password}'.encode()).digest()


def nonce_of(root: bytes, ip: str, expiry: int) -> str:
    """The nonce that any relay of the cluster makes for an address (PROTOCOL.md section 2)."""
    day = (expiry - FIRST_EPOCH_SECONDS) // 86400
    key = hkdf(root, join('turnpike nonce v1', struct.pack('!H', day)))
    expiry_bytes = expiry.to_bytes(5, 'big')
    mac = hmac.new(key, expiry_bytes + ip.encode(), hashlib.sha256).digest()[:16]
    features = base64.b64encode(bytes([0x80, 0x00, 0x01]))
    return 'obMatJos2' + (features + base64.b64encode(expiry_bytes + mac)).decode()


def epoch_now() -> int:
    return int(time.time() - FIRST_EPOCH_SECONDS) // 86400


class RelayKeys:
    """What a relay derives from its own secret."""

    def __init__(self, cluster_secret: bytes, relay_id: str):
        self.id = relay_id
        self.secret = hkdf(cluster_secret, join('turnpike relay v1', relay_id))
        self.private = hkdf(self.secret, b'turnpike x25519 v1')
        self.public = public_key(self.private)
        self.registration = hkdf(self.secret, b'turnpike registration v1')

    def shared(self, other_public: bytes) -> bytes:
        return x25519(self.private, other_public)


def control_key(shared: bytes, sender: str, receiver: str) -> bytes:
    return hkdf(shared, join('turnpike trunk control v1', sender, receiver))


def data_key(shared: bytes, sender: str, receiver: str, epoch: int, receiver_start: int) -> bytes:
    tail = struct.pack('!HQ', epoch, receiver_start)
    return hkdf(shared, join('turnpike trunk data v1', sender, receiver, tail), 16)
