import type { RequestHandler } from '../../remoting/index.js';
import { ConnectionProcessor } from './connection-processor.js';
import { GroupProcessor } from './group-processor.js';
import { InfoProcessor } from './info-processor.js';
import { MessageProcessor } from './message-processor.js';
import { NOT_SERVED } from './not-served.js';
import type { AdminParts } from './parts.js';
import { PositionProcessor } from './position-processor.js';
import { ProgressProcessor } from './progress-processor.js';
import { RelayProcessor } from './relay-processor.js';
import { SettingsProcessor } from './settings-processor.js';
import { TopicProcessor } from './topic-processor.js';
import { UpkeepProcessor } from './upkeep-processor.js';

/** All that tools ask for, one processor a subject. */
export function administration(parts: AdminParts): [code: number, handler: RequestHandler][] {
  const processors = [
    new TopicProcessor(parts),
    new GroupProcessor(parts),
    new ConnectionProcessor(parts),
    new ProgressProcessor(parts),
    new PositionProcessor(parts),
    new RelayProcessor(parts),
    new MessageProcessor(parts),
    new InfoProcessor(parts),
    new SettingsProcessor(parts),
    new UpkeepProcessor(parts),
  ];
  const served = processors.flatMap(({ handlers }) => handlers);
  return [...NOT_SERVED, ...served].map(([code, handler]) => [code, handler]);
}
