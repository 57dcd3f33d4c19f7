import type { Leg, Workload } from './types.js';

/** Maximum records of 100 B payload in a trunk datagram of 1,452 B. */
const BUNDLED_RECORDS = 13;
const SUPER_FRAME_SEGMENTS = 16;
/** 1,000 connections at 400 packets a second each. */
const THOUSAND_PPS = 400_000;
/**
 * Payload sizes of voice, video and game state together, each as often as its share of packets.
 */
const MIX_BYTES = [120, 120, 1_100, 90, 120, 60, 1_100, 120, 90, 120];

const LEG_TITLES: Record<Leg, string> = {
  'client-trunk': 'client → trunk',
  'trunk-client': 'trunk → client',
  'same-relay': 'client → client of the same relay',
  'two-relays': 'client → relay → relay → client',
  'client-peer': 'TURN client → peer',
  'peer-client': 'peer → TURN client',
};
const LEG_NAMES: Record<Leg, string> = {
  'client-trunk': 'out',
  'trunk-client': 'in',
  'same-relay': 'same',
  'two-relays': 'path',
  'client-peer': 'turn-out',
  'peer-client': 'turn-in',
};

/** A pattern of traffic without its leg. */
type Pattern = Partial<Omit<Workload, 'name' | 'title' | 'leg'>> & {
  readonly name: string;
  readonly what: string;
};

function workload(leg: Leg, { name, what, ...pattern }: Pattern): Workload {
  return {
    flows: 1_000,
    burst: 1,
    sizesBytes: [100],
    segments: 1,
    records: 1,
    chunk: 16,
    ...pattern,
    name: `${LEG_NAMES[leg]}-${name}`,
    title: `${LEG_TITLES[leg]}, ${what}`,
    leg,
  };
}

const THOUSAND: Pattern = {
  name: '1000-100B',
  what: '1,000 connections, 100 B',
  commonPps: THOUSAND_PPS,
};
const THOUSAND_LARGE: Pattern = {
  name: '1000-1200B',
  what: '1,000 connections, 1,200 B',
  sizesBytes: [1_200],
};
const HUNDRED_THOUSAND: Pattern = {
  name: '100k-100B',
  what: '100,000 connections, 100 B',
  flows: 100_000,
  commonPps: THOUSAND_PPS,
};
const MIX: Pattern = {
  name: '1000-mix',
  what: '1,000 connections, voice, video and game',
  sizesBytes: MIX_BYTES,
};
const ALLOCATIONS: Pattern = { name: '1000-100B', what: '1,000 allocations, 100 B' };
const ALLOCATIONS_LARGE: Pattern = {
  name: '1000-1200B',
  what: '1,000 allocations, 1,200 B',
  sizesBytes: [1_200],
};
const TEN_THOUSAND: Pattern = {
  name: '10k-100B',
  what: '10,000 allocations, 100 B',
  flows: 10_000,
};
const TEN_THOUSAND_LARGE: Pattern = {
  name: '10k-1200B',
  what: '10,000 allocations, 1,200 B',
  flows: 10_000,
  sizesBytes: [1_200],
};
const HOT: Pattern = { name: 'hot-100B', what: '1 flow, 100 B', flows: 1 };
const SUPER: Pattern = {
  name: 'super-1200B',
  what: '1 flow, 1,200 B in super-frames of 16',
  flows: 1,
  segments: SUPER_FRAME_SEGMENTS,
  sizesBytes: [1_200],
  chunk: 4,
};

/** Returns the pattern in bundles of another relay. */
function bundled(pattern: Pattern): Pattern {
  return {
    ...pattern,
    name: `${pattern.name}-bundled`,
    what: `${pattern.what}, arriving 13 in a datagram`,
    records: BUNDLED_RECORDS,
    chunk: 2,
  };
}

