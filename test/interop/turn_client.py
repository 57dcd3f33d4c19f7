"""Two ICE agents of aioice that see each other through TURN servers alone.

Arguments: the IP address and port of the server, a username and a password; then, if the second
agent has another server, its IP address and port. Prints the number of echoed messages.
"""
import asyncio
import sys

import aioice

MESSAGES = 20


async def agent(controlling):
    host, port, username, password, *other = sys.argv[1:]
    if other and not controlling:
        host, port = other
    connection = aioice.Connection(
        ice_controlling=controlling,
        components=1,
        turn_server=(host, int(port)),
        turn_username=username,
        turn_password=password,
    )
    await connection.gather_candidates()
    # There is no policy in aioice that keeps it from other ways than the relay.
    connection._protocols = [
        each for each in connection._protocols if each.local_candidate.type == "relay"
    ]
    return connection


async def tell(connection, other):
    connection.remote_username = other.local_username
    connection.remote_password = other.local_password
    for candidate in other.local_candidates:
        if candidate.type == "relay":
            await connection.add_remote_candidate(candidate)
    await connection.add_remote_candidate(None)


async def echo(connection):
    while True:
        await connection.send(b"echo of " + await connection.recv())


async def main():
    first, second = await asyncio.gather(agent(True), agent(False))
    await tell(first, second)
    await tell(second, first)
    await asyncio.gather(first.connect(), second.connect())
    echoing = asyncio.create_task(echo(second))
    for number in range(MESSAGES):
        await first.send(b"%d" % number)
        received = await first.recv()
        if received != b"echo of %d" % number:
            raise SystemExit(f"received {received}")
    echoing.cancel()
    await asyncio.gather(first.close(), second.close())
    print(MESSAGES)


asyncio.run(main())
