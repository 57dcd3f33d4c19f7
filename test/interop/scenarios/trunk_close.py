"""How connections end between relays: PROTOCOL.md section 3, from the other relay's side."""

from __future__ import annotations

import time
from typing import List

from peer.endpoint import settle
from peer.overlay import Leg
from peer.relay import ForeignRelay, accept
from peer.stun import Attr, Kind, Message, Method, Outgoing

from .foreign import (
    FAR,
    HOME,
    Session,
    ask,
    counter_offer,
    establish,
    foreign,
    ignored,
    next_offer,
    offers,
    reserved,
    wait,
)
from .harness import World, closed_with, equal, refused, scenario, silent, success

MINE = 0x0BADCAFE


def close_by(leg: Leg, role: int, tenant: str = 'default') -> Outgoing:
    """The Refresh with which a relay closes the connection, naming its own peer's role."""
    out = Outgoing(Kind.REQUEST, Method.REFRESH).u32(Attr.LIFETIME, 0)
    out.text(Attr.TENANT, tenant)
    out.add(Attr.CONNECTION_IDENTIFIER, leg.grant.connection_id)
    return out.add(Attr.CONNECTION_ROLE, bytes([role, 0, 0, 0]))


@scenario('trunk: the other relay closes by name, and the peer gets Closed 437')
def close_by_name(world: World) -> None:
    with foreign(world) as relay:
        session = establish(relay, reserved(world, relay))
        leg = session.leg

        for out in (close_by(leg, 0), close_by(leg, 1, 'acme')):
            equal(ask(relay, out).kind, Kind.SUCCESS, 'answer, be it known or not')
            session.alive()
        equal(ask(relay, close_by(leg, 1)).kind, Kind.SUCCESS)
        wait(leg, lambda: len(leg.endpoint.indications) > 0, 'Closed came')
        closed_with(leg, 437)
        refused(leg.refresh(600), 437)
        equal(ask(relay, close_by(leg, 1)).kind, Kind.SUCCESS, 'answer to a repeat')


@scenario('trunk: the other relay closes by an index of its own')
def close_by_index(world: World) -> None:
    with foreign(world) as relay:
        session = establish(relay, reserved(world, relay), MINE)

        def refresh(index: int) -> Outgoing:
            out = Outgoing(Kind.REQUEST, Method.REFRESH).u32(Attr.LIFETIME, 0)
            return out.u32(Attr.SESSION_INDEX, index)

        equal(ask(relay, refresh(MINE ^ 0xFF)).kind, Kind.SUCCESS, 'an index that nobody has')
        session.alive()
        equal(ask(relay, refresh(MINE)).kind, Kind.SUCCESS)
        wait(session.leg, lambda: len(session.leg.endpoint.indications) > 0, 'Closed came')
        closed_with(session.leg, 437)


@scenario("trunk: the peer's close is said to the other relay until it is answered")
def peer_closes(world: World) -> None:
    with foreign(world) as relay:
        session = establish(relay, reserved(world, relay))
        leg = session.leg
        success(leg.refresh(0))
        wait(leg, lambda: len(relay.messages(Kind.REQUEST, Method.REFRESH)) >= 2, 'repeated')
        message = relay.messages(Kind.REQUEST, Method.REFRESH)[-1]
        equal(message.number(Attr.LIFETIME), 0)
        equal(message.text(Attr.TENANT), 'default')
        equal(message.get(Attr.CONNECTION_IDENTIFIER), leg.grant.connection_id)
        equal(message.get(Attr.CONNECTION_ROLE), bytes([leg.grant.role, 0, 0, 0]))
        relay.say(HOME, Outgoing(Kind.SUCCESS, Method.REFRESH, message.transaction_id))
        time.sleep(0.2)
        relay.control.clear()
        time.sleep(2.5)
        equal(relay.messages(Kind.REQUEST, Method.REFRESH), [], 'Refreshes after the answer')


@scenario('trunk: an offer with another index ends the old connection')
def new_leg(world: World) -> None:
    with foreign(world) as relay:
        session = establish(relay, reserved(world, relay), MINE)
        relay.say(HOME, counter_offer(session.leg, MINE + 1))
        wait(session.leg, lambda: len(session.leg.endpoint.indications) > 0, 'Closed came')
        closed_with(session.leg, 437)


