"""An agent of GStreamer: `gstreamer_agent.py TASK`. Its messages are those of data-channel.mjs."""
import hashlib
import json
import random
import sys
import threading

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

MESSAGE_BYTES = 16_384
WAITING_BYTES_MAX = 262_144
POLL_MS = 4


def say(message):
    print(json.dumps(message), flush=True)


class Agent:
    """A peer connection with one data channel, in the main loop of GLib."""

    def __init__(self, role, server, bytes):
        self._is_offering = role == "offer"
        self._length = bytes
        self._content = bytearray()
        self._sent = 0
        self.loop = GLib.MainLoop()
        self._pipeline = Gst.Pipeline()
        self._connection = Gst.ElementFactory.make("webrtcbin")
        self._connection.set_property("bundle-policy", "max-bundle")
        self._connection.set_property("ice-transport-policy", "relay")
        host = server["urls"].removeprefix("turn:")
        user = f"{server['username']}:{server['credential']}"
        self._connection.set_property("turn-server", f"turn://{user}@{host}")
        self._connection.connect("notify::ice-gathering-state", lambda *_: self._gathered())
        self._connection.connect("on-data-channel", lambda _, channel: self._receive(channel))
        self._pipeline.add(self._connection)
        self._pipeline.set_state(Gst.State.PLAYING)
        if self._is_offering:
            self._send(self._connection.emit("create-data-channel", "data", None))
            self._describe("offer")

    def _describe(self, kind):
        def created(promise):
            # The reply has to outlive the description, which is a view of it.
            reply = promise.get_reply()
            self._connection.emit("set-local-description", reply.get_value(kind), None)

        self._connection.emit(f"create-{kind}", None, Gst.Promise.new_with_change_func(created))

    def _gathered(self):
        state = self._connection.get_property("ice-gathering-state")
        if state != GstWebRTC.WebRTCICEGatheringState.COMPLETE:
            return
        local = self._connection.get_property("local-description")
        kind = "offer" if self._is_offering else "answer"
        say({"description": {"type": kind, "sdp": local.sdp.as_text()}})

    def hear(self, message):
        """Takes a message of the test."""
        description = message.get("description")
        if description is None:
            self._pipeline.set_state(Gst.State.NULL)
            say({"closed": True})
            self.loop.quit()
            return
        _, sdp = GstSdp.SDPMessage.new_from_text(description["sdp"])
        kind = GstWebRTC.WebRTCSDPType
        remote = GstWebRTC.WebRTCSessionDescription.new(
            kind.ANSWER if self._is_offering else kind.OFFER, sdp
        )

        def taken(_):
            if not self._is_offering:
                self._describe("answer")

        promise = Gst.Promise.new_with_change_func(taken)
        self._connection.emit("set-remote-description", remote, promise)

    def _send(self, channel):
        content = random.Random(self._length).randbytes(self._length)

        def go_on():
            while self._sent < self._length:
                if channel.get_property("buffered-amount") > WAITING_BYTES_MAX:
                    return True
                block = content[self._sent : self._sent + MESSAGE_BYTES]
                channel.emit("send-data", GLib.Bytes.new(block))
                self._sent += len(block)
            return False

        def answered(_, answer):
            sent = hashlib.sha256(content).hexdigest()
            say({"done": True} if answer == sent else {"error": f"sent {sent}, not {answer}"})

        channel.connect("on-open", lambda _: GLib.timeout_add(POLL_MS, go_on))
        channel.connect("on-message-string", answered)
        self._channel = channel

    def _receive(self, channel):
        def take(_, block):
            self._content.extend(block.get_data())
            if len(self._content) == self._length:
                channel.emit("send-string", hashlib.sha256(self._content).hexdigest())

        channel.connect("on-message-data", take)
        self._channel = channel


def listen(agent):
    for line in sys.stdin:
        GLib.idle_add(agent.hear, json.loads(line))
    GLib.idle_add(agent.loop.quit)


Gst.init(None)
agent = Agent(**json.loads(sys.argv[1]))
threading.Thread(target=listen, args=[agent], daemon=True).start()
agent.loop.run()
