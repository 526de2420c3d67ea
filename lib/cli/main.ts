#!/usr/bin/env node
import { runCommandLine } from './command-line.js';

// Whoever reads our output may stop reading: `nestmq topic list | head -1`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

void runCommandLine(process.argv.slice(2)).then((code) => (process.exitCode = code));
