import { Router } from 'express';

import { sessionIdIn } from './session.js';
import { tokenFor, type Settings } from './sotto-token.js';

/** Express: `app.use(sottoRoutes(settings))`. POST, so that no other site's link or image can ask for it. */
export function sottoRoutes(settings: Settings): Router {
  const router = Router();
  router.post('/sotto-token', async (request, response) => {
    const token = await tokenFor(settings, sessionIdIn(request.headers.cookie));
    response.set('cache-control', 'no-store');
    if (token === null) response.status(401).send('log in first');
    else response.type('text/plain').send(token);
  });
  return router;
}
