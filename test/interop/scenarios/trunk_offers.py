"""Offers that newer ones replace, and answers that come too late (PROTOCOL.md section 3)."""

from __future__ import annotations

import time

from peer.endpoint import settle
from peer.relay import accept, refuse
from peer.stun import Attr, Kind, Method, Outgoing

from .foreign import (
    FAR,
    HOME,
    Session,
    ask,
    counter_offer,
    establish,
    foreign,
    next_offer,
    offers,
    reserved,
    wait,
)
from .harness import World, equal, refused, scenario, silent, success, true

MINE = 0x0FEDCBA9
ELSEWHERE = ('198.51.100.9', 999)
CLOSES = 6
"""RFC 8489 section 6.2.1 spaces requests so: at 0, 0.5, 1.5, 3.5, 7.5 and 15.5 s."""


@scenario('trunk: an answer to an offer that a newer one has replaced is ignored')
def replaced(world: World) -> None:
    with foreign(world) as relay:
        leg = reserved(world, relay)
        first = leg.begin_connect(ELSEWHERE)
        old = next_offer(relay, leg)
        equal(old.address(Attr.XOR_PEER_ADDRESS), ELSEWHERE)
        leg.endpoint.exchanges.remove(first)
        connecting = leg.begin_connect(FAR)
        wait(
            leg,
            lambda: offers(relay, leg)[-1].address(Attr.XOR_PEER_ADDRESS) == FAR,
            'the newer offer',
        )
        newer = offers(relay, leg)[-1]
        true(newer.transaction_id != old.transaction_id, 'a transaction of its own')
        equal(newer.get(Attr.SESSION_INDEX), old.get(Attr.SESSION_INDEX), 'and the same index')
        relay.say(HOME, refuse(old, 403))
        relay.say(HOME, accept(old, MINE))
        settle([leg.endpoint], 0.5)
        equal(connecting.answer, None)
        answer = ask(relay, counter_offer(leg, MINE))
        relay.say(HOME, accept(offers(relay, leg)[-1], MINE))
        wait(leg, lambda: connecting.answer is not None, 'the peer was answered')
        leg.channel = success(connecting).channel()
        Session(relay, leg, connecting, MINE, answer.number(Attr.SESSION_INDEX)).alive()


@scenario('trunk: of several offers before the Connect the newest counts')
def newest(world: World) -> None:
    with foreign(world) as relay:
        leg = reserved(world, relay)
        relay.say(HOME, counter_offer(leg, MINE - 1, claimed=ELSEWHERE))
        relay.say(HOME, counter_offer(leg, MINE))
        time.sleep(0.3)
        establish(relay, leg, MINE).alive()
        other = reserved(world, relay)
        relay.say(HOME, counter_offer(other, MINE))
        relay.say(HOME, counter_offer(other, MINE - 1, claimed=ELSEWHERE))
        time.sleep(0.3)
        connecting = other.begin_connect(FAR)
        wait(other, lambda: connecting.answer is not None, 'the peer was answered')
        refused(connecting, 403)


@scenario('trunk: an answer that nobody asked for is ignored')
def unasked(world: World) -> None:
    with foreign(world) as relay:
        session = establish(relay, reserved(world, relay))
        for kind in (Kind.SUCCESS, Kind.ERROR, Kind.INDICATION):
            for method in (Method.CONNECT, Method.REFRESH, Method.CLOSED):
                out = Outgoing(kind, method).u32(Attr.SESSION_INDEX, session.theirs)
                out.u32(Attr.LIFETIME, 0)
                relay.say(HOME, out.add(Attr.CONNECTION_IDENTIFIER, bytes(16)))
        relay.control.clear()
        settle([session.leg.endpoint], 0.4)
        silent(session.leg.endpoint)
        equal([str(message) for message in relay.control], [], 'what came back')
        session.alive()


@scenario('trunk: a close that is not answered is repeated, ever more seldom', slow=True)
def unanswered_close(world: World) -> None:
    with foreign(world) as relay:
        session = establish(relay, reserved(world, relay))
        success(session.leg.refresh(0))
        time.sleep(19)
        said = relay.messages(Kind.REQUEST, Method.REFRESH)
        equal(len(said), CLOSES)
        equal(len({message.transaction_id for message in said}), 1, 'transactions')
