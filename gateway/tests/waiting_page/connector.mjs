// A person's way through a shop that is guarded by Queue-it's open-source connector, in a real browser, with TLS: the shop's page,
// our waiting page, back with a token, the shop's page, something in the cart. The shop is made of the vendor's package
// and calls of the API; between the browser and our server stands nothing but TLS. Everything it asserts stops it.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { createServer } from 'node:https';
import { createRequire } from 'node:module';

const input = JSON.parse(readFileSync(0, 'utf8'));
const { chromium } = await import(input.playwright);
const { KnownUser } = createRequire(input.packages)('@queue-it/connector-javascript');
const QUEUE = 'https://queue.shop.example', SHOP = 'https://shop.example';
const tls = { key: readFileSync(input.key), cert: readFileSync(input.cert) };

async function api(method, path, body, key = input.operator) {
  const headers = { 'content-type': 'application/json', authorization: 'Bearer ' + key, 'idempotency-key': String(Math.random()) };
  const answer = await fetch(input.url + path, { method, headers, body: body && JSON.stringify(body) });
  return { status: answer.status, body: await answer.json() };
}
const turn = (body) => api('PATCH', '/v1/sales/rush/queue', body);
const line = async () => (await api('GET', '/v1/sales/rush/queue')).body;

// The host of the waiting room: TLS in front of our server.
const front = createServer(tls, (from, to) => {
  const { hostname, port } = new URL(input.url);
  const { method, url: path, headers } = from;
  from.pipe(request({ hostname, port, method, path, headers }, (answer) => {
    to.writeHead(answer.statusCode, answer.headers);
    answer.pipe(to);
  }));
});

// The shop: each request goes by the connector; who is let in has a cart of their session.
const seen = [];
const document = await fetch(input.url + '/status/integrationconfig/secure/shop', { headers: { 'api-key': input.server } });
const rules = await document.text();
const shop = createServer(tls, async (from, to) => {
  try {
    const url = new URL(from.url, SHOP), cookies = [];
    seen.push({ path: from.url, referer: from.headers.referer, method: from.method });
    const pairs = (from.headers.cookie ?? '').split('; ').map((pair) => pair.split(/=(.*)/s));
    const context = {
      getHttpRequest: () => ({
        getUserAgent: () => from.headers['user-agent'] ?? '', getHeader: (name) => from.headers[name] ?? '',
        getAbsoluteUri: () => url.href, getUserHostAddress: () => '', getRequestBodyAsString: () => '',
        getCookieValue: (name) => decodeURIComponent(Object.fromEntries(pairs)[name] ?? ''),
      }),
      getHttpResponse: () => ({
        setCookie: (name, value) => cookies.push(`${name}=${encodeURIComponent(value)}; Path=/; Secure; HttpOnly`),
      }),
      getCryptoProvider: () => ({ getSha256Hash: (key, text) => createHmac('sha256', key).update(text).digest('hex') }),
    };
    const token = url.searchParams.get('queueittoken') ?? '';
    url.searchParams.delete('queueittoken');
    const result = await KnownUser.validateRequestByIntegrationConfig(url.href, token, rules, 'shop', input.secret, context, '');
    to.setHeader('set-cookie', cookies);
    if (result.doRedirect()) { return to.writeHead(302, { location: result.redirectUrl }).end(); }
    // The token goes from the address as soon as it has been taken.
    if (token) { return to.writeHead(302, { location: url.href }).end(); }
    let cart = 'open to everybody';
    if (result.queueId) {
      const { pass } = (await api('GET', `/v1/queue/${result.queueId}`, undefined, input.server)).body;
      const held = pass ? await api('POST', '/v1/sales/rush/carts', { items: [{ slot: 'a', quantity: 1 }] }, pass) : { status: 410 };
      cart = held.status === 201 ? 'One place is in your cart' : `No cart: ${held.body?.code ?? held.status}`;
    }
    to.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
    to.end(`<!doctype html><meta name="viewport" content="width=device-width"><title>shop</title><h1>Choose your seat</h1>` +
      `<p id="cart">${cart}</p><p id="queue">${result.queueId ?? ''}</p>`);
  } catch (error) { to.writeHead(500).end(String(error)); }
});
const port = (server) => new Promise((done) => server.listen(0, '127.0.0.1', () => done(server.address().port)));
const [frontPort, shopPort] = [await port(front), await port(shop)];

const browser = await chromium.launch({ executablePath: input.chromium, args: ['--no-sandbox',
  `--host-resolver-rules=MAP queue.shop.example:443 127.0.0.1:${frontPort}, MAP shop.example:443 127.0.0.1:${shopPort}`] });
