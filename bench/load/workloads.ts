import type { Leg, Workload } from './types.js';

/** Records of 100 B payload that a trunk datagram of 1,452 B holds. */
const BUNDLED_RECORDS = 13;
const SUPER_FRAME_SEGMENTS = 16;
/** 1,000 connections at 400 packets a second each. */
const THOUSAND_PPS = 400_000;
/**
 * Payload sizes as a call beside a game has them, by their share of packets: voice, video, game
 * state.
 */
const MIX_BYTES = [120, 120, 1_100, 90, 120, 60, 1_100, 120, 90, 120];

const LEG_TITLES: Record<Leg, string> = {
  'client-trunk': 'client → trunk',
  'trunk-client': 'trunk → client',
  'same-relay': 'client → client of the same relay',
};
const LEG_NAMES: Record<Leg, string> = {
  'client-trunk': 'out',
  'trunk-client': 'in',
  'same-relay': 'same',
};

type Pattern = Partial<Omit<Workload, 'title' | 'leg'>> & { readonly what: string };

function workload(leg: Leg, { what, ...pattern }: Pattern & { readonly name: string }): Workload {
  return {
    flows: 1_000,
    burst: 1,
    sizesBytes: [100],
    segments: 1,
    records: 1,
    chunk: 16,
    ...pattern,
    name: `${LEG_NAMES[leg]}-${pattern.name}`,
    title: `${LEG_TITLES[leg]}, ${what}`,
    leg,
  };
}

const thousand = { commonPps: THOUSAND_PPS };
const superFrames = {
  flows: 1,
  segments: SUPER_FRAME_SEGMENTS,
  sizesBytes: [1_200],
  chunk: 4,
};
const SUPER_TITLE = '1 flow, 1,200 B in super-frames of 16';

/** Every workload, the most telling first. */
export const WORKLOADS: readonly Workload[] = [
  workload('client-trunk', {
    name: '1000-100B',
    what: '1,000 connections, 100 B',
    rivals: true,
    ...thousand,
  }),
  workload('trunk-client', {
    name: '1000-100B-bundled',
    what: '1,000 connections, 100 B, arriving 13 in a datagram',
    records: BUNDLED_RECORDS,
    chunk: 2,
    ...thousand,
  }),
  workload('same-relay', {
    name: '1000-1200B',
    what: '1,000 connections, 1,200 B',
    sizesBytes: [1_200],
  }),
  workload('same-relay', { name: 'super-1200B', what: SUPER_TITLE, ...superFrames }),
  workload('trunk-client', {
    name: '1000-100B-single',
    what: '1,000 connections, 100 B, one record in a datagram',
  }),
  workload('client-trunk', {
    name: '1000-1200B',
    what: '1,000 connections, 1,200 B',
    sizesBytes: [1_200],
  }),
  workload('client-trunk', { name: 'hot-100B', what: '1 flow, 100 B', flows: 1 }),
  workload('client-trunk', {
    name: 'hot-1200B',
    what: '1 flow, 1,200 B',
    flows: 1,
    sizesBytes: [1_200],
  }),
  workload('client-trunk', {
    name: 'bursty-100B',
    what: '32 flows in bursts of 16, 100 B',
    flows: 32,
    burst: 16,
  }),
  workload('client-trunk', {
    name: '100k-100B',
    what: '100,000 connections, 100 B',
    flows: 100_000,
    ...thousand,
  }),
  workload('trunk-client', {
    name: '100k-100B-bundled',
    what: '100,000 connections, 100 B, arriving 13 in a datagram',
    flows: 100_000,
    records: BUNDLED_RECORDS,
    chunk: 2,
    ...thousand,
  }),
  workload('client-trunk', { name: '1000-64B', what: '1,000 connections, 64 B', sizesBytes: [64] }),
  workload('client-trunk', {
    name: '1000-300B',
    what: '1,000 connections, 300 B',
    sizesBytes: [300],
  }),
  workload('client-trunk', {
    name: '1000-mix',
    what: '1,000 connections, voice, video and game',
    sizesBytes: MIX_BYTES,
  }),
  workload('trunk-client', {
    name: '1000-mix',
    what: '1,000 connections, voice, video and game',
    sizesBytes: MIX_BYTES,
  }),
  workload('client-trunk', { name: 'super-1200B', what: SUPER_TITLE, ...superFrames }),
  workload('trunk-client', { name: 'super-1200B', what: SUPER_TITLE, ...superFrames }),
];
