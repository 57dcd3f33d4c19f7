import type { ClusterDescription } from '../estimates/access-clusters.js';
import { type Explanation, explain } from '../selection/explain.js';
import type { PeerHints, SelectionRequest } from '../selection/request.js';
import type { SelectionSnapshot } from '../selection/snapshot.js';
import type { LiveSelection } from './live-selection.js';
import type { RecentSelection, RecentSelections } from './recent-selections.js';

/** What operators are told of a peer besides the explanation of its relay. */
export interface AskedPeer {
  /** Its access network, from which its legs are estimated, as it is known now. */
  readonly network?: ClusterDescription;
  /** What was told of it. */
  readonly hints: object;
}

/** The explanation of a selection, for operators. It holds plain data. */
export interface OperatorExplanation extends Explanation {
  /** Of an earlier answer: its connection and tenant. */
  readonly connectionId?: string;
  readonly tenant?: string;
  readonly asked: readonly [AskedPeer, AskedPeer];
}

/** Why a selection cannot be explained. */
export type ExplainFault = 'connection-unknown' | 'snapshot-unknown' | 'snapshot-gone';

/** An explanation, or why there is none. */
export type ExplainResult =
  | { readonly ok: true; readonly explanation: OperatorExplanation }
  | { readonly ok: false; readonly fault: ExplainFault };

/** Which selection to explain, of given peers. */
export interface ExplainWish {
  readonly peers: readonly [PeerHints, PeerHints];
  /** Number of the snapshot; the newest one if it is left out. */
  readonly snapshot?: number | undefined;
  readonly seed: number;
}

/** Explains selections, by making them again from their snapshot, request and seed. */
export class Explainer {
  readonly #live: LiveSelection;
  readonly #recent: RecentSelections;

  constructor(live: LiveSelection, recent: RecentSelections) {
    this.#live = live;
    this.#recent = recent;
  }

  /** Explains the selection of an earlier answer, while its snapshot is kept. */
  ofConnection(connectionId: string): ExplainResult {
    const selection = this.#recent.find(connectionId);
    return selection === undefined
      ? { ok: false, fault: 'connection-unknown' }
      : this.ofSelection(selection);
  }

  /** Explains a selection that was made. */
  ofSelection(selection: RecentSelection): ExplainResult {
    const { connectionId, tenant, request, seed } = selection;
    const snapshot = this.#live.snapshotOf(selection.snapshot);
    if (request === undefined || snapshot === undefined) {
      return { ok: false, fault: 'snapshot-gone' };
    }
    const explanation = this.#explain(snapshot, request, seed);
    return { ok: true, explanation: { connectionId, tenant, ...explanation } };
  }

  /** Explains what is selected for peers, without selecting it. */
  ofPeers({ peers, snapshot, seed }: ExplainWish): ExplainResult {
    const [first, second] = peers;
    const request = { peers: [this.#live.requestOf(first), this.#live.requestOf(second)] as const };
    const newest = this.#live.snapshotFor(request.peers);
    if (snapshot !== undefined && snapshot > newest.number) {
      return { ok: false, fault: 'snapshot-unknown' };
    }
    const isNewest = snapshot === undefined || snapshot === newest.number;
    const found = isNewest ? newest : this.#live.snapshotOf(snapshot);
    if (found === undefined) return { ok: false, fault: 'snapshot-gone' };
    return { ok: true, explanation: this.#explain(found, request, seed) };
  }

  /** Forgets what is no longer explained. To be called a few times a second. */
  sweep(): void {
    this.#recent.sweep((snapshot) => this.#live.snapshotOf(snapshot) !== undefined);
  }

  #explain(
    snapshot: SelectionSnapshot,
    request: SelectionRequest,
    seed: number,
  ): OperatorExplanation {
    const asked = request.peers.map(({ cluster, ...hints }): AskedPeer => {
      const network = cluster === undefined ? {} : { network: this.#live.networkOf(cluster) };
      return { hints: plain(hints), ...network };
    });
    return {
      ...explain(snapshot, request, seed),
      asked: asked as [AskedPeer, AskedPeer],
    };
  }
}

/** Returns hints as in a request's body. */
function plain({ latencies, avoid, ...hints }: PeerHints): object {
  return {
    ...hints,
    ...(latencies === undefined ? {} : { latencies: Object.fromEntries(latencies) }),
    ...(avoid === undefined ? {} : { avoid: [...avoid] }),
  };
}
