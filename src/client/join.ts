import { randomBytes } from 'node:crypto';
import { familyOf, type TransportAddress, toAddress } from '../address.js';
import { TurnpikeError } from '../errors.js';
import { optionsOf } from '../options/check.js';
import { AVOIDED_RELAYS_MAX } from '../registry/schemas.js';
import { AvoidedWhileConnecting } from './avoided-relays.js';
import type { ConnectionGrant } from './grant.js';
import type { Introduction } from './introduction.js';
import { RECEIVE_QUEUE_MESSAGES } from './message-queue.js';
import { MEET_SPECS, RENDEZVOUS_SPECS } from './option-specs.js';
import type { Peer } from './peer.js';
import type { PeerOptions } from './peer-options.js';
import { ReconnectingPeer } from './reconnecting-peer.js';
import { newMember, Rendezvous, type RendezvousOptions } from './rendezvous.js';
import { systemScheduler } from './scheduler.js';

/** Steps to an established connection, in order; `retrying` may come in between. */
export type JoinProgress =
  | { readonly step: 'waiting' }
  | { readonly step: 'retrying'; readonly error: TurnpikeError }
  | { readonly step: 'directory-answer'; readonly grant: ConnectionGrant }
  | { readonly step: 'allocated'; readonly mappedAddress: TransportAddress }
  | { readonly step: 'peer-address'; readonly peerAddress: TransportAddress }
  | { readonly step: 'connecting' }
  | { readonly step: 'established' };

/** Options of `Peer.meet`; `signal` applies to all steps. */
export interface MeetOptions extends Omit<PeerOptions, 'grant'> {
  /** Ids of relays to avoid while another can serve; relays that fail are added. */
  readonly avoid?: readonly string[] | undefined;
  readonly onProgress?: ((progress: JoinProgress) => void) | undefined;
}

/** Options of `Peer.join` for one connection. */
export interface JoinOptions extends RendezvousOptions, MeetOptions {
  /** The region of this peer's relay; short for `hints.region`. */
  readonly region?: string | undefined;
  /** False: one connection only. See `ReconnectingJoinOptions`. */
  readonly reconnect?: false | undefined;
}

/** How to reconnect. */
export interface ReconnectOptions {
  /** Time without a connection after which to give up, ms; default never. */
  readonly giveUpMs?: number | undefined;
  /**
   * Whether to retry, as after a loss, if the first connection cannot be established (no directory,
   * no relay); `giveUpMs` then counts from the first failure. Mistakes such as a wrong API key
   * still reject. Default false: every failure rejects.
   */
  readonly fromStart?: boolean | undefined;
}

/** Options of `Peer.join` for a peer that reconnects. */
export interface ReconnectingJoinOptions extends Omit<JoinOptions, 'reconnect'> {
  /** `true` for the defaults. */
  readonly reconnect: true | ReconnectOptions;
}

/** Options that differ between connections. */
export interface AttemptOptions {
  readonly avoid: readonly string[];
  readonly signal: AbortSignal;
}

/** `Peer.open`, passed in so that this file does not import `Peer`. */
type OpenPeer = (options: PeerOptions) => Promise<Peer>;

/** Joins a room for one connection; see `Peer.join`. */
export async function joinRoom(options: JoinOptions, open: OpenPeer): Promise<Peer> {
  const rendezvous = await Rendezvous.open(roomOptions(options));
  try {
    const peer = await meet(rendezvous, optionsOf<MeetOptions>(MEET_SPECS, options), open);
    peer.once('close', () => rendezvous.close());
    return peer;
  } catch (error) {
    rendezvous.close();
    throw error;
  }
}

/** Joins a room for repeated connections; see `Peer.join`. */
export function joinAgainAndAgain(
  options: ReconnectingJoinOptions,
  open: OpenPeer,
): Promise<ReconnectingPeer> {
  const { reconnect, signal, scheduler = systemScheduler, ...rest } = options;
  // The same member name for all attempts, so that each replaces the former one in the room.
  const member = rest.member ?? newMember(rest.random ?? randomBytes);
  const joining: JoinOptions = { ...rest, scheduler, member };
  let rendezvous: Rendezvous | undefined;
  return ReconnectingPeer.open(
    {
      connect: async ({ avoid, signal: until }) => {
        rendezvous ??= await Rendezvous.open({ ...roomOptions(joining), signal: until });
        const always = joining.avoid ?? joining.hints?.avoid ?? [];
        const meeting = optionsOf<MeetOptions>(MEET_SPECS, joining);
        const most = AVOIDED_RELAYS_MAX;
        const avoided = [...avoid, ...always].slice(0, most);
        return meet(rendezvous, { ...meeting, avoid: avoided, signal: until }, open);
      },
      release: () => {
        rendezvous?.close();
        rendezvous = undefined;
      },
      reconnect: reconnect === true ? {} : reconnect,
      onNotYet: (error) => options.onProgress?.({ step: 'retrying', error }),
      scheduler,
      random: Math.random,
      receiveQueueMessagesMax: options.receiveQueueMessagesMax ?? RECEIVE_QUEUE_MESSAGES,
    },
    signal,
  );
}

