import type { ParameterDecoratorOptions, PipeTransform, Type } from '@nestjs/common';
import { CONTEXT_PARAMETER, PAYLOAD_PARAMETER } from '../handler/method-call.js';
import { addParameter } from '../nest-internals.js';

type Pipe = Type<PipeTransform> | PipeTransform;

/**
 * The payload of the message, or one property of it; pipes apply. The same as that of `@nestjs/microservices`, which
 * works as well.
 *
 * @publicApi
 */
export function Payload(...pipes: Pipe[]): ParameterDecorator;
export function Payload(options: ParameterDecoratorOptions): ParameterDecorator;
export function Payload(property: string, ...pipes: Pipe[]): ParameterDecorator;
export function Payload(property: string, options: ParameterDecoratorOptions): ParameterDecorator;
export function Payload(...given: (string | Pipe | ParameterDecoratorOptions)[]): ParameterDecorator {
  const data = typeof given[0] === 'string' ? given[0] : undefined;
  const rest = data === undefined ? given : given.slice(1);
  const options = rest.length === 1 && isOptions(rest[0]) ? rest[0] : { pipes: rest as Pipe[] };
  return (target, key, index) => {
    addParameter(target, key!, index, PAYLOAD_PARAMETER, { data, pipes: options.pipes ?? [], schema: options.schema });
  };
}

/**
 * The `MessageContext`. Pipes do not apply.
 *
 * @publicApi
 */
export function Ctx(): ParameterDecorator {
  return (target, key, index) => addParameter(target, key!, index, CONTEXT_PARAMETER, { pipes: [] });
}

function isOptions(value: unknown): value is ParameterDecoratorOptions {
  return typeof value === 'object' && value !== null && !('transform' in value);
}
