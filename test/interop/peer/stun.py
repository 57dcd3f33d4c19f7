"""STUN messages: RFC 8489 framing with the attributes of PROTOCOL.md section 2."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import os
import struct
import zlib
from enum import IntEnum
from typing import List, Optional, Tuple

MAGIC_COOKIE = 0x2112A442
FINGERPRINT_XOR = 0x5354554E
HEADER_BYTES = 20

Address = Tuple[str, int]


class Method(IntEnum):
    BINDING = 0x001
    ALLOCATE = 0x003
    REFRESH = 0x004
    SEND = 0x006
    DATA = 0x007
    CREATE_PERMISSION = 0x008
    CHANNEL_BIND = 0x009
    CONNECT = 0x00A
    CLOSED = 0x0F1


class Kind(IntEnum):
    REQUEST = 0
    INDICATION = 1
    SUCCESS = 2
    ERROR = 3


class Attr(IntEnum):
    USERNAME = 0x0006
    MESSAGE_INTEGRITY = 0x0008
    ERROR_CODE = 0x0009
    UNKNOWN_ATTRIBUTES = 0x000A
    CHANNEL_NUMBER = 0x000C
    LIFETIME = 0x000D
    XOR_PEER_ADDRESS = 0x0012
    DATA = 0x0013
    REALM = 0x0014
    NONCE = 0x0015
    XOR_RELAYED_ADDRESS = 0x0016
    REQUESTED_TRANSPORT = 0x0019
    MESSAGE_INTEGRITY_SHA256 = 0x001C
    PASSWORD_ALGORITHM = 0x001D
    XOR_MAPPED_ADDRESS = 0x0020
    CONNECTION_IDENTIFIER = 0x7F01
    XOR_PEER_RELAY_ADDRESS = 0x7F02
    CONNECTION_ROLE = 0x7F03
    SESSION_INDEX = 0x7F04
    RELAY_START = 0x7F05
    TENANT = 0x7F06
    PASSWORD_ALGORITHMS = 0x8002
    ALTERNATE_SERVER = 0x8023
    SOFTWARE = 0x8022
    FINGERPRINT = 0x8028
    CONTROL_SEQUENCE = 0xFF05


INTEGRITY = {
    'sha1': (Attr.MESSAGE_INTEGRITY, hashlib.sha1, 20),
    'sha256': (Attr.MESSAGE_INTEGRITY_SHA256, hashlib.sha256, 32),
}
INTEGRITY_TYPES = (Attr.MESSAGE_INTEGRITY, Attr.MESSAGE_INTEGRITY_SHA256)
SEEN_BEHIND_INTEGRITY = (Attr.MESSAGE_INTEGRITY_SHA256, Attr.FINGERPRINT)


class NotStun(Exception):
    """The datagram is no well-formed STUN message."""


def message_type(kind: int, method: int) -> int:
    """Figure 3 of RFC 8489: the class bits stand between the bits of the method."""
    return (
        (method & 0x0F80) << 2
        | (method & 0x0070) << 1
        | (method & 0x000F)
        | (kind & 2) << 7
        | (kind & 1) << 4
    )


def xor_pad(transaction_id: bytes) -> bytes:
    return struct.pack('!I', MAGIC_COOKIE) + transaction_id


def encode_xor_address(address: Address, transaction_id: bytes) -> bytes:
    """RFC 8489 section 14.2."""
    ip = ipaddress.ip_address(address[0]).packed
    family = 1 if len(ip) == 4 else 2
    xored = bytes(a ^ b for a, b in zip(ip, xor_pad(transaction_id)))
    return struct.pack('!BBH', 0, family, address[1] ^ (MAGIC_COOKIE >> 16)) + xored


def decode_xor_address(value: bytes, transaction_id: bytes) -> Address:
    if len(value) not in (8, 20) or value[1] != (1 if len(value) == 8 else 2):
        raise NotStun('address of a wrong length or family')
    port = struct.unpack('!H', value[2:4])[0] ^ (MAGIC_COOKIE >> 16)
    ip = bytes(a ^ b for a, b in zip(value[4:], xor_pad(transaction_id)))
    return str(ipaddress.ip_address(ip)), port


class Outgoing:
    """Builds one message, attribute by attribute; integrity covers what was added before it."""

    def __init__(self, kind: int, method: int, transaction_id: Optional[bytes] = None):
        self.kind = kind
        self.method = method
        self.transaction_id = transaction_id or os.urandom(12)
        self._body = b''
        self._padding = b'\0'

    def padded_with(self, byte: bytes) -> 'Outgoing':
        self._padding = byte
        return self

    def add(self, attribute: int, value: bytes) -> 'Outgoing':
        padding = self._padding * (-len(value) % 4)
        self._body += struct.pack('!HH', attribute, len(value)) + value + padding
        return self

    def text(self, attribute: int, value: str) -> 'Outgoing':
        return self.add(attribute, value.encode())

    def u32(self, attribute: int, value: int) -> 'Outgoing':
        return self.add(attribute, struct.pack('!I', value))

    def address(self, attribute: int, value: Address) -> 'Outgoing':
        return self.add(attribute, encode_xor_address(value, self.transaction_id))

    def integrity(self, algorithm: str, key: bytes, cut: Optional[int] = None) -> 'Outgoing':
        """`cut` shortens the value to so many bytes (RFC 8489 section 14.6)."""
        attribute, digest, size = INTEGRITY[algorithm]
        covered = self._header(4 + (cut or size)) + self._body
        return self.add(attribute, hmac.new(key, covered, digest).digest()[:cut])

    def fingerprint(self) -> 'Outgoing':
        crc = zlib.crc32(self._header(8) + self._body) ^ FINGERPRINT_XOR
        return self.u32(Attr.FINGERPRINT, crc)

    def pack(self) -> bytes:
        return self._header(0) + self._body

    def _header(self, more: int) -> bytes:
        kind = message_type(self.kind, self.method)
        length = len(self._body) + more
        return struct.pack('!HHI', kind, length, MAGIC_COOKIE) + self.transaction_id


class Message:
    """A received message. Attributes behind an integrity attribute are not seen by `get`."""

    def __init__(self, data: bytes):
        if len(data) < HEADER_BYTES or data[0] & 0xC0:
            raise NotStun('no STUN header')
        kind, length, cookie = struct.unpack('!HHI', data[:8])
        if cookie != MAGIC_COOKIE or length % 4 or length + HEADER_BYTES != len(data):
            raise NotStun('wrong cookie or length')
        self.data = data
        self.kind = Kind((kind >> 7 & 2) | (kind >> 4 & 1))
        self.method = (kind & 0x3E00) >> 2 | (kind & 0x00E0) >> 1 | (kind & 0x000F)
        self.transaction_id = data[8:20]
        self.attributes: List[Tuple[int, bytes, int]] = []
        self._parse(data)

    def _parse(self, data: bytes) -> None:
        offset = HEADER_BYTES
        while offset < len(data):
            if offset + 4 > len(data):
                raise NotStun('cut attribute')
            attribute, length = struct.unpack('!HH', data[offset : offset + 4])
            end = offset + 4 + length
            if end > len(data):
                raise NotStun('cut attribute value')
            self.attributes.append((attribute, data[offset + 4 : end], offset))
            offset = end + (-length % 4)
        if offset != len(data):
            raise NotStun('padding leaves the message')

    def get(self, attribute: int) -> Optional[bytes]:
        """The first such attribute that stands before an integrity attribute, or is one."""
        for found, value, _ in self.attributes:
            if found == attribute:
                return value
            if found in INTEGRITY_TYPES and attribute not in SEEN_BEHIND_INTEGRITY:
                return None
        return None

    def text(self, attribute: int) -> Optional[str]:
        value = self.get(attribute)
        return None if value is None else value.decode('utf-8')

    def number(self, attribute: int) -> Optional[int]:
        value = self.get(attribute)
        return None if value is None else int.from_bytes(value, 'big')

    def address(self, attribute: int) -> Optional[Address]:
        value = self.get(attribute)
        return None if value is None else decode_xor_address(value, self.transaction_id)

    def channel(self) -> Optional[int]:
        """CHANNEL-NUMBER of RFC 8656 section 18.1: 16 bits and 16 bits of zero."""
        value = self.get(Attr.CHANNEL_NUMBER)
        return None if value is None else struct.unpack('!HH', value)[0]

    def error(self) -> Optional[int]:
        value = self.get(Attr.ERROR_CODE)
        return None if value is None else (value[2] & 7) * 100 + value[3]

    def unknown_attributes(self) -> List[int]:
        value = self.get(Attr.UNKNOWN_ATTRIBUTES) or b''
        return [number for (number,) in struct.iter_unpack('!H', value)]

    def has_integrity(self, algorithm: str) -> bool:
        return self.get(INTEGRITY[algorithm][0]) is not None

    def verify(self, algorithm: str, key: bytes) -> bool:
        """Whether the message carries that integrity, whole, made with that key."""
        attribute, digest, size = INTEGRITY[algorithm]
        for found, value, offset in self.attributes:
            if found == attribute:
                length = struct.pack('!H', offset + 4 + size - HEADER_BYTES)
                covered = self.data[:2] + length + self.data[4:offset]
                return hmac.compare_digest(hmac.new(key, covered, digest).digest(), value)
        return False

    def fingerprint_is_right(self) -> bool:
        """RFC 8489 section 14.7: last attribute, CRC-32 of all before it."""
        if not self.attributes or self.attributes[-1][0] != Attr.FINGERPRINT:
            return False
        _, value, offset = self.attributes[-1]
        return zlib.crc32(self.data[:offset]) ^ FINGERPRINT_XOR == int.from_bytes(value, 'big')

    def __str__(self) -> str:
        error = self.error()
        what = f'{self.kind.name} {self.method:#05x}'
        return what if error is None else f'{what} {error}'


def channel_data(channel: int, payload: bytes) -> bytes:
    """ChannelData of RFC 8656 section 12.4."""
    return struct.pack('!HH', channel, len(payload)) + payload
