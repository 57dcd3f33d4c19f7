import type { TransportAddress } from '../../address.js';
import type { TurnServer } from '../../turn-server/index.js';

/** A log line at the start: its text, and its members for programs. */
type Line = readonly [text: string, members: object];

/** What the start lines tell besides the server itself. */
export interface StartFacts {
  readonly relayPorts: string;
  readonly allowPeer: readonly string[];
  readonly denyPeer: readonly string[];
  readonly allowPrivatePeers: boolean;
  /** All users as `NAME:PASSWORD`. */
  readonly users: readonly string[];
  /** Whose passwords are known. Without `users` those of the directory's tenants, or nobody's. */
  readonly passwords: 'users' | 'tenants' | 'none';
}

type Shown = Pick<TurnServer, 'addresses' | 'relayAddresses' | 'allocationsLimit'>;

/** Returns lines that say where a server relays from, which peers it refuses, how to test it. */
export function startLines(server: Shown, facts: StartFacts): Line[] {
  return [relayLine(server, facts), peersLine(facts), ...testLines(server, facts)];
}

function relayLine({ relayAddresses, allocationsLimit }: Shown, { relayPorts }: StartFacts): Line {
  const from = relayAddresses.map(({ address, advertised }) =>
    address === advertised ? address : `${address} (seen as ${advertised})`,
  );
  const { allocationsMax, because } = allocationsLimit;
  const why = because === 'option' ? '' : `, as many as its ${because} allow`;
  return [
    `relays from ${from.join(', ')}, UDP ports ${relayPorts}; up to ${allocationsMax} allocations` +
      why,
    { relayAddresses, relayPorts, allocationsMax },
  ];
}

function peersLine({ allowPeer, denyPeer, allowPrivatePeers }: StartFacts): Line {
  const refused = [
    'loopback, link-local',
    ...(allowPrivatePeers ? [] : ['private, shared (100.64.0.0/10)']),
    "multicast and other special addresses, and this host's own",
  ].join(', ');
  const more = denyPeer.length === 0 ? '' : `, and ${denyPeer.join(', ')}`;
  const allowed = [...(allowPrivatePeers ? ['private addresses'] : []), ...allowPeer];
  const except = allowed.length === 0 ? '' : `; allows ${allowed.join(', ')}`;
  return [`refuses peers: ${refused}${more}${except}`, { allowPeer, denyPeer, allowPrivatePeers }];
}

function testLines({ addresses }: Shown, { users, passwords }: StartFacts): Line[] {
  const [at] = addresses;
  if (at === undefined || passwords === 'none') return [];
  const name = passwords === 'tenants' ? 'USERNAME' : users[0]?.split(':')[0];
  const command = testCommand(at, name);
  return [[`test it with coturn's client: ${command}`, { test: command }]];
}

/** Returns a command that sends ten messages through the server and back. */
function testCommand({ address, port }: TransportAddress, user: string | undefined): string {
  const ipv6 = address.includes(':') ? ' -x' : '';
  const who = user === undefined ? '-u USER -W SECRET' : `-u ${quoted(user)} -w PASSWORD`;
  return `turnutils_uclient ${who} -p ${port} -y -n 10 -m 2${ipv6} ${address}`;
}

/** Quotes a word for a shell if it needs that. */
function quoted(word: string): string {
  return /^[\w@.-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
