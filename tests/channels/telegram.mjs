// A stand-in for Telegram that others wrote, on the port that is said.
import { createRequire } from 'node:module';
const require = createRequire(process.env.NODE_PATH + '/');
const { TelegramServer } = require('telegram-test-api/lib/telegramServer');

await new TelegramServer({ port: Number(process.argv[2]), host: '127.0.0.1' }).start();
