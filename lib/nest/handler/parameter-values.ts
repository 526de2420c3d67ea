import type { Parameter } from './method-call.js';

/** Runs the pipes of a parameter over its value. */
export type RunPipes = (value: unknown, parameter: Parameter) => Promise<unknown>;

interface Signature {
  readonly parameters: readonly Parameter[];
  readonly parameterCount: number;
}

/** The arguments of a handler. */
export type ParameterValues = (
  signature: Signature,
  args: readonly unknown[],
  runPipes: RunPipes,
) => Promise<unknown[] | undefined>;

export const parameterValues: ParameterValues = async ({ parameters, parameterCount }, args, runPipes) => {
  const values = new Array<unknown>(parameterCount).fill(undefined);
  await Promise.all(
    parameters.map(async (parameter) => {
      values[parameter.index] = await runPipes(parameter.extractValue(...args), parameter);
    }),
  );
  return values;
};
