/** What Nest calls a handler parameter's source, equal to `RpcParamtype` of `@nestjs/microservices`: its decorators and ours mean the same. */
export const PAYLOAD_PARAMETER = 3;
export const CONTEXT_PARAMETER = 6;

export type Method = (...args: unknown[]) => unknown;

/** Where one argument of a handler comes from. */
export interface Parameter {
  readonly index: number;
  readonly type: number | string;
  readonly extractValue: (...args: unknown[]) => unknown;
  readonly pipes: unknown[];
  readonly metadata: { metatype: unknown; type: unknown; data: unknown; schema: unknown };
}

/** The method as it stands on the prototype chain; accessors are never run. */
export function findMethod(prototype: object, name: string): Method | undefined {
  for (let at: object | null = prototype; at !== null; at = Object.getPrototypeOf(at) as object | null) {
    const descriptor = Object.getOwnPropertyDescriptor(at, name);
    if (descriptor !== undefined)
      return typeof descriptor.value === 'function' ? (descriptor.value as Method) : undefined;
  }
  return undefined;
}

/** The value for a decorated parameter; `data` is the property that `@Payload` names. */
export function pickParameter(type: number, data: string | undefined, args: readonly unknown[]): unknown {
  if (type === CONTEXT_PARAMETER) return args[1];
  if (type !== PAYLOAD_PARAMETER) return null;
  return data ? (args[0] as Record<string, unknown> | null | undefined)?.[data] : args[0];
}

/** What a call needs to know of a listener; null and empty mean that nothing stands before the method. */
export interface CallShape {
  readonly instance: object;
  readonly canActivate: unknown;
  readonly interceptors: readonly unknown[];
  readonly parameters: readonly Parameter[];
  readonly parameterCount: number;
}

/** A call without enhancers; undefined when guards, interceptors, pipes or custom parameters need the long way. */
export function directCall(
  pieces: CallShape,
  method: Method,
): ((payload: unknown, context: object) => unknown) | undefined {
  const { canActivate, interceptors, parameters, instance } = pieces;
  if (canActivate !== null || interceptors.length > 0) return undefined;
  const plain = (parameter: Parameter): boolean =>
    parameter.pipes.length === 0 && (parameter.type === PAYLOAD_PARAMETER || parameter.type === CONTEXT_PARAMETER);
  if (!parameters.every(plain)) return undefined;
  const at = (index: number, type: number): boolean =>
    parameters.every((p) => p.index !== index || (p.type === type && p.metadata.data === undefined));
  if (pieces.parameterCount <= 2 && at(0, PAYLOAD_PARAMETER) && at(1, CONTEXT_PARAMETER)) {
    return (payload, context) => method.call(instance, payload, context);
  }
  return (payload, context) => {
    const values = new Array<unknown>(pieces.parameterCount).fill(undefined);
    for (const parameter of parameters) values[parameter.index] = parameter.extractValue(payload, context);
    return method.apply(instance, values);
  };
}
