"""An agent of libnice: `libnice_agent.py TASK`. Its messages are those of aioice_agent.py.

The library is called by ctypes: its Python binding takes text where datagrams are bytes.
"""
import ctypes
import json
import os
import re
import sys
from ctypes import CFUNCTYPE, POINTER, c_char_p, c_int, c_uint, c_void_p

from echo import RESEND_SECONDS, Sender

COMPONENT = 1
# Constants of nice/agent.h and glib.
RFC5245 = 0
TURN_UDP = 0
READY = 4
FAILED = 5
G_IO_IN_OR_HUP = 17

nice = ctypes.CDLL("libnice.so.10")
glib = ctypes.CDLL("libglib-2.0.so.0")
gobject = ctypes.CDLL("libgobject-2.0.so.0")


class SList(ctypes.Structure):
    pass


SList._fields_ = [("data", c_void_p), ("next", POINTER(SList))]

RECEIVED = CFUNCTYPE(None, c_void_p, c_uint, c_uint, c_uint, POINTER(ctypes.c_char), c_void_p)
GATHERED = CFUNCTYPE(None, c_void_p, c_uint, c_void_p)
STATE_CHANGED = CFUNCTYPE(None, c_void_p, c_uint, c_uint, c_uint, c_void_p)
CLOSED = CFUNCTYPE(None, c_void_p, c_void_p, c_void_p)
TICK = CFUNCTYPE(c_int, c_void_p)
READABLE = CFUNCTYPE(c_int, c_int, c_int, c_void_p)

#: Return types and parameters of the functions that do not take only integers.
SIGNATURES = {
    nice: {
        "nice_agent_new": (c_void_p, c_void_p, c_int),
        "nice_agent_add_stream": (c_uint, c_void_p, c_uint),
        "nice_agent_set_relay_info": (
            *(c_int, c_void_p, c_uint, c_uint, c_char_p, c_uint, c_char_p, c_char_p, c_int),
        ),
        "nice_agent_attach_recv": (c_int, c_void_p, c_uint, c_uint, c_void_p, RECEIVED, c_void_p),
        "nice_agent_gather_candidates": (c_int, c_void_p, c_uint),
        "nice_agent_get_local_credentials": (
            *(c_int, c_void_p, c_uint, POINTER(c_char_p), POINTER(c_char_p)),
        ),
        "nice_agent_set_remote_credentials": (c_int, c_void_p, c_uint, c_char_p, c_char_p),
        "nice_agent_get_local_candidates": (POINTER(SList), c_void_p, c_uint, c_uint),
        "nice_agent_generate_local_candidate_sdp": (c_char_p, c_void_p, c_void_p),
        "nice_agent_parse_remote_candidate_sdp": (c_void_p, c_void_p, c_uint, c_char_p),
        "nice_agent_set_remote_candidates": (c_int, c_void_p, c_uint, c_uint, POINTER(SList)),
        "nice_agent_send": (c_int, c_void_p, c_uint, c_uint, c_uint, c_char_p),
        "nice_agent_close_async": (None, c_void_p, CLOSED, c_void_p),
    },
    glib: {
        "g_main_loop_new": (c_void_p, c_void_p, c_int),
        "g_main_loop_run": (None, c_void_p),
        "g_main_loop_quit": (None, c_void_p),
        "g_slist_append": (POINTER(SList), POINTER(SList), c_void_p),
        "g_timeout_add": (c_uint, c_uint, TICK, c_void_p),
        "g_unix_fd_add": (c_uint, c_int, c_int, READABLE, c_void_p),
    },
    gobject: {
        "g_object_set": (None, c_void_p, c_char_p, c_int, c_void_p),
        "g_signal_connect_data": (
            *(ctypes.c_ulong, c_void_p, c_char_p, c_void_p, c_void_p, c_void_p, c_int),
        ),
    },
}
for library, functions in SIGNATURES.items():
    for name, (result, *parameters) in functions.items():
        getattr(library, name).restype = result
        getattr(library, name).argtypes = parameters


def say(message):
    print(json.dumps(message), flush=True)


