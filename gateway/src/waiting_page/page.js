// Keeps the page as it is without a script, but follows the ticket's stream instead of refreshing. Every sentence comes
// from the server: numbers are put into sentences that stand in the page, and for anything else than numbers the page is
// asked for anew and its main part exchanged.
(() => {
  'use strict';
  const $ = (id) => document.getElementById(id);
  const { sale, ticket } = document.body.dataset;
  const main = document.querySelector('main');
  let heard = Date.now(), shown = rendered(), said = '', ends = 0, best = 0, stream = null, timer = 0, swapping = false;

  // What the page shows besides numbers; when it is another, the page is another.
  function key(state, phase, message, chances) { return JSON.stringify([state, phase, message || '', chances || '']); }
  function rendered() {
    const message = $('message');
    const { state, phase, chances } = main.dataset;
    return key(state, phase, message ? message.textContent : '', chances);
  }

  // The one voice for who does not see the page: a heading that has changed and a message that has, no numbers.
  function say() {
    const message = $('message'), lead = main.querySelector('h1 + p');
    const text = (...parts) => parts.filter((part) => part).map((part) => part.textContent).join(' ');
    const words = text(main.querySelector('h1'), lead, message);
    if (words !== said && said !== '') { $('say').textContent = text(main.querySelector('h1'), lead, $('ahead'), message); }
    said = words;
  }

  function arrived() {
    const left = $('left');
    ends = left ? performance.now() + Number(left.dataset.left) : 0;
    if ($('bar')) { bar($('bar').value); } else { best = 0; }
    document.querySelectorAll('form').forEach((form) => form.addEventListener('submit', () => {
      // After the form has gone, so that its button goes with it.
      setTimeout(() => form.querySelectorAll('button').forEach((button) => { button.disabled = true; }));
    }));
    say();
    count();
  }

  async function swap(next) {
    if (swapping || next === shown) { return; }
    // Where a connector sent somebody who could not join yet: by going there again they join, or go on to the shop.
    if (location.pathname === '/') { location.reload(); return; }
    swapping = true;
    try {
      const answer = await fetch(location.href, { cache: 'no-store' });
      if (!answer.ok) { throw new Error(answer.status); }
      const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
      const had = main.contains(document.activeElement);
      const fresh = page.querySelector('main');
      Object.assign(main.dataset, fresh.dataset);
      main.replaceChildren(...fresh.childNodes);
      document.title = page.title;
      shown = next || rendered();
      arrived();
      if (had) { main.querySelector('h1').focus(); }
    } catch { setTimeout(() => swap(next), 3000); } finally { swapping = false; }
  }

  // The bar never goes back.
  function bar(value) { best = Math.max(best, value); $('bar').value = best; }

  function fill(sentence, holes) { return sentence.replace(/\{(\w)\}/g, (hole, name) => holes[name]); }
  function put(id, sentence) { if ($(id) && $(id).textContent !== sentence) { $(id).textContent = sentence; } }
  function number(value) { return value.toLocaleString(document.documentElement.lang, { useGrouping: 'always' }); }

  // The same as `words.rs`.
  function wait(range, words) {
    if (!range || main.dataset.phase === 'paused') { return words.unknown; }
    const minute = 60000, hour = 3600000, { low, high } = range;
    const put = (sentence, unit, step = 1) => fill(sentence, {
      a: Math.max(1, Math.floor(low / unit / step) * step), b: Math.max(2, Math.ceil(high / unit / step) * step)
    });
    if (high <= minute) { return put(words.seconds, 1000); }
    if (high > 2 * hour) { return put(words.hours, hour); }
    return put(low >= minute ? words.minutes : words.short, minute, high > hour ? 5 : 1);
  }

  function update(now) {
    heard = Date.now();
    lost(false);
    const next = key(now.state, now.phase, now.message, now.chances);
    if (next !== shown) {
      // What changes for everybody at once is not asked for by everybody at once.
      setTimeout(() => swap(next), now.state === 'called' ? 0 : Math.random() * 1000);
      return;
    }
    if (now.expires_in_ms !== undefined && ends) { ends = performance.now() + now.expires_in_ms; }
    if (!$('watch')) { return; }
    const words = $('watch').dataset;
    if (now.ahead === null) {
      put('ahead', words.back);
      put('wait', words.unknown);
      if ($('place')) { put('place', ''); }
      return;
    }
    const ahead = now.ahead === 0 ? words.none : now.ahead === 1 ? words.one : words.many;
    put('ahead', fill(ahead, { n: number(now.ahead) }));
    if (now.place !== null) { put('place', fill(words.place, { n: number(now.place) })); }
    put('wait', wait(now.wait_ms, words));
    const why = now.chances_reason;
    if (why) {
      const about = (count) => number(Number(count.toPrecision(2)));
      put('why', fill(why.enough_for ? words.why : words.nothing, { n: about(why.people_ahead), m: about(why.enough_for) }));
    }
    bar(now.ahead === 0 ? 1000 : now.place ? Math.max(0, Math.floor((now.place - now.ahead) * 1000 / now.place)) : 0);
  }

  // Seconds for who sees them; nobody is read a countdown.
  function count() {
    const left = $('left');
    if (!left || !ends) { return; }
    const seconds = Math.ceil((ends - performance.now()) / 1000);
    if (seconds <= 0) { ends = 0; left.hidden = true; setTimeout(swap, 500); return; }
    left.hidden = main.dataset.state !== 'called';
    put('left', fill(left.dataset.words, { n: Math.floor(seconds / 60) + ':' + String(seconds % 60).padStart(2, '0') }));
  }

  function lost(is) {
    const note = $('lost');
    if (note.hidden === !is) { return; }
    note.hidden = !is;
    note.textContent = is ? note.dataset.text : '';
    $('say').textContent = note.textContent;
  }

  async function ask() {
    const answer = await fetch(ticket ? '/v1/queue/' + ticket : '/v1/sales/' + sale + '/queue', { cache: 'no-store' });
    if (!answer.ok) { throw new Error(answer.status); }
    const now = await answer.json();
    update(ticket ? now : { state: main.dataset.state, phase: now.phase, message: now.message, ahead: null });
    return now.poll_after_ms || 10000;
  }

  function poll() {
    clearTimeout(timer);
    ask().catch(() => { lost(Date.now() - heard > 15000); return 5000; })
      // Not everybody in the same second; and a stream is tried again now and then.
      .then((after) => { timer = setTimeout(Math.random() < .05 ? follow : poll, after * (1 + Math.random() / 5)); });
  }

  function follow() {
    if (!ticket || !window.EventSource) { poll(); return; }
    stream = new EventSource('/v1/queue/' + ticket + '/stream');
    stream.addEventListener('ticket', (event) => update(JSON.parse(event.data)));
    stream.onerror = () => {
      // Refused, or over: there may be too many streams. A broken one is opened again by the browser.
      if (stream.readyState === 2 && main.dataset.state !== 'left') { poll(); }
    };
  }

  arrived();
  if (main.dataset.phase) { follow(); } else if ('retry' in main.dataset) { setTimeout(() => location.reload(), 5000); }
  setInterval(count, 1000);
  // A stream that has died without a word, a laptop that was closed, a page that the browser had kept.
  const look = () => { if (main.dataset.phase) { ask().catch(() => lost(Date.now() - heard > 15000)); } };
  setInterval(() => { if (Date.now() - heard > 30000) { look(); } }, 10000);
  document.addEventListener('visibilitychange', () => { if (!document.hidden) { look(); } });
})();
