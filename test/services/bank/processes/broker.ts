// A broker as the command line starts it, ended together with the supervisor.
process.on('disconnect', () => process.exit(0));
await import('../../../../lib/cli/main.js');
