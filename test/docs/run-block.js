// `node run-block.js <block.js> [milliseconds]`: runs one block of the README that is not a whole program.
//
// A block may export modules, providers and controllers (classes), and `example(messaging, app)`. An application is put
// together from them, on a broker in memory when the block brings no MessagingModule of its own; it is started, the
// example is called, and the application is closed. A comment `// prints: text` in the block says what some console.log
// must have printed by then. Whatever goes wrong fails the test.
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { MODULE_METADATA, PATH_METADATA } from '@nestjs/common/internal';
import { NestFactory } from '@nestjs/core';
import { MessagingModule, MessagingTemplate } from 'nestmq';
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const [, , script, patience = '60000'] = process.argv;
const expected = [...readFileSync(script, 'utf8').matchAll(/\/\/ prints: (.+)$/gm)].map((match) => match[1].trim());
const printed = new Set();
const print = console.log;
console.log = (...values) => {
  printed.add(values.join(' '));
  print(...values);
};

const block = await import(pathToFileURL(script).href);
const classes = Object.values(block).filter((value) => typeof value === 'function' && /^class\b/.test(String(value)));
const isModule = (type) => Object.values(MODULE_METADATA).some((key) => Reflect.hasMetadata(key, type));
const has = (key) => (type) => Reflect.hasMetadata(key, type);
const modules = classes.filter(isModule);
const controllers = classes.filter(has(PATH_METADATA));
const providers = classes.filter((type) => has('__injectable__')(type) && !controllers.includes(type));

class ReadmeModule {}
Module({
  imports:
    modules.length > 0 ? modules : [MessagingModule.forRoot({ application: 'readme', broker: { memory: true } })],
  controllers: modules.length > 0 ? [] : controllers,
  providers: modules.length > 0 ? [] : providers,
})(ReadmeModule);

const app = await NestFactory.createApplicationContext(ReadmeModule, {
  logger: ['error', 'fatal'],
  abortOnError: false,
});
if (block.example) await block.example(app.get(MessagingTemplate, { strict: false }), app);
const deadline = performance.now() + Number(patience);
while (expected.some((text) => !printed.has(text))) {
  if (performance.now() > deadline)
    throw new Error(`not printed: ${expected.filter((text) => !printed.has(text)).join(' | ')}`);
  await new Promise((resolve) => setTimeout(resolve, 5));
}
await app.close();
