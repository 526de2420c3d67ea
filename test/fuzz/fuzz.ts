import { readFileSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { MessagingError } from '../../lib/protocol/index.js';
import { anyEdit, edited } from './edits.js';
import type { Target } from './targets.js';

const FILE = new URL('../../../test/fuzz/corpus.json', import.meta.url);
/** No input of a few kilobytes may take longer. Generous: the machine has other things to do. */
const SLOWEST_MILLIS = 2_000;
const MOST_EDITS = 8;

/** An input that was worth keeping: it has found a fault, or finds one in a decoder that was broken on purpose. */
export interface KeptInput {
  readonly target: string;
  readonly says: string;
  readonly base64: string;
}

export interface Fault {
  readonly target: string;
  readonly input: Buffer;
  readonly says: string;
  readonly seed: number;
}

export function keptInputs(): KeptInput[] {
  return JSON.parse(readFileSync(FILE, 'utf8')) as KeptInput[];
}

/** From now on it is tried first. */
export function keep({ target, input, says }: Fault): void {
  const kept = keptInputs();
  const base64 = input.toString('base64');
  if (kept.some((other) => other.target === target && other.base64 === base64)) return;
  kept.push({ target, says, base64 });
  writeFileSync(FILE, `${JSON.stringify(kept, undefined, 2)}\n`);
}

function thrownBy(target: Target, input: Buffer): string | undefined {
  try {
    target.decode(Buffer.from(input));
  } catch (error) {
    if (!(error instanceof MessagingError)) return String(error);
  }
  return undefined;
}

/** What is wrong with how the decoder takes the input; undefined when it decodes it, or refuses it as it should. */
export function faultOf(target: Target, input: Buffer): string | undefined {
  const start = performance.now();
  const thrown = thrownBy(target, input);
  if (thrown !== undefined) return thrown;
  if (performance.now() - start <= SLOWEST_MILLIS) return undefined;
  // The machine may have stood still; it does not do so whenever the same is decoded.
  const again = performance.now();
  thrownBy(target, input);
  const took = performance.now() - again;
  return took > SLOWEST_MILLIS ? `takes ${Math.round(took)} ms` : undefined;
}

export interface Effort {
  readonly seed: number;
  readonly runs: number;
  readonly millis: number;
}

/** Edits samples at random until a fault is found, made as small as it gets, or the effort is made. */
export function fuzz(target: Target, { seed, runs, millis }: Effort): { runs: number; fault?: Fault } {
  const { samples } = target;
  const sample = fc.nat({ max: samples.length - 1 });
  const edits = fc.array(anyEdit, { minLength: 1, maxLength: MOST_EDITS });
  const inputs = fc.tuple(sample, edits).map(([index, changes]) => edited(samples[index]!, changes, samples));
  const property = fc.property(inputs, (input) => {
    const says = faultOf(target, input);
    if (says !== undefined) throw new Error(says);
  });
  const details = fc.check(property, {
    seed,
    numRuns: runs,
    interruptAfterTimeLimit: millis,
    markInterruptAsFailure: false,
  });
  if (!details.failed || details.counterexample === null) return { runs: details.numRuns };
  const input = details.counterexample[0];
  return {
    runs: details.numRuns,
    fault: { target: target.name, input, says: faultOf(target, input) ?? 'sometimes', seed },
  };
}
