/** Something that keeps a service from its work, or that its operator should know. */
export interface HealthReason {
  /** Stable: match on it. */
  readonly code: string;
  /** For people. */
  readonly detail: string;
  /** What it takes from the service: its life, its readiness, or nothing. */
  readonly stops: 'liveness' | 'readiness' | 'nothing';
}

/** How a relay or a directory is. */
export interface Health {
  /** False where only a restart helps. */
  readonly live: boolean;
  /** Whether it can be given work. */
  readonly ready: boolean;
  readonly reasons: readonly HealthReason[];
}

/** What a probe is answered: `/healthz` asks for liveness, `/readyz` for readiness. */
export interface HealthAnswer {
  readonly status: 200 | 503;
  readonly body: {
    readonly status: 'ok' | 'failed';
    readonly reasons: readonly HealthReason[];
  };
}

/** Sums up reasons: who is not alive is not ready either. */
export function healthOf(reasons: readonly HealthReason[]): Health {
  const live = reasons.every(({ stops }) => stops !== 'liveness');
  const ready = live && reasons.every(({ stops }) => stops !== 'readiness');
  return { live, ready, reasons };
}

/** The answer to a probe: 503 where what it asks for is missing; all reasons in any case. */
export function healthAnswer(health: Health, asked: 'live' | 'ready'): HealthAnswer {
  const ok = health[asked];
  const body = { status: ok ? 'ok' : 'failed', reasons: health.reasons } as const;
  return { status: ok ? 200 : 503, body };
}
