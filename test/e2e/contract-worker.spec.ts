import { contractOn } from './contract-on.js';
import { worker } from './targets/worker.js';

// What can differ from other targets is the channel; all of the contract is shown on it by test/fault/worker.
contractOn(worker, 1);
