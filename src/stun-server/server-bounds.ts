import type { Bound } from '../logging/bound-watch.js';
import type { CounterName } from '../native/counters.js';
import type { DataPlane } from '../native/types.js';
import type { ServerStats } from './server-context.js';

/** Returns the bounds of unauthenticated requests. */
export function strangerBounds({ client }: ServerStats): Bound[] {
  return [
    {
      name: 'challenge-budget',
      detail: 'strangers get no answer: their address has used up its budget',
      met: () => client.over_challenge_budget,
    },
    {
      name: 'binding-budget',
      detail: 'strangers get no answer to a Binding request: their address has used up its budget',
      met: () => client.over_binding_budget,
    },
    {
      name: 'wrong-credentials',
      detail: 'requests are dropped: too many wrong credentials came from their address or port',
      met: () => client.over_wrong_credential_budget,
    },
  ];
}

/** Returns the bounds of the data plane's queues, which all usages share. */
export function planeBounds(plane: Pick<DataPlane, 'counters'>): Bound[] {
  const counter = (name: CounterName) => () => Number(plane.counters()[name]);
  return [
    {
      name: 'requests-queue',
      detail: 'requests of known senders are dropped: they come faster than they are answered',
      met: counter('punt_queue_full'),
    },
    {
      name: 'strangers-queue',
      detail: 'requests of strangers are dropped: they come faster than they are answered',
      met: counter('stranger_queue_full'),
    },
    {
      name: 'requests-share',
      detail: 'requests of a known sender are dropped: it sends faster than its share is answered',
      met: counter('punt_over_share'),
    },
    {
      name: 'strangers-share',
      detail: 'requests of a stranger are dropped: it sends faster than its share is answered',
      met: counter('stranger_over_share'),
    },
    {
      name: 'events-queue',
      detail: 'events of the data plane are dropped: they come faster than they are handled',
      met: counter('events_dropped'),
    },
    {
      name: 'answers-queue',
      detail: 'answers are dropped: a forwarding thread sends them too slowly',
      met: counter('control_send_dropped'),
    },
  ];
}