/** Returns the rendezvous' part of `Peer.join`'s options. */
function roomOptions(options: JoinOptions): RendezvousOptions {
  const room = optionsOf<RendezvousOptions>(RENDEZVOUS_SPECS, options);
  const { region, bind } = options;
  const { family, families } = room.hints ?? {};
  const isFree = family === undefined && families === undefined;
  const hints = {
    ...room.hints,
    ...(region !== undefined && { region }),
    // A socket that is bound to an address can send to its family only.
    ...(bind !== undefined && isFree && { families: [familyOf(toAddress(bind))] }),
  };
  return { ...room, hints };
}

/**
 * Waits for the next connection of a rendezvous and establishes it; see `Peer.meet`. If a relay
 * does not serve, it asks for another pair.
 */
export async function meet(
  rendezvous: Rendezvous,
  options: MeetOptions,
  open: OpenPeer,
): Promise<Peer> {
  const { signal, onProgress = () => {} } = options;
  const onWaiting = () => onProgress({ step: 'waiting' });
  const onRetrying = (error: TurnpikeError) => onProgress({ step: 'retrying', error });
  rendezvous.on('waiting', onWaiting);
  rendezvous.on('retrying', onRetrying);
  try {
    const { scheduler = systemScheduler } = options;
    const failures = new AvoidedWhileConnecting(scheduler, options.avoid ?? rendezvous.hints.avoid);
    for (;;) {
      const introduction = await rendezvous.next({ signal, avoid: failures.ids });
      const { grant, over } = introduction;
      onProgress({ step: 'directory-answer', grant });
      try {
        return await establish(introduction, options, open);
      } catch (error) {
        if (signal?.aborted) throw error;
        // The other side left or restarted, which is not this side's failure.
        if (over.aborted) {
          onRetrying(over.reason);
          continue;
        }
        const final = failures.after(grant, error);
        if (final !== undefined) throw final;
        onRetrying(error as TurnpikeError);
      }
    }
  } finally {
    rendezvous.off('waiting', onWaiting);
    rendezvous.off('retrying', onRetrying);
  }
}

async function establish(
  introduction: Introduction,
  options: MeetOptions,
  open: OpenPeer,
): Promise<Peer> {
  const { grant, over } = introduction;
  const { onProgress = () => {}, avoid: _, ...opening } = options;
  const signal = either(options.signal, over);
  const peer = await open({ ...opening, grant, signal });
  const lost = new AbortController();
  peer.once('close', (error) => lost.abort(error));
  try {
    const { mappedAddress } = peer;
    onProgress({ step: 'allocated', mappedAddress });
    introduction.sendAddress(mappedAddress);
    const peerAddress = await introduction
      .peerAddress({ signal: either(options.signal, lost.signal) })
      .catch((error) => Promise.reject(lost.signal.reason ?? error));
    onProgress({ step: 'peer-address', peerAddress });
    onProgress({ step: 'connecting' });
    await peer.connect(peerAddress, { signal });
  } catch (error) {
    await peer.close();
    throw error;
  }
  onProgress({ step: 'established' });
  closeWhenOver(peer, over);
  return peer;
}

/** Closes the peer when the rendezvous marks the connection as obsolete. */
function closeWhenOver(peer: Peer, over: AbortSignal): void {
  const onOver = () => {
    const { message } = over.reason as TurnpikeError;
    void peer.close(new TurnpikeError('ERR_TURNPIKE_CLOSED', message, { cause: over.reason }));
  };
  over.addEventListener('abort', onOver);
  peer.once('close', () => over.removeEventListener('abort', onOver));
  if (over.aborted) onOver();
}

function either(first: AbortSignal | undefined, second: AbortSignal): AbortSignal {
  return first === undefined ? second : AbortSignal.any([first, second]);
}
