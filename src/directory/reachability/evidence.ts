import { accuses, type Statement } from './reports.js';

/** Maximum statements kept verbatim; further ones are counted. */
const KEPT_MAX = 4;

/** The statements about one relay's trunk or one service address. */
export interface Evidence {
  readonly id: string;
  /** The service address; undefined for the trunk. */
  readonly address: string | undefined;
  /** Number of relays that report that they do not reach it. */
  readonly said: number;
  /** Up to `KEPT_MAX` of their statements. */
  readonly statements: readonly Statement[];
  /**
   * Number of credible relays that can tell, and of those that report that they do not reach it.
   */
  readonly observers: number;
  readonly accusers: number;
  /** Regions of the accusers. */
  readonly regions: ReadonlySet<string>;
}

/** Counts the statements about one relay's trunk or one service address. */
export class EvidenceCounter implements Evidence {
  said = 0;
  observers = 0;
  accusers = 0;
  readonly statements: Statement[] = [];
  readonly regions = new Set<string>();
  /** Number of credible relays whose statement accuses nobody. */
  #abstaining = 0;

  constructor(
    readonly id: string,
    readonly address: string | undefined,
  ) {}

  /**
   * Counts a statement.
   * @param by - the reporter's region, and whether the reporter is not cut off itself
   */
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

  /**
   * Sets the number of observers.
   * @param able - number of credible relays that check this trunk or address
   */
  setObservers(able: number): void {
    this.observers = able - this.#abstaining;
  }
}
