/** A client of STUN or TURN that was tried by hand. */
interface TriedClient {
  readonly name: string;
  readonly version: string;
  readonly result: string;
}

/**
 * Clients that were tried once, by hand, with one server, and what came of it. Those that `npm
 * test` or `npm run test:interop` runs are not among them.
 */
export const TRIED_CLIENTS: readonly TriedClient[] = [
  {
    name: 'baresip (Debian)',
    version: '1.0.0-4+b3',
    result: 'calls with `medianat=turn` and `medianat=ice`; audio both ways by the relay',
  },
  {
    name: 'Qt WebEngine 5.15 (Debian; Chromium 87)',
    version: '5.15.6-1 (PyQt)',
    result: 'a data channel by relays alone',
  },
  {
    name: 'pion/turn (Debian; Go)',
    version: '2.1.0-1',
    result: 'every datagram came back. Its client takes IPv4 servers alone',
  },
  {
    name: 'p1_stun (Debian; Erlang, of ejabberd and eturnal)',
    version: '1.2.7-1',
    result:
      'its codec makes and reads every message of Allocate, CreatePermission, ChannelBind and ' +
      'Refresh, and proves their integrity; data both ways by indications and on a channel',
  },
  {
    name: 'werift (npm)',
    version: '0.25.2',
    result: 'data channels with itself and with wrtc',
  },
  {
    name: 'werift-ice, simple-peer with wrtc (npm)',
    version: '0.2.3, 9.11.1',
    result: 'two of each by relays alone; every message came back',
  },
  {
    name: '@roamhq/wrtc, @avahq/wrtc-linux-x64 (npm; older libwebrtc)',
    version: '0.8.0, 0.7.3',
    result: 'data channels with each other, with GStreamer and with node-datachannel',
  },
  {
    name: 'turn-js (npm)',
    version: '0.7.0',
    result: 'every datagram came back, by indications and on a channel; Refresh',
  },
  {
    name: 'Linphone (Debian; mediastreamer)',
    version: '5.1.65-4',
    result:
      'a call with audio both ways, on channels of two allocations each. The TURN server has to ' +
      'be that of an account: without one it does not answer the challenge',
  },
  {
    name: 'pjnath (PJSIP): pjturn-client, icedemo',
    version: '2.17-dev',
    result:
      'data both ways by indications and on a channel; two ICE agents by relays alone, also ' +
      'where a peer of one CreatePermission is refused: they ask for each alone',
  },
  {
    name: 'Janus (Debian)',
    version: '1.1.2-1',
    result: "a data channel between its relayed candidate and wrtc's",
  },
  {
    name: 'pion/ice (Debian; Go)',
    version: '2.3.1-1',
    result: 'two agents by relays alone; every datagram came back',
  },
  {
    name: 'ex_turn (Elixir)',
    version: '0.2.1',
    result: 'data both ways by indications and on a channel; Refresh',
  },
  {
    name: 'turn-server (npm), its client',
    version: '0.6.6',
    result:
      'does not work: it sends PASSWORD-ALGORITHM without PASSWORD-ALGORITHMS, which RFC 8489 ' +
      'section 9.2.4 has a server answer 400',
  },
  {
    name: 'turnutils_stunclient, pion/stun, stun, @msimerson/stun, vs-stun, webrtc-stun, aiostun',
    version: '4.6.1, 0.4.0, 2.1.0, 3.2.1, 0.0.7, 3.0.0, 2025-12',
    result: 'learn their address by a Binding request',
  },
  {
    name: "turnutils_natdiscovery, pion's stun-nat-behaviour, go-stun",
    version: '4.6.1, 0.4.0, 0.1.3',
    result:
      'learn their address; with `--nat-discovery`, behind each kind of NAT, they name how it ' +
      'maps and filters',
  },
  {
    name: 'nmap, `stun-info`',
    version: '7.93',
    result:
      'finds the port open with STUN; it shows no address, since it reads MAPPED-ADDRESS alone',
  },
  {
    name: "stun-client, sofia-sip's stunc, jstun, nat-type-identifier",
    version: '0.97, 1.12.11, 0.7.3, 2.0.12',
    result: 'get no answer: they speak STUN of RFC 3489, without the magic cookie',
  },
];
