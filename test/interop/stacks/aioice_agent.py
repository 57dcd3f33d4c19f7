"""An agent of aioice: `aioice_agent.py TASK`. It talks by datagrams, without a data channel."""
import asyncio
import json
import re
import sys

import aioice
from echo import RESEND_SECONDS, Sender


def say(message):
    print(json.dumps(message), flush=True)


async def hear():
    line = await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    return json.loads(line)


async def gather(role, server):
    host, port = re.fullmatch(r"turn:([^:]*):(\d+).*", server["urls"]).groups()
    connection = aioice.Connection(
        ice_controlling=role == "offer",
        components=1,
        turn_server=(host, int(port)),
        turn_username=server["username"],
        turn_password=server["credential"],
    )
    await connection.gather_candidates()
    # There is no policy in aioice that keeps it from other ways than the relay.
    connection._protocols = [
        each for each in connection._protocols if each.local_candidate.type == "relay"
    ]
    return connection


def describe(connection):
    candidates = [
        f"candidate:{each.to_sdp()}" for each in connection.local_candidates if each.type == "relay"
    ]
    say(
        {
            "description": {
                "ufrag": connection.local_username,
                "pwd": connection.local_password,
                "candidates": candidates,
            }
        }
    )


async def take_description(connection):
    description = (await hear())["description"]
    connection.remote_username = description["ufrag"]
    connection.remote_password = description["pwd"]
    for line in description["candidates"]:
        candidate = aioice.Candidate.from_sdp(line.removeprefix("candidate:"))
        await connection.add_remote_candidate(candidate)
    await connection.add_remote_candidate(None)


async def echo(connection):
    while True:
        await connection.send(await connection.recv())


async def send(connection, length):
    outgoing = asyncio.Queue()
    sender = Sender(length, outgoing.put_nowait)

    async def transmit():
        while True:
            await connection.send(await outgoing.get())

    async def receive():
        while not sender.done:
            sender.take(await connection.recv())

    async def resend():
        while True:
            await asyncio.sleep(RESEND_SECONDS)
            sender.resend()

    tasks = [asyncio.create_task(transmit()), asyncio.create_task(resend())]
    sender.start()
    await receive()
    for each in tasks:
        each.cancel()
    say(sender.verdict())


async def main(role, server, bytes):
    connection = await gather(role, server)
    if role == "offer":
        describe(connection)
        await take_description(connection)
        await connection.connect()
        await send(connection, bytes)
        await hear()
    else:
        await take_description(connection)
        describe(connection)
        await connection.connect()
        echoing = asyncio.create_task(echo(connection))
        await hear()
        echoing.cancel()
    await connection.close()
    say({"closed": True})


asyncio.run(main(**json.loads(sys.argv[1])))
