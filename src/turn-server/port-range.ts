import { TurnpikeError } from '../errors.js';
import { type OwnSockets, ownPorts } from '../turn/own-ports.js';
import type { PortRange, RelayedAddress } from '../turn/turn-options.js';

/** Smallest port that may be a relayed one: those below need a privilege. */
export const RELAYED_PORT_MIN = 1_024;

const PORT_MAX = 65_535;

/**
 * Parses a range of ports for relayed transport addresses (RFC 8656 section 7.2).
 * @param text - `MIN-MAX`
 * @throws TurnpikeError ERR_TURNPIKE_CONFIG for ports below RELAYED_PORT_MIN or above 65535, and
 *   for a range without a pair of an even port and the next one, which EVEN-PORT asks for
 */
export function parsePortRange(text: string): PortRange {
  const [, min, max] = (/^(\d{1,5})-(\d{1,5})$/.exec(text) ?? []).map(Number);
  if (
    min === undefined ||
    max === undefined ||
    min < RELAYED_PORT_MIN ||
    max > PORT_MAX ||
    min > max
  ) {
    const expected = `two ports from ${RELAYED_PORT_MIN} to ${PORT_MAX}, the smaller one first`;
    throw wrong(text, `expected ${expected}`);
  }
  if (min + (min % 2) >= max) {
    throw wrong(text, 'there is no even port with the next one in it, which clients ask for');
  }
  return { min, max };
}

/** Returns the number of ports in a range. */
export function portCount({ min, max }: PortRange): number {
  return max - min + 1;
}

/** Relay addresses, and the range of their ports. */
interface RelayPorts {
  readonly relayAddresses: readonly RelayedAddress[];
  readonly ports: PortRange;
}

/** Returns how many ports of a range a server's own sockets leave at all relay addresses. */
export function portsLeft(plane: OwnSockets, { relayAddresses, ports }: RelayPorts): number {
  const leftAt = ({ address }: RelayedAddress) =>
    portCount(ports) - ownPortsIn(ports, ownPorts(plane, address)).length;
  return relayAddresses.reduce((sum, each) => sum + leftAt(each), 0);
}

/**
 * Checks that a server's own sockets leave ports of a range at each relay address.
 * @param plane - with the sockets
 * @throws TurnpikeError ERR_TURNPIKE_CONFIG where no even port with the next one is left
 */
export function checkPortsLeft(plane: OwnSockets, { relayAddresses, ports }: RelayPorts): void {
  const { min, max } = ports;
  for (const { address } of relayAddresses) {
    const own = ownPorts(plane, address);
    let port = min + (min % 2);
    while (port < max && (own.has(port) || own.has(port + 1))) port += 2;
    if (port < max) continue;
    const why =
      `the server itself has ${ownPortsIn(ports, own).join(', ')} at ${address}, which leaves no ` +
      'even port with the next one, which clients ask for';
    throw wrong(`${min}-${max}`, why);
  }
}

function ownPortsIn({ min, max }: PortRange, own: ReadonlySet<number>): number[] {
  return [...own].filter((port) => port >= min && port <= max).sort((a, b) => a - b);
}

function wrong(text: string, why: string): TurnpikeError {
  const message = `relay ports ${text} (\`relayPorts\`, --relay-ports): ${why}`;
  return new TurnpikeError('ERR_TURNPIKE_CONFIG', message);
}
