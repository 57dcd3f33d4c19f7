"""Clients of standard TURN at two relays: Bind of PROTOCOL.md section 3, from the other relay."""

from __future__ import annotations

import socket
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Callable, Iterator, List

from peer.endpoint import run, settle
from peer.relay import ForeignRelay, refuse
from peer.stun import Address, Attr, Kind, Message, Method, Outgoing
from peer.trunk import Record
from peer.turn import TurnClient

from .foreign import KNOWN_SECONDS, ask, foreign
from .harness import World, equal, scenario, true

HOME = 'g-1'
"""The relay that serves TURN."""
CHANNEL = 0x4000
MINE = 0x0BADCAFE
LIFETIME_SECONDS = 120
WAIT_SECONDS = 20


def bind(source: Address, to: Address) -> Outgoing:
    """The request, unsigned."""
    out = Outgoing(Kind.REQUEST, Method.CHANNEL_BIND)
    return out.address(Attr.XOR_RELAYED_ADDRESS, source).address(Attr.XOR_PEER_ADDRESS, to)


def bound(request: Message, index: int, seconds: int = LIFETIME_SECONDS) -> Outgoing:
    """Its success, unsigned."""
    out = Outgoing(Kind.SUCCESS, Method.CHANNEL_BIND, request.transaction_id)
    return out.u32(Attr.SESSION_INDEX, index).u32(Attr.LIFETIME, seconds)


@dataclass
class Scene:
    """A client at g-1, and the relayed address of another one at the foreign relay."""

    relay: ForeignRelay
    client: TurnClient
    bare: socket.socket
    """At that address, for what goes there as bare UDP."""

    @property
    def far(self) -> Address:
        return self.bare.getsockname()

    def ask(self, source: Address, to: Address) -> Message:
        return ask(self.relay, bind(source, to), home=HOME)

    def requests(self) -> List[Message]:
        """Those of g-1, oldest first."""
        return self.relay.messages(Kind.REQUEST, Method.CHANNEL_BIND)

    def closes(self) -> List[Message]:
        return self.relay.messages(Kind.REQUEST, Method.REFRESH)

    def wait(self, condition: Callable[[], bool], what: str) -> None:
        true(run([self.client.endpoint], condition, WAIT_SECONDS), what)

    def accepted(self) -> Message:
        """The first request of g-1, which has been answered with success and MINE."""
        self.wait(lambda: len(self.requests()) > 0, 'a request came')
        request = self.requests()[0]
        self.relay.say(HOME, bound(request, MINE))
        return request

    def came_bare(self) -> List[bytes]:
        """What has arrived as bare UDP from the client's relayed address since the last time."""
        found = []
        while True:
            try:
                payload, source = self.bare.recvfrom(2048)
            except BlockingIOError:
                return found
            equal(source, self.client.relayed, 'source of bare UDP')
            found.append(payload)

    def records(self) -> List[Record]:
        return [one for datagram in list(self.relay.data) for one in datagram.records()]


@contextmanager
def scene(world: World) -> Iterator[Scene]:
    with foreign(world) as relay:
        relay.trunks[HOME].counts = True
        ip = relay.service_address[0]
        client = TurnClient(world.service(HOME), world.turn_user, world.host())
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bare:
            bare.bind((ip, world.relay_ports[0] + 7))
            bare.setblocking(False)
            made = Scene(relay, client, bare)
            # An answer shows that g-1 has heard of the foreign relay.
            nowhere = (client.relayed[0], world.relay_ports[0] - 1)
            answer = ask(relay, bind(made.far, nowhere), KNOWN_SECONDS, HOME)
            equal(answer.error(), 437, 'answer for no relayed address')
            yield made
        client.endpoint.close()


