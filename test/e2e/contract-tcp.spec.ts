import { contractOn } from './contract-on.js';
import { tcp } from './targets/tcp.js';

contractOn(tcp);
