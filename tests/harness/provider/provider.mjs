// A provider of identities: node's oidc-provider on a port of 127.0.0.1, with people that a test names.
// Whoever is not logged in there types a name; /test/people and /test/rotate are the test's own doors.
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const { port, client, people } = JSON.parse(process.env.PROVIDER);
const issuer = `http://127.0.0.1:${port}`;
const claims = {
  openid: ['sub'],
  profile: ['name', 'preferred_username', 'eduperson_entitlement'],
  email: ['email', 'email_verified'],
};

function key() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), kid: 'signing', use: 'sig', alg: 'RS256' };
}

function page(body) {
  return `<!doctype html><html lang="en"><head><title>The provider</title><link rel="icon" href="data:,"></head><body>${body}</body></html>`;
}

function made() {
  const provider = new Provider(issuer, {
    clients: [client],
    claims,
    jwks: { keys: [key()] },
    cookies: { keys: ['a key of the tests'] },
    features: {
      devInteractions: { enabled: false },
      rpInitiatedLogout: {
        enabled: true,
        logoutSource(ctx, form) {
          ctx.body = page(`<h1>Log out of the provider?</h1>${form}<button form="op.logoutForm" name="logout" value="yes">Log out</button>`);
        },
      },
    },
    pkce: { required: () => true },
    findAccount: (_ctx, id) => people[id] && { accountId: id, claims: () => ({ sub: id, ...people[id] }) },
    // everybody has consented to everything
    async loadExistingGrant(ctx) {
      const { session, client: asking, provider: here } = ctx.oidc;
      const grant = new here.Grant({ clientId: asking.clientId, accountId: session.accountId });
      grant.addOIDCScope('openid profile email');
      await grant.save();
      return grant;
    },
    interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
    ttl: { Session: 600, Grant: 600, Interaction: 600, AccessToken: 600, IdToken: 600 },
  });
  provider.on('server_error', (_ctx, error) => console.error(error));
  return provider;
}

let provider = made();

async function body(request) {
  let text = '';
  for await (const part of request) text += part;
  return text;
}

createServer(async (request, response) => {
  if (request.url === '/test/rotate') {
    provider = made(); // another key of the same name
    return response.end();
  }
  if (request.url === '/test/people') {
    Object.assign(people, JSON.parse(await body(request)));
    return response.end();
  }
  if (request.url.startsWith('/interaction/')) {
    if (request.method === 'GET') {
      response.setHeader('Content-Type', 'text/html; charset=utf-8');
      return response.end(page('<h1>The provider</h1><form method="post"><label>Name <input name="login"></label> <button>Sign in</button> <button name="cancel" value="yes">Cancel</button></form>'));
    }
    const form = new URLSearchParams(await body(request));
    const result = form.get('cancel')
      ? { error: 'access_denied', error_description: '<b>cancelled</b>' }
      : { login: { accountId: form.get('login') } };
    return provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
  }
  return provider.callback()(request, response);
}).listen(port, '127.0.0.1', () => console.log('ready'));
