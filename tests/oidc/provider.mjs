// A real OpenID provider on loopback for tests: says who logs in to be whoever they say, with the groups that a
// test gives them. Prints one line of JSON with its issuer and its address when it listens.
import http from 'node:http';
import Provider from 'oidc-provider';

const [clientId, clientSecret, redirectUri, name] = process.argv.slice(2);
const groups = new Map();

const server = http.createServer();
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const address = `127.0.0.1:${server.address().port}`;
// Where something stands before it, it goes by that one's name.
const issuer = name ?? `http://${address}`;

const provider = new Provider(issuer, {
  clients: [{
    client_id: clientId,
    client_secret: clientSecret,
    redirect_uris: [redirectUri],
    response_types: ['code'],
    grant_types: ['authorization_code'],
  }],
  claims: { openid: ['sub'], groups: ['groups'] },
  scopes: ['openid', 'groups'],
  acrValues: ['phr'],
  cookies: { keys: ['a key of this process'] },
  pkce: { required: () => true },
  findAccount: async (_, id) => ({
    accountId: id,
    claims: async () => ({ sub: id, groups: groups.get(id) ?? [] }),
  }),
});

provider.on('server_error', (_, error) => console.error(error));

const answer = provider.callback();
server.on('request', async (request, response) => {
  // PUT /test/groups/<subject> with a list: what somebody is in from now on.
  const match = /^\/test\/groups\/([a-z-]+)$/.exec(request.url);
  if (match && request.method === 'PUT') {
    let body = '';
    for await (const chunk of request) body += chunk;
    groups.set(match[1], JSON.parse(body));
    response.writeHead(204).end();
    return;
  }
  answer(request, response);
});

console.log(JSON.stringify({ issuer, address }));
// Whoever started this has gone.
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
