/*
 * The page made live.  The server is the only renderer: this script changes
 * what stands in a tile (state, level, age), and for anything else fetches the
 * page again and puts its <main> in place.  Without it every form still works.
 */

const ANSWER_MS = 10_000; // a click without an answer goes back
const FORGET_MS = 60_000; // and its late failure is no news for so long
const DOUBT_MS = 3_000; // a click that was taken and not heard of since: ask what came of it
const GET_MS = 10_000; // for a page or a list
const WAKE_MS = 600; // for the first answer after a sleep, and twice that for the next
const OPEN_MS = 1_000; // for a stream to open, and twice that at the next try
const SILENCE_MS = 40_000; // the streamer says something every 25 s
const LOST_MS = 2_000; // how long a stream may be down before the page says so
const LOOK_MS = 10_000; // while it is down the page asks so often
const RETRY_MIN_MS = 500;
const RETRY_SOON_MS = 1_500; // at most, in the first minute: a restart takes seconds
const RETRY_MAX_MS = 15_000;
const EAGER_MS = 60_000;
const STEADY_MS = 5_000; // a stream that held this long was a good one
const REST_MS = 60_000; // a page that nobody sees for so long needs no stream
const GAP_MS = 5_000; // a clock that jumps by more has slept
const RENEW_MS = 12 * 3_600_000; // a question so often keeps an open page signed in for good
const SETTLE_MS = 250; // a slider is sent when it has rested this long
const TOAST_MS = 8_000;

const byId = (id) => document.getElementById(id);

/* ---- tiles ---------------------------------------------------------------------------------- */

/* "deviceId/component" to its <li>; made anew with every <main>. */
let tiles = new Map();

/* The same to the newest row heard of: a <main> that was on its way meanwhile may be older. */
const told = new Map();

/*
 * Clicks of this page that have no result yet: key to { wanted, timer } and when it was
 * posted and first seen as pending.
 */
const wishes = new Map();

/* Clicks whose time ran out, and when: the server may wait for longer, but this page has said so. */
const givenUp = new Map();
const isGivenUp = (key) => Date.now() - (givenUp.get(key) ?? 0) < FORGET_MS;

/* Sliders in somebody's hand: key to the timer that will send the level, or null while it moves. */
const held = new Map();

const switchOf = (tile) => tile.querySelector('[role="switch"]');
const keyOf = (tile) => `${switchOf(tile).dataset.deviceId}/${switchOf(tile).dataset.component}`;
const keyOfRow = (row) => `${row.deviceId}/${row.component}`;
const labelOf = (tile) => tile.querySelector('.name').textContent;
const apiOf = (form) => `/api${new URL(form.action).pathname}`;