@scenario('trunk: what a client sends on a channel crosses the trunk once that is bound')
def outward(world: World) -> None:
    with scene(world) as at:
        at.client.bind(CHANNEL, at.far)
        at.wait(lambda: len(at.requests()) > 0, 'a request came')
        request = at.requests()[0]
        equal(request.address(Attr.XOR_RELAYED_ADDRESS), at.client.relayed)
        equal(request.address(Attr.XOR_PEER_ADDRESS), at.far)
        at.client.send(CHANNEL, b'bare')
        came: List[bytes] = []
        at.wait(lambda: bool(came.extend(at.came_bare()) or came), 'bare UDP meanwhile')
        equal(came, [b'bare'])
        at.accepted()

        def crosses() -> bool:
            at.client.send(CHANNEL, b'by trunk')
            return len(at.records()) > 0

        at.wait(crosses, 'a record came')
        equal({(one.index, one.payload) for one in at.records()}, {(MINE, b'by trunk')})
        at.came_bare()
        at.client.send(CHANNEL, b'last')
        at.wait(lambda: at.records()[-1].payload == b'last', 'the last record')
        settle([at.client.endpoint])
        equal(at.came_bare(), [], 'bare UDP once it is bound')


@scenario('trunk: what the client of another relay sends reaches one that permits it')
def inward(world: World) -> None:
    with scene(world) as at:
        equal(at.ask(at.far, at.client.relayed).error(), 403, 'without a permission')
        at.client.permit((at.far[0], 0))
        settle([at.client.endpoint])
        equal(at.requests(), [], 'requests for a permission without a port')
        answer = at.ask(at.far, at.client.relayed)
        equal((answer.kind, answer.number(Attr.LIFETIME)), (Kind.SUCCESS, LIFETIME_SECONDS))
        index = answer.number(Attr.SESSION_INDEX)
        again = at.ask(at.far, at.client.relayed)
        equal(again.number(Attr.SESSION_INDEX), index, 'index of a second request')
        at.wait(lambda: len(at.requests()) > 0, 'it asks for the other direction')
        equal(at.requests()[0].address(Attr.XOR_PEER_ADDRESS), at.far)
        at.relay.send_records(HOME, Record(index, b'indication'))
        at.wait(lambda: at.client.received == [(at.far, b'indication')], 'a Data indication')
        at.client.bind(CHANNEL, at.far)
        at.relay.send_records(HOME, Record(index, b'channel'))
        at.wait(lambda: at.client.endpoint.data == [(CHANNEL, b'channel')], 'ChannelData')


@scenario('trunk: a relay binds only what it speaks for and the client permits')
def refusals(world: World) -> None:
    with scene(world) as at:
        ip, port = at.far
        low, high = world.relay_ports
        elsewhere = world.host()
        at.client.permit((elsewhere, 0))
        equal(at.ask(at.far, at.client.relayed).error(), 403, 'not permitted')
        at.client.permit((ip, port))
        for source, what in (
            ((elsewhere, port), 'the IP address of nobody'),
            (world.service('c-1'), "another relay's service address"),
            ((at.client.relayed[0], high), 'an IP address of the receiver'),
            ((ip, low - 1), 'a port that relayed addresses do not have'),
            ((ip, 0), 'no port'),
        ):
            equal(at.ask(source, at.client.relayed).error(), 403, what)
        equal(at.ask(at.far, ('192.0.2.1', high)).error(), 437, 'not an address of the relay')
        other = ask(at.relay, bind(at.far, at.client.relayed), home='e-1')
        equal(other.error(), 437, 'a relay without TURN')
        trunk = at.relay.trunks[HOME]
        right, trunk.other_start = trunk.other_start, trunk.other_start - 1
        out = bind(at.far, at.client.relayed)
        datagram = trunk.sign(out)
        trunk.other_start = right
        at.relay.send(HOME, datagram)
        found = (Kind.ERROR, Method.CHANNEL_BIND, out.transaction_id)
        at.wait(lambda: len(at.relay.messages(*found)) > 0, 'an answer')
        equal(at.relay.messages(*found)[0].error(), 438, 'for another start')
        equal(at.ask(at.far, at.client.relayed).kind, Kind.SUCCESS, 'its own')


