"""The client's half of RFC 8489's long-term credential mechanism."""

from __future__ import annotations

import base64
import struct
from typing import Optional

from .keys import long_term_key
from .stun import Attr, Message, Outgoing

NONCE_COOKIE = 'obMatJos2'
MD5 = 1
SHA256 = 2

SCHEMES = {
    'md5': ('md5', 'sha1', None),
    'md5-named': ('md5', 'sha1', MD5),
    'sha256': ('sha256', 'sha256', SHA256),
}
"""Name → (key digest, integrity, the PASSWORD-ALGORITHM that is named). `md5` is a client of
RFC 5389, which knows neither attribute."""


def algorithm_value(number: int) -> bytes:
    """PASSWORD-ALGORITHM of RFC 8489 section 14.12 without parameters."""
    return struct.pack('!HH', number, 0)


def security_features(nonce: str) -> Optional[bytes]:
    """The three bytes behind the nonce cookie, or None where there is no cookie."""
    if not nonce.startswith(NONCE_COOKIE):
        return None
    return base64.b64decode(nonce[len(NONCE_COOKIE) : len(NONCE_COOKIE) + 4])


class Login:
    """Username and password, and what the server's last challenge said."""

    def __init__(self, username: str, password: str, scheme: str = 'md5'):
        self.username = username
        self.password = password
        self.scheme = scheme
        self.realm: Optional[str] = None
        self.nonce: Optional[str] = None
        self.algorithms: Optional[bytes] = None

    @property
    def integrity(self) -> str:
        return SCHEMES[self.scheme][1]

    @property
    def key(self) -> bytes:
        digest = SCHEMES[self.scheme][0]
        return long_term_key(digest, self.username, self.realm or '', self.password)

    @property
    def challenged(self) -> bool:
        return self.nonce is not None

    def challenge(self, message: Message) -> None:
        """Takes realm, nonce and algorithms of a 401 or 438."""
        self.nonce = message.text(Attr.NONCE)
        self.realm = message.text(Attr.REALM) or self.realm
        self.algorithms = message.get(Attr.PASSWORD_ALGORITHMS) or self.algorithms

    def credentials(self, out: Outgoing) -> Outgoing:
        """All but the integrity."""
        out.text(Attr.USERNAME, self.username)
        out.text(Attr.REALM, self.realm or '').text(Attr.NONCE, self.nonce or '')
        named = SCHEMES[self.scheme][2]
        if named is not None:
            out.add(Attr.PASSWORD_ALGORITHMS, self.algorithms or b'')
            out.add(Attr.PASSWORD_ALGORITHM, algorithm_value(named))
        return out

    def sign(self, out: Outgoing) -> Outgoing:
        return self.credentials(out).integrity(self.integrity, self.key)

    def verify(self, message: Message) -> bool:
        return message.verify(self.integrity, self.key)
