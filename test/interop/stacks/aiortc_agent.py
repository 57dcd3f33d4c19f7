"""An agent of aiortc: `aiortc_agent.py TASK`. Its messages are those of data-channel.mjs."""
import asyncio
import hashlib
import json
import random
import sys

import aioice
from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCSessionDescription

MESSAGE_BYTES = 16_384
WAITING_BYTES_MAX = 262_144


def relay_only(gather):
    """aiortc knows no policy: what its ICE agent gathers besides the relay is left out."""

    async def gather_relayed(connection):
        await gather(connection)
        connection._protocols = [
            each for each in connection._protocols if each.local_candidate.type == "relay"
        ]
        connection._local_candidates = [
            each for each in connection._local_candidates if each.type == "relay"
        ]

    return gather_relayed


aioice.Connection.gather_candidates = relay_only(aioice.Connection.gather_candidates)


def say(message):
    print(json.dumps(message), flush=True)


async def hear():
    line = await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    return json.loads(line)


async def send(channel, length):
    opened = asyncio.Event()
    drained = asyncio.Event()
    answer = asyncio.get_running_loop().create_future()
    channel.bufferedAmountLowThreshold = WAITING_BYTES_MAX // 2
    channel.on("open", opened.set)
    channel.on("bufferedamountlow", drained.set)
    channel.on("message", answer.set_result)
    await opened.wait()
    content = random.Random(length).randbytes(length)
    for at in range(0, length, MESSAGE_BYTES):
        if channel.bufferedAmount > WAITING_BYTES_MAX:
            drained.clear()
            await drained.wait()
        channel.send(content[at : at + MESSAGE_BYTES])
    sent = hashlib.sha256(content).hexdigest()
    received = await answer
    if received != sent:
        raise SystemExit(f"sent {sent}, received {received}")


def receive(channel, length):
    content = bytearray()

    def take(message):
        content.extend(message)
        if len(content) == length:
            channel.send(hashlib.sha256(content).hexdigest())

    channel.on("message", take)


async def describe(connection, description):
    await connection.setLocalDescription(description)
    local = connection.localDescription
    say({"description": {"type": local.type, "sdp": local.sdp}})


async def main(role, server, bytes):
    connection = RTCPeerConnection(RTCConfiguration([RTCIceServer(**server)]))

    async def hear_description():
        description = RTCSessionDescription(**(await hear())["description"])
        await connection.setRemoteDescription(description)

    if role == "offer":
        channel = connection.createDataChannel("data")
        await describe(connection, await connection.createOffer())
        await hear_description()
        await send(channel, bytes)
        say({"done": True})
    else:
        connection.on("datachannel", lambda channel: receive(channel, bytes))
        await hear_description()
        await describe(connection, await connection.createAnswer())
    await hear()
    await connection.close()
    say({"closed": True})


asyncio.run(main(**json.loads(sys.argv[1])))