/** Returns the pattern for a far device that cannot segment super-frames. */
function unsegmented(pattern: Pattern): Pattern {
  return {
    ...pattern,
    name: `${pattern.name}-cut`,
    what: `${pattern.what}, cut up in software on departure`,
    segmentation: false,
  };
}

/** Returns the pattern with Send or Data indications instead of channels. */
function indicated(pattern: Pattern): Pattern {
  return {
    ...pattern,
    name: `${pattern.name}-indications`,
    what: `${pattern.what}, in indications`,
    indications: true,
  };
}

/** Returns the pattern with half of the traffic in the opposite direction. */
function bothWays(pattern: Pattern): Pattern {
  return {
    ...pattern,
    name: `both-${pattern.name}`,
    what: `${pattern.what}, both ways at once`,
    bothWays: true,
  };
}

/** All workloads, the most important first. */
export const WORKLOADS: readonly Workload[] = [
  workload('client-trunk', { ...THOUSAND, xdp: true, searches: true, quick: true }),
  workload('trunk-client', { ...bundled(THOUSAND), searches: true, quick: true }),
  workload('same-relay', { ...THOUSAND_LARGE, xdp: true, searches: true }),
  workload('same-relay', { ...SUPER, quick: true }),
  workload('client-trunk', {
    ...THOUSAND,
    name: 'rivals-100B',
    rivals: true,
    xdp: true,
    searches: true,
  }),
  workload('same-relay', { ...THOUSAND, name: 'rivals-100B', rivals: true, xdp: true }),
  ...(['client-peer', 'peer-client'] as const).flatMap((leg) => [
    workload(leg, { ...ALLOCATIONS, xdp: true, searches: true }),
    workload(leg, { ...ALLOCATIONS_LARGE, xdp: true }),
    workload(leg, TEN_THOUSAND),
    workload(leg, TEN_THOUSAND_LARGE),
    workload(leg, indicated(ALLOCATIONS)),
    workload(leg, indicated(ALLOCATIONS_LARGE)),
  ]),
  workload('trunk-client', { ...THOUSAND, name: '1000-100B-single', xdp: true }),
  workload('same-relay', { ...THOUSAND, xdp: true }),
  workload('client-trunk', { ...THOUSAND_LARGE, xdp: true }),
  workload('client-trunk', { ...HOT, xdp: true }),
  workload('client-trunk', {
    name: 'bursty-100B',
    what: '32 flows in bursts of 16, 100 B',
    flows: 32,
    burst: 16,
  }),
  workload('client-trunk', { ...HUNDRED_THOUSAND, xdp: true }),
  workload('trunk-client', bundled(HUNDRED_THOUSAND)),
  workload('client-trunk', { name: '1000-64B', what: '1,000 connections, 64 B', sizesBytes: [64] }),
  workload('client-trunk', {
    name: '1000-300B',
    what: '1,000 connections, 300 B',
    sizesBytes: [300],
  }),
  workload('client-trunk', { ...MIX, xdp: true }),
  workload('trunk-client', { ...MIX, xdp: true }),
  workload('client-trunk', SUPER),
  workload('trunk-client', SUPER),
  workload('client-trunk', unsegmented(THOUSAND)),
  workload('same-relay', unsegmented(SUPER)),
  workload('two-relays', { ...THOUSAND, xdp: true }),
  workload('two-relays', { ...THOUSAND_LARGE, xdp: true }),
  workload('two-relays', SUPER),
  workload('two-relays', { ...bothWays(THOUSAND), xdp: true }),
  workload('two-relays', { ...bothWays(THOUSAND_LARGE), xdp: true }),
];

/** Maximum flows on loopback, where the sink needs a socket for each. */
const LOOPBACK_FLOWS_MAX = 200;

/** Returns a workload with the number of flows that is possible on loopback. */
export function onLoopback(one: Workload): Workload {
  const flows = Math.min(one.flows, LOOPBACK_FLOWS_MAX);
  if (flows === one.flows) return one;
  return { ...one, flows, title: `${one.title} (here ${flows} connections)` };
}
