/** A reason why a service is not healthy, or a warning for its operator. */
export interface HealthReason {
  /** Stable code. */
  readonly code: string;
  /** Text for people. */
  readonly detail: string;
  /** The property that is false because of it. */
  readonly stops: 'liveness' | 'readiness' | 'nothing';
}

/** Health of a relay or a directory. */
export interface Health {
  /** False if only a restart helps. */
  readonly live: boolean;
  /** Whether it can take new work. */
  readonly ready: boolean;
  readonly reasons: readonly HealthReason[];
}

/** The response to a probe: `/healthz` asks for liveness, `/readyz` for readiness. */
export interface HealthAnswer {
  readonly status: 200 | 503;
  readonly body: {
    readonly status: 'ok' | 'failed';
    readonly reasons: readonly HealthReason[];
  };
}

/** Derives the health from its reasons. A service that is not live is not ready either. */
export function healthOf(reasons: readonly HealthReason[]): Health {
  const live = reasons.every(({ stops }) => stops !== 'liveness');
  const ready = live && reasons.every(({ stops }) => stops !== 'readiness');
  return { live, ready, reasons };
}

/** Returns the response to a probe: 503 if the asked property is false; all reasons in any case. */
export function healthAnswer(health: Health, asked: 'live' | 'ready'): HealthAnswer {
  const ok = health[asked];
  const body = { status: ok ? 'ok' : 'failed', reasons: health.reasons } as const;
  return { status: ok ? 200 : 503, body };
}
