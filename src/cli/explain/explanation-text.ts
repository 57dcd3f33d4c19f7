import type { OperatorExplanation } from '../../directory/explainer.js';
import type {
  ExplainedCandidate,
  ExplainedPair,
  ExplainedPeer,
  ExplainedRelay,
  PairVerdict,
} from '../../selection/explain.js';
import { columns } from './columns.js';

const ms = (value: number) => value.toFixed(2);
const percent = (share: number) => `${(100 * share).toFixed(1)} %`;

/** How a pair was chosen, for people. */
const CHOICES: Readonly<Record<string, string>> = {
  best: 'no other pair of regions is in the band of the cheapest',
  drawn: 'drawn by free capacity among the pairs of regions in the band of the cheapest',
  explored: 'drawn to learn more of a path that is little known, near the cheapest',
  kept: "the room's former pair, which was kept",
  fallback: 'no pair of the considered regions could serve, so all relays were tried one by one',
  none: 'no relay can serve',
};

/** Where a leg's cost comes from, for people. */
const ORIGINS = { own: 'own latency to', network: 'its network', over: 'over', unknown: 'unknown' };

/** Returns an explanation as tables that a person can read and add up. */
export function explanationText(explanation: OperatorExplanation): string {
  const { peers, asked, weights } = explanation;
  const sections = [
    ...heading(explanation),
    ...asked.map((peer, i) => askedText(peer, i)),
    '',
    ...pairsText(explanation),
    ...trunksText(explanation.pairs),
    ...peers.flatMap((peer, i) => peerText(peer, i, explanation)),
    `weights: ${Object.entries(weights)
      .map(([name, value]) => `${name} ${value}`)
      .join(', ')}`,
  ];
  return `${sections.join('\n')}\n`;
}

function heading(explanation: OperatorExplanation): string[] {
  const { connectionId, tenant, snapshot, seed, relays, choice } = explanation;
  const of = connectionId === undefined ? '' : `connection ${connectionId} of tenant ${tenant}, `;
  const chosen = relays === undefined ? '' : `${relays.join(' and ')}: `;
  const why = explanation.noRelay?.detail ?? CHOICES[choice] ?? choice;
  const alternates = explanation.alternates.map((pair) => pair.join(' and '));
  return [
    `${of}snapshot ${snapshot}, seed ${seed}`,
    `chosen: ${chosen}${why}`,
    ...formerText(explanation),
    `alternates: ${alternates.length === 0 ? 'none' : alternates.join('; ')}`,
  ];
}

/** What became of a former pair, for people. */
const FATES = {
  kept: 'kept',
  left: 'left, as another was better for long enough',
  unable: 'left at once, as it cannot serve as others can',
};

function formerText({ former }: OperatorExplanation): string[] {
  if (former === undefined) return [];
  const { relays, fate, isBetter, totalMs } = former;
  const cost = totalMs === undefined ? '' : `, ${ms(totalMs)} ms`;
  const better = isBetter && fate === 'kept' ? '; another is better, but not yet for long' : '';
  return [`former pair: ${relays.join(' and ')}${cost}: ${FATES[fate]}${better}`];
}

function askedText({ network, hints }: OperatorExplanation['asked'][number], i: number): string {
  const samples = network && `${network.samples.toFixed(0)} samples of ${network.regions} regions`;
  const where = network === undefined ? '' : `, network ${network.network} (${samples})`;
  return `peer ${i}: ${JSON.stringify(hints)}${where}`;
}

function pairsText(explanation: OperatorExplanation): string[] {
  const { pairs, pairsPossible, pairsInBand, bestMs, limitMs } = explanation;
  if (bestMs === undefined || limitMs === undefined) return [];
  const header = [
    ...['', 'peer 0', 'peer 1', 'leg 0', 'load 0', 'price 0', 'trunk', 'leg 1', 'load 1'],
    ...['price 1', 'shared', 'total', 'why'],
  ];
  const rows = pairs.map((pair) => [
    pair.verdict === 'chosen' ? '>' : '',
    ...pair.regions,
    ...[pair.legsMs[0], pair.loadMs[0], pair.priceMs[0], pair.trunk.totalMs].map(ms),
    ...[pair.legsMs[1], pair.loadMs[1], pair.priceMs[1], pair.sharedMs, pair.totalMs].map(ms),
    whyPair(pair),
  ]);
  return [
    `pairs of regions, ms: ${pairsPossible} possible, ${pairsInBand} in the band from ` +
      `${ms(bestMs)} to ${ms(limitMs)}; the cheapest, and the chosen ones:`,
    ...columns([header, ...rows]),
    '',
  ];
}

