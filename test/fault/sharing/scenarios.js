// What processes on one store must bear. Each scenario returns what it measured, and throws when a target is missed.
import { existsSync, readFileSync } from 'node:fs';
import { Machine, until } from './machine.js';

const TAKEN_OVER_WITHIN_MS = 2_000;
const LEFT_WITHIN_MS = 1_000;
/** Locks of a process of which nothing is known run out after 60 s. */
const ORDERED_AGAIN_WITHIN_MS = 30_000;
/** Only there to end a hang. */
const PATIENCE_MS = 60_000;
const LOAD_MS = 700;

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function withMachine(lib, { pathLength, clustered }, run) {
  const machine = new Machine(lib, pathLength, clustered);
  try {
    return await run(machine);
  } finally {
    await machine.stop();
  }
}

function check(result, limit, times, logs) {
  const worst = Math.max(...times);
  if (result.lost + result.disordered > 0) throw new Error(`lost or out of order: ${JSON.stringify(result)}`);
  if (worst > limit)
    throw new Error(`taken over after ${times.join(', ')} ms, not within ${limit} ms:\n${logs.join('\n')}`);
  return { ...result, takenOverMillis: times };
}

/** The host dies by SIGKILL under load, again and again; a new process comes for each that died. */
export function kill(lib, { rounds, processes = 3, pathLength, clustered, within = TAKEN_OVER_WITHIN_MS }) {
  return withMachine(lib, { pathLength, clustered }, async (machine) => {
    // All at once: the lock decides.
    await Promise.all(Array.from({ length: processes }, () => machine.start()));
    await Promise.all(machine.workers.map((worker) => worker.ask('send')));
    const times = [];
    for (let round = 0; round < rounds; round += 1) {
      await pause(LOAD_MS * (0.5 + Math.random()));
      const host = await until(() => machine.host(), PATIENCE_MS, 'a host');
      const { pid, socket } = JSON.parse(readFileSync(`${machine.store}/lock`, 'utf8'));
      if (pid !== host.pid) throw new Error(`process ${host.pid} says that it hosts, and the lock that ${pid} does`);
      const killedAt = Date.now();
      await machine.end(host, 'SIGKILL');
      times.push(await machine.firstAcknowledgement(killedAt, PATIENCE_MS));
      if (!existsSync(socket)) throw new Error('there was no stale socket to get over');
      await (await machine.start()).ask('send');
    }
    return check(await machine.judge(PATIENCE_MS), within, times, machine.logs);
  });
}

/** One that has joined dies under load: what it had is handled by the others at once, not when its locks run out. */
export function killJoined(lib, { rounds, processes = 3 }) {
  return withMachine(lib, {}, async (machine) => {
    for (let n = 0; n < processes; n += 1) await machine.start();
    await Promise.all(machine.workers.map((worker) => worker.ask('send')));
    const times = [];
    for (let round = 0; round < rounds; round += 1) {
      await pause(LOAD_MS);
      const host = await machine.host();
      await machine.end(
        machine.workers.find((worker) => worker !== host),
        'SIGKILL',
      );
      const killedAt = Date.now();
      await pause(LOAD_MS);
      // Each key has messages from after the death by now, and together they are in all queues.
      const waiting = await machine.unhandled();
      await until(() => machine.handled(waiting), ORDERED_AGAIN_WITHIN_MS, 'handling the queues of the dead process');
      times.push(Date.now() - killedAt);
      await (await machine.start()).ask('send');
    }
    const result = await machine.judge(PATIENCE_MS);
    if (result.failed > 0) throw new Error(`sends failed: ${JSON.stringify(result)}`);
    return check(result, ORDERED_AGAIN_WITHIN_MS, times, machine.logs);
  });
}

/** As a watch mode restarts: the new process starts before the old one is told to go. Nobody sees an error. */
export function leave(lib, { rounds, pathLength, within = LEFT_WITHIN_MS }) {
  return withMachine(lib, { pathLength }, async (machine) => {
    let old = await machine.start();
    await old.ask('send');
    const times = [];
    for (let round = 0; round < rounds; round += 1) {
      await pause(LOAD_MS);
      const next = await machine.start();
      const { role, hostPid } = await next.ask();
      if (role !== 'joined' || hostPid !== old.pid) throw new Error(`the new process is ${role}, with host ${hostPid}`);
      await next.ask('send');
      const { code, signal } = await machine.end(old, 'SIGTERM');
      const goneAt = Date.now();
      if (code !== 0) throw new Error(`the old process ended with ${code ?? signal}`);
      times.push(await machine.firstAcknowledgement(goneAt, PATIENCE_MS));
      await until(async () => (await next.ask()).role === 'host', PATIENCE_MS, 'the new process hosts');
      if (old.errors.length + next.errors.length > 0) throw new Error([...old.errors, ...next.errors].join('\n'));
      old = next;
    }
    const result = await machine.judge(PATIENCE_MS);
    if (result.failed > 0) throw new Error(`sends failed: ${JSON.stringify(result)}`);
    return check(result, within, times, machine.logs);
  });
}

/** A stopped host keeps its lock: who comes gives up after 15 s and names it, who is there waits, and goes on with it. */
export function stopped(lib) {
  return withMachine(lib, {}, async (machine) => {
    const host = await machine.start();
    const joined = await machine.start();
    await joined.ask('send');
    await pause(LOAD_MS);
    host.kill('SIGSTOP');
    const began = performance.now();
    const late = await machine.start().then(
      () => undefined,
      (error) => error,
    );
    const waitedMillis = Math.round(performance.now() - began);
    machine.workers.pop();
    if (late?.code !== 'STORE_LOCKED' || !late.message.includes(`process ${host.pid} `)) {
      throw new Error(`with a stopped host a process started, or failed otherwise: ${late?.code} ${late?.message}`);
    }
    if (waitedMillis < 15_000 || waitedMillis > 40_000) throw new Error(`it gave up after ${waitedMillis} ms`);
    const { role, problem = '' } = await until(
      async () => {
        const status = await joined.ask();
        return status.problem !== undefined && status;
      },
      PATIENCE_MS,
      'the joined process sees that its host does not answer',
    );
    if (role !== 'joined' || !problem.includes(`process ${host.pid} `)) throw new Error(`${role}: ${problem}`);
    const continuedAt = Date.now();
    host.child.kill('SIGCONT');
    await machine.firstAcknowledgement(continuedAt, PATIENCE_MS);
    await until(async () => (await joined.ask()).problem === undefined, PATIENCE_MS, 'the host answers again');
    const result = await machine.judge(PATIENCE_MS);
    if (result.lost + result.disordered > 0) throw new Error(JSON.stringify(result));
    return { ...result, waitedMillis };
  });
}