class Agent:
    """An agent and the order of its steps, each of which is an event of the loop."""

    def __init__(self, role, server, bytes):
        self._offers = role == "offer"
        self._loop = glib.g_main_loop_new(None, False)
        self._callbacks = []
        self._unread = b""
        self._agent = nice.nice_agent_new(None, RFC5245)
        for name, value in (
            ("controlling-mode", self._offers),
            ("force-relay", True),
            ("ice-tcp", False),
            ("upnp", False),
        ):
            gobject.g_object_set(self._agent, name.encode(), value, None)
        self._stream = nice.nice_agent_add_stream(self._agent, 1)
        host, port = re.fullmatch(r"turn:([^:]*):(\d+).*", server["urls"]).groups()
        user, password = server["username"].encode(), server["credential"].encode()
        nice.nice_agent_set_relay_info(
            self._agent, self._stream, COMPONENT, host.encode(), int(port), user, password, TURN_UDP
        )
        self._sender = Sender(bytes, self._send)
        self._connect("candidate-gathering-done", GATHERED, lambda *_: self._gathered())
        self._connect(
            "component-state-changed", STATE_CHANGED, lambda _, __, ___, state, ____: self._at(state)
        )
        nice.nice_agent_attach_recv(
            self._agent, self._stream, COMPONENT, None, self._kept(RECEIVED, self._received), None
        )
        self._started = False

    def _kept(self, kind, function):
        """Keeps a callback from being freed while the library has it."""
        callback = kind(function)
        self._callbacks.append(callback)
        return callback

    def _connect(self, signal, kind, function):
        callback = ctypes.cast(self._kept(kind, function), c_void_p)
        gobject.g_signal_connect_data(self._agent, signal.encode(), callback, None, None, 0)

    def run(self):
        if self._offers:
            nice.nice_agent_gather_candidates(self._agent, self._stream)
        glib.g_unix_fd_add(0, G_IO_IN_OR_HUP, self._kept(READABLE, self._readable), None)
        glib.g_main_loop_run(self._loop)

    def _gathered(self):
        if self._offers:
            self._describe()
        else:
            self._take(self._description)
            self._describe()

    def _describe(self):
        ufrag, pwd = c_char_p(), c_char_p()
        nice.nice_agent_get_local_credentials(
            self._agent, self._stream, ctypes.byref(ufrag), ctypes.byref(pwd)
        )
        candidates = []
        each = nice.nice_agent_get_local_candidates(self._agent, self._stream, COMPONENT)
        while each:
            line = nice.nice_agent_generate_local_candidate_sdp(self._agent, each.contents.data)
            candidates.append(line.decode().removeprefix("a="))
            each = each.contents.next
        local = {"ufrag": ufrag.value.decode(), "pwd": pwd.value.decode()}
        say({"description": {**local, "candidates": candidates}})

    def _take(self, description):
        ufrag, pwd = description["ufrag"].encode(), description["pwd"].encode()
        nice.nice_agent_set_remote_credentials(self._agent, self._stream, ufrag, pwd)
        candidates = None
        for line in description["candidates"]:
            candidate = nice.nice_agent_parse_remote_candidate_sdp(
                self._agent, self._stream, f"a={line}".encode()
            )
            candidates = glib.g_slist_append(candidates, candidate)
        nice.nice_agent_set_remote_candidates(self._agent, self._stream, COMPONENT, candidates)

    def _readable(self, *_):
        chunk = os.read(0, 65536)
        self._unread += chunk
        while b"\n" in self._unread:
            line, _, self._unread = self._unread.partition(b"\n")
            self._hear(json.loads(line))
        if not chunk:
            glib.g_main_loop_quit(self._loop)
        return bool(chunk)

    def _hear(self, message):
        if "close" in message:
            nice.nice_agent_close_async(self._agent, self._kept(CLOSED, self._closed), None)
        elif self._offers:
            self._take(message["description"])
        else:
            self._description = message["description"]
            nice.nice_agent_gather_candidates(self._agent, self._stream)

    def _closed(self, *_):
        say({"closed": True})
        glib.g_main_loop_quit(self._loop)

    def _at(self, state):
        if state == FAILED:
            say({"error": "no pair of candidates works"})
        if state == READY and self._offers and not self._started:
            self._started = True
            tick = self._kept(TICK, self._resend)
            glib.g_timeout_add(int(RESEND_SECONDS * 1000), tick, None)
            self._sender.start()

    def _resend(self, _):
        self._sender.resend()
        return not self._sender.done

    def _send(self, datagram):
        nice.nice_agent_send(self._agent, self._stream, COMPONENT, len(datagram), datagram)

    def _received(self, _, __, ___, length, buffer, ____):
        datagram = buffer[:length]
        if not self._offers:
            self._send(datagram)
        elif not self._sender.done:
            self._sender.take(datagram)
            if self._sender.done:
                say(self._sender.verdict())


Agent(**json.loads(sys.argv[1])).run()
