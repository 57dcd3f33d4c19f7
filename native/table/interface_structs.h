// Memory that TypeScript writes and C++ reads, or the reverse. Made from src/native/interface.ts
// and counters.ts by `npm run build:interface`.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/interface.h"
#include "table/five_tuple.h"

namespace turnpike {

static_assert(sizeof(TransportAddress) == 18);
static_assert(offsetof(TransportAddress, ip) == 0);
static_assert(offsetof(TransportAddress, port) == 16);
static_assert(sizeof(FiveTuple) == 40);
static_assert(offsetof(FiveTuple, remote) == 0);
static_assert(offsetof(FiveTuple, local) == 18);
static_assert(offsetof(FiveTuple, handle) == 34);

// Scratch memory of a call about a flow: its 5-tuple, and the 5-tuple that it forwards to.
struct FlowCommand {
  FiveTuple tuple;
  FiveTuple to;
};
static_assert(sizeof(FlowCommand) == 80);
static_assert(offsetof(FlowCommand, tuple) == 0);
static_assert(offsetof(FlowCommand, to) == 40);

// Scratch memory of `openEndpoint`. Port 0 selects a free port.
struct EndpointCommand {
  TransportAddress address;
  EndpointKind kind;
  uint8_t worker;
};
static_assert(sizeof(EndpointCommand) == 20);
static_assert(offsetof(EndpointCommand, address) == 0);
static_assert(offsetof(EndpointCommand, kind) == 18);
static_assert(offsetof(EndpointCommand, worker) == 19);

// Scratch memory of `putRemoteRelay`. Its lists follow without padding: `sources` as
// TRANSPORT_ADDRESS, `sendKeys` and `receiveKeys` as TRUNK_KEY, `paths` as TRUNK_PATH.
struct RemoteRelayCommand {
  FiveTuple path;
  uint16_t sources;
  uint16_t send_keys;
  uint16_t receive_keys;
  uint16_t records_max;
  uint16_t lane_offset;
  uint16_t bundle_bytes_max;
  uint32_t lanes_closed;
  uint16_t paths;
};
static_assert(sizeof(RemoteRelayCommand) == 60);
static_assert(offsetof(RemoteRelayCommand, path) == 0);
static_assert(offsetof(RemoteRelayCommand, sources) == 40);
static_assert(offsetof(RemoteRelayCommand, send_keys) == 42);
static_assert(offsetof(RemoteRelayCommand, receive_keys) == 44);
static_assert(offsetof(RemoteRelayCommand, records_max) == 46);
static_assert(offsetof(RemoteRelayCommand, lane_offset) == 48);
static_assert(offsetof(RemoteRelayCommand, bundle_bytes_max) == 50);
static_assert(offsetof(RemoteRelayCommand, lanes_closed) == 52);
static_assert(offsetof(RemoteRelayCommand, paths) == 56);

// A trunk key (PROTOCOL.md section 4) and its day.
struct TrunkKeyEntry {
  uint16_t epoch;
  uint8_t key[16];
};
static_assert(sizeof(TrunkKeyEntry) == 18);
static_assert(offsetof(TrunkKeyEntry, epoch) == 0);
static_assert(offsetof(TrunkKeyEntry, key) == 2);

// A path to a relay: its address, the local trunk socket, and whether this relay's probes are
// answered on it.
struct TrunkPathEntry {
  TransportAddress remote;
  uint16_t socket;
  Heard heard;
  uint8_t reserved;
};
static_assert(sizeof(TrunkPathEntry) == 22);
static_assert(offsetof(TrunkPathEntry, remote) == 0);
static_assert(offsetof(TrunkPathEntry, socket) == 18);
static_assert(offsetof(TrunkPathEntry, heard) == 20);
static_assert(offsetof(TrunkPathEntry, reserved) == 21);

// Header of a punted datagram. Its bytes follow, padded to a multiple of 8.
struct PuntedDatagram {
  PuntKind kind;
  uint8_t worker;
  uint16_t remote_port;
  uint16_t data_bytes;
  uint16_t reserved;
  uint64_t handle;
  IpAddress remote;
  IpAddress local;
};
static_assert(sizeof(PuntedDatagram) == 48);
static_assert(offsetof(PuntedDatagram, kind) == 0);
static_assert(offsetof(PuntedDatagram, worker) == 1);
static_assert(offsetof(PuntedDatagram, remote_port) == 2);
static_assert(offsetof(PuntedDatagram, data_bytes) == 4);
static_assert(offsetof(PuntedDatagram, reserved) == 6);
static_assert(offsetof(PuntedDatagram, handle) == 8);
static_assert(offsetof(PuntedDatagram, remote) == 16);
static_assert(offsetof(PuntedDatagram, local) == 32);

// A punted event. `number` is the probe's number, the unbound session index, or the number of a
// move. `heard`, `received`, `remotePort`, `socket` and `remote` are set for path probes only,
// `rttNs` for all probes.
struct PuntedEvent {
  PuntKind kind;
  Heard heard;
  uint8_t received;
  uint8_t reserved;
  uint32_t relay_index;
  uint32_t number;
  uint16_t remote_port;
  uint16_t socket;
  uint64_t rtt_ns;
  IpAddress remote;
};
static_assert(sizeof(PuntedEvent) == 40);
static_assert(offsetof(PuntedEvent, kind) == 0);
static_assert(offsetof(PuntedEvent, heard) == 1);
static_assert(offsetof(PuntedEvent, received) == 2);
static_assert(offsetof(PuntedEvent, reserved) == 3);
static_assert(offsetof(PuntedEvent, relay_index) == 4);
static_assert(offsetof(PuntedEvent, number) == 8);
static_assert(offsetof(PuntedEvent, remote_port) == 12);
static_assert(offsetof(PuntedEvent, socket) == 14);
static_assert(offsetof(PuntedEvent, rtt_ns) == 16);
static_assert(offsetof(PuntedEvent, remote) == 24);

// A response or event of an endpoint. `port` is the bound port, or that of `remote` for an ICMP
// error. `icmpInfo` is the MTU if a datagram was too long. `status` and `errorNumber` tell why an
// endpoint was not opened, or ended.
struct EndpointReport {
  PuntKind kind;
  StatusCode status;
  uint8_t icmp_type;
  uint8_t icmp_code;
  uint32_t error_number;
  uint64_t handle;
  uint32_t icmp_info;
  uint16_t port;
  uint16_t reserved;
  IpAddress remote;
};
static_assert(sizeof(EndpointReport) == 40);
static_assert(offsetof(EndpointReport, kind) == 0);
static_assert(offsetof(EndpointReport, status) == 1);
static_assert(offsetof(EndpointReport, icmp_type) == 2);
static_assert(offsetof(EndpointReport, icmp_code) == 3);
static_assert(offsetof(EndpointReport, error_number) == 4);
static_assert(offsetof(EndpointReport, handle) == 8);
static_assert(offsetof(EndpointReport, icmp_info) == 16);
static_assert(offsetof(EndpointReport, port) == 20);
static_assert(offsetof(EndpointReport, reserved) == 22);
static_assert(offsetof(EndpointReport, remote) == 24);

}  // namespace turnpike
