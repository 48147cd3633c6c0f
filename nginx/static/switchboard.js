/*
 * The page made live.  The server is the only renderer: this script changes
 * what stands in a tile (state, level, age), and for anything else fetches the
 * page again and puts its <main> in place.  Without it every form still works.
 */

const ANSWER_MS = 10_000; // a click without an answer goes back
const FORGET_MS = 60_000; // and its late failure is no news for so long
const SILENCE_MS = 60_000; // heartbeats cannot be seen: reopen a stream that says nothing
const LOST_MS = 2_000; // how long a stream may be down before the page says so
const RETRY_MIN_MS = 500;
const RETRY_MAX_MS = 30_000;
const STEADY_MS = 5_000; // a stream that held this long was a good one
const SETTLE_MS = 250; // a slider is sent when it has rested this long
const TOAST_MS = 8_000;

const byId = (id) => document.getElementById(id);

/* ---- tiles ---------------------------------------------------------------------------------- */

/* "deviceId/component" to its <li>; made anew with every <main>. */
let tiles = new Map();

/* Clicks of this page that have no result yet: key to { wanted, posted, seen, timer }. */
const wishes = new Map();

/* Clicks whose time ran out, and when: the server may wait for longer, but this page has said so. */
const givenUp = new Map();
const isGivenUp = (key) => Date.now() - (givenUp.get(key) ?? 0) < FORGET_MS;

/* Sliders in somebody's hand: key to the timer that will send the level, or null while it moves. */
const held = new Map();

const switchOf = (tile) => tile.querySelector('[role="switch"]');
const keyOf = (tile) => `${switchOf(tile).dataset.deviceId}/${switchOf(tile).dataset.component}`;
const labelOf = (tile) => tile.querySelector('.name').textContent;
const apiOf = (form) => `/api${new URL(form.action).pathname}`;

function indexTiles() {
	tiles = new Map();
	for (const tile of document.querySelectorAll('.tile'))
		tiles.set(keyOf(tile), tile);
	for (const [key, wish] of wishes)
		showWish(key, wish);
	for (const time of document.querySelectorAll('time[datetime]'))
		showAge(time);
}

function age(seconds) {
	if (seconds < 60)
		return 'just now';
	if (seconds < 3600)
		return `${Math.floor(seconds / 60)} min ago`;
	if (seconds < 86400)
		return `${Math.floor(seconds / 3600)} h ago`;
	const days = Math.floor(seconds / 86400);
	return days === 1 ? '1 day ago' : `${days} days ago`;
}

function showAge(time) {
	time.textContent = age((Date.now() - Date.parse(time.dateTime)) / 1000);
	time.title = new Date(time.dateTime).toLocaleString();
}

function showState(tile, state, level) {
	tile.dataset.level = level ?? 0;
	tile.dataset.state = state ?? 'unknown';
	switchOf(tile).setAttribute('aria-checked', { on: 'true', off: 'false' }[state] ?? 'mixed');
	tile.querySelector('.toggle [name="command"]').value = state === 'on' ? 'off' : 'on';
	tile.querySelector('.state').textContent = { on: 'On', off: 'Off' }[state] ?? 'Unknown';
}

function showLevel(tile, level) {
	const form = tile.querySelector('.level');

	if (form === null)
		return;
	form.elements.level.value = level;
	form.querySelector('output').textContent = `${level} %`;
}

function showPending(tile, pending) {
	tile.toggleAttribute('data-pending', pending);
	if (pending)
		switchOf(tile).setAttribute('aria-busy', 'true');
	else
		switchOf(tile).removeAttribute('aria-busy');
}

function showCounts() {
	for (const place of document.querySelectorAll('.place')) {
		const count = place.querySelector('.count');
		const all = place.querySelectorAll('.tile');
		const on = place.querySelectorAll('.tile[data-state="on"]');

		if (count !== null)
			count.textContent = `${on.length} of ${all.length} on`;
	}
}

