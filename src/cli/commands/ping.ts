import { formatAddress } from '../../address.js';
import type { MeasureOptions, RelayMeasurement } from '../../client/index.js';
import { isTurnpikeError, TurnpikeError } from '../../errors.js';
import { SPECS } from '../../options/shared-specs.js';
import { type CommandContext, defineCommand } from '../command.js';
import { type OptionTable, option } from '../config/option.js';
import { EXIT, SIGNAL_EXIT } from '../exit-codes.js';
import { readApiKey, readSecret } from '../secret-files.js';

/** Default of `--count`. */
const PINGS = 5;

/** Interval of the pings to one address, in ms. */
const PING_INTERVAL_MS = 200;

/** Relays that the directory is asked for: the most that it names. */
const RELAYS = 12;

const PING_OPTIONS = {
  directory: option(SPECS.directoryUrl, 'the directory that names relays to ping'),
  apiKeyFile: option(SPECS.file, 'the API key of a tenant: one line'),
  relay: option(
    { ...SPECS.address, minimum: 1, repeat: true },
    'ping this address of a relay, without a directory',
  ),
  region: option(SPECS.name, 'ping relays of this region only'),
  count: option(
    { kind: 'integer', default: PINGS, minimum: 1, maximum: 1_000 },
    `pings to each address, one in ${PING_INTERVAL_MS} ms`,
  ),
  json: option({ kind: 'boolean' }, 'print one JSON object instead of a table'),
} as const satisfies OptionTable;

type PingContext = CommandContext<typeof PING_OPTIONS>;

/** `turnpike ping` */
export const pingCommand = defineCommand({
  path: ['ping'],
  summary: 'measure the way from this machine to relays',
  description:
    'Pings relays with STUN Binding requests over UDP and prints a line for each address, the ' +
    'nearest relay first: the least and the median round trip, jitter (the mean difference of ' +
    'successive round trips) and loss. The directory names the relays, one of a region, as it ' +
    'does to a peer that joins; --relay pings an address without a directory. A relay that ' +
    'answers serves peers at this address; if none does, a firewall seems to block UDP.',
  options: PING_OPTIONS,
  rules: [
    { type: 'one', options: ['directory', 'relay'] },
    { type: 'together', options: ['directory', 'apiKeyFile'] },
    { type: 'at-most-one', options: ['region', 'relay'] },
  ],
  examples: [
    {
      purpose: 'which relays are near?',
      line: 'turnpike ping --directory https://dir.example.net --api-key-file api.key',
    },
    {
      purpose: 'does this relay answer, and are packets lost?',
      line: 'turnpike ping --relay 192.0.2.10:3478 --count 50',
    },
    {
      purpose: 'latencies for `POST /v1/connections`',
      line: 'turnpike ping --config peer-ping.yaml --json | jq .latencies',
    },
  ],
  notes: [
    'It ends with 0 if a relay answered, and with 3 if none did. Pings are not retransmitted: a ' +
      'lost one counts as lost. --json prints {"relays":[{"id", "region", "address", "answered", ' +
      '"rttMs", "medianMs", "jitterMs", "sent", "lost"}], "latencies":{region: ms}}, without ' +
      'round trips where nothing was answered, and without names and latencies with --relay.',
  ],
  run: async (context) => {
    const { options, io, stop, terminal } = context;
    const { Peer } = await import('../../client/index.js');
    const measuring: MeasureOptions = {
      ...(await relaysOf(context)),
      count: options.count,
      timeoutMs: (options.count + 2) * PING_INTERVAL_MS,
      signal: stop,
      onProgress: ({ sent, answered, total }) =>
        terminal?.status(`${sent} of ${total} pings sent, ${answered} answered`),
    };
    try {
      const { relays, latencies } = await Peer.measure(measuring);
      terminal?.clear();
      const isNamed = options.relay.length === 0;
      if (relays.length === 0) throw noRelays(options.region);
      const data = isNamed
        ? { relays: relays.map(named), latencies }
        : { relays: relays.map(unnamed) };
      io.stdout.write(options.json ? `${JSON.stringify(data)}\n` : table(relays, isNamed));
      if (relays.some(({ answered }) => answered)) return EXIT.ok;
      throw unanswered(relays);
    } catch (error) {
      terminal?.clear();
      if (!isTurnpikeError(error, 'ERR_TURNPIKE_ABORTED')) throw error;
      return SIGNAL_EXIT[String(stop.reason)] ?? EXIT.failed;
    }
  },
});

/** Returns the part of the options that says which relays to ping. */
async function relaysOf(context: PingContext): Promise<MeasureOptions> {
  const { directory, relay, region } = context.options;
  if (directory === undefined) {
    // Addresses have no names, which a candidate needs.
    const candidates = relay.map((address, at) => ({
      id: `relay-${at}`,
      region: `relay-${at}`,
      addresses: [address],
    }));
    return { candidates, families: [4, 6] };
  }
  const apiKey = await readSecret(context, 'apiKeyFile', readApiKey);
  return { directoryUrl: directory, apiKey, region, relays: RELAYS };
}

function unnamed({ id: _, region: __, address, ...rest }: RelayMeasurement) {
  return { address: formatAddress(address), ...rest };
}

function named(relay: RelayMeasurement) {
  return { id: relay.id, region: relay.region, ...unnamed(relay) };
}

/** Returns the table: texts to the left, numbers to the right. */
function table(relays: readonly RelayMeasurement[], isNamed: boolean): string {
  const names = isNamed ? ['REGION', 'RELAY', 'ADDRESS'] : ['ADDRESS'];
  const rows = relays.map(({ id, region, address, rttMs, medianMs, jitterMs, sent, lost }) => [
    ...(isNamed ? [region, id] : []),
    formatAddress(address),
    ...[rttMs, medianMs, jitterMs].map(milliseconds),
    sent === 0 ? '-' : `${((lost / sent) * 100).toFixed(lost === 0 ? 0 : 1)} %`,
  ]);
  const all = [[...names, 'RTT MIN', 'MEDIAN', 'JITTER', 'LOSS'], ...rows];
  const widths = all[0]?.map((_, at) => Math.max(...all.map((row) => row[at]?.length ?? 0))) ?? [];
  const lineOf = (row: readonly string[]) =>
    row
      .map((cell, at) =>
        at < names.length ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0),
      )
      .join('  ');
  return `${all.map(lineOf).join('\n')}\n`;
}

function milliseconds(ms: number | undefined): string {
  return ms === undefined ? '-' : `${ms.toFixed(1)} ms`;
}

function noRelays(region: string | undefined): TurnpikeError {
  const where = region === undefined ? '' : ` in region ${region}`;
  const text = `the directory names no relay to ping${where}: none may be chosen now`;
  return new TurnpikeError('ERR_TURNPIKE_DIRECTORY', text);
}

function unanswered(relays: readonly RelayMeasurement[]): TurnpikeError {
  const [first] = relays;
  const which =
    relays.length === 1 && first !== undefined
      ? `${formatAddress(first.address)} did not answer`
      : `none of ${relays.length} addresses answered`;
  return new TurnpikeError(
    'ERR_TURNPIKE_RELAY_UNREACHABLE',
    `${which} over UDP: a firewall may block UDP, or no relay is there`,
    { reason: 'relay-unresponsive' },
  );
}
