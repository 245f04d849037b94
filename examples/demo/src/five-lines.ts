import { createClient } from '@sotto/sdk';
import '@sotto/widget/register';

const token = () => fetch('/chat-token').then((response) => response.text());
const client = await createClient({ relay: 'https://chat.example', app: 'acme', user: 'alice', token });
document.body.append(Object.assign(document.createElement('sotto-chat'), { client, with: 'bob' }));