@scenario('trunk: a bind ends with the allocation, and by the close of its index')
def ends(world: World) -> None:
    with scene(world) as at:
        at.client.bind(CHANNEL, at.far)
        at.accepted()
        index = at.ask(at.far, at.client.relayed).number(Attr.SESSION_INDEX)

        def by_trunk() -> bool:
            at.client.send(CHANNEL, b'by trunk')
            return len(at.records()) > 0

        at.wait(by_trunk, 'a record came')
        at.came_bare()
        out = Outgoing(Kind.REQUEST, Method.REFRESH).u32(Attr.LIFETIME, 0)
        equal(ask(at.relay, out.u32(Attr.SESSION_INDEX, MINE), home=HOME).kind, Kind.SUCCESS)

        def bare() -> bool:
            at.client.send(CHANNEL, b'bare')
            return b'bare' in at.came_bare()

        at.wait(bare, 'bare UDP after the close')
        at.client.delete()
        at.wait(lambda: len(at.closes()) > 0, 'a close came')
        for close in at.closes():
            equal((close.number(Attr.SESSION_INDEX), close.number(Attr.LIFETIME)), (index, 0))
            equal(close.get(Attr.CONNECTION_IDENTIFIER), None)
        equal(at.ask(at.far, at.client.relayed).error(), 437, 'of the deleted allocation')


@scenario('trunk: a recorded bind binds nothing')
def recorded(world: World) -> None:
    with scene(world) as at:
        out = bind(at.far, at.client.relayed)
        recording = at.relay.trunks[HOME].sign(out)
        found = (Kind.ERROR, Method.CHANNEL_BIND, out.transaction_id)

        def codes() -> List[int]:
            return [one.error() or 0 for one in at.relay.messages(*found)]

        at.relay.send(HOME, recording)
        at.wait(lambda: codes() == [403], 'refused, without a permission')
        at.client.permit(at.far)
        at.relay.send(HOME, recording)
        at.wait(lambda: codes() == [403, 437], 'the recording, with one')
        equal(at.relay.messages(Kind.SUCCESS, Method.CHANNEL_BIND, out.transaction_id), [])
        equal(at.ask(at.far, at.client.relayed).kind, Kind.SUCCESS, 'a new request')


@scenario('trunk: a bind is renewed after half of its lifetime', slow=True)
def renewed(world: World) -> None:
    with scene(world) as at:
        at.client.bind(CHANNEL, at.far)
        at.wait(lambda: len(at.requests()) > 0, 'a request came')
        first = at.requests()[0].transaction_id
        at.relay.say(HOME, bound(at.requests()[0], MINE, 12))
        began = time.monotonic()

        def renewals() -> List[Message]:
            return [one for one in at.requests() if one.transaction_id != first]

        at.wait(lambda: len(renewals()) > 0, 'it is renewed')
        true(time.monotonic() - began > 4, 'not at once')
        equal(renewals()[0].address(Attr.XOR_PEER_ADDRESS), at.far)


@scenario('trunk: a request that is not answered is sent four times', slow=True)
def unanswered_bind(world: World) -> None:
    with scene(world) as at:
        at.client.permit(at.far)

        def transactions() -> List[bytes]:
            return [one.transaction_id for one in at.requests()]

        patience = time.monotonic() + 3 * WAIT_SECONDS
        run([at.client.endpoint], lambda: len(set(transactions())) > 1, 3 * WAIT_SECONDS)
        true(time.monotonic() < patience, 'a second request came')
        equal(transactions().count(transactions()[0]), 4, 'transmissions of the first')
        # A refusal of the second ends it at once.
        request = at.requests()[-1]
        at.relay.say(HOME, refuse(request, 508))
        settle([at.client.endpoint], 1.5)
        equal(transactions().count(request.transaction_id), 1, 'transmissions of the second')
