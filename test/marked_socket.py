"""A UDP socket that sets and reports the traffic class of its datagrams, for marked-socket.ts.

Takes an IP address to bind to. Prints the port, then a line for each datagram that it receives:
its traffic class, its source's port and address, its bytes in hexadecimal. Sends what it reads, in
lines of the same form with the destination's port and address.
"""

import socket
import struct
import sys
import threading

IPV6_RECVTCLASS = 66
BYTES_MAX = 65_536


def receive(bound, is_ipv4):
    kind = (
        (socket.IPPROTO_IP, socket.IP_TOS)
        if is_ipv4
        else (socket.IPPROTO_IPV6, socket.IPV6_TCLASS)
    )
    while True:
        data, parts, _, source = bound.recvmsg(BYTES_MAX, 256)
        classes = [value[0] for level, name, value in parts if (level, name) == kind]
        print(classes[0], source[1], source[0], data.hex(), flush=True)


def send(bound, is_ipv4, line):
    traffic_class, port, address, data = line.rstrip("\n").split(" ")
    part = (
        (socket.IPPROTO_IP, socket.IP_TOS)
        if is_ipv4
        else (socket.IPPROTO_IPV6, socket.IPV6_TCLASS)
    )
    control = [(*part, struct.pack("i", int(traffic_class)))]
    bound.sendmsg([bytes.fromhex(data)], control, 0, (address, int(port)))


def main():
    is_ipv4 = ":" not in sys.argv[1]
    bound = socket.socket(socket.AF_INET if is_ipv4 else socket.AF_INET6, socket.SOCK_DGRAM)
    if is_ipv4:
        bound.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
    else:
        bound.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVTCLASS, 1)
    bound.bind((sys.argv[1], 0))
    print(bound.getsockname()[1], flush=True)
    threading.Thread(target=receive, args=(bound, is_ipv4), daemon=True).start()
    for line in sys.stdin:
        send(bound, is_ipv4, line)


main()
