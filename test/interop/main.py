"""Runs every scenario against the system that the first argument describes (JSON).

Writes lines of JSON: the names of all scenarios, then a result for each as it ends. Lines on
standard input answer what scenarios ask of the test.
"""

from __future__ import annotations

import json
import sys
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

from scenarios import (  # noqa: F401 - each registers its scenarios
    authentication,
    closing,
    connections,
    data,
    directory,
    families,
    hostile,
    limits,
    registration,
    replay,
    requests,
    restart,
    slow,
    trunk_bind,
    trunk_close,
    trunk_control,
    trunk_data,
    trunk_offers,
    trunk_replay,
    vectors,
)
from scenarios.harness import SCENARIOS, Control, Scenario, World

SLOW_AT_ONCE = 8
QUICK_AT_ONCE = 8


def read_world(text: str, control: Control) -> World:
    told = json.loads(text)
    relays = {
        name: {
            kind: [(one['address'], one['port']) for one in addresses]
            for kind, addresses in kinds.items()
        }
        for name, kinds in told['relays'].items()
    }
    secret = bytes.fromhex(told['clusterSecret'])
    turn = tuple(told['turnUser']), tuple(told['relayPorts'])
    return World(told['directoryUrl'], told['apiKeys'], secret, relays, *turn, control)


def perform(one: Scenario, world: World) -> None:
    began = time.monotonic()
    result = {'name': one.name, 'ok': True}
    try:
        one.action(world)
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        where = [f'{frame.filename.rsplit("/", 1)[-1]}:{frame.lineno}' for frame in frames[1:]]
        result.update(ok=False, error=f'{type(error).__name__}: {error}', where=where)
    world.control.say({**result, 'seconds': round(time.monotonic() - began, 2)})


def main() -> None:
    control = Control()
    threading.Thread(target=control.listen, daemon=True).start()
    world = read_world(sys.argv[1], control)
    wanted = [one for one in SCENARIOS if all(word in one.name for word in sys.argv[2:])]
    control.say({'plan': [one.name for one in wanted]})
    with ThreadPoolExecutor(SLOW_AT_ONCE) as slow_ones, ThreadPoolExecutor(QUICK_AT_ONCE) as quick:
        for one in wanted:
            (slow_ones if one.slow else quick).submit(perform, one, world)


if __name__ == '__main__':
    main()
