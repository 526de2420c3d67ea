import type { SqlDialect, SqlQuery, SqlResult, SqlValue } from '../sql-adapter.js';

/** A statement in the making: each value becomes the next parameter. */
export class Statement {
  private readonly values: SqlValue[] = [];

  constructor(readonly dialect: SqlDialect) {}

  /** The placeholder that stands for the value. */
  value(value: SqlValue): string {
    return `$${this.values.push(value)}`;
  }

  /**
   * For a column that MySQL keeps in binary: as bytes there, since a text would arrive in whatever character set the
   * connection has.
   */
  exact(text: string): string {
    return this.value(this.dialect === 'mysql' ? Buffer.from(text, 'utf8') : text);
  }

  /** `($1, $2, ...)` */
  exactList(texts: readonly string[]): string {
    return `(${texts.map((text) => this.exact(text)).join(', ')})`;
  }

  run(query: SqlQuery, text: string): Promise<SqlResult> {
    return query(text, this.values);
  }
}