const VERDICTS: Readonly<Record<PairVerdict, string>> = {
  chosen: 'chosen',
  alternate: 'alternate',
  outdrawn: 'in the band, but another was taken',
  costlier: 'beyond the band',
};

function whyPair({ verdict, chance, overMs }: ExplainedPair): string {
  const drawn = chance === undefined ? '' : `, chance ${percent(chance)}`;
  const over = overMs === 0 ? '' : `, ${ms(overMs)} more than the cheapest`;
  return `${VERDICTS[verdict]}${over}${drawn}`;
}

/** Returns a row for each trunk of the pairs; for each direction where their estimates differ. */
function trunksText(pairs: readonly ExplainedPair[]): string[] {
  const known = new Map<string, Map<string, string[]>>();
  for (const { regions, trunk } of pairs) {
    const { rttMs, uncertaintyMs, jitterMs, lossMs, totalMs } = trunk;
    if (totalMs === 0) continue;
    const name = regions.toSorted().join(' – ');
    const directions = known.get(name) ?? new Map<string, string[]>();
    known.set(name, directions);
    const cells = [rttMs, uncertaintyMs, jitterMs, lossMs, totalMs].map(ms);
    directions.set(regions.join(' to '), cells);
  }
  if (known.size === 0) return [];
  const rows = [...known].flatMap(([name, directions]) => {
    const [first = [], second = first] = directions.values();
    const isOne = first.join() === second.join();
    return isOne ? [[name, ...first]] : [...directions].map(([way, cells]) => [way, ...cells]);
  });
  const header = ['between', 'rtt', 'uncertainty', 'jitter', 'loss', 'trunk'];
  return ['trunks of these pairs, ms:', ...columns([header, ...rows]), ''];
}

function peerText(peer: ExplainedPeer, i: number, explanation: OperatorExplanation): string[] {
  const chosen = explanation.relays?.[i];
  const header = [
    ...['region', 'rtt', 'uncertainty', 'jitter', 'loss', 'leg', 'load', 'price', 'total'],
    ...['relays', 'from', ''],
  ];
  const held = peer.withheld.map(({ reason, count, ids }) => {
    const more = count > ids.length ? ', …' : '';
    return `  ${reason}: ${count} (${ids.join(', ')}${more})`;
  });
  const placed = peer.isPlaced ? '' : '; nothing is known of its place, so all legs cost 0';
  return [
    `regions for peer ${i}, ms${placed}:`,
    ...columns([header, ...peer.candidates.map(candidateRow)]),
    ...relaysText(peer.relays, chosen),
    held.length === 0 ? 'no relay is withheld from it' : 'relays withheld from it, by reason:',
    ...held,
    '',
  ];
}

function candidateRow(candidate: ExplainedCandidate): string[] {
  const { region, leg, loadMs, priceMs, totalMs, relays, exceptions, isPaired } = candidate;
  const { rttMs, uncertaintyMs, jitterMs, lossMs } = leg;
  const numbers = [rttMs, uncertaintyMs, jitterMs, lossMs, leg.totalMs, loadMs, priceMs, totalMs];
  const from = [ORIGINS[leg.origin], ...(leg.by === undefined ? [] : [leg.by])].join(' ');
  const lost = isPaired ? '' : 'lost: ';
  const except = exceptions.length === 0 ? '' : `${lost}${exceptions.join(', ')}`;
  return [region, ...numbers.map(ms), String(relays), from, except];
}

function relaysText(relays: readonly ExplainedRelay[], chosen: string | undefined): string[] {
  if (relays.length === 0) return [];
  const header = ['', 'relay', 'provider', 'share', 'load', 'price', 'free legs', 'weight', ''];
  const rows = relays.map((relay) => [
    relay.id === chosen ? '>' : '',
    relay.id,
    relay.provider ?? '–',
    percent(relay.share),
    ...[relay.loadMs, relay.priceMs].map(ms),
    ...[String(relay.freeLegs), relay.weight.toFixed(1)],
    relay.exceptions.join(', '),
  ]);
  return ['relays of the chosen region, drawn by weight:', ...columns([header, ...rows])];
}
