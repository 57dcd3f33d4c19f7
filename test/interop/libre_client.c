// A client of libre, the library of baresip: `libre_client SERVER PORT LOCAL USERNAME PASSWORD`.
// Allocates, and sends datagrams of every length up to a bound to a socket of its own that echoes
// them: first in Send indications, then on a channel. Prints how many have come back of each kind.
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "re.h"

enum {
  kDatagrams = 64,
  kLifetimeSeconds = 600,
  // Room for what libre writes in front of a payload: the head of a Send indication. With more of
  // it, libre puts ChannelData into a Send indication to the server.
  kHeadBytes = 36,
};

static struct turnc* turn;
static struct udp_sock* peer;
static struct sa peer_address;
static bool on_channel;
static uint32_t returned;

static void Fail(const char* what, int error) {
  fprintf(stderr, "%s: %d\n", what, error);
  exit(1);
}

// The payload of the next datagram; its length is its number.
static uint8_t ByteAt(uint32_t number, uint32_t index) { return (uint8_t)(number * 31 + index); }

static void SendNext(void) {
  struct mbuf* buffer = mbuf_alloc(kHeadBytes + kDatagrams);
  buffer->pos = kHeadBytes;
  for (uint32_t i = 0; i <= returned; ++i) mbuf_write_u8(buffer, ByteAt(returned, i));
  buffer->pos = kHeadBytes;
  const int error = turnc_send(turn, &peer_address, buffer);
  if (error != 0) Fail("turnc_send", error);
  mem_deref(buffer);
}

static void OnPermission(void* arg) {
  (void)arg;
  SendNext();
}

static void OnChannel(void* arg) {
  (void)arg;
  on_channel = true;
  returned = 0;
  SendNext();
}

// Libre takes what comes from the server out of indications and channels before it calls this.
static void OnDatagram(const struct sa* from, struct mbuf* buffer, void* arg) {
  (void)arg;
  if (!sa_cmp(from, &peer_address, SA_ALL)) Fail("a datagram of another", 0);
  const size_t length = mbuf_get_left(buffer);
  if (length != returned + 1) Fail("a datagram of another length", (int)length);
  for (uint32_t i = 0; i < length; ++i) {
    if (mbuf_buf(buffer)[i] != ByteAt(returned, i)) Fail("a changed datagram", (int)length);
  }
  if (++returned < kDatagrams) return SendNext();
  printf("%s %u\n", on_channel ? "channel" : "indications", returned);
  if (on_channel) return re_cancel();
  const int error = turnc_add_chan(turn, &peer_address, OnChannel, NULL);
  if (error != 0) Fail("turnc_add_chan", error);
}

static void Echo(const struct sa* from, struct mbuf* buffer, void* arg) {
  (void)arg;
  udp_send(peer, from, buffer);
}

static void OnAllocation(int error, uint16_t code, const char* reason, const struct sa* relayed,
                         const struct sa* mapped, const struct stun_msg* message, void* arg) {
  (void)relayed;
  (void)mapped;
  (void)message;
  (void)arg;
  if (code != 0) {
    printf("%u %s\n", code, reason);
    return re_cancel();
  }
  if (error != 0) Fail("Allocate", error);
  error = turnc_add_perm(turn, &peer_address, OnPermission, NULL);
  if (error != 0) Fail("turnc_add_perm", error);
}

int main(int argc, char** argv) {
  if (argc != 6) Fail("arguments", argc);
  int error = libre_init();
  if (error != 0) Fail("libre_init", error);
  struct sa server, local;
  if (sa_set_str(&server, argv[1], (uint16_t)atoi(argv[2])) != 0) Fail("SERVER", 0);
  if (sa_set_str(&local, argv[3], 0) != 0) Fail("LOCAL", 0);
  struct udp_sock* socket;
  error = udp_listen(&socket, &local, OnDatagram, NULL);
  if (error == 0) error = udp_listen(&peer, &local, Echo, NULL);
  if (error == 0) error = udp_local_get(peer, &peer_address);
  if (error != 0) Fail("udp_listen", error);
  error = turnc_alloc(&turn, NULL, IPPROTO_UDP, socket, 0, &server, argv[4], argv[5],
                      kLifetimeSeconds, OnAllocation, NULL);
  if (error != 0) Fail("turnc_alloc", error);
  re_main(NULL);
  // Sends a Refresh with lifetime 0.
  mem_deref(turn);
  mem_deref(socket);
  mem_deref(peer);
  libre_close();
  return 0;
}
