import { type AddressDatabase, readAddressDatabase } from '../../directory/mmdb-places.js';
import { ReadIfChanged } from './read-if-changed.js';

/** The options that name databases of addresses. */
export interface DatabasePaths {
  readonly asnDatabase?: string | undefined;
  readonly countryDatabase?: string | undefined;
}

/** The files of databases of addresses, which are read again only where they have changed. */
export class AddressDatabases {
  readonly #asn = new ReadIfChanged((path) => readAddressDatabase(path, '--asn-database'));
  readonly #country = new ReadIfChanged((path) => readAddressDatabase(path, '--country-database'));

  /**
   * Reads the databases that options name.
   * @throws TurnpikeError as `readAddressDatabase`
   */
  async read({ asnDatabase, countryDatabase }: DatabasePaths): Promise<AddressDatabase[]> {
    const asn = asnDatabase === undefined ? [] : [await this.#asn.read(asnDatabase)];
    const country =
      countryDatabase === undefined ? [] : [await this.#country.read(countryDatabase)];
    return [...asn, ...country];
  }
}
