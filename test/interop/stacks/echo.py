"""The datagrams that two ICE agents exchange: one sends numbered ones, the other echoes them."""
import hashlib

DATAGRAM_BYTES = 1000
NUMBER_BYTES = 4
#: Datagrams whose echoes are awaited at once.
WINDOW = 32
#: Time after which those without an echo are sent again, seconds.
RESEND_SECONDS = 0.3


class Sender:
    """Sends some bytes in datagrams, again until each has come back, and compares them."""

    def __init__(self, length, transmit):
        """`length` is in bytes; `transmit` sends a datagram."""
        self._transmit = transmit
        self._unsent = iter(range(-(-length // (DATAGRAM_BYTES - NUMBER_BYTES))))
        self._awaited = {}
        self._wrong = 0
        self.done = False

    def start(self):
        for _ in range(WINDOW):
            self._next()

    def _next(self):
        number = next(self._unsent, None)
        if number is not None:
            head = number.to_bytes(NUMBER_BYTES, "big")
            block = hashlib.sha256(head).digest()
            rest = DATAGRAM_BYTES - NUMBER_BYTES
            self._awaited[head] = head + (block * (rest // len(block) + 1))[:rest]
            self._transmit(self._awaited[head])
        self.done = not self._awaited

    def take(self, echo):
        """Takes a datagram from the other agent."""
        sent = self._awaited.pop(echo[:NUMBER_BYTES], None)
        if sent is None:
            return
        self._wrong += sent != echo
        self._next()

    def resend(self):
        """Sends again what has not come back; call it every RESEND_SECONDS."""
        for datagram in self._awaited.values():
            self._transmit(datagram)

    def verdict(self):
        """Returns the message that ends the exchange."""
        if self._wrong:
            return {"error": f"{self._wrong} datagrams came back changed"}
        return {"done": True}
