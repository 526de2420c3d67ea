/** Where everything lies below the store's directory. Only numbers become names: user text never does. */
export class StorePaths {
  readonly log: string;
  readonly queues: string;
  readonly index: string;
  readonly state: string;
  readonly quarantine: string;
  readonly reserve: string;

  constructor(readonly root: string) {
    this.log = `${root}/commitlog`;
    this.queues = `${root}/consumequeue`;
    this.index = `${root}/index`;
    this.state = `${root}/state`;
    this.quarantine = `${root}/quarantine`;
    this.reserve = `${root}/reserve`;
  }

  segment(baseOffset: number): string {
    return `${this.log}/${fileName(baseOffset)}`;
  }

  queue(topicNumber: number, queueId: number): string {
    return `${this.queues}/${topicNumber}/${queueId}`;
  }
}

/** RocketMQ's file names: the offset of the first byte in 20 digits. */
export function fileName(offset: number): string {
  return offset.toString().padStart(20, '0');
}

/** The offset that a file is named after, or undefined for a file that is not ours. */
export function offsetOfFileName(name: string): number | undefined {
  return /^\d{20}$/.test(name) ? Number(name) : undefined;
}