@scenario('trunk: a later start ends all connections with 447, an earlier one is dropped')
def later_start(world: World) -> None:
    with foreign(world) as relay:
        sessions = [establish(relay, reserved(world, relay), MINE + i) for i in range(2)]
        out = counter_offer(sessions[0].leg, MINE)
        ignored(relay, relay.trunks[HOME].sign(out, relay.start - 1), out.transaction_id)
        for session in sessions:
            session.alive()
        # From now on a-1 seals probes for a start that this relay only claims to have.
        relay.expects_faults = True
        relay.say(HOME, Outgoing(Kind.REQUEST, Method.ALLOCATE), relay.start + 1)
        for session in sessions:
            leg = session.leg
            wait(leg, lambda: len(leg.endpoint.indications) > 0, 'Closed came')
            closed_with(leg, 447)
            refused(leg.refresh(600), 437)


@scenario('trunk: a relay that answers no probe under traffic is gone: 447', slow=True)
def gone(world: World) -> None:
    with foreign(world) as relay:
        session = establish(relay, reserved(world, relay))
        leg = session.leg
        # Without a connection it would be one a second.
        wait(leg, lambda: len(relay.probes_of(HOME)) >= 20, 'frequent probes')
        silent(leg.endpoint)
        relay.answers_probes = False
        until = time.monotonic() + 12
        while time.monotonic() < until and not leg.endpoint.indications:
            leg.send(b'traffic')
            settle([leg.endpoint], 0.1)
        closed_with(leg, 447)


@scenario("trunk: a peer's close while connecting is said where an offer was matched")
def close_while_connecting(world: World) -> None:
    with foreign(world) as relay:
        leg = reserved(world, relay)
        connecting = leg.begin_connect(FAR)
        request = next_offer(relay, leg)
        equal(ask(relay, counter_offer(leg, MINE)).kind, Kind.SUCCESS)
        success(leg.refresh(0))
        leg.endpoint.exchanges.remove(connecting)
        wait(leg, lambda: len(closes(relay, leg)) > 0, 'the close was said')
        message = closes(relay, leg)[-1]
        relay.say(HOME, Outgoing(Kind.SUCCESS, Method.REFRESH, message.transaction_id))
        time.sleep(0.3)
        relay.control.clear()
        relay.say(HOME, accept(request, MINE))
        wait(leg, lambda: len(closes(relay, leg)) > 0, 'the late success was answered')


@scenario("trunk: a close while connecting is not said of an offer alone, but to a late success")
def close_of_an_offer(world: World) -> None:
    with foreign(world) as relay:
        leg = reserved(world, relay)
        connecting = leg.begin_connect(FAR)
        request = next_offer(relay, leg)
        success(leg.refresh(0))
        leg.endpoint.exchanges.remove(connecting)
        time.sleep(0.3)
        equal(closes(relay, leg), [], 'closes before a success')
        relay.say(HOME, accept(request, MINE))
        wait(leg, lambda: len(closes(relay, leg)) > 0, 'the late success was answered')


def closes(relay: ForeignRelay, leg: Leg) -> List[Message]:
    """Refreshes with LIFETIME 0 that name the leg."""
    return [
        message
        for message in relay.messages(Kind.REQUEST, Method.REFRESH)
        if message.get(Attr.CONNECTION_IDENTIFIER) == leg.grant.connection_id
        and message.number(Attr.LIFETIME) == 0
    ]


@scenario('trunk: a close does not end a leg that is still connecting')
def close_forgets_offer(world: World) -> None:
    with foreign(world) as relay:
        leg = reserved(world, relay)
        connecting = leg.begin_connect(FAR)
        next_offer(relay, leg)
        equal(ask(relay, counter_offer(leg, MINE)).kind, Kind.SUCCESS)
        equal(ask(relay, close_by(leg, 1)).kind, Kind.SUCCESS)
        relay.control.clear()
        next_offer(relay, leg)
        equal(connecting.answer, None, 'the peer still waits')
        silent(leg.endpoint)
        answer = ask(relay, counter_offer(leg, MINE + 1))
        equal(answer.kind, Kind.SUCCESS)
        relay.say(HOME, accept(offers(relay, leg)[-1], MINE + 1))
        wait(leg, lambda: connecting.answer is not None, 'the peer was answered')
        leg.channel = success(connecting).channel()
        Session(relay, leg, connecting, MINE + 1, answer.number(Attr.SESSION_INDEX)).alive()


@scenario('trunk: a session index is not used again at once')
def index_rest(world: World) -> None:
    with foreign(world) as relay:
        used = []
        for number in range(3):
            session = establish(relay, reserved(world, relay), MINE + number)
            used.append(session.theirs)
            success(session.leg.refresh(0))
            relay.control.clear()
        equal(len(set(used)), len(used), f'different indexes of {used}')
