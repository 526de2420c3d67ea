// What runs from CommonJS: the thread of the broker is a module of its own, found beside the package's other files.
require('reflect-metadata');
const { NestFactory } = require('@nestjs/core');
const { MessagingModule, MessagingTemplate } = require('nestmq');

class AppModule {}

async function main() {
  const broker = { store: './threaded', run: 'worker', segmentBytes: 8 * 1024 * 1024 };
  const root = { module: AppModule, imports: [MessagingModule.forRoot({ application: 'packed', broker })] };
  const app = await NestFactory.createApplicationContext(root, { logger: ['error'] });
  const { status } = await app.get(MessagingTemplate).syncSend('orders', 'from CommonJS');
  console.log(status);
  await app.close();
}

void main();
