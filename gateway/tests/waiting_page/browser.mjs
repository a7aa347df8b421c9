// Walks through the waiting page as people do. Everything it asserts stops it; what it prints is the sizes it measured.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

const input = JSON.parse(readFileSync(0, 'utf8'));
const { chromium } = await import(input.playwright);
const browser = await chromium.launch({ executablePath: input.chromium, args: ['--no-sandbox'] });
const MOST = 15 * 1024;
const PHONE = { width: 390, height: 844 };
const NAME = 'Sommer & Meer <b>Kiel</b>';
const NASTY = 'Back at 17:05 <script>alert(1)</script> & "sorry"\nThe payment is slow.';
let largest = 0;

async function api(base, method, path, body, as = input.operator) {
  const headers = { 'content-type': 'application/json', 'idempotency-key': String(Math.random()) };
  if (as) { headers.authorization = 'Bearer ' + as; }
  const answer = await fetch(base + path, { method, headers, body: body && JSON.stringify(body) });
  assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${await answer.clone().text()}`);
  return answer.json();
}
const turn = (base, sale, body) => api(base, 'PATCH', `/v1/sales/${sale}/queue`, body);
const admit = (base, sale, count) => api(base, 'POST', `/v1/sales/${sale}/queue/admit`, { count });
const join = (base, sale) => api(base, 'POST', `/v1/sales/${sale}/queue`, {}, null);

async function sale(base, name, { opens_in_s, room = {}, capacity = 500 } = {}) {
  const settings = { name: NAME, time_zone: 'Europe/Berlin',
    waiting_room: { enabled: true, admit_per_minute: 0, max_active: 1000, ...room } };
  if (opens_in_s) { settings.opens_at = new Date(Date.now() + opens_in_s * 1000).toISOString(); }
  await api(base, 'PUT', `/v1/sales/${name}`, settings);
  await api(base, 'POST', `/v1/sales/${name}/slots`, { slots: [{ id: 'a', venue: 'kiel', capacity: 500 }] });
  if (capacity !== 500) { await api(base, 'PATCH', `/v1/sales/${name}/slots/a`, { blocked: 500 - capacity }); }
}

// A person with a browser of their own: no request leaves for elsewhere, nothing complains, no page is too large.
async function person({ language = 'en-GB', script = true, dark = false } = {}) {
  const context = await browser.newContext({ viewport: PHONE, locale: language, javaScriptEnabled: script,
    colorScheme: dark ? 'dark' : 'light' });
  const page = await context.newPage();
  const allowed = [input.url, input.bare];
  let going = false;
  context.on('request', (request) => {
    const { origin, protocol } = new URL(request.url());
    assert.ok(protocol === 'data:' || allowed.includes(origin) || going, `asks ${request.url()}`);
    assert.ok(!/[?].*(qt_|ey)/.test(request.url()), `a secret in ${request.url()}`);
  });
  page.on('console', (message) => {
    // What a full server refuses is a line in the console as well.
    const expected = message.text().includes('503') && message.location().url.startsWith(input.bare);
    if (message.type() === 'error' && !expected) { throw new Error(`console: ${message.text()}`); }
  });
  page.on('pageerror', (error) => { throw error; });
  page.on('dialog', () => { throw new Error('a script came in through the message'); });
  page.on('response', async (answer) => {
    if (!allowed.includes(new URL(answer.url()).origin) || answer.request().resourceType() !== 'document') { return; }
    if (answer.status() === 303) { return; }
    const headers = answer.headers();
    assert.match(headers['content-security-policy'], /default-src 'none'.*frame-ancestors 'none'/);
    assert.ok(!/unsafe|\*/.test(headers['content-security-policy']));
    assert.equal(headers['referrer-policy'], 'no-referrer');
    assert.equal(headers['cache-control'], 'private, no-store');
    const head = Object.entries(headers).reduce((sum, [name, value]) => sum + name.length + value.length + 4, 0);
    const size = head + (await answer.body().catch(() => '')).length;
    largest = Math.max(largest, size);
    assert.ok(size < MOST, `${answer.url()} has ${size} bytes`);
  });
  return { page, context, leave: () => { going = true; } };
}

// What an accessibility checker finds first.
async function basics(page, language) {
  const found = await page.evaluate(() => {
    const named = (field) => field.labels?.length || field.getAttribute('aria-label');
    const all = (what) => [...document.querySelectorAll(what)];
    const ids = all('[id]').map((element) => element.id);
    return {
      lang: document.documentElement.lang, title: document.title, h1: all('h1').length, main: all('main').length,
      unnamed: all('input:not([type=hidden]),textarea,select,progress').filter((field) => !named(field)).length,
      mute: all('button,a,summary').filter((element) => !element.textContent.trim()).length,
      live: all('[role=status],[role=alert],[aria-live]').length, doubles: ids.length - new Set(ids).size,
      zoom: document.querySelector('meta[name=viewport]').content, wide: document.documentElement.scrollWidth > innerWidth,
      small: all('button').filter((button) => button.offsetParent && button.offsetHeight < 44).length,
      injected: all('main script, main b').length,
    };
  }).catch((error) => { throw new Error(`basics: ${error}`); });
  assert.equal(found.lang, language);
  assert.deepEqual([found.h1, found.main, found.live, found.unnamed, found.mute, found.doubles, found.small, found.injected],
    [1, 1, 1, 0, 0, 0, 0, 0], JSON.stringify(found));
  assert.ok(found.title && !found.wide && !/maximum|user-scalable/.test(found.zoom), JSON.stringify(found));
}

async function shot(page, name) {
  if (input.shots) { await page.screenshot({ path: `${input.shots}/${name}.png`, fullPage: true }); }
}

const heading = (page) => page.textContent('h1');
const until = (page, text) => page.locator('h1', { hasText: text }).waitFor({ timeout: 20000 });
const ticketOf = (page) => new URL(page.url()).pathname.split('/')[3];

// Without a script: forms and refreshing, in German because the browser asks for it.
async function withoutScript() {
  await sale(input.url, 'still');
  for (let others = 0; others < 3; others++) { await join(input.url, 'still'); }
  const { page, context } = await person({ language: 'de-DE', script: false });
  await page.goto(`${input.url}/queue/still`);
  await basics(page, 'de');
  await shot(page, 'join-de-noscript');
  const before = (await api(input.url, 'GET', '/v1/sales/still/queue')).lanes[0].waiting;
  await page.reload();
  assert.equal((await api(input.url, 'GET', '/v1/sales/still/queue')).lanes[0].waiting, before, 'a GET joins nobody');
  await page.click('main button');
  const place = new URL(page.url());
  assert.match(place.pathname, /^\/queue\/still\/qt_[0-9a-z]+$/);
  assert.equal(place.search, '');
  assert.match(await page.textContent('#ahead'), /^3 Personen/);
  await basics(page, 'de');
  await shot(page, 'waiting-de-noscript');
  // The link is a place anywhere, in the language it is opened in.
  await page.goto(page.url() + '?lang=en');
  assert.equal(await page.textContent('#ahead'), '3 people are ahead of you');
  await basics(page, 'en');
  await page.click('nav a');
  assert.equal(await page.textContent('#ahead'), '3 Personen sind vor Ihnen');
  await page.click('summary');
  await page.click('details button');
  assert.equal(await heading(page), 'Sie haben die Schlange verlassen');
  assert.equal(new URL(page.url()).pathname, place.pathname);
  assert.equal(new URL(page.url()).search, '?lang=de');
  await shot(page, 'left-de-noscript');
  await page.click('main button');
  await until(page, 'Sie stehen in der Schlange');
  assert.equal(new URL(page.url()).pathname, place.pathname, 'the same ticket');
  // The page looks again by itself.
  await admit(input.url, 'still', 10);
  await until(page, 'Sie sind an der Reihe');
  await basics(page, 'de');
  await shot(page, 'called-de-noscript');
  assert.equal(await page.locator('#left').isVisible(), false);
  assert.match(await page.textContent('main'), /bis \d\d:\d\d:\d\d Uhr/);
  await context.close();
}

// Chances that become low are said once and shown with figures, and taken back when they are not.
async function lowChances() {
  await sale(input.url, 'scarce');
  for (let others = 0; others < 40; others++) { await join(input.url, 'scarce'); }
  const { page, context } = await person({ language: 'de-DE' });
  await page.goto(`${input.url}/queue/scarce`);
  await page.click('main button');
  await until(page, 'Sie stehen in der Schlange');
  assert.equal(await page.locator('#why').count(), 0);
  await page.evaluate(() => {
    window.said = [];
    new MutationObserver(() => window.said.push(document.getElementById('say').textContent))
      .observe(document.getElementById('say'), { childList: true, characterData: true, subtree: true });
  });
  await api(input.url, 'PATCH', '/v1/sales/scarce/slots/a', { capacity: 7 });
  await page.locator('#why').waitFor({ timeout: 10000 });
  assert.equal(await page.textContent('#why'), 'Etwa 40 Personen vor Ihnen sind da. Was noch frei ist, reicht für etwa 7.');
  await basics(page, 'de');
  await shot(page, 'low-de');
  await api(input.url, 'PATCH', '/v1/sales/scarce/slots/a', { capacity: 6 });
  await join(input.url, 'scarce');
  await page.waitForTimeout(2500);
  const spoken = await page.evaluate(() => window.said);
  assert.equal(spoken.length, 1, JSON.stringify(spoken));
  assert.match(spoken[0], /Aussichten sind gering/);
  await api(input.url, 'PATCH', '/v1/sales/scarce/slots/a', { capacity: 500 });
  await page.locator('#why').waitFor({ state: 'detached', timeout: 10000 });
  await shot(page, 'waiting-again-de');
  await context.close();
}

// With a script: the stream, the bar, the one voice, the countdown, the shop.
async function withScript() {
  await sale(input.url, 'open');
  for (let others = 0; others < 40; others++) { await join(input.url, 'open'); }
  const { page, context, leave } = await person();
  await page.goto(`${input.url}/queue/open`);
  await shot(page, 'join-en');
  await page.click('main button');
  await until(page, 'You are in the line');
  assert.equal(await page.textContent('#ahead'), '40 people are ahead of you');
  const streams = () => fetch(input.url + '/metrics').then((answer) => answer.text())
    .then((text) => Number(/^onsale_ticket_streams (\d+)/m.exec(text)[1]));
  while (await streams() !== 1) { await page.waitForTimeout(50); }
  await page.evaluate(() => {
    window.said = []; window.bars = [document.getElementById('bar').value]; window.documents = performance.timeOrigin;
    new MutationObserver(() => window.said.push(document.getElementById('say').textContent))
      .observe(document.getElementById('say'), { childList: true, characterData: true, subtree: true });
    new MutationObserver(() => { const bar = document.getElementById('bar'); if (bar) { window.bars.push(bar.value); } })
      .observe(document.querySelector('main'), { childList: true, subtree: true, attributes: true });
  });
  for (const left of [30, 20, 10]) {
    await admit(input.url, 'open', 10);
    await page.locator('#ahead', { hasText: String(left) }).waitFor({ timeout: 5000 });
  }
  assert.deepEqual(await page.evaluate(() => window.said), [], 'numbers are not spoken');
  await turn(input.url, 'open', { mode: 'pause', message: NASTY });
  await page.locator('#message').waitFor({ timeout: 5000 });
  assert.equal(await page.textContent('#message'), NASTY);
  await basics(page, 'en');
  await shot(page, 'paused-en');
  await turn(input.url, 'open', { mode: 'queue', message: null });
  await page.locator('#message').waitFor({ state: 'detached', timeout: 5000 });
  const spoken = await page.evaluate(() => window.said);
  assert.equal(spoken.length, 2, JSON.stringify(spoken));
  assert.ok(spoken[0].includes('paused') && spoken[0].includes('payment is slow'), spoken[0]);
  const bars = await page.evaluate(() => window.bars);
  assert.ok(bars.length > 3 && bars.every((bar, at) => at === 0 || bar >= bars[at - 1]), `the bar goes back: ${bars}`);
  assert.ok(bars.at(-1) > bars[0]);
  await admit(input.url, 'open', 11);
  await until(page, 'It is your turn');
  await page.locator('#left').waitFor({ timeout: 5000 });
  const first = await page.textContent('#left');
  await page.waitForFunction((was) => document.getElementById('left').textContent !== was, first);
  assert.match(first, /^Time left: (1:00|0:5\d)$/);
  assert.equal(await page.getAttribute('#left', 'aria-hidden'), 'true');
  const after = await page.evaluate(() => window.said);
  assert.equal(after.length, 3, `a countdown is not read out: ${JSON.stringify(after)}`);
  assert.match(after[2], /It is your turn.*until \d\d:\d\d:\d\d/);
  assert.match(await page.title(), /^It is your turn/);
  await basics(page, 'en');
  await shot(page, 'called-en');
  leave();
  await page.click('main button');
  await until(page, 'Welcome to the shop');
  assert.equal(page.url(), input.shop + '/enter/open');
  await context.close();
  while (await streams() !== 0) { await new Promise((resolve) => setTimeout(resolve, 200)); }
}

// No shop is known and there are no streams: polling, and the pass in plain sight.
async function bare() {
  await sale(input.bare, 'open');
  const { page, context } = await person();
  await page.goto(`${input.bare}/queue/open?lang=de`);
  await page.click('main button');
  await until(page, 'Sie stehen in der Schlange');
  assert.equal(await page.textContent('#ahead'), 'Sie sind als Nächstes dran');
  await admit(input.bare, 'open', 1);
  await until(page, 'Sie sind an der Reihe');
  assert.match(await page.inputValue('#pass'), /^ey/);
  await basics(page, 'de');
  await shot(page, 'called-no-shop-de');
  await context.close();
}

// Every other scene, with and without a script, in both languages.
async function scenes() {
  const line = async (name, change, options) => {
    await sale(input.url, name, options);
    if (change) { await turn(input.url, name, change); }
  };
  await line('early', null, { opens_in_s: 7200, room: { opens_before_ms: 60000 } });
  await line('pre', null, { opens_in_s: 3600 });
  await line('long', null, { room: { admit_per_minute: 10 } });
  for (let others = 0; others < 130; others++) { await join(input.url, 'long'); }
  const tickets = {};
  for (const [name, from] of [['pre', 'pre'], ['long', 'long']]) { tickets[name] = (await join(input.url, from)).ticket; }
  for (const name of ['gone', 'shut', 'drain', 'through', 'halted', 'late']) {
    await line(name, null, name === 'late' ? { room: { claim_ms: 5000 } } : {});
    tickets[name] = (await join(input.url, name)).ticket;
  }
  await admit(input.url, 'late', 1);
  await api(input.url, 'PATCH', '/v1/sales/gone/slots/a', { blocked: 500 });
  await turn(input.url, 'shut', { mode: 'closed' });
  await turn(input.url, 'drain', { mode: 'drain' });
  await turn(input.url, 'through', { mode: 'pass_through' });
  await turn(input.url, 'halted', { mode: 'pause', message: 'Um 17:05 Uhr geht es weiter.' });
  const state = (name) => api(input.url, 'GET', `/v1/queue/${tickets[name]}`, undefined, null);
  while ((await state('late')).state !== 'lapsed') { await new Promise((resolve) => setTimeout(resolve, 200)); }
  const expected = {
    'early': ['Not open yet', 'Noch nicht geöffnet'], 'pre': ['Register for the line', 'Für die Schlange anmelden'],
    'gone': ['Sold out', 'Ausverkauft'], 'shut': ['The line is closed', 'Die Schlange ist geschlossen'],
    'drain': ['Nobody can join any more', 'Anstellen ist nicht mehr möglich'],
    'through': ['No waiting needed', 'Kein Warten nötig'], 'nowhere': ['There is nothing here', 'Hier ist nichts'],
    'pre/': ['You are registered', 'Sie sind angemeldet'], 'long/': ['You are in the line', 'Sie stehen in der Schlange'],
    'gone/': ['Sold out', 'Ausverkauft'], 'shut/': ['The line is closed', 'Die Schlange ist geschlossen'],
    'halted/': ['You are in the line', 'Sie stehen in der Schlange'], 'late/': ['Your turn is over', 'Ihr Aufruf ist vorbei'],
    'through/': ['No waiting needed', 'Kein Warten nötig'],
  };
  for (const script of [true, false]) {
    for (const [at, language] of [[0, 'en'], [1, 'de']]) {
      const { page, context } = await person({ language, script, dark: script && language === 'de' });
      page.removeAllListeners('console'); // A 404 is a line in the console.
      for (const [path, headings] of Object.entries(expected)) {
        const [name, ticket] = path.split('/');
        await page.goto(`${input.url}/queue/${name}${ticket === undefined ? '' : '/' + tickets[name]}`);
        assert.equal(await heading(page), headings[at], path);
        await basics(page, language);
        await shot(page, `${name}${ticket === undefined ? '' : '-ticket'}-${language}${script ? '' : '-noscript'}`);
      }
      await page.goto(`${input.url}/queue/gone/${tickets.pre}`);
      assert.equal(await heading(page), expected.nowhere[at], 'a ticket of another sale');
      await context.close();
    }
  }
  // Who missed the turn is back with the same ticket.
  const { page, context } = await person();
  await page.goto(`${input.url}/queue/late/${tickets.late}`);
  await page.click('main button');
  // The turn that was missed is there for somebody: it may well be called at once.
  await until(page, /You are in the line|It is your turn/);
  assert.equal(ticketOf(page), tickets.late);
  await context.close();
}

try {
  for (const walk of [withoutScript, withScript, lowChances, bare, scenes]) { await walk(); }
} finally {
  await browser.close();
}
console.log(`the largest page: ${largest} bytes with its headers, uncompressed`);
