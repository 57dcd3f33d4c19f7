import type { TransportAddress } from '../address.js';
import { type Authenticate, hookLookUp } from '../auth/authenticate-hook.js';
import { NONCE_LIFETIME_SECONDS, NonceIssuer } from '../auth/nonce.js';
import { featuresOf } from '../auth/realm.js';
import type { TurnPrincipal } from '../auth/turn-principal.js';
import type { TurnVerifier } from '../auth/turn-verifier.js';
import type { Clock } from '../clock.js';
import type { RandomBytes } from '../random.js';
import type { ServerContext } from '../stun-server/server-context.js';
import { UserLookups } from '../stun-server/user-lookups.js';
import type { AllocationEvent } from '../turn/allocation-events.js';
import { Turn, type TurnLog, type TurnOptions, type TurnPlane } from '../turn/index.js';
import type { DefaultFamily } from '../turn/turn-options.js';

/** What an operator decides about a TURN usage (`turnUsageSettings`). */
export interface TurnUsageSettings
  extends Pick<TurnOptions, 'relayedAddresses' | 'ports' | 'policy' | 'limits'> {
  readonly verifier: TurnVerifier;
  readonly userBandwidth: number;
  readonly mobility: boolean;
  readonly softwareAttribute: boolean;
  readonly defaultFamily: DefaultFamily;
  readonly alternateServers: NonNullable<TurnOptions['alternateServers']>;
  readonly authenticate: Authenticate | undefined;
  readonly authenticateTimeoutMs: number;
  readonly onEvent: ((event: AllocationEvent) => void) | undefined;
}

/** What a TURN usage gets of the server that it is part of. */
export interface TurnMeans
  extends Pick<TurnOptions, 'isDraining' | 'isHeldElsewhere' | 'authenticatesBinding' | 'trunk'> {
  readonly plane: TurnPlane;
  readonly server: ServerContext;
  /** Key of nonces, 32 bytes. */
  readonly nonceSecret: Uint8Array;
  /** Runs an action and contains an internal error in it. */
  readonly guarded: (action: () => void) => void;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly log: TurnLog;
}

/** Makes the TURN usage of a client port. */
export function turnUsage(settings: TurnUsageSettings, means: TurnMeans): Turn {
  const { verifier, onEvent } = settings;
  const { realm } = verifier;
  const { guarded, nonceSecret: secret, clock } = means;
  const features = featuresOf(realm);
  return new Turn({
    ...settings,
    ...means,
    realm,
    lookups: lookupsOf(settings, means),
    nonces: new NonceIssuer({ secret, features, clock, lifetimeSeconds: NONCE_LIFETIME_SECONDS }),
    contain: guarded,
    onEvent: (event) => guarded(() => onEvent?.(event)),
  });
}

/** Returns what calls `authenticate`; undefined without it. */
function lookupsOf(
  { authenticate, authenticateTimeoutMs: timeoutMs, verifier }: TurnUsageSettings,
  { server, clock, log, guarded: contain }: TurnMeans,
): UserLookups<TurnPrincipal> | undefined {
  if (authenticate === undefined) return undefined;
  const lookUp = hookLookUp(authenticate, verifier.realm.name);
  const isProven = (client: TransportAddress) => server.budgets.isProven(client);
  return new UserLookups({ lookUp, timeoutMs, isProven, clock, log, contain });
}