/* A row of the server: what it says is true, unless the tile knows better already. */
function applyRow(row) {
	const key = `${row.deviceId}/${row.component}`;
	const tile = tiles.get(key);
	const wish = wishes.get(key);

	if (tile === undefined) {
		refetch();
		return;
	}
	if (row.seq < Number(tile.dataset.seq))
		return;
	tile.dataset.seq = row.seq;
	tile.toggleAttribute('data-offline', !row.online);
	tile.querySelector('.offline').hidden = row.online;
	showState(tile, row.state, row.level);
	if (!held.has(key))
		showLevel(tile, row.level ?? 0);
	const time = tile.querySelector('time');
	if (row.updatedAt !== null) {
		time.dateTime = row.updatedAt;
		showAge(time);
	}
	showCounts();
	if (wish === undefined) {
		showPending(tile, row.pending && !isGivenUp(key));
		return;
	}
	wish.seen ||= row.pending;
	if (!row.pending && (wish.seen || wish.posted || row.state === wish.wanted.state))
		settle(key);
	else
		showWish(key, wish);
}

/* ---- clicks --------------------------------------------------------------------------------- */

function showWish(key, wish) {
	const tile = tiles.get(key);

	if (tile === undefined)
		return;
	showPending(tile, true);
	if (wish.wanted.state !== undefined) {
		tile.dataset.wanted = wish.wanted.state;
		/* The next click means the opposite of this one. */
		tile.querySelector('.toggle [name="command"]').value = wish.wanted.state === 'on' ? 'off' : 'on';
	} else if (!held.has(key)) {
		showLevel(tile, wish.wanted.level);
	}
}

/* The wish has its answer, or none is awaited any more: show what is true. */
function settle(key) {
	const wish = wishes.get(key);
	const tile = tiles.get(key);

	if (wish === undefined)
		return;
	clearTimeout(wish.timer);
	wishes.delete(key);
	if (tile === undefined)
		return;
	delete tile.dataset.wanted;
	showPending(tile, false);
	tile.querySelector('.toggle [name="command"]').value = tile.dataset.state === 'on' ? 'off' : 'on';
}

function goBack(key, message) {
	const tile = tiles.get(key);

	settle(key);
	if (tile === undefined)
		return;
	if (!held.has(key))
		showLevel(tile, tile.dataset.level);
	toast(`${labelOf(tile)}: ${message}`);
}

function wish(key, wanted) {
	const made = { wanted, posted: false, seen: false };

	clearTimeout(wishes.get(key)?.timer);
	made.timer = setTimeout(() => {
		givenUp.set(key, Date.now());
		goBack(key, 'no answer. It is shown as it was.');
	}, ANSWER_MS);
	wishes.set(key, made);
	givenUp.delete(key);
	showWish(key, made);
	return made;
}

/* An answer of our server; null when it was dealt with here. */
async function post(path, body) {
	const reply = await fetch(path, {
		method: 'POST',
		headers: { 'Content-Type': 'application/json', 'X-CSRF-Token': csrf() },
		body: JSON.stringify(body),
	});
	if (reply.status === 401) {
		showSignIn();
		return null;
	}
	const answer = await reply.json().catch(() => null);
	if (!reply.ok)
		throw new Error(answer?.error?.message ?? `Switchboard answered ${reply.status}.`);
	return answer;
}

const csrf = () => document.querySelector('meta[name="csrf-token"]').content;

/* What fetch() says when there is no network is not for people. */
const reason = (error) => (error instanceof TypeError ? 'Switchboard cannot be reached.' : error.message);

async function send(form, wanted, body) {
	const key = keyOf(form.closest('.tile'));
	const mine = wish(key, wanted);

	try {
		await post(apiOf(form), body);
		mine.posted = true;
	} catch (error) {
		if (wishes.get(key) === mine)
			goBack(key, reason(error));
	}
}

async function sendAll(form, command) {
	const scope = form.closest('.room') ?? form.closest('.place');
	const room = form.elements.room?.value;
	const mine = new Map();

	for (const tile of scope.querySelectorAll('.tile')) {
		const key = keyOf(tile);

		if (tile.dataset.state !== command || wishes.has(key))
			mine.set(key, wish(key, { state: command }));
	}
	try {
		const body = { command, installationId: form.elements.installation.value };
		const answer = await post('/api/switches', room === undefined ? body : { ...body, room });

		for (const [key, made] of mine) {
			made.posted = true;
			if (answer?.commandIds.length === 0 && wishes.get(key) === made)
				settle(key);
		}
	} catch (error) {
		for (const [key, made] of mine) {
			if (wishes.get(key) === made)
				settle(key);
		}
		toast(reason(error));
	}
}

