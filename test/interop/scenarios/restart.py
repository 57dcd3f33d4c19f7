"""A relay that dies and comes back: kill -9 of its process, and a new one on its ports."""

from __future__ import annotations

import time

from peer.endpoint import run, settle
from peer.overlay import connect

from .connections import joined
from .harness import LISTED_SECONDS, World, closed_with, refused, scenario, success, true

GONE_SECONDS = 15


def wait_listed(world: World) -> None:
    """Until the directory hands out c-1 again."""
    until = time.monotonic() + LISTED_SECONDS
    while time.monotonic() < until:
        _, listed = world.directory().call('GET', '/v1/relays')
        if any(relay['id'] == 'c-1' for relay in listed['relays']):
            return
        time.sleep(0.2)
    raise AssertionError(f'c-1 is not listed after {LISTED_SECONDS} s')


@scenario('a relay restarts: peers elsewhere get Closed 447, and can connect again', slow=True)
def restart(world: World) -> None:
    # The tuple sits first at the surviving relay and then at the one that dies.
    a, c = world.legs(('sha256', 'md5'), regions=('a', 'c'))
    connect(a, c)
    joined(a, c)
    world.control.ask('kill', 'c-1')
    world.control.ask('start', 'c-1')
    true(run([a.endpoint], lambda: len(a.closed()) > 0, GONE_SECONDS), 'Closed came')
    settle([a.endpoint])
    closed_with(a, 447)
    refused(a.refresh(600), 437, 'the leg is gone')
    refused(c.refresh(600), 437, 'at the restarted relay too')
    wait_listed(world)
    second = world.legs(regions=('c', 'a'))
    connect(*second)
    joined(*second)
    gone(world, *second[::-1])


def gone(world: World, a, c) -> None:
    """The relay is killed and stays away, under traffic."""
    world.control.ask('kill', 'c-1')
    until = time.monotonic() + GONE_SECONDS
    while time.monotonic() < until and not a.closed():
        a.send(b'anybody there?')
        settle([a.endpoint], 0.1)
    closed_with(a, 447)
    world.control.ask('start', 'c-1')
    wait_listed(world)
    third = world.legs(regions=('a', 'c'))
    connect(*third)
    success(third[0].refresh(0))