/* What stands in <main> was asked for at "asked". */
function indexTiles(asked) {
	tiles = new Map();
	for (const tile of document.querySelectorAll('.tile'))
		tiles.set(keyOf(tile), tile);
	for (const key of wishes.keys())
		checkWish(key, asked);
	for (const [key, row] of told) {
		if (!tiles.has(key))
			told.delete(key);
		else if (row.seq > Number(tiles.get(key).dataset.seq))
			applyRow(row, asked);
	}
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

/* A row of the server, asked for at "asked": it is true, unless the tile knows better already. */
function applyRow(row, asked = Date.now()) {
	const key = keyOfRow(row);
	const tile = tiles.get(key);

	if (tile === undefined) {
		refetch();
		return;
	}
	if (row.seq < Number(tile.dataset.seq))
		return;
	told.set(key, row);
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
	showPending(tile, row.pending && (wishes.has(key) || !isGivenUp(key)));
	checkWish(key, asked);
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

/* Its tile shows what the server said when asked at "asked": is that the answer? */
function checkWish(key, asked) {
	const wish = wishes.get(key);
	const tile = tiles.get(key);

	if (wish === undefined || tile === undefined)
		return;
	const { state, level } = wish.wanted;
	const pending = tile.hasAttribute('data-pending');
	const obeyed = state === undefined ? Number(tile.dataset.level) === level : tile.dataset.state === state;

	if (pending)
		wish.seen = Math.min(wish.seen, Date.now());
	if (!pending && (wish.seen <= asked || wish.posted <= asked || obeyed))
		settle(key);
	else
		showWish(key, wish);
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

/* Time that was slept through is no time to answer in: then wake() asks. */
function expectAnswer(key, made, ms) {
	const end = Date.now() + ms;

	made.timer = setTimeout(() => {
		if (Date.now() > end + GAP_MS) {
			expectAnswer(key, made, GAP_MS);
			return;
		}
		givenUp.set(key, Date.now());
		goBack(key, 'no answer. It is shown as it was.');
	}, ms);
}

let doubt = 0;

/* Clicks were taken: should no event tell of them, ask. */
function expectEvents() {
	clearTimeout(doubt);
	doubt = setTimeout(() => {
		if (wishes.size === 0)
			return;
		revalidate();
		expectEvents();
	}, DOUBT_MS);
}

function wish(key, wanted) {
	const made = { wanted, posted: Infinity, seen: Infinity };

	clearTimeout(wishes.get(key)?.timer);
	expectAnswer(key, made, ANSWER_MS);
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
	if (reply.status === 403)
		refetch(); // the page is of another session: the next click has this one's token
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
		mine.posted = Date.now();
		expectEvents();
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

		expectEvents();
		for (const [key, made] of mine) {
			made.posted = Date.now();
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

/* Let go of where it was taken: not every browser tells of a change then. */
function letGo(event) {
	const form = event.target.closest?.('.level') ?? null;

	if (form === null)
		return;
	const tile = form.closest('.tile');
	const key = keyOf(tile);

	setTimeout(() => {
		if (held.get(key) !== null)
			return;
		held.delete(key);
		showLevel(tile, wishes.get(key)?.wanted.level ?? tile.dataset.level);
		refetchIfAsked();
	}, SETTLE_MS);
}

for (const type of ['pointerup', 'pointercancel', 'keyup', 'focusout'])
	document.addEventListener(type, letGo);

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

/* Questions under way: their connection may have died in a sleep, without a word. */
const asking = new Set();

/* { status, text }; status 0 without an answer. */
async function get(path, ms = GET_MS) {
	const call = new AbortController();
	const timer = setTimeout(() => call.abort(), ms);

	asking.add(call);
	try {
		const reply = await fetch(path, { cache: 'no-store', signal: call.signal });

		return { status: reply.status, text: await reply.text() };
	} catch {
		return { status: 0, text: '' };
	} finally {
		clearTimeout(timer);
		asking.delete(call);
	}
}

let refetching = false;
let refetchAgain = false;
let refetchTimer = 0;

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

function show(fresh, asked) {
	const focus = focusPath();
	const { scrollX, scrollY } = window;

	document.querySelector('main').replaceWith(document.adoptNode(fresh.querySelector('main')));
	document.querySelector('meta[name="csrf-token"]').content = fresh.querySelector('meta[name="csrf-token"]').content;
	indexTiles(asked);
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
	const asked = Date.now();

	clearTimeout(refetchTimer);
	refetchTimer = 0;
	/* Not under somebody's finger. */
	if (refetching || held.size > 0) {
		refetchAgain = true;
		return;
	}
	refetching = true;
	const { status, text } = await get('/');
	refetching = false;
	/* Away for now: the page as it is will do until it is back. */
	if (status !== 200)
		refetchTimer = setTimeout(refetch, 2000 + Math.random() * 2000);
	else if (held.size > 0)
		refetchAgain = true;
	else
		take(new DOMParser().parseFromString(text, 'text/html'), asked);
	refetchIfAsked();
}

function take(fresh, asked) {
	const { cursor } = fresh.body.dataset;

	if (cursor === undefined) {
		showSignIn();
		return;
	}
	show(fresh, asked);
	stream.follow(cursor);
}

/* The installations that a cursor speaks of. */
const homesOf = (cursor) => cursor.split(',').map((entry) => entry.split(':')[0]).sort().join();

let askedAt = 0;

/*
 * Ask for what is true now: it may be that no stream can tell, or that nobody
 * is signed in.  After a sleep browsers may try one dead connection after the
 * other: with little patience at first that takes no long.
 */
async function revalidate(ms = GET_MS) {
	const asked = askedAt = Date.now();
	const { status, text } = await get('/api/switches', ms);

	if (status === 401)
		showSignIn();
	if (status === 0 && ms < GET_MS && askedAt === asked)
		revalidate(2 * ms);
	if (status !== 200)
		return;
	const { cursor, switches } = JSON.parse(text);
	const isKnown = (row) => tiles.has(keyOfRow(row)) && labelOf(tiles.get(keyOfRow(row))) === row.label;

	if (switches.length !== tiles.size || !switches.every(isKnown) || homesOf(cursor) !== homesOf(stream.cursor)) {
		refetch();
		return;
	}
	for (const row of switches)
		applyRow(row, asked);
}

/* ---- live updates --------------------------------------------------------------------------- */

/*
 * Server-sent events, read with fetch(): an EventSource shows neither the
 * heartbeats nor the status of a refusal.
 */
const stream = {
	cursor: document.body.dataset.cursor,
	call: null,
	tries: 0, // since it last worked
	downSince: 0,
	openedAt: Infinity,
	ended: false,
	silence: 0,
	lost: 0,
	retry: 0,

	async open() {
		const call = new AbortController();
		let status = 0;

		this.close();
		this.ended = false;
		this.call = call;
		this.expectLoss();
		this.watch(Math.min(SILENCE_MS, OPEN_MS * 2 ** this.tries));
		try {
			const reply = await fetch(`/events?cursor=${encodeURIComponent(this.cursor)}`,
				{ headers: { Accept: 'text/event-stream' }, cache: 'no-store', signal: call.signal });

			status = reply.status;
			if (status === 200)
				await this.read(reply.body.pipeThrough(new TextDecoderStream()).getReader(), call);
		} catch {
			/* Broken off by us, or by the network. */
		}
		if (this.call === call)
			this.down(status);
	},

	async read(reader, call) {
		let text = '';

		this.openedAt = Date.now();
		for (;;) {
			const { value, done } = await reader.read();

			if (done || this.call !== call)
				return;
			this.alive();
			const blocks = (text + value).split('\n\n');
			text = blocks.pop();
			for (const block of blocks) {
				if (this.call === call)
					this.hear(block);
			}
		}
	},

	/* Ours is the only server: "name: value" lines, one "data" each. */
	hear(block) {
		const { id, event, data } = Object.fromEntries(block.split('\n').map((line) => line.split(/: ?(.*)/s, 2)));

		if (data === undefined)
			return;
		if (event !== 'bye')
			this.forgive();
		if (id !== undefined)
			this.cursor = id;
		try {
			handlers[event]?.(JSON.parse(data));
		} catch (error) {
			reportError(error);
		}
	},

	close() {
		clearTimeout(this.retry);
		clearTimeout(this.silence);
		this.call?.abort();
		this.call = null;
		this.openedAt = Infinity;
	},

	/* No more: the session is over, or nobody looks. */
	rest() {
		this.close();
		clearTimeout(this.lost);
		this.lost = 0;
	},

	stop() {
		this.ended = true;
		this.rest();
	},

	reopen() {
		if (!this.ended)
			this.open();
	},

	forgive() {
		this.tries = 0;
		this.downSince = 0;
	},

	alive() {
		clearTimeout(this.lost);
		this.lost = 0;
		byId('lost').hidden = true;
		byId('live').hidden = false;
		this.watch(SILENCE_MS);
	},

	/* A connection that died in its sleep says nothing, not even a heartbeat. */
	watch(ms) {
		clearTimeout(this.silence);
		this.silence = setTimeout(() => this.down(0), ms);
	},

	expectLoss() {
		if (this.lost !== 0)
			return;
		this.lost = setTimeout(() => {
			byId('lost').hidden = false;
			byId('live').hidden = true;
		}, LOST_MS);
	},

	down(status) {
		if (Date.now() - this.openedAt > STEADY_MS)
			this.forgive(); // else it opened only to fail again
		this.close();
		this.downSince ||= Date.now();
		this.expectLoss();
		if (status === 401 || (this.tries > 0 && Date.now() - askedAt > LOOK_MS))
			revalidate();
		this.again();
	},

	/* Later and later, and never for the last time. */
	again() {
		const most = Date.now() - this.downSince < EAGER_MS ? RETRY_SOON_MS : RETRY_MAX_MS;
		const delay = Math.min(most, RETRY_MIN_MS * 2 ** this.tries++);

		clearTimeout(this.retry);
		this.retry = setTimeout(() => this.reopen(), delay * (0.5 + Math.random() / 2));
	},

	/* The page was rendered anew: with a location more or less, the stream must know of it. */
	follow(cursor) {
		if (!this.ended && homesOf(cursor) === homesOf(this.cursor))
			return;
		this.cursor = cursor;
		this.open();
	},
};

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

let waking = 0;

/*
 * This page may have missed anything, and its connections may be dead: all
 * anew, at once.  Several signs of waking come together, and count once.
 */
function wake() {
	clearTimeout(waking);
	waking = setTimeout(() => {
		/* Awake, but nobody looks: that will be another sign. */
		if (document.visibilityState !== 'visible')
			return;
		const structure = refetching || refetchTimer !== 0;

		for (const call of asking)
			call.abort();
		stream.forgive();
		stream.reopen();
		if (structure)
			refetch();
		else
			revalidate(WAKE_MS);
	}, 10);
}

let unseen = 0;

document.addEventListener('visibilitychange', () => {
	clearTimeout(unseen);
	if (document.visibilityState === 'visible')
		wake();
	else
		unseen = setTimeout(() => stream.rest(), REST_MS);
});
document.addEventListener('freeze', () => stream.rest());
document.addEventListener('resume', wake);
window.addEventListener('pagehide', () => stream.rest());
window.addEventListener('pageshow', (event) => {
	if (event.persisted)
		wake();
});
window.addEventListener('online', wake);

/* A computer that slept says nothing of it, but its clock has jumped. */
let tick = Date.now();

setInterval(() => {
	const slept = Date.now() - tick > GAP_MS;

	tick = Date.now();
	if (slept && document.visibilityState === 'visible')
		wake();
}, 1000);

setInterval(wake, RENEW_MS);

setInterval(() => {
	for (const time of document.querySelectorAll('time[datetime]'))
		showAge(time);
}, 30_000);

document.documentElement.classList.add('scripted');
indexTiles(0);
stream.open();
