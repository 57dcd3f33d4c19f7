/** A process in a namespace that runs peers of the client library for a test. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { TICK_MS, Traffic } from '../../../src/cli/demo/traffic.js';
import { type ConnectionGrant, DirectoryClient, Peer } from '../../../src/client/index.js';
import { LegMeasurement } from '../../../src/client/leg-measurement.js';
import { systemClock } from '../../../src/clock.js';
import { failureOf, serveRpc } from '../../lab/rpc.js';
import type { PeerClosed, PeerFacts, PeerMethods } from '../peer-methods.js';
import { Transcript } from './transcript.js';

/** A peer with its traffic. */
interface Member {
  readonly peer: Peer;
  readonly said: Transcript;
  readonly heard: Transcript;
  traffic: Traffic | undefined;
  isSending: boolean;
}

/** Maximum concurrent requests, since the directory drops those that arrive too slowly. */
const REQUESTS_AT_ONCE = 20;

/** Messages to all peers between two pauses; every queue on the path holds as many. */
const MESSAGES_AT_ONCE = 64;

const members: Member[] = [];

function admit(peer: Peer): PeerFacts {
  const number = members.length;
  const heard = new Transcript();
  peer.on('message', (message) => heard.add(message));
  members.push({ peer, said: new Transcript(), heard, traffic: undefined, isSending: false });
  peer.once('close', (error) => {
    tell({ peer: number, failure: error === undefined ? null : failureOf(error) });
  });
  const { localAddress, mappedAddress, grant } = peer;
  if (localAddress === undefined) throw new Error('an open peer has a socket');
  const { id: relayId, address, port } = grant.relay;
  return {
    peer: number,
    connectionId: grant.connectionId,
    relayId,
    relay: { address, port },
    local: localAddress,
    mapped: mappedAddress,
  };
}

function member(number: number): Member {
  const found = members[number];
  if (found === undefined) throw new Error(`no peer ${number}`);
  return found;
}

setInterval(() => {
  for (const { traffic, isSending } of members) if (isSending) traffic?.tick();
}, TICK_MS);

const methods: PeerMethods = {
  join: async (params) => admit(await Peer.join(params)),

  relays: async ({ directoryUrl, apiKey }) => {
    const relays = await new DirectoryClient({ directoryUrl, apiKey }).listRelays();
    return relays.map(({ id }) => id);
  },

  create: async ({ directoryUrl, apiKey, count, hints }) => {
    const directory = new DirectoryClient({ directoryUrl, apiKey });
    const grants: (readonly [ConnectionGrant, ConnectionGrant])[] = [];
    while (grants.length < count) {
      const requests = Array.from({ length: Math.min(REQUESTS_AT_ONCE, count - grants.length) });
      const offers = requests.map(() => directory.createConnection({ peers: hints }));
      grants.push(...(await Promise.all(offers)).map((offer) => offer.grants));
    }
    return grants;
  },

  open: async ({ grants }) => {
    const peers = await Promise.all(grants.map((grant) => Peer.open({ grant })));
    return peers.map(admit);
  },

  connect: async ({ peers }) => {
    await Promise.all(peers.map(({ peer, peerAddress }) => member(peer).peer.connect(peerAddress)));
  },

  flow: ({ peers, ...settings }) => {
    for (const each of peers.map(member)) {
      const { peer } = each;
      const send = (message: Uint8Array) => peer.send(message);
      const traffic = new Traffic({ ...settings, clock: systemClock, send });
      peer.on('message', (message) => traffic.receive(message));
      each.traffic = traffic;
      each.isSending = true;
    }
  },

  sendOut: ({ peers, packets }) =>
    new Promise((resolve) => {
      const looking = setInterval(() => {
        for (const each of peers.map(member)) {
          if ((each.traffic?.sentPackets ?? 0) >= packets) each.isSending = false;
        }
        if (peers.some((number) => member(number).isSending)) return;
        clearInterval(looking);
        resolve();
      }, TICK_MS);
    }),

  halt: ({ peers }) => {
    for (const each of peers.map(member)) each.isSending = false;
  },

  counts: ({ peers }) =>
    peers.map((number) => {
      const { traffic } = member(number);
      if (traffic === undefined) throw new Error(`peer ${number} has no traffic`);
      return traffic.counts();
    }),

  say: async ({ peers, messages, payloadBytes }) => {
    const speakers = peers.map(member);
    for (let sent = 0; sent < messages * speakers.length; sent++) {
      if (sent > 0 && sent % MESSAGES_AT_ONCE === 0) await sleep(TICK_MS);
      const { peer, said } = speakers[sent % speakers.length] as Member;
      const message = randomBytes(payloadBytes);
      if (peer.send(message)) said.add(message);
    }
    return speakers.map(({ said }) => said.soFar());
  },

  heard: ({ peers }) => peers.map((number) => member(number).heard.soFar()),

  claim: (quality) => {
    LegMeasurement.prototype.report = () => ({ quality, delivered: () => {} });
  },

  close: async ({ peers }) => {
    await Promise.all(peers.map((number) => member(number).peer.close()));
  },
};

const tell = serveRpc<PeerClosed>(methods);
