import { createClient } from '@sotto/sdk';
import { fileStorage } from '@sotto/sdk/node';

const relay = process.env['SOTTO_RELAY'] ?? 'http://localhost:7420';

const bot = await createClient({
  relay,
  app: 'dev',
  user: 'echo',
  // A relay started with --dev gives tokens to anyone. In production: mintToken of @sotto/relay/token.
  token: () => fetch(`${relay}/dev/token?user=echo`).then((response) => response.text()),
  storage: fileStorage(process.env['BOT_DATA'] ?? '.data'),
});
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void bot.close());

for await (const { conversation, message } of bot.incoming()) {
  if (message.kind === 'text') await conversation.send(`You said: ${message.text}`);
}
