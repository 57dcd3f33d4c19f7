import type { AddressFamily } from '../address.js';
import { BoundedCache } from '../collections/bounded-cache.js';
import { isTurnpikeError } from '../errors.js';
import { type RandomBytes, uniformRandom } from '../random.js';
import {
  DirectoryClient,
  type PeerHints,
  type RelayCandidate,
  type RelaySummary,
} from './directory-client.js';
import type { DirectoryAccess } from './directory-problem.js';
import type { Scheduler } from './scheduler.js';

/** Relays that a peer measures at most where the directory does not choose them. */
export const CANDIDATES_OF_LIST_MAX = 8;

/** Time for which a peer keeps relays to measure at most, whatever the directory says. */
export const CANDIDATES_MS_MAX = 600_000;

/** Time for which those are kept that a peer took from a list. */
const LISTED_MS = 60_000;

/** Lists that a process keeps at most: for each directory, API key and kind of peer. */
const LISTS_MAX = 64;

/** Which relays to measure, and with what. */
export interface CandidatesWish {
  readonly access: DirectoryAccess;
  /** Hints that bind the choice. */
  readonly peer: Pick<PeerHints, 'families' | 'region'>;
  /** Number of relays at most; default the directory's. */
  readonly relays?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly scheduler: Scheduler;
  readonly random: RandomBytes;
}

interface KeptList {
  readonly relays: readonly RelayCandidate[];
  readonly untilMs: number;
}

/** Lists by clock: the times of one mean nothing to another. */
const kept = new WeakMap<Scheduler, BoundedCache<KeptList>>();

/**
 * Returns the relays that a peer should measure: those that the directory names, or a few of all
 * where it is of a version that names none. They are kept as long as the directory says, so that
 * many peers of a process, or one that measures again, do not ask each time.
 * @throws as `DirectoryClient`
 */
export async function relayCandidates(wish: CandidatesWish): Promise<readonly RelayCandidate[]> {
  const { access, peer, relays, scheduler } = wish;
  const lists = kept.get(scheduler) ?? new BoundedCache<KeptList>(LISTS_MAX);
  kept.set(scheduler, lists);
  const { families, region } = peer;
  const name = JSON.stringify([
    String(access.directoryUrl),
    access.apiKey,
    families,
    region,
    relays,
  ]);
  const known = lists.get(name);
  if (known !== undefined && scheduler.monotonic() < known.untilMs) return known.relays;
  const { relays: found, keepMs } = await ask(wish);
  if (found.length > 0) {
    lists.set(name, { relays: found, untilMs: scheduler.monotonic() + keepMs });
  }
  return found;
}

async function ask({ access, peer, relays, signal, random }: CandidatesWish) {
  const { directoryUrl, apiKey, ca } = access;
  const client = new DirectoryClient({ directoryUrl, apiKey, ca });
  try {
    const request = { ...(Object.keys(peer).length > 0 && { peer }), relays };
    const answer = await client.listCandidates(request, { signal });
    const keepMs = Math.min(answer.validSeconds * 1_000, CANDIDATES_MS_MAX);
    return { relays: answer.relays, keepMs };
  } catch (error) {
    if (!isTurnpikeError(error, 'ERR_TURNPIKE_DIRECTORY')) throw error;
    if (error.status !== 404 && error.status !== 405) throw error;
  }
  const listed = await client.listRelays({ signal });
  const count = Math.min(relays ?? CANDIDATES_OF_LIST_MAX, CANDIDATES_OF_LIST_MAX);
  return { relays: fewOf(listed, peer, count, uniformRandom(random)), keepMs: LISTED_MS };
}

/** Takes one relay of each of some regions, at random; of one region only if that is wished. */
function fewOf(
  relays: readonly RelaySummary[],
  { region, families = [4, 6] }: CandidatesWish['peer'],
  count: number,
  random: () => number,
): RelayCandidate[] {
  const byRegion = new Map<string, RelaySummary[]>();
  const sound = relays.filter(({ reachability }) => !isInDoubt(reachability?.verdict));
  for (const relay of sound) {
    if (region !== undefined && relay.region !== region) continue;
    const group = region === undefined ? relay.region : relay.id;
    const others = byRegion.get(group);
    if (others === undefined) byRegion.set(group, [relay]);
    else others.push(relay);
  }
  const groups = [...byRegion.values()];
  const few: RelayCandidate[] = [];
  while (few.length < count && groups.length > 0) {
    const [group = []] = groups.splice(Math.floor(random() * groups.length), 1);
    const relay = group[Math.floor(random() * group.length)];
    const addresses = families.flatMap((family) => addressOf(relay, family) ?? []);
    if (relay === undefined || addresses.length === 0) continue;
    few.push({ id: relay.id, region: relay.region, addresses });
  }
  return few;
}

function isInDoubt(verdict: string | undefined): boolean {
  return verdict === 'suspected' || verdict === 'unreachable';
}

function addressOf(relay: RelaySummary | undefined, family: AddressFamily) {
  return relay?.addresses.find(({ address }) => address.includes(':') === (family === 6));
}
