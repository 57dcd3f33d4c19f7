"""A peer's UDP socket: transactions with a relay, ChannelData and Closed indications.

Everything runs in the caller's thread: `run` turns the sockets of any number of endpoints until
what the caller waits for has happened.
"""

from __future__ import annotations

import select
import socket
import struct
import time
from collections import Counter
from typing import Callable, Iterable, List, Optional, Tuple

from .login import Login
from .stun import Address, Attr, Kind, Message, Method, NotStun, Outgoing, channel_data

RECEIVE_BUFFER_BYTES = 4 << 20
RTO_SECONDS = 0.5
CONNECT_SPACING_SECONDS = 0.5


class Exchange:
    """One request until its final answer: retransmission, challenge and stale nonce included."""

    def __init__(
        self,
        endpoint: 'Endpoint',
        login: Login,
        build: Callable[[], Outgoing],
        sign: Optional[Callable[[Outgoing], Outgoing]] = None,
    ):
        self.endpoint = endpoint
        self.login = login
        self.answer: Optional[Message] = None
        self.authentic = False
        """Whether the answer's integrity was right."""
        self.datagrams: List[bytes] = []
        """What was sent, one for each transaction."""
        self.sent = 0
        self.forged = 0
        """Answers whose integrity was wrong; they are not answers."""
        self.ignore = 0
        """Answers still to be lost on the way."""
        self.spacing: Optional[float] = None
        """Seconds between retransmissions; None for RFC 8489's doubling."""
        self.renewals = 2
        self._build = build
        self._sign = sign or login.sign
        self._wait = RTO_SECONDS
        self._due = 0.0
        self._renew()

    def _renew(self) -> None:
        out = self._build()
        if self.login.challenged:
            self._sign(out)
        self.transaction_id = out.transaction_id
        self.datagrams.append(out.pack())
        self._wait, self._due = RTO_SECONDS, 0.0

    def poll(self, now: float) -> None:
        if self.answer is not None or now < self._due:
            return
        self.endpoint.send_raw(self.datagrams[-1])
        self.endpoint.unanswered[self.transaction_id] += 1
        self.sent += 1
        self._due = now + (self.spacing or self._wait)
        self._wait *= 2

    def take(self, message: Message) -> None:
        if self.ignore > 0:
            self.ignore -= 1
            return
        error = message.error()
        authentic = self.login.challenged and self.login.verify(message)
        challenge = error in (401, 438) and message.text(Attr.NONCE) is not None
        if challenge and self.renewals > 0:
            self.renewals -= 1
            tried = self.login.challenged
            self.login.challenge(message)
            if error == 438 or not tried:
                self._renew()
                return
        if not authentic and error not in (400, 401, 438):
            self.forged += 1
            return
        self.answer, self.authentic = message, authentic


class Endpoint:
    """A UDP socket that talks to one relay, or to whoever `relay` is set to."""

    def __init__(self, relay: Address, local_ip: Optional[str] = None):
        family = socket.AF_INET6 if ':' in relay[0] else socket.AF_INET
        self.relay = relay
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        self.socket.bind((local_ip or ('::1' if ':' in relay[0] else '127.0.0.1'), 0))
        self.socket.setblocking(False)
        self.exchanges: List[Exchange] = []
        self.unanswered: Counter[bytes] = Counter()
        """How many more requests than answers each transaction of an exchange has had."""
        self.data: List[Tuple[int, bytes]] = []
        """(channel, payload) of received ChannelData."""
        self.indications: List[Message] = []
        self.strays: List[Message] = []
        """Responses to no open transaction."""
        self.junk: List[bytes] = []
        self.strangers: List[Tuple[bytes, Address]] = []
        """Datagrams from another address than the relay's."""

    @property
    def address(self) -> Address:
        return self.socket.getsockname()[:2]

    def close(self) -> None:
        self.socket.close()

    def send_raw(self, datagram: bytes, to: Optional[Address] = None) -> None:
        self.socket.sendto(datagram, to or self.relay)

    def send_data(self, channel: int, payload: bytes) -> None:
        self.send_raw(channel_data(channel, payload))

    def begin(
        self,
        login: Login,
        build: Callable[[], Outgoing],
        sign: Optional[Callable[[Outgoing], Outgoing]] = None,
    ) -> Exchange:
        """`sign` takes the place of the login's own way to add credentials."""
        exchange = Exchange(self, login, build, sign)
        self.exchanges.append(exchange)
        return exchange

    def poll(self, now: float) -> None:
        for exchange in self.exchanges:
            exchange.poll(now)

    def drain(self) -> None:
        while True:
            try:
                datagram, source = self.socket.recvfrom(65536)
            except BlockingIOError:
                return
            if source[:2] != self.relay:
                self.strangers.append((datagram, source[:2]))
            else:
                self.take(datagram)

    def unasked(self) -> List[Message]:
        """Strays that are no answer to a request that an exchange has sent again."""
        allowed = self.unanswered.copy()
        found = []
        for message in self.strays:
            if allowed[message.transaction_id] > 0:
                allowed[message.transaction_id] -= 1
            else:
                found.append(message)
        return found

    def take(self, datagram: bytes) -> None:
        if datagram[:1] and 0x40 <= datagram[0] <= 0x4F:
            channel, length = struct.unpack('!HH', datagram[:4])
            # Over UDP there is no padding, so the length is that of the datagram.
            fits = length == len(datagram) - 4
            (self.data if fits else self.junk).append((channel, datagram[4:]) if fits else datagram)
            return
        try:
            message = Message(datagram)
        except NotStun:
            self.junk.append(datagram)
            return
        if message.kind == Kind.INDICATION:
            self.indications.append(message)
            return
        for exchange in self.exchanges:
            if exchange.transaction_id == message.transaction_id and exchange.answer is None:
                self.unanswered[message.transaction_id] -= 1
                exchange.take(message)
                return
        self.strays.append(message)


def run(endpoints: Iterable[Endpoint], done: Callable[[], bool], timeout: float) -> bool:
    """Turns the endpoints until `done` or the timeout; says whether it was done."""
    endpoints = list(endpoints)
    sockets = {endpoint.socket: endpoint for endpoint in endpoints}
    until = time.monotonic() + timeout
    while not done():
        now = time.monotonic()
        if now > until:
            return False
        for endpoint in endpoints:
            endpoint.poll(now)
        ready, _, _ = select.select(list(sockets), [], [], 0.02)
        for one in ready:
            sockets[one].drain()
    return True


def settle(endpoints: Iterable[Endpoint], seconds: float = 0.3) -> None:
    """Gives what might still arrive the time to do so."""
    run(endpoints, lambda: False, seconds)


def indication(method: Method = Method.BINDING) -> bytes:
    return Outgoing(Kind.INDICATION, method).pack()
