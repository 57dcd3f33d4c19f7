"""A relay by another hand in a scenario, and one connection between it and a-1."""

from __future__ import annotations

import itertools
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Callable, Iterator, List, Optional

from peer.endpoint import Exchange, run, settle
from peer.overlay import Leg, take_channel
from peer.relay import ForeignRelay, accept, offer
from peer.stun import Address, Attr, Kind, Message, Method, Outgoing
from peer.trunk import Record

from .harness import World, equal, success, true

HOME = 'a-1'
"""Our relay in all of these scenarios."""
FAR: Address = ('198.51.100.7', 4242)
"""Where the foreign relay's own peer is said to be. Nothing is ever sent there."""
KNOWN_SECONDS = 30
WAIT_SECONDS = 20

_numbers = itertools.count(1)


@contextmanager
def foreign(world: World) -> Iterator[ForeignRelay]:
    relay = ForeignRelay(
        world.directory_url, world.cluster_secret, f'py-{next(_numbers)}', world.host()
    )
    relay.join()
    try:
        yield relay
    finally:
        relay.leave()


def reserved(
    world: World, relay: ForeignRelay, scheme: str = 'sha256', tenant: str = 'default'
) -> Leg:
    """A leg at a-1 that names the foreign relay, as soon as a-1 has heard of that."""
    grant = world.minted(world.service(HOME), relay.service_address, tenant=tenant)
    leg = Leg(grant, scheme, local_ip=world.host())
    until = time.monotonic() + KNOWN_SECONDS
    while True:
        exchange = leg.allocate()
        if exchange.answer.error() != 403 or time.monotonic() > until:
            success(exchange, 'Allocate')
            return leg
        time.sleep(0.1)


def wait(leg: Leg, condition: Callable[[], bool], what: str) -> None:
    true(run([leg.endpoint], condition, WAIT_SECONDS), what)


def offers(relay: ForeignRelay, leg: Leg) -> List[Message]:
    """a-1's offers for that leg's connection, oldest first."""
    return [
        message
        for message in relay.messages(Kind.REQUEST, Method.CONNECT)
        if message.get(Attr.CONNECTION_IDENTIFIER) == leg.grant.connection_id
    ]


def next_offer(relay: ForeignRelay, leg: Leg) -> Message:
    wait(leg, lambda: len(offers(relay, leg)) > 0, 'an offer came')
    return offers(relay, leg)[-1]


def counter_offer(
    leg: Leg, index: int, claimed: Optional[Address] = None, tenant: str = 'default'
) -> Outgoing:
    """The foreign relay's offer: it observed FAR, and its peer claims what the leg was told."""
    identifier = leg.grant.connection_id
    return offer(tenant, identifier, 1, FAR, claimed or leg.mapped, index)


def ask(
    relay: ForeignRelay, out: Outgoing, seconds: float = 20, home: str = HOME
) -> Message:
    """Sends a request every half second until it is answered."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        relay.say(home, out)
        pause = time.monotonic() + 0.5
        while time.monotonic() < pause:
            for kind in (Kind.SUCCESS, Kind.ERROR):
                found = relay.messages(kind, Method(out.method), out.transaction_id)
                if found:
                    return found[-1]
            time.sleep(0.01)
    raise AssertionError(f'no answer on the trunk to {Method(out.method).name}')


def ignored(relay: ForeignRelay, datagram: bytes, transaction_id: bytes) -> None:
    """A control message that must not be answered."""
    relay.send(HOME, datagram)
    time.sleep(0.4)
    answers = [one for one in list(relay.control) if one.transaction_id == transaction_id]
    equal([str(one) for one in answers], [], 'answers')


@dataclass
class Session:
    """An established connection between a leg at a-1 and the foreign relay."""

    relay: ForeignRelay
    leg: Leg
    connecting: Exchange
    mine: int
    """What a-1 writes into records to the foreign relay."""
    theirs: int
    """What the foreign relay writes into records to a-1."""

    def alive(self, lane: int = 200) -> None:
        """A record each way."""
        seen, got = len(self.relay.data), len(self.leg.received)
        self.leg.send(b'outward')
        self.relay.send_records(HOME, self.record(b'inward'), lane=lane)
        wait(
            self.leg,
            lambda: len(self.relay.data) > seen and len(self.leg.received) > got,
            'data flows both ways',
        )

    def record(self, payload: bytes, sequence: int = 0) -> Record:
        return Record(self.theirs, payload, sequence)

    def delivers(self, wanted: List[bytes], what: str = 'payloads') -> None:
        """The leg receives these, and nothing else, since the last time."""
        run([self.leg.endpoint], lambda: len(self.leg.received) >= len(wanted), WAIT_SECONDS)
        settle([self.leg.endpoint], 0.4)
        found = self.leg.received
        self.leg.endpoint.data.clear()
        equal(found, wanted, what)


def establish(
    relay: ForeignRelay, leg: Leg, mine: int = 0x1234ABCD, tenant: str = 'default'
) -> Session:
    connecting = leg.begin_connect(FAR)
    request = next_offer(relay, leg)
    answer = ask(relay, counter_offer(leg, mine, tenant=tenant))
    equal(answer.kind, Kind.SUCCESS, 'answer to the offer')
    equal(
        answer.number(Attr.SESSION_INDEX),
        request.number(Attr.SESSION_INDEX),
        'SESSION-INDEX in the offer and in the answer',
    )
    # Offers repeat while our answer may still be under way; each gets the same one.
    for again in offers(relay, leg):
        relay.say(HOME, accept(again, mine))
    wait(leg, lambda: connecting.answer is not None, 'the peer was answered')
    take_channel(leg, connecting)
    return Session(relay, leg, connecting, mine, answer.number(Attr.SESSION_INDEX))
