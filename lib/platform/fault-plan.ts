export type OperationName =
  | 'open'
  | 'create'
  | 'write'
  | 'read'
  | 'datasync'
  | 'syncRange'
  | 'truncate'
  | 'size'
  | 'close'
  | 'list'
  | 'exists'
  | 'makeDirectory'
  | 'rename'
  | 'remove'
  | 'removeDirectory'
  | 'syncDirectory'
  | 'diskSpace'
  | 'lock'
  | 'unlock';

/**
 * One operation on the simulated disk, in the order in which they are carried out; `number` counts from 0. A synced write
 * is two: `write`, and `syncRange` of what that has written.
 */
export interface Operation {
  readonly number: number;
  readonly name: OperationName;
  readonly path: string;
}

export interface Fault {
  /**
   * `EIO`: the operation fails and does nothing; a sync loses what it should have made durable. `ENOSPC`: writes, creations,
   * growth and the sync of a synced write fail. `short`: the first half of a write is done, then the disk is full.
   */
  readonly kind: 'EIO' | 'ENOSPC' | 'short';
  /** Number of the operation from which on the fault waits for one that it can hit. */
  readonly at: number;
  /** `once` (default): only operation `at` itself; `from`: every one from there on. */
  readonly lasts?: 'once' | 'from';
  /** Only these operations. */
  readonly operations?: readonly OperationName[];
  /** Only files for whose path this holds. */
  readonly path?: (path: string) => boolean;
}

/** Some file systems look for room no sooner than when the bytes go to the disk; one that syncs its writes says so there. */
const TAKES_SPACE: ReadonlySet<OperationName> = new Set([
  'create',
  'write',
  'syncRange',
  'truncate',
  'makeDirectory',
  'rename',
]);

/** The faults that a test has asked for. */
export class FaultPlan {
  private readonly faults: Fault[] = [];
  /** Operations that were hit so far. */
  hits = 0;

  add(fault: Fault): void {
    this.faults.push(fault);
  }

  clear(): void {
    this.faults.length = 0;
  }

  hit(operation: Operation): Fault['kind'] | undefined {
    for (const fault of this.faults) {
      if (fault.lasts === 'from' ? operation.number < fault.at : operation.number !== fault.at) continue;
      if (fault.kind === 'ENOSPC' && !TAKES_SPACE.has(operation.name)) continue;
      if (fault.kind === 'short' && operation.name !== 'write') continue;
      if (fault.operations !== undefined && !fault.operations.includes(operation.name)) continue;
      if (fault.path !== undefined && !fault.path(operation.path)) continue;
      this.hits++;
      return fault.kind;
    }
    return undefined;
  }
}
