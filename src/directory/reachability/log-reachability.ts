import type { Logger } from 'pino';
import { parseAddress } from '../../address.js';
import type { RelayRecord } from '../../registry/types.js';
import type { Evidence } from './evidence.js';
import type { CutOffChange, DoubtChange, ReachabilityChanges } from './reachability.js';

/**
 * Logs each change of reachability once, with a hint for the operator.
 * @param recordOf - returns a live relay's registration
 */
export function logReachability(
  changes: ReachabilityChanges,
  recordOf: (id: string) => RelayRecord | undefined,
  logger: Logger,
): void {
  for (const change of changes.cutOff) logCutOff(change, recordOf, logger);
  for (const change of changes.doubts) logDoubt(change, recordOf, logger);
  if (changes.allCondemned === true) {
    const text =
      'verdicts are against every relay: peers are served as if there were none; do those that ' +
      'report it reach anything themselves?';
    logger.error({ event: 'verdicts-suspended' }, text);
  } else if (changes.allCondemned === false) {
    logger.info({ event: 'verdicts-resumed' }, 'verdicts are no longer against every relay');
  }
}

function logDoubt(
  { kind, doubt, evidence, lastedMs }: DoubtChange,
  recordOf: (id: string) => RelayRecord | undefined,
  logger: Logger,
): void {
  const { id, address } = evidence;
  const port = address === undefined ? trunkPort(recordOf(id)) : parseAddress(address).port;
  const what = address === undefined ? `UDP ${port} (trunk)` : `UDP ${port} (${address})`;
  const fields = {
    relay: id,
    ...(address === undefined ? {} : { address }),
    by: evidence.statements.map(({ reporter }) => reporter),
  };
  if (kind === 'ends') {
    const lasted = `after ${Math.round(lastedMs / 1_000)} s`;
    const event = doubt === 'unreachable' ? 'relay-reachable' : 'relay-trusted';
    logger.info({ event, ...fields }, `${id}: ${what} is no longer reported, ${lasted}`);
  } else if (doubt === 'unreachable') {
    const text = `${id}: ${what} ${answers(evidence)}: is it open?`;
    logger.warn({ event: 'relay-unreachable', ...fields }, text);
  } else {
    const [region = ''] = evidence.regions;
    const text =
      `${id}: ${what} ${answers(evidence)}: is it open? No verdict, as all who say so are in ` +
      `region ${region}; it is given only where nothing else can serve`;
    logger.warn({ event: 'relay-suspected', ...fields }, text);
  }
}

function logCutOff(
  { kind, id, unreached, others }: CutOffChange,
  recordOf: (id: string) => RelayRecord | undefined,
  logger: Logger,
): void {
  if (kind === 'ends') {
    logger.info({ event: 'relay-joined', relay: id }, `${id} reaches most other relays again`);
    return;
  }
  const port = trunkPort(recordOf(id));
  const text =
    `${id} says that it does not reach ${unreached} of ${others} other relays: is its UDP ` +
    `${port} open? What it says of others counts for no verdict`;
  logger.warn({ event: 'relay-cut-off', relay: id, unreached, others }, text);
}

/** Returns "answers none of its 2 checkers", "answers only 1 of 3 other relays" and so on. */
function answers({ address, observers, accusers, statements }: Evidence): string {
  const able = address === undefined ? `${observers} other relays` : `its ${observers} checkers`;
  const by = statements.map(({ reporter, reason }) => `${reporter}: ${reason}`).join(', ');
  const count = observers - accusers;
  return `answers ${count === 0 ? 'none' : `only ${count}`} of ${able} (${by})`;
}

function trunkPort(record: RelayRecord | undefined): string {
  const ports = new Set(record?.trunkAddresses.map(({ port }) => port));
  return [...ports].join(', ');
}
