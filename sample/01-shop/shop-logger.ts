import { ConsoleLogger } from '@nestjs/common';

/** One line for each kind of failure: those that this shop stages every day would otherwise hide its report. */
export class ShopLogger extends ConsoleLogger {
  private readonly kinds = new Set<string>();

  constructor() {
    super({ logLevels: ['error', 'fatal'] });
  }

  override error(message: unknown): void {
    const [line = ''] = String(message).split('\n');
    const kind = line.replace(/\d+/g, '#');
    if (!this.kinds.has(kind)) console.error(`log       ${line}`);
    this.kinds.add(kind);
  }
}
