import { randomBytes, randomInt } from 'node:crypto';
import type { TransportAddress } from '../../../src/address.js';
import { AttributeType, PasswordAlgorithmNumber } from '../../../src/stun/attribute-types.js';
import { Method } from '../../../src/stun/methods.js';
import { MessageWriter } from '../../../src/stun/writer.js';
import { REALM } from '../../setup/cluster.js';
import type { Datagram } from '../../setup/many-sources.js';
import { challengeRequest } from '../../setup/requests.js';
import { inventedIp, SOURCE_PORTS } from '../../setup/source-addresses.js';
import { datagramAttack, Nonces } from '../datagram-attack.js';
import type { Attack, Flood, Target } from '../flood.js';
import { VICTIM_IP } from '../tenants.js';

/** Number of spoofed source addresses. */
const SOURCES = 1 << 20;
/** Number of addresses at which a stranger receives responses. */
const OWN_ADDRESSES = 64;
const SECOND_MS = 1_000;

/** Returns a flood of datagrams at a constant rate, from each source port in turn. */
function datagrams(
  perSecond: number,
  make: (number: number, target: Target) => Omit<Datagram, 'port'>,
): Flood['begin'] {
  return async (target, level) =>
    datagramAttack(perSecond * level, (number) => [
      { ...make(number, target), port: number % SOURCE_PORTS },
    ]);
}

const service = ({ relays: [{ service }] }: Target): TransportAddress => service;
const trunk = ({ relays: [{ trunk }] }: Target): TransportAddress => trunk;

function bindingRequest(): Uint8Array {
  return new MessageWriter('request', Method.Binding, randomBytes(12)).finish();
}

/** Returns a request with a well-formed USERNAME and a random MESSAGE-INTEGRITY-SHA256. */
function claimedRequest(nonce: string): Uint8Array {
  const expiry = Math.floor(Date.now() / SECOND_MS) + 600;
  const username = `${expiry}:victim/${randomBytes(16).toString('hex')}/0`;
  return new MessageWriter('request', Method.Allocate, randomBytes(12))
    .requestedTransport(17)
    .text(AttributeType.Username, username)
    .text(AttributeType.Realm, REALM)
    .text(AttributeType.Nonce, nonce)
    .passwordAlgorithms([2, 1])
    .passwordAlgorithm(PasswordAlgorithmNumber.sha256)
    .integrity('sha256', randomBytes(32))
    .finish();
}

/** Fetches a nonce for each of the stranger's addresses, and sends claimed requests with it. */
async function inventedUsers(target: Target, level: number): Promise<Attack> {
  const nonces = new Nonces();
  const make = (number: number) => {
    const from = inventedIp(number % OWN_ADDRESSES);
    const nonce = nonces.of(from);
    const data = nonce === undefined ? challengeRequest(randomBytes(12)) : claimedRequest(nonce);
    return [{ from, port: number % SOURCE_PORTS, to: service(target), data }];
  };
  return datagramAttack(5_000 * level, make, nonces.learn);
}

/** Returns well-formed trunk data or trunk control with a random tag or integrity. */
function forgedTrunk(number: number): Uint8Array {
  if (number % 2 === 0) {
    const data = randomBytes(28 + 32);
    data[0] = 0x11;
    data.writeUInt16BE(32, 24);
    return data;
  }
  return new MessageWriter('request', Method.Connect, randomBytes(12))
    .text(AttributeType.Username, 'relay-b')
    .u64(AttributeType.RelayStart, BigInt(Date.now()))
    .integrity('sha256', randomBytes(32))
    .finish();
}

/** Returns ChannelData on a random channel. */
function unboundData(): Uint8Array {
  const data = randomBytes(4 + 100);
  data.writeUInt16BE(0x4000 + randomInt(0x1000), 0);
  data.writeUInt16BE(100, 2);
  return data;
}

/** Floods of senders without any credential. */
export const STRANGERS: readonly Flood[] = [
  {
    name: 'spoofed-sources',
    title: '20,000/s requests without credentials, each from a random address',
    attacked: 'relay',
    quick: true,
    begin: datagrams(20_000, (number, target) => ({
      from: inventedIp(randomInt(SOURCES)),
      to: service(target),
      data: number % 2 === 0 ? bindingRequest() : challengeRequest(randomBytes(12)),
    })),
  },
  {
    name: 'spoofed-claims',
    title: '10,000/s requests with a USERNAME, each from a random address',
    attacked: 'relay',
    begin: datagrams(10_000, (_, target) => ({
      from: inventedIp(randomInt(SOURCES)),
      to: service(target),
      data: claimedRequest('obMatJos2gAABabcdefghijklmnopqrstuvwxyz01'),
    })),
  },
  {
    name: 'victims-address',
    title: "2,000/s Binding requests and unpadded Allocates with the victim's address",
    attacked: 'relay',
    quick: true,
    begin: datagrams(2_000, (number, target) => ({
      from: VICTIM_IP,
      to: service(target),
      data: number % 2 === 0 ? bindingRequest() : challengeRequest(randomBytes(12)),
    })),
  },
  {
    name: 'invented-users',
    title: '5,000/s requests of invented users with genuine nonces, from 64 addresses',
    attacked: 'relay',
    begin: inventedUsers,
  },
  {
    name: 'unbound-data',
    title: '20,000/s ChannelData that matches no leg, from random addresses',
    attacked: 'relay',
    begin: datagrams(20_000, (_, target) => ({
      from: inventedIp(randomInt(SOURCES)),
      to: service(target),
      data: unboundData(),
    })),
  },
  {
    name: 'forged-trunk',
    title: "20,000/s forged trunk data and control, half from a relay's address",
    attacked: 'relay',
    begin: datagrams(20_000, (number, target) => ({
      from: number % 4 < 2 ? '127.0.0.1' : inventedIp(randomInt(SOURCES)),
      to: trunk(target),
      data: forgedTrunk(number),
    })),
  },
];