document.addEventListener('submit', (event) => {
	const form = event.target;

	if (form.matches('.toggle')) {
		const command = form.elements.command.value;

		event.preventDefault();
		send(form, { state: command }, { command });
	} else if (form.matches('.all')) {
		event.preventDefault();
		sendAll(form, event.submitter.value);
	} else if (form.matches('.level')) {
		event.preventDefault();
		sendLevel(form);
	}
});

/* ---- sliders -------------------------------------------------------------------------------- */

function sendLevel(form) {
	const key = keyOf(form.closest('.tile'));
	const level = Number(form.elements.level.value);

	clearTimeout(held.get(key));
	held.delete(key);
	send(form, { level }, { command: 'setLevel', level });
	refetchIfAsked();
}

document.addEventListener('input', (event) => {
	const form = event.target.closest('.level');

	if (form === null)
		return;
	const key = keyOf(form.closest('.tile'));

	clearTimeout(held.get(key));
	held.set(key, null);
	form.querySelector('output').textContent = `${form.elements.level.value} %`;
});

document.addEventListener('change', (event) => {
	const form = event.target.closest('.level');

	if (form === null)
		return;
	const key = keyOf(form.closest('.tile'));

	clearTimeout(held.get(key));
	held.set(key, setTimeout(() => sendLevel(form), SETTLE_MS));
});

/* ---- messages ------------------------------------------------------------------------------- */

function toast(message) {
	const item = document.createElement('p');

	item.className = 'toast';
	item.textContent = message;
	item.addEventListener('click', () => item.remove());
	byId('toasts').append(item);
	setTimeout(() => item.remove(), TOAST_MS);
}

/* ---- the page again ------------------------------------------------------------------------- */

let refetching = false;
let refetchAgain = false;

/* Who has the focus, in words that outlive the elements. */
function focusPath() {
	const active = document.activeElement;
	const tile = active?.closest('.tile');

	if (active === null || active.closest('main') === null)
		return null;
	if (tile !== null && tile !== undefined)
		return { key: keyOf(tile), what: active.matches('[type="range"]') ? '[type="range"]' : '[role="switch"]' };
	return { label: active.getAttribute('aria-label') ?? active.textContent };
}

function focusAgain(path) {
	let target;

	if (path === null)
		return;
	if (path.key !== undefined)
		target = tiles.get(path.key)?.querySelector(path.what);
	else
		target = [...document.querySelectorAll('main button, main a')]
			.find((item) => (item.getAttribute('aria-label') ?? item.textContent) === path.label);
	target?.focus({ preventScroll: true });
}

function showSignIn() {
	stream.stop();
	location.replace('/');
}

function show(fresh) {
	const focus = focusPath();
	const { scrollX, scrollY } = window;

	document.querySelector('main').replaceWith(document.adoptNode(fresh.querySelector('main')));
	document.querySelector('meta[name="csrf-token"]').content = fresh.querySelector('meta[name="csrf-token"]').content;
	indexTiles();
	focusAgain(focus);
	window.scrollTo(scrollX, scrollY);
}

function refetchIfAsked() {
	if (refetchAgain && held.size === 0 && !refetching) {
		refetchAgain = false;
		refetch();
	}
}

async function refetch() {
	/* Not under somebody's finger. */
	if (refetching || held.size > 0) {
		refetchAgain = true;
		return;
	}
	refetching = true;
	try {
		const reply = await fetch('/', { headers: { Accept: 'text/html' }, cache: 'no-store' });

		if (!reply.ok)
			throw new Error(`status ${reply.status}`);
		const fresh = new DOMParser().parseFromString(await reply.text(), 'text/html');
		const cursor = fresh.body.dataset.cursor;

		if (cursor === undefined) {
			showSignIn();
			return;
		}
		if (held.size > 0) {
			refetchAgain = true;
		} else {
			show(fresh);
			stream.follow(cursor);
		}
	} catch {
		/* Away for now: the page as it is will do until it is back. */
		setTimeout(refetch, 2000 + Math.random() * 2000);
	} finally {
		refetching = false;
		refetchIfAsked();
	}
}

/* ---- live updates --------------------------------------------------------------------------- */

/* The installations that a cursor speaks of. */
const homesOf = (cursor) => cursor.split(',').map((entry) => entry.split(':')[0]).sort().join();

