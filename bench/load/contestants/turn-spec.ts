/** The user of every TURN server of the rig. */
export const TURN_USER = { username: 'rig', password: 'rig', realm: 'rig' } as const;

/** The range of ports of relayed addresses. */
export const RELAY_PORTS = { first: 20_000, last: 65_000 } as const;

/** Where a TURN server of the rig listens and relays. */
export interface TurnAddresses {
  /** IP address for clients; the port is SERVER_PORT. */
  readonly address: string;
  /** IP addresses of relayed transport addresses, at least one. */
  readonly relayAddresses: readonly string[];
  /** Network devices towards its clients and towards peers, for a server that uses XDP. */
  readonly devices: readonly string[];
}

/** A TURN server that the rig can start, with the user TURN_USER and the ports RELAY_PORTS. */
export interface TurnProgram {
  readonly name: string;
  /** Returns the command line. A server that takes one relay address uses the first. */
  command(addresses: TurnAddresses): string[];
  /** Whether it collects garbage on SIGUSR2 and then prints `collected` with a number from 1 on. */
  readonly collectsGarbage?: boolean;
  /** Whether it forwards by XDP, and prints `xdp ` with its mode in JSON. */
  readonly xdp?: boolean;
}

/** Arguments of Node with which a server collects garbage on SIGUSR2. */
export const COLLECTING: readonly string[] = [
  '--import',
  new URL('collect-garbage.mjs', import.meta.url).href,
];
