import { accuses, type Statement } from './reports.js';

/** Statements that are kept as they were said; more are counted. */
const KEPT_MAX = 4;

/** Who says what about one relay's trunk or one service address. */
export interface Evidence {
  readonly id: string;
  /** The service address; undefined where it is about the trunk. */
  readonly address: string | undefined;
  /** How many say that they do not reach it. */
  readonly said: number;
  /** What some of them say. */
  readonly statements: readonly Statement[];
  /** How many could tell, and how many of those say that they do not reach it. */
  readonly observers: number;
  readonly accusers: number;
  /** The accusers' regions. */
  readonly regions: ReadonlySet<string>;
}

/** Counts who says what about one relay's trunk or one service address. */
export class EvidenceCounter implements Evidence {
  said = 0;
  observers = 0;
  accusers = 0;
  readonly statements: Statement[] = [];
  readonly regions = new Set<string>();
  /** Relays that could tell, but say something that is no accusation. */
  #abstaining = 0;

  constructor(
    readonly id: string,
    readonly address: string | undefined,
  ) {}

  /** @param by - the reporter's region, and whether it is not cut off itself */
  add(statement: Statement, by: { readonly region: string; readonly credible: boolean }): void {
    this.said += 1;
    if (this.statements.length < KEPT_MAX) this.statements.push(statement);
    if (!by.credible) return;
    if (!accuses(statement)) {
      this.#abstaining += 1;
      return;
    }
    this.accusers += 1;
    this.regions.add(by.region);
  }

  /** @param able - relays that report, are not cut off, and are asked about this */
  setObservers(able: number): void {
    this.observers = able - this.#abstaining;
  }
}
