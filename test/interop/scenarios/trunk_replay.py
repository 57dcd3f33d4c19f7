"""Recorded control messages: PROTOCOL.md section 3, from the other relay's side."""

from __future__ import annotations

from peer.endpoint import settle
from peer.relay import ForeignRelay
from peer.stun import Attr, Kind, Method

from .foreign import HOME, ask, counter_offer, establish, foreign, reserved, wait
from .harness import World, equal, scenario, silent, success
from .trunk_close import close_by

FIRST, SECOND = 0x0BADCAFE, 0x0BADCAFF


def counting(relay: ForeignRelay) -> None:
    """From here on it is a relay that knows CONTROL-SEQUENCE."""
    relay.trunks[HOME].counts = True


@scenario('trunk: what a relay that counts said of one connection ends no later one')
def recorded(world: World) -> None:
    with foreign(world) as relay:
        leg = reserved(world, relay)
        counting(relay)
        establish(relay, leg, FIRST).alive()
        trunk = relay.trunks[HOME]
        offered, closing = counter_offer(leg, FIRST), close_by(leg, 1)
        recording = [trunk.sign(offered)]
        relay.send(HOME, recording[0])
        recording.append(trunk.sign(closing))
        relay.send(HOME, recording[1])
        wait(leg, lambda: len(leg.endpoint.indications) > 0, 'Closed came')
        leg.endpoint.indications.clear()
        leg.endpoint.exchanges.clear()
        relay.control.clear()
        success(leg.allocate())
        session = establish(relay, leg, SECOND)
        session.alive()
        leg.endpoint.data.clear()
        for datagram in recording * 2:
            relay.send(HOME, datagram)
        settle([leg.endpoint], 0.5)
        silent(leg.endpoint)
        session.alive()
        done = relay.messages(Kind.SUCCESS, Method.REFRESH, closing.transaction_id)
        equal(len(done) >= 2, True, 'a recorded close is answered')


@scenario('trunk: a request for another start is answered 438 and not carried out')
def other_start(world: World) -> None:
    with foreign(world) as relay:
        leg = reserved(world, relay)
        counting(relay)
        session = establish(relay, leg)
        trunk = relay.trunks[HOME]
        right = trunk.other_start
        trunk.other_start = right - 1
        closing = close_by(leg, 1)
        datagram = trunk.sign(closing)
        trunk.other_start = right
        relay.send(HOME, datagram)
        wait(
            leg,
            lambda: len(relay.messages(Kind.ERROR, Method.REFRESH, closing.transaction_id)) > 0,
            'an answer',
        )
        answer = relay.messages(Kind.ERROR, Method.REFRESH, closing.transaction_id)[0]
        equal((answer.error(), answer.number(Attr.RELAY_START)), (438, right))
        equal(len(answer.data) <= len(datagram), True, 'no longer than the request')
        session.alive()
        equal(ask(relay, close_by(leg, 1)).kind, Kind.SUCCESS)
