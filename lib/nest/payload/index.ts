export { type Duration, describeValue, durationMillis, parseDuration } from './duration.js';
export { DefaultMessageConverter, type EncodedPayload, type MessageConverter } from './message-converter.js';