const stream = {
	cursor: document.body.dataset.cursor,
	source: null,
	tries: 0, // since it last worked
	openedAt: Infinity,
	ended: false,
	silence: 0,
	lost: 0,
	retry: 0,

	open() {
		this.close();
		this.ended = false;
		const source = new EventSource(`/events?cursor=${encodeURIComponent(this.cursor)}`);

		this.source = source;
		this.expectLoss();
		source.onopen = () => this.alive(true);
		source.onerror = () => this.down(source.readyState === EventSource.CLOSED);
		for (const [name, handle] of Object.entries(handlers))
			source.addEventListener(name, (event) => this.hear(event, handle));
		this.watch();
	},

	close() {
		clearTimeout(this.retry);
		clearTimeout(this.silence);
		this.source?.close();
		this.source = null;
		this.openedAt = Infinity;
	},

	/* No more: the session is over, or the page is. */
	stop() {
		this.ended = true;
		this.close();
		clearTimeout(this.lost);
	},

	reopen() {
		if (!this.ended)
			this.open();
	},

	hear(event, handle) {
		if (event.type !== 'bye')
			this.alive(false);
		if (event.lastEventId !== '')
			this.cursor = event.lastEventId;
		handle(JSON.parse(event.data));
	},

	alive(opened) {
		if (opened)
			this.openedAt = Date.now();
		else
			this.tries = 0;
		clearTimeout(this.lost);
		this.lost = 0;
		byId('lost').hidden = true;
		byId('live').hidden = false;
		this.watch();
	},

	/* A socket that died in its sleep says nothing, like a quiet house: ask again. */
	watch() {
		clearTimeout(this.silence);
		this.silence = setTimeout(() => {
			this.tries = 0;
			if (document.visibilityState === 'visible')
				this.reopen();
			else
				this.watch();
		}, SILENCE_MS);
	},

	expectLoss() {
		if (this.lost !== 0)
			return;
		this.lost = setTimeout(() => {
			byId('lost').hidden = false;
			byId('live').hidden = true;
		}, LOST_MS);
	},

	down(refused) {
		if (Date.now() - this.openedAt > STEADY_MS)
			this.tries = 0; // else it opened only to fail again
		this.close();
		this.expectLoss();
		if (refused)
			checkSession();
		this.again();
	},

	/* Later and later, and never for the last time. */
	again() {
		const delay = Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** this.tries++);

		clearTimeout(this.retry);
		this.retry = setTimeout(() => this.reopen(), delay * (0.5 + Math.random() / 2));
	},

	/* The page was rendered anew: with a location more or less, the stream must know of it. */
	follow(cursor) {
		if (!this.ended && homesOf(cursor) === homesOf(this.cursor))
			return;
		this.cursor = cursor;
		this.ended = false;
		this.again();
	},
};

/* An error answer to the stream has no status here: is it that nobody is signed in? */
async function checkSession() {
	const reply = await fetch('/api/switches', { cache: 'no-store' }).catch(() => null);

	if (reply?.status === 401)
		showSignIn();
}

function applySync(sync) {
	const place = document.querySelector(`.place[data-installation-id="${CSS.escape(sync.installationId)}"]`);
	const line = place?.querySelector('[data-progress]');
	const text = line?.querySelector('.text');
	const busy = sync.state === 'queued' || sync.state === 'running';

	if (sync.structure || !place || sync.state === 'failed' || (line && !(busy && text)))
		refetch();
	else if (text)
		text.textContent = `Looking for your switches… ${sync.found} found so far`;
}

function applyFailure(command) {
	const key = `${command.deviceId}/${command.component}`;
	const tile = tiles.get(key);

	if (wishes.has(key))
		goBack(key, command.message);
	else if (tile !== undefined && !isGivenUp(key))
		toast(`${labelOf(tile)}: ${command.message}`);
}

const handlers = {
	switch: applyRow,
	command: applyFailure,
	sync: applySync,
	installation: refetch,
	bye() {
		stream.stop();
		refetch();
	},
};

/* ---- beginning ------------------------------------------------------------------------------ */

/* Phones put sockets to sleep without a word. */
document.addEventListener('visibilitychange', () => {
	if (document.visibilityState === 'visible')
		stream.reopen();
});
window.addEventListener('pageshow', (event) => {
	if (event.persisted)
		refetch().then(() => stream.reopen());
});
window.addEventListener('online', () => stream.reopen());

setInterval(() => {
	for (const time of document.querySelectorAll('time[datetime]'))
		showAge(time);
}, 30_000);

document.documentElement.classList.add('scripted');
indexTiles();
stream.open();
