"""Turnpike's peer: a leg of one connection at one relay (PROTOCOL.md section 2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Optional, Tuple

from .endpoint import CONNECT_SPACING_SECONDS, Endpoint, Exchange, run
from .login import Login
from .stun import Address, Attr, Kind, Message, Method, Outgoing

UDP = bytes([17, 0, 0, 0])
TCP = bytes([6, 0, 0, 0])
PATIENCE_SECONDS = 15.0


@dataclass
class Grant:
    """One peer's half of the directory's answer."""

    connection_id: bytes
    role: int
    relay: Address
    peer_relay: Address
    username: str
    password: str


class Leg:
    """A peer's half of a connection. Several legs may share one endpoint."""

    def __init__(
        self,
        grant: Grant,
        scheme: str = 'md5',
        endpoint: Optional[Endpoint] = None,
        local_ip: Optional[str] = None,
    ):
        self.grant = grant
        self.endpoint = endpoint or Endpoint(grant.relay, local_ip)
        self.login = Login(grant.username, grant.password, scheme)
        self.mapped: Optional[Address] = None
        self.channel: Optional[int] = None

    def attributes(self, method: Method, changes: Optional[dict]) -> List[Tuple[int, object]]:
        """The attributes of a proper request; `changes` replaces values, None leaves one out."""
        values = {Attr.CONNECTION_IDENTIFIER: self.grant.connection_id}
        if method == Method.ALLOCATE:
            values[Attr.REQUESTED_TRANSPORT] = UDP
            values[Attr.CONNECTION_ROLE] = bytes([self.grant.role, 0, 0, 0])
            values[Attr.XOR_PEER_RELAY_ADDRESS] = self.grant.peer_relay
        values.update(changes or {})
        return [(attribute, value) for attribute, value in values.items() if value is not None]

    def build(self, method: Method, changes: Optional[dict] = None) -> Outgoing:
        out = Outgoing(Kind.REQUEST, method)
        for attribute, value in self.attributes(method, changes):
            if isinstance(value, tuple):
                out.address(attribute, value)
            elif isinstance(value, int):
                out.u32(attribute, value)
            else:
                out.add(attribute, value)
        return out

    def begin(self, method: Method, changes: Optional[dict] = None) -> Exchange:
        return self.endpoint.begin(self.login, lambda: self.build(method, changes))

    def call(self, method: Method, changes: Optional[dict] = None) -> Exchange:
        """One request and its answer; an AssertionError where there is none."""
        exchange = self.begin(method, changes)
        answered(exchange)
        return exchange

    def allocate(self, changes: Optional[dict] = None) -> Exchange:
        exchange = self.call(Method.ALLOCATE, changes)
        if exchange.answer is not None and exchange.answer.kind == Kind.SUCCESS:
            self.mapped = exchange.answer.address(Attr.XOR_MAPPED_ADDRESS)
        return exchange

    def begin_connect(self, address: Address) -> Exchange:
        exchange = self.begin(Method.CONNECT, {Attr.XOR_PEER_ADDRESS: address})
        exchange.spacing = CONNECT_SPACING_SECONDS
        return exchange

    def refresh(self, seconds: Optional[int] = None) -> Exchange:
        return self.call(Method.REFRESH, {Attr.LIFETIME: seconds})

    def send(self, payload: bytes) -> None:
        assert self.channel is not None, 'not connected'
        self.endpoint.send_data(self.channel, payload)

    @property
    def received(self) -> List[bytes]:
        return [payload for channel, payload in self.endpoint.data if channel == self.channel]

    def closed(self) -> List[Message]:
        """Closed indications for this connection, with right integrity."""
        return [
            message
            for message in self.endpoint.indications
            if message.method == Method.CLOSED
            and message.get(Attr.CONNECTION_IDENTIFIER) == self.grant.connection_id
            and self.login.verify(message)
        ]

    def close(self) -> None:
        self.endpoint.close()


def answered(*exchanges: Exchange, timeout: float = PATIENCE_SECONDS) -> None:
    """Waits for the answers of all; an AssertionError where one is missing."""
    endpoints = {exchange.endpoint for exchange in exchanges}
    if not run(endpoints, lambda: all(one.answer is not None for one in exchanges), timeout):
        missing = [index for index, one in enumerate(exchanges) if one.answer is None]
        forged = [one.forged for one in exchanges]
        raise AssertionError(f'no answer to {missing}; wrong integrity in {forged}')


def take_channel(leg: Leg, exchange: Exchange) -> None:
    """A Connect that succeeded gives the leg its channel."""
    answer = exchange.answer
    assert answer is not None and answer.kind == Kind.SUCCESS, f'Connect was answered {answer}'
    leg.channel = answer.channel()


def connect(a: Leg, b: Leg) -> Tuple[Exchange, Exchange]:
    """Both legs' Allocate and Connect, with the addresses that their relays told them."""
    for leg in (a, b):
        answer = leg.allocate().answer
        assert answer is not None and answer.kind == Kind.SUCCESS, f'Allocate: {answer}'
    return connect_allocated(a, b)


def connect_allocated(a: Leg, b: Leg) -> Tuple[Exchange, Exchange]:
    assert a.mapped is not None and b.mapped is not None, 'not allocated'
    exchanges = a.begin_connect(b.mapped), b.begin_connect(a.mapped)
    answered(*exchanges)
    take_channel(a, exchanges[0])
    take_channel(b, exchanges[1])
    return exchanges
