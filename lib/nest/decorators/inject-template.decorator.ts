import { Inject, type InjectionToken } from '@nestjs/common';
import { MessagingTemplate } from '../template/index.js';

export const DEFAULT_CONNECTION = 'default';

/**
 * What to inject (or to override in a test) for a connection's template. Default: the default connection, which is the
 * class itself.
 *
 * @publicApi
 */
export function getTemplateToken(connection: string = DEFAULT_CONNECTION): InjectionToken<MessagingTemplate> {
  return connection === DEFAULT_CONNECTION ? MessagingTemplate : `nestmq:template:${connection}`;
}

/** Injects the template of a connection. @publicApi */
export function InjectTemplate(connection: string = DEFAULT_CONNECTION): PropertyDecorator & ParameterDecorator {
  return Inject(getTemplateToken(connection));
}
