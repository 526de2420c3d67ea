import { embedded } from './embedded.js';
import type { Target } from './target.js';

export const targets: readonly Target[] = [embedded];