async function person(language, script = true) {
  const context = await browser.newContext({ viewport: { width: 390, height: 844 }, locale: language, ignoreHTTPSErrors: true,
    javaScriptEnabled: script });
  const page = await context.newPage();
  page.on('console', (message) => { if (message.type() === 'error') { throw new Error(`console: ${message.text()}`); } });
  page.on('pageerror', (error) => { throw error; });
  return { page, context };
}
async function shot(page, name) {
  if (input.shots) { await page.screenshot({ path: `${input.shots}/connector-${name}.png`, fullPage: true }); }
}
const heading = (page, text) => page.locator('h1', { hasText: text }).waitFor({ timeout: 20000 });
const BOOK = `${SHOP}/book?seat=1&row=2`;

await api('PUT', '/v1/sales/rush', { name: 'Arena, one night', time_zone: 'Europe/Berlin',
  waiting_room: { enabled: true, admit_per_minute: 0, max_active: 1 } });
await api('POST', '/v1/sales/rush/slots', { slots: [{ id: 'a', venue: 'kiel', capacity: 50 }] });

// Somebody who only looks at another page is not asked to wait.
const { page, context } = await person('de-DE');
await page.goto(`${SHOP}/about`);
assert.equal(await page.textContent('#cart'), 'open to everybody');

// The guarded page leads to the line, and coming again to the same place.
await page.goto(BOOK);
await heading(page, 'Sie stehen in der Schlange');
const place = new URL(page.url());
assert.match(place.pathname, /^\/queue\/rush\/qt_[0-9a-z]+$/);
assert.deepEqual([place.origin, place.searchParams.get('t')], [QUEUE, BOOK]);
await shot(page, 'waiting-de');
await page.goto(BOOK);
assert.equal(new URL(page.url()).pathname, place.pathname, 'the place is kept');
assert.equal((await line()).lanes[0].waiting, 1);
// The other language leads to the same place, with the wanted page still in the address.
await page.click('nav a');
await heading(page, 'You are in the line');
assert.equal(new URL(page.url()).searchParams.get('t'), BOOK);

// Somebody behind, without a script.
const second = await person('en-GB', false);
await second.page.goto(BOOK);
await heading(second.page, 'You are in the line');

await turn({ admit_per_minute: 6000 });
await heading(page, 'It is your turn');
await shot(page, 'called');
await page.click('main form button');
await heading(page, 'Choose your seat');
assert.equal(page.url(), BOOK, 'the token has gone from the address');
assert.equal(await page.textContent('#cart'), 'One place is in your cart');
await shot(page, 'shop');
const back = seen.filter((request) => request.path.includes('queueittoken='));
assert.equal(back.length, 1);
assert.deepEqual([back[0].method, back[0].referer], ['GET', undefined], 'the place is told to nobody');
const session = await line();
assert.deepEqual([session.active, session.admitted], [1, 1]);

// The same token in another browser: the connector lets it in, and it has the same session, so no second cart.
const friend = await person('en-GB');
await friend.page.goto(SHOP + back[0].path);
await heading(friend.page, 'Choose your seat');
assert.equal(await friend.page.textContent('#cart'), 'No cart: session-busy');
assert.deepEqual([(await line()).active, (await line()).admitted], [1, 1]);
// Changed by one character it leads to our page that says so, and from there to a place.
const bent = await person('en-GB');
await bent.page.goto(SHOP + back[0].path.replace(/.$/, (last) => (last === '0' ? '1' : '0')));
await heading(bent.page, 'The shop did not let you in');
await shot(bent.page, 'rejected');
await bent.page.click('main form button');
await heading(bent.page, 'You are in the line');
assert.equal(new URL(bent.page.url()).searchParams.get('t'), BOOK);

// The cap has held all the time; when the first person gives up, the second, without a script, is called and goes on.
assert.equal((await line()).active, 1);
const queue = await page.textContent('#queue');
await api('DELETE', `/v1/queue/${queue}`, undefined, input.server);
await heading(second.page, 'It is your turn');
await second.page.click('main form button');
await heading(second.page, 'Choose your seat');
assert.equal(await second.page.textContent('#cart'), 'One place is in your cart');

// Early people are let on by their page itself, whichever way it opens.
await turn({ mode: 'closed' });
const early = await person('en-GB');
await early.page.goto(BOOK);
await heading(early.page, 'The line is closed');
await shot(early.page, 'closed');
await turn({ mode: 'pass_through' });
await heading(early.page, 'Choose your seat');
assert.equal(early.page.url(), BOOK);
assert.equal(await early.page.textContent('#cart'), 'open to everybody');

console.log(`${seen.length} requests to the shop, ${(await context.cookies(QUEUE)).length} cookie of ours`);
await browser.close();
front.close();
shop.close();
process.exit(0);
