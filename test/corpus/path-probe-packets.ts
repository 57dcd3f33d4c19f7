import type { Heard } from '../../src/native/types.js';
import type { TrunkDatagram } from '../../src/trunk/datagram.js';
import { encodeTrunkDatagram } from '../trunk/encode-datagram.js';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const bytes = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'));

/** Members of make-corpus.ts that path probes use. */
export interface PathProbeContext {
  /** Adds a packet with its verdict and results. */
  readonly trunk: (
    name: string,
    packet: Uint8Array,
    verdict: string,
    results?: readonly string[],
    source?: string,
  ) => void;
  /** Encodes a datagram with the key of its epoch. */
  readonly tagged: (datagram: TrunkDatagram) => Uint8Array;
  /** Makes a datagram with one record in a lane; `toPeer` is its result. */
  readonly makeData: (lane: number) => Uint8Array;
  readonly toPeer: string;
  readonly nextSequence: () => bigint;
  readonly ours: { key: Uint8Array; lane: number; firstSequence: bigint };
  readonly relay: string;
  readonly today: number;
  readonly nowNs: bigint;
}

/** Path probes and their replies (PROTOCOL.md section 4). */
export function addPathProbes(context: PathProbeContext): void {
  addProbes(context);
  addReplies(context);
}

function addProbes({
  trunk,
  tagged,
  makeData,
  toPeer,
  nextSequence,
  ours,
  relay,
  today,
}: PathProbeContext): void {
  /** Makes a path probe of the relay with index 2, from the lane of its worker 0. */
  const pathProbe = (overrides: Partial<TrunkDatagram & { type: 'path-probe' }> = {}) =>
    tagged({
      type: 'path-probe',
      lane: 112,
      epoch: today,
      sequence: nextSequence(),
      timestampNs: 0x0102030405060708n,
      number: 0xdeadbeef,
      heard: 'unknown',
      probeBytes: 36,
      ...overrides,
    });
  let ownPathSequence = ours.firstSequence;
  const pathReply = (heard: Heard, probeBytes: number, received = 0) =>
    encodeTrunkDatagram(
      {
        type: 'path-probe-reply',
        lane: 112 + ours.lane,
        epoch: today,
        sequence: ownPathSequence++,
        timestampNs: 0x0102030405060708n,
        number: 0xdeadbeef,
        heard,
        probeBytes,
        received,
      },
      ours.key,
    );
  const answered = (name: string, packet: Uint8Array, answer: Uint8Array, source = relay) =>
    trunk(name, packet, 'trunk_probe', [`> trunk ${source} ${hex(answer)}`], source);
  const firstPathProbe = pathProbe();
  answered('path-probe', firstPathProbe, pathReply('answered', 36, 2));
  trunk('path-probe-replayed', firstPathProbe, 'trunk_replayed');
  answered('path-probe-padded', pathProbe({ probeBytes: 1_452 }), pathReply('answered', 1_452));
  answered(
    'path-probe-of-another-port',
    pathProbe({ heard: 'answered' }),
    pathReply('unanswered', 36),
    '0 192.0.2.22:3481',
  );
  answered(
    'path-probe-to-another-socket',
    pathProbe({ heard: 'unanswered' }),
    pathReply('unanswered', 36, 2),
    '1 192.0.2.20:3480',
  );
  answered('path-probe-by-no-path', pathProbe(), pathReply('unknown', 36), '3 192.0.2.20:3480');
  // Each kind has its own replay window, so neither makes the other too old.
  const early = pathProbe({ lane: 5, sequence: 1n });
  trunk('data-far-ahead', makeData(5), 'trunk_data', [toPeer]);
  answered('path-probe-in-a-lane-of-data', early, pathReply('answered', 36, 3));
  const padded = pathProbe({ probeBytes: 100 });
  padded.fill(0xee, 36);
  answered('path-probe-padding-is-not-tagged', padded, pathReply('answered', 100));
  addMalformed(trunk, pathProbe);
}

function addMalformed(
  trunk: PathProbeContext['trunk'],
  pathProbe: (overrides?: { probeBytes: number }) => Uint8Array,
): void {
  const wrongBytes = pathProbe({ probeBytes: 100 });
  trunk('path-probe-cut', wrongBytes.subarray(0, 99), 'trunk_malformed');
  trunk('path-probe-longer', bytes(`${hex(wrongBytes)}00`), 'trunk_malformed');
  trunk('path-probe-short', pathProbe().subarray(0, 35), 'trunk_malformed');
  trunk('path-probe-of-a-header', pathProbe().subarray(0, 20), 'trunk_malformed');
  for (const offset of [1, 12, 20, 28, 32, 33]) {
    const packet = pathProbe({ probeBytes: 100 });
    packet[offset] = (packet[offset] ?? 0) ^ 1;
    trunk(`path-probe-flipped-${offset}`, packet, 'trunk_wrong_tag');
  }
  const lying = pathProbe({ probeBytes: 100 });
  lying[35] = 36;
  trunk('path-probe-lies-about-its-length', lying.subarray(0, 36), 'trunk_wrong_tag');
}

function addReplies({ trunk, tagged, nextSequence, today, nowNs }: PathProbeContext): void {
  const answer = (timestampNs: bigint, probeBytes = 1_452) =>
    tagged({
      type: 'path-probe-reply',
      lane: 113,
      epoch: today,
      sequence: nextSequence(),
      timestampNs,
      number: 5,
      heard: 'answered',
      probeBytes,
    });
  trunk('path-probe-reply', answer(nowNs - 1n), 'trunk_probe_reply');
  trunk('path-probe-reply-from-the-future', answer(nowNs + 1n), 'trunk_probe_stale');
  trunk('path-probe-reply-ancient', answer(1n), 'trunk_probe_stale');
  trunk('path-probe-reply-padded', bytes(`${hex(answer(nowNs))}00`), 'trunk_malformed');
  trunk('path-probe-reply-short', answer(nowNs).subarray(0, 35), 'trunk_malformed');
  trunk(
    'path-probe-reply-unknown-source',
    answer(nowNs),
    'trunk_unknown_source',
    [],
    '0 192.0.2.20:9',
  );
}
