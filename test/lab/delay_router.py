"""Delays and drops the packets that a network namespace forwards, for delays.ts.

Makes a TUN device of the name in its argument, and prints a line once it has. The lab routes to the
device what the namespace is to forward. Each line of its input is JSON, a list of paths that
replaces the former ones:
[{"from": ["192.0.2.10"], "to": ["192.0.2.11"], "delayMs": 10, "jitterMs": 1, "loss": 0.1}].
A path holds for packets from any of the one addresses to any of the others. Other packets pass at
once. Ends at the end of its input.
"""

import fcntl
import heapq
import ipaddress
import itertools
import json
import os
import random
import select
import struct
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TUN = 0x0001
IFF_NO_PI = 0x1000
PACKET_BYTES_MAX = 65_536
HELD_MAX = 50_000

# The same losses and delays in each run that sends the same packets.
chance = random.Random(1)
order = itertools.count()


def open_device(name):
    # Without offloads, the kernel cuts what it writes to the device into packets with checksums.
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return device


def paths_of(line):
    paths = {}
    for path in json.loads(line):
        terms = (path["delayMs"] / 1e3, path.get("jitterMs", 0) / 1e3, path.get("loss", 0))
        for source in path["from"]:
            for target in path["to"]:
                ends = ipaddress.ip_address(source).packed + ipaddress.ip_address(target).packed
                paths[ends] = terms
    return paths


def ends_of(packet):
    return packet[12:20] if packet[0] >> 4 == 4 else packet[8:40]


def take(device, paths, held):
    """Reads all packets that wait, and holds those that are not lost."""
    while True:
        try:
            packet = os.read(device, PACKET_BYTES_MAX)
        except BlockingIOError:
            return
        delay, jitter, loss = paths.get(ends_of(packet), (0, 0, 0))
        if loss > 0 and chance.random() < loss:
            continue
        if len(held) < HELD_MAX:
            due = time.monotonic() + delay + jitter * chance.random()
            heapq.heappush(held, (due, next(order), packet))


def release(device, held):
    """Sends the packets whose time has come. Returns the time until the next, None without one."""
    while held:
        wait = held[0][0] - time.monotonic()
        if wait > 0:
            return wait
        packet = heapq.heappop(held)[2]
        try:
            os.write(device, packet)
        except OSError:
            pass  # As a router does, that has no route or no room.
    return None


def main():
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except OSError:
        pass  # Then a busy machine adds to the delays.
    device = open_device(sys.argv[1])
    print("ready", flush=True)
    paths, held, wait = {}, [], None
    pending = b""
    while True:
        readable, _, _ = select.select([device, 0], [], [], wait)
        if 0 in readable:
            read = os.read(0, PACKET_BYTES_MAX)
            if not read:
                return
            *lines, pending = (pending + read).split(b"\n")
            for line in lines:
                paths = paths_of(line)
                print("taken", flush=True)
        if device in readable:
            take(device, paths, held)
        wait = release(device, held)


main()
