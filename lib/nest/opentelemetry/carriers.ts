import type { TextMapGetter, TextMapSetter } from '@opentelemetry/api';
import { isReservedProperty } from '../../protocol/index.js';

type Properties = Record<string, string>;

/** Into the properties of a message that is sent: what a property cannot hold is left out, for a trace must not stop a message. */
export const propertySetter: TextMapSetter<Properties> = {
  set(carrier, key, value) {
    // oxlint-disable-next-line no-control-regex
    if (key === '' || value === '' || isReservedProperty(key) || /[\u0001\u0002]/.test(key + value)) return;
    carrier[key] = value;
  },
};

/** From the properties of a message that was received. */
export const propertyGetter: TextMapGetter<Readonly<Properties>> = {
  keys: (carrier) => Object.keys(carrier),
  get: (carrier, key) => (Object.hasOwn(carrier, key) ? carrier[key] : undefined),
};
