"""A client of standard TURN (RFC 8656) with one allocation. All that it asks has to succeed."""

from __future__ import annotations

import struct
from typing import Callable, List, Tuple

from .endpoint import Endpoint
from .login import Login
from .overlay import UDP, answered
from .stun import Address, Attr, Kind, Message, Method, Outgoing


class TurnClient:
    def __init__(self, server: Address, user: Tuple[str, str], local_ip: str):
        self.endpoint = Endpoint(server, local_ip)
        self.login = Login(*user)
        answer = self._ask(
            Method.ALLOCATE, lambda out: out.add(Attr.REQUESTED_TRANSPORT, UDP)
        )
        relayed = answer.address(Attr.XOR_RELAYED_ADDRESS)
        assert relayed is not None, 'XOR-RELAYED-ADDRESS'
        self.relayed = relayed

    def _ask(self, method: Method, fill: Callable[[Outgoing], Outgoing]) -> Message:
        exchange = self.endpoint.begin(
            self.login, lambda: fill(Outgoing(Kind.REQUEST, method))
        )
        answered(exchange)
        answer = exchange.answer
        assert answer is not None and answer.kind == Kind.SUCCESS, f'{method.name}: {answer}'
        return answer

    def permit(self, peer: Address) -> None:
        self._ask(
            Method.CREATE_PERMISSION, lambda out: out.address(Attr.XOR_PEER_ADDRESS, peer)
        )

    def bind(self, channel: int, peer: Address) -> None:
        def fill(out: Outgoing) -> Outgoing:
            out.add(Attr.CHANNEL_NUMBER, struct.pack('!HH', channel, 0))
            return out.address(Attr.XOR_PEER_ADDRESS, peer)

        self._ask(Method.CHANNEL_BIND, fill)

    def delete(self) -> None:
        self._ask(Method.REFRESH, lambda out: out.u32(Attr.LIFETIME, 0))

    def send(self, channel: int, payload: bytes) -> None:
        self.endpoint.send_data(channel, payload)

    @property
    def received(self) -> List[Tuple[Address, bytes]]:
        """Peer and payload of each Data indication."""
        return [
            (one.address(Attr.XOR_PEER_ADDRESS) or ('', 0), one.get(Attr.DATA) or b'')
            for one in self.endpoint.indications
            if one.method == Method.DATA
        ]
