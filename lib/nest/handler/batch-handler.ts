import { ReceivedMessage, type Settlement } from '../../client/index.js';
import type { BatchDelivery } from '../../idempotency/index.js';
import type { HandlerPipeline, Passage } from '../nest-internals.js';
import { FailureSettler, undecodable } from './failure-settler.js';
import type { HandlerSettings } from './handler-settings.js';
import { MessageBatchContext } from './message-batch-context.js';
import { PAYLOAD_PARAMETER, type Parameter } from './method-call.js';
import { type ParameterValues, type RunPipes, parameterValues } from './parameter-values.js';

const ACKNOWLEDGED: Settlement = Object.freeze({ kind: 'acknowledge' });

/** One message of a batch, as far as it has come. */
interface Entry {
  readonly message: ReceivedMessage;
  readonly payload: unknown;
}

/**
 * Takes a batch to its handler: guards and interceptors once, pipes for each payload. What cannot be decoded or is refused
 * by a pipe is settled by itself, and the handler gets the others. Never rejects.
 */
export class BatchHandler {
  private readonly failures: FailureSettler;

  constructor(
    private readonly pipeline: HandlerPipeline,
    private readonly settings: HandlerSettings,
  ) {
    this.failures = new FailureSettler(pipeline, settings);
  }

  async handle(messages: readonly ReceivedMessage[], signal: AbortSignal): Promise<Settlement[]> {
    const settled = new Map<ReceivedMessage, Settlement>();
    const entries: Entry[] = [];
    for (const message of messages) {
      try {
        const { converter, payloadType } = this.settings;
        entries.push({ message, payload: converter.decode(message.body, message.contentType, payloadType) });
      } catch (error) {
        settled.set(message, { kind: 'dead-letter', error: undecodable(error, message) });
      }
    }
    if (entries.length > 0) await this.run(entries, signal, settled);
    return messages.map((message) => settled.get(message) ?? ACKNOWLEDGED);
  }

  private async run(entries: readonly Entry[], signal: AbortSignal, settled: Map<ReceivedMessage, Settlement>) {
    const { group, connection, logger, listener } = this.settings;
    const messages = entries.map(({ message }) => message);
    const refused = new Map<ReceivedMessage, unknown>();
    /** What the handler does not decide about; undefined acknowledges. */
    const decided = new Map<ReceivedMessage, unknown>();
    const batch: BatchDelivery = {
      keep: (places) => {
        passage.args[0] = places.map((place) => entries[place]!.payload);
        MessageBatchContext.keep(
          context,
          places.map((place) => messages[place]!),
        );
      },
      settle: (place, error) => void decided.set(messages[place]!, error),
      hasFailed: (place) =>
        refused.has(messages[place]!) || MessageBatchContext.failures(context).has(messages[place]!),
    };
    const context = new MessageBatchContext(messages, group, connection, signal, logger, { listener, batch });
    const passage: Passage = {
      args: [entries.map(({ payload }) => payload), context],
      entered: false,
      pieces: undefined,
      values: (signature, args, runPipes) =>
        this.values(signature, args[0] as readonly unknown[], context, runPipes, refused),
    };
    let all: Settlement = ACKNOWLEDGED;
    try {
      await this.pipeline.run(passage);
    } catch (error) {
      const stage = passage.entered ? 'handler' : 'before-handler';
      all = await this.failures.settle(error, stage, passage.args, passage);
    }
    const failed = MessageBatchContext.failures(context);
    for (const message of messages) {
      if (decided.has(message)) {
        const error = decided.get(message);
        const { args } = passage;
        settled.set(
          message,
          error === undefined ? ACKNOWLEDGED : await this.failures.settle(error, 'before-handler', args, passage),
        );
      } else if (refused.has(message)) {
        const error = refused.get(message);
        settled.set(message, await this.failures.settle(error, 'before-handler', passage.args, passage));
      } else if (failed.has(message)) {
        const error = failed.get(message);
        settled.set(message, await this.failures.settle(error, 'handler', passage.args, passage));
      } else settled.set(message, all);
    }
  }

  /** Undefined when every payload was refused. */
  private async values(
    { parameters, parameterCount }: Parameters<ParameterValues>[0],
    payloads: readonly unknown[],
    context: MessageBatchContext,
    runPipes: RunPipes,
    refused: Map<ReceivedMessage, unknown>,
  ): Promise<unknown[] | undefined> {
    const { messages } = context;
    const columns: { readonly parameter: Parameter; readonly values: unknown[] }[] = [];
    for (const parameter of parameters.filter(({ type }) => type === PAYLOAD_PARAMETER)) {
      const values = new Array<unknown>(payloads.length);
      const ofOne = { ...parameter, metadata: { ...parameter.metadata, metatype: this.settings.payloadType } };
      await Promise.all(
        payloads.map(async (payload, index) => {
          try {
            values[index] = await runPipes(parameter.extractValue(payload, context), ofOne);
          } catch (error) {
            refused.set(messages[index]!, error);
          }
        }),
      );
      columns.push({ parameter, values });
    }
    const isKept = (_: unknown, index: number): boolean => !refused.has(messages[index]!);
    const kept = payloads.filter(isKept);
    if (kept.length === 0) return undefined;
    MessageBatchContext.keep(context, messages.filter(isKept));
    const others = parameters.filter(({ type }) => type !== PAYLOAD_PARAMETER);
    const result = await parameterValues({ parameters: others, parameterCount }, [kept, context], runPipes);
    for (const { parameter, values } of columns) result![parameter.index] = values.filter(isKept);
    return result;
  }
}
