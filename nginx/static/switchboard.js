/*
 * Live updates of the page.  The server renders it: this script changes state, level and age of a
 * tile, and for anything else loads the page again and replaces its <main>.  Without the script
 * every form still works.
 */

const TRYING_MS = 5_000; // after this long a tile that is pending says so in words
const CONFIRM_MS = 3_000; // no event this long after a request was accepted: load the states
const GET_MS = 10_000; // timeout of a page or a list
const POST_MS = 30_000; // timeout of a request for a command: the next one of its tile waits for it
const WAKE_MS = 600; // the same for the first answer after a sleep, doubled for the next
const OPEN_MS = 1_000; // timeout of opening a stream, doubled at each try
const SILENCE_MS = 40_000; // the streamer sends a heartbeat every 25 s
const LOST_MS = 2_000; // the page shows that the stream is down after this long
const POLL_MS = 10_000; // while it is down, states are loaded this often
const RETRY_MIN_MS = 500;
const RETRY_SOON_MS = 1_500; // longest pause in the first minute: a restart takes seconds
const RETRY_MAX_MS = 15_000;
const EAGER_MS = 60_000;
const STEADY_MS = 5_000; // a stream that was open this long counts as working
const HIDDEN_MS = 60_000; // a page that was hidden this long closes its stream
const GAP_MS = 5_000; // a timer this late means that the computer slept
const RENEW_MS = 12 * 3_600_000; // loading this often keeps the session of an open page alive
const SLIDER_MS = 250; // the level of a slider that moves is sent this often at most
const LIVE_MOST = 6; // and so often in LIVE_MS, for SmartThings takes 12 commands a minute for a device
const LIVE_MS = 60_000;
const TOAST_MS = 8_000;

const byId = (id) => document.getElementById(id);

/* ---- tiles ---------------------------------------------------------------------------------- */

/* "deviceId/component" to its <li>; made again with every <main>. */
let tiles = new Map();

/* The same to the newest row received: a <main> that arrives later may be older. */
const newest = new Map();

/*
 * The newest request of each tile, until it has a result: key to { wanted, ids, isSent, posted, seen };
 * the ids of its commands; isSent: it is on its way to the server or was; the last two are when the
 * server had accepted it and when its tile was first pending after isSent.  Only the server says
 * that one has failed: it tries for longer than anybody looks at the tile.
 */
const requests = new Map();

/* What the server last said of a tile: { pending, waiting }. */
const reported = new WeakMap();

/* Since when a tile is pending, and not waiting to be sent. */
const pendingSince = new Map();

/*
 * Sliders in use: key to { timer, isReleased, from, sent }: what will send the level, the level at
 * the beginning, and the one sent last, or null.
 */
const dragged = new Map();

const switchOf = (tile) => tile.querySelector('[role="switch"]');
const keyOf = (tile) => `${switchOf(tile).dataset.deviceId}/${switchOf(tile).dataset.component}`;
const keyOfRow = (row) => `${row.deviceId}/${row.component}`;
const labelOf = (tile) => tile.querySelector('.name').textContent;
const apiOf = (form) => `/api${new URL(form.action).pathname}`;

/* Read a new <main>, which was requested at "requested". */
function indexTiles(requested) {
	tiles = new Map();
	for (const tile of document.querySelectorAll('.tile')) {
		tiles.set(keyOf(tile), tile);
		reported.set(tile, {
			pending: tile.hasAttribute('data-pending'),
			waiting: tile.querySelector('.waiting') !== null,
		});
	}
	for (const [key, tile] of tiles) {
		if (reported.get(tile).pending || requests.has(key))
			showProgress(key);
		else
			pendingSince.delete(key);
	}
	for (const key of requests.keys()) {
		if (tiles.has(key))
			checkRequest(key, requested);
		else
			finishRequest(key); // its switch has gone
	}
	for (const [key, row] of newest) {
		if (!tiles.has(key))
			newest.delete(key);
		else if (row.seq > Number(tiles.get(key).dataset.seq))
			showRow(row, requested);
	}
	showCounts();
	for (const time of document.querySelectorAll('time[datetime]'))
		showAge(time);
	if (confirmTimer === 0)
		expectEvents();
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

/* The same element as the server's, src/web/page_tile.c; the server says only "waiting". */
function showNote(tile, name) {
	const shown = tile.querySelector('.waiting, .trying');

	if (shown?.className === name || (shown === null && name === ''))
		return;
	shown?.remove();
	if (name !== '') {
		const item = document.createElement('span');

		item.className = name;
		item.textContent = { waiting: 'Waiting to be sent', trying: 'Still trying' }[name];
		tile.querySelector('.offline').after(item);
	}
}

/* A tile is pending as long as the server says so, or a request of this page has no result. */
function showProgress(key) {
	const tile = tiles.get(key);
	const { pending, waiting } = reported.get(tile);
	const busy = pending || requests.has(key);

	if (!busy)
		pendingSince.delete(key);
	else if (waiting || !pendingSince.has(key))
		pendingSince.set(key, Date.now());
	tile.toggleAttribute('data-pending', busy);
	if (busy)
		switchOf(tile).setAttribute('aria-busy', 'true');
	else
		switchOf(tile).removeAttribute('aria-busy');
	if (waiting)
		showNote(tile, 'waiting');
	else
		showNote(tile, busy && Date.now() - pendingSince.get(key) > TRYING_MS ? 'trying' : '');
}

function showCounts() {
	for (const section of document.querySelectorAll('.location')) {
		const count = section.querySelector('.count');
		const all = section.querySelectorAll('.tile');
		const on = section.querySelectorAll('.tile[data-state="on"]');

		if (count !== null)
			count.textContent = `${on.length} of ${all.length} on`;
	}
}

/* Show a row that was requested at "requested", unless the tile shows a newer one. */
function showRow(row, requested) {
	const key = keyOfRow(row);
	const tile = tiles.get(key);

	if (tile === undefined) {
		refetch();
		return;
	}
	if (row.seq < Number(tile.dataset.seq))
		return;
	newest.set(key, row);
	tile.dataset.seq = row.seq;
	tile.toggleAttribute('data-offline', !row.online);
	tile.querySelector('.offline').hidden = row.online;
	showState(tile, row.state, row.level);
	/* Until a command has its result a dimmer reports levels on the way. */
	if (!dragged.has(key) && !requests.has(key) && (!row.pending || row.waiting))
		showLevel(tile, row.level ?? 0);
	const time = tile.querySelector('time');
	if (row.updatedAt !== null) {
		time.dateTime = row.updatedAt;
		showAge(time);
	}
	reported.set(tile, { pending: row.pending, waiting: row.waiting });
	showProgress(key);
	checkRequest(key, requested);
}

function applyRow(row) {
	showRow(row, Date.now());
	showCounts();
	if (row.pending && confirmTimer === 0)
		expectEvents();
}

/* ---- clicks --------------------------------------------------------------------------------- */

function showRequest(key, request) {
	const tile = tiles.get(key);

	if (tile === undefined)
		return;
	showProgress(key);
	if (request.wanted.state !== undefined) {
		tile.dataset.wanted = request.wanted.state;
		/* The next click asks for the opposite. */
		tile.querySelector('.toggle [name="command"]').value = request.wanted.state === 'on' ? 'off' : 'on';
	} else if (!dragged.has(key)) {
		showLevel(tile, request.wanted.level);
	}
}

/*
 * Has the request of a tile a result, now that it shows a row that was requested at "requested"?  A
 * row from before the server had accepted it may be the result of an earlier one.
 */
function checkRequest(key, requested) {
	const request = requests.get(key);
	const tile = tiles.get(key);

	if (request === undefined || tile === undefined)
		return;
	const { state, level } = request.wanted;
	const { pending } = reported.get(tile);
	const reached = state === undefined ? Number(tile.dataset.level) === level : tile.dataset.state === state;

	if (pending && request.isSent)
		request.seen = Math.min(request.seen, Date.now());
	if (!pending && (request.posted <= requested || (request.posted < Infinity && request.seen < Infinity && reached)))
		finishRequest(key);
	else
		showRequest(key, request);
}

/* A request has a result: show what the server says of the switch. */
function finishRequest(key) {
	const request = requests.get(key);
	const tile = tiles.get(key);

	if (request === undefined)
		return;
	requests.delete(key);
	if (tile === undefined)
		return;
	delete tile.dataset.wanted;
	showProgress(key);
	if (!dragged.has(key) && !reported.get(tile).pending)
		showLevel(tile, tile.dataset.level);
	tile.querySelector('.toggle [name="command"]').value = tile.dataset.state === 'on' ? 'off' : 'on';
}

function failRequest(key, message) {
	const tile = tiles.get(key);
	const drag = dragged.get(key);

	if (drag !== undefined && drag.sent !== null)
		drag.sent = -1; // it has no level: the slider's release sends it again
	finishRequest(key);
	if (tile !== undefined)
		toast(`${labelOf(tile)}: ${message}`);
}

let confirmTimer = 0;

/*
 * Switches are pending, by requests that were accepted or of another page: load the states when no
 * event brings the result.  There is none for what waits to be sent, either.
 */
function expectEvents() {
	const count = (selector) => document.querySelectorAll(selector).length;
	const ms = count('.tile[data-pending]') > count('.waiting') ? CONFIRM_MS : POLL_MS;

	clearTimeout(confirmTimer);
	confirmTimer = setTimeout(() => {
		confirmTimer = 0;
		if (requests.size === 0 && count('.tile[data-pending]') === 0)
			return;
		revalidate();
		expectEvents();
	}, ms);
}

function addRequest(key, wanted) {
	const request = { wanted, ids: [], isSent: false, posted: Infinity, seen: Infinity };

	requests.set(key, request);
	pendingSince.set(key, Date.now());
	showRequest(key, request);
	return request;
}

/* The answer; null when the session has ended. */
async function post(path, body) {
	const call = new AbortController();
	const timer = setTimeout(() => call.abort(), POST_MS);
	const reply = await fetch(path, {
		method: 'POST',
		headers: { 'Content-Type': 'application/json', 'X-CSRF-Token': csrf() },
		body: JSON.stringify(body),
		signal: call.signal,
	}).finally(() => clearTimeout(timer));
	if (reply.status === 401) {
		showSignIn();
		return null;
	}
	const answer = await reply.json().catch(() => null);
	if (reply.status === 403)
		refetch(); // the CSRF token is of another session: load this one's
	if (!reply.ok)
		throw new Error(answer?.error?.message ?? `Switchboard answered ${reply.status}.`);
	return answer;
}

const csrf = () => document.querySelector('meta[name="csrf-token"]').content;

/* The messages of what fetch() throws without a network or an answer are technical. */
function reason(error) {
	if (error instanceof TypeError)
		return 'Switchboard cannot be reached.';
	return error.name === 'AbortError' ? 'Switchboard does not answer.' : error.message;
}

/* Of each tile the end of its last request to the server: the next one begins then. */
const turns = new Map();

/*
 * Run "task", which never throws, when no earlier request of these tiles is on its way: side by side
 * the older one might arrive last.
 */
function inTurn(keys, task) {
	const end = Promise.all(keys.map((key) => turns.get(key))).then(task);

	for (const key of keys)
		turns.set(key, end);
	end.then(() => {
		for (const key of keys) {
			if (turns.get(key) === end)
				turns.delete(key);
		}
	});
}

/* Its result may have come before the answer of the server. */
function accepted(key, request, ids) {
	request.ids = ids;
	request.posted = Date.now();
	if (requests.get(key) === request)
		checkRequest(key, 0);
}

function send(form, wanted, body) {
	const key = keyOf(form.closest('.tile'));
	const path = apiOf(form);
	const mine = addRequest(key, wanted);

	inTurn([key], async () => {
		if (requests.get(key) !== mine)
			return; // a newer click follows
		mine.isSent = true;
		try {
			accepted(key, mine, [(await post(path, body))?.commandId]);
			expectEvents();
		} catch (error) {
			if (requests.get(key) === mine)
				failRequest(key, reason(error));
			revalidate(); // the server may have stored it
		}
	});
}

function sendAll(form, command) {
	const scope = form.closest('.room') ?? form.closest('.location');
	const room = form.elements.room?.value;
	const body = { command, installationId: form.elements.installation.value };
	const keys = [...scope.querySelectorAll('.tile')].map(keyOf);
	const mine = new Map();

	for (const key of keys) {
		if (tiles.get(key).dataset.state !== command || requests.has(key))
			mine.set(key, addRequest(key, { state: command }));
	}
	inTurn(keys, () => postAll(room === undefined ? body : { ...body, room }, mine));
}

async function postAll(body, mine) {
	for (const request of mine.values())
		request.isSent = true;
	try {
		const answer = await post('/api/switches', body);

		expectEvents();
		for (const [key, request] of mine) {
			accepted(key, request, answer?.commandIds ?? []);
			if (answer?.commandIds.length === 0 && requests.get(key) === request)
				finishRequest(key);
		}
	} catch (error) {
		for (const [key, request] of mine) {
			if (requests.get(key) === request)
				finishRequest(key);
		}
		toast(reason(error));
		revalidate(); // the server may have stored them
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

/* When levels of sliders that moved were sent: key to times. */
const liveSends = new Map();

function mayMove(key) {
	const times = (liveSends.get(key) ?? []).filter((time) => Date.now() - time < LIVE_MS);

	liveSends.set(key, times);
	return times.length < LIVE_MOST;
}

const newDrag = (key) =>
	({ timer: 0, sent: null, from: Number(requests.get(key)?.wanted.level ?? tiles.get(key).dataset.level) });

/* One that moves: not for a touch that changes nothing. */
function sendMoved(form) {
	const key = keyOf(form.closest('.tile'));
	const drag = dragged.get(key);
	const level = Number(form.elements.level.value);

	drag.timer = 0;
	if (level === (drag.sent ?? drag.from))
		return;
	drag.sent = level;
	liveSends.get(key).push(Date.now());
	send(form, { level }, { command: 'setLevel', level });
}

/* The last level of a slider is always sent; those on the way to it as far as mayMove(). */
function sendLevel(form) {
	const key = keyOf(form.closest('.tile'));
	const level = Number(form.elements.level.value);
	const drag = dragged.get(key);

	clearTimeout(drag?.timer);
	dragged.delete(key);
	if (drag?.sent !== level)
		send(form, { level }, { command: 'setLevel', level });
	refetchIfDue();
}

/* The slider that "event" is about: { form, key, drag }, or null. */
function sliderOf(event) {
	const form = event.target.closest?.('.level') ?? null;

	if (form === null)
		return null;
	const key = keyOf(form.closest('.tile'));

	return { form, key, drag: dragged.get(key) };
}

document.addEventListener('input', (event) => {
	const slider = sliderOf(event);

	if (slider === null)
		return;
	const { form, key } = slider;
	const drag = slider.drag ?? newDrag(key);

	dragged.set(key, drag);
	form.querySelector('output').textContent = `${form.elements.level.value} %`;
	if (drag.isReleased) {
		clearTimeout(drag.timer);
		drag.timer = 0;
		drag.sent = -1; // used again before its last level was sent: none
	}
	drag.isReleased = false;
	if (drag.timer === 0 && mayMove(key))
		drag.timer = setTimeout(() => sendMoved(form), SLIDER_MS);
});

document.addEventListener('change', (event) => {
	const slider = sliderOf(event);

	if (slider === null)
		return;
	const { form, key } = slider;
	const drag = slider.drag ?? newDrag(key);

	dragged.set(key, drag);
	drag.isReleased = true;
	clearTimeout(drag.timer);
	drag.timer = setTimeout(() => sendLevel(form), SLIDER_MS);
});

/* A slider released where it was taken sends no "change" event in some browsers. */
function onRelease(event) {
	const slider = sliderOf(event);

	if (slider === null)
		return;
	const { form, key, drag } = slider;
	const tile = form.closest('.tile');

	setTimeout(() => {
		if (drag === undefined || dragged.get(key) !== drag || drag.isReleased)
			return;
		clearTimeout(drag.timer);
		if (drag.sent !== null) {
			sendLevel(form);
			return;
		}
		dragged.delete(key);
		showLevel(tile, requests.get(key)?.wanted.level ?? tile.dataset.level);
		refetchIfDue();
	}, SLIDER_MS);
}

for (const type of ['pointerup', 'pointercancel', 'keyup', 'focusout'])
	document.addEventListener(type, onRelease);

/* ---- messages ------------------------------------------------------------------------------- */

function toast(message) {
	const item = document.createElement('p');

	item.className = 'toast';
	item.textContent = message;
	item.addEventListener('click', () => item.remove());
	byId('toasts').append(item);
	setTimeout(() => item.remove(), TOAST_MS);
}

/* ---- loading the page again ------------------------------------------------------------------ */

/* Requests in flight; their connection may have died while the device slept. */
const inFlight = new Set();

/* { status, text }; status 0 without an answer. */
async function get(path, ms = GET_MS) {
	const call = new AbortController();
	const timer = setTimeout(() => call.abort(), ms);

	inFlight.add(call);
	try {
		const reply = await fetch(path, { cache: 'no-store', signal: call.signal });

		return { status: reply.status, text: await reply.text() };
	} catch {
		return { status: 0, text: '' };
	} finally {
		clearTimeout(timer);
		inFlight.delete(call);
	}
}

let refetching = false;
let refetchAgain = false;
let refetchTimer = 0;

/* What has the focus, described so that it is found again after <main> was replaced. */
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

const rests = (tile) => tile.hasAttribute('data-pending') && tile.querySelector('.level') !== null;

function show(fresh, requested) {
	const focus = focusPath();
	const { scrollX, scrollY } = window;
	const resting = [...tiles].filter(([, tile]) => rests(tile))
		.map(([key, tile]) => [key, tile.querySelector('.level').elements.level.value]);

	document.querySelector('main').replaceWith(document.adoptNode(fresh.querySelector('main')));
	document.querySelector('meta[name="csrf-token"]').content = fresh.querySelector('meta[name="csrf-token"]').content;
	indexTiles(requested);
	for (const [key, level] of resting) {
		if (tiles.has(key) && rests(tiles.get(key)))
			showLevel(tiles.get(key), level);
	}
	focusAgain(focus);
	window.scrollTo(scrollX, scrollY);
}

function refetchIfDue() {
	if (refetchAgain && dragged.size === 0 && !refetching) {
		refetchAgain = false;
		refetch();
	}
}

async function refetch() {
	const requested = Date.now();

	clearTimeout(refetchTimer);
	refetchTimer = 0;
	/* <main> is not replaced while a slider is in use. */
	if (refetching || dragged.size > 0) {
		refetchAgain = true;
		return;
	}
	refetching = true;
	const { status, text } = await get('/');
	refetching = false;
	/* The server cannot be reached: keep the page and try again. */
	if (status !== 200)
		refetchTimer = setTimeout(refetch, 2000 + Math.random() * 2000);
	else if (dragged.size > 0)
		refetchAgain = true;
	else
		take(new DOMParser().parseFromString(text, 'text/html'), requested);
	refetchIfDue();
}

function take(fresh, requested) {
	const { cursor } = fresh.body.dataset;

	if (cursor === undefined) {
		showSignIn();
		return;
	}
	show(fresh, requested);
	stream.follow(cursor);
}

/* The installations of a cursor. */
const installationsOf = (cursor) => cursor.split(',').map((entry) => entry.split(':')[0]).sort().join();

let loadedAt = 0;

/*
 * Load all states: the stream may be down, or the session over.  After a sleep browsers may use one
 * dead connection after the other, so the first timeouts are short.
 */
async function revalidate(ms = GET_MS) {
	const requested = loadedAt = Date.now();
	const { status, text } = await get('/api/switches', ms);

	if (status === 401)
		showSignIn();
	if (status === 0 && ms < GET_MS && loadedAt === requested)
		revalidate(2 * ms);
	if (status !== 200)
		return;
	const { cursor, switches } = JSON.parse(text);
	const isKnown = (row) => tiles.has(keyOfRow(row)) && labelOf(tiles.get(keyOfRow(row))) === row.label;

	if (switches.length !== tiles.size || !switches.every(isKnown) || installationsOf(cursor) !== installationsOf(stream.cursor)) {
		refetch();
		return;
	}
	for (const row of switches)
		showRow(row, requested);
	showCounts();
}

/* ---- live updates --------------------------------------------------------------------------- */

/*
 * Server-sent events, read with fetch(): EventSource reports neither heartbeats nor the status of a
 * refused request.
 */
const stream = {
	cursor: document.body.dataset.cursor,
	call: null,
	tries: 0, // failed since it last worked
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
			/* Aborted by us, or broken by the network. */
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
			this.onData();
			const blocks = (text + value).split('\n\n');
			text = blocks.pop();
			for (const block of blocks) {
				if (this.call === call)
					this.onBlock(block);
			}
		}
	},

	/* The streamer sends "name: value" lines and one "data" line per event, so this is all to parse. */
	onBlock(block) {
		const { id, event, data } = Object.fromEntries(block.split('\n').map((line) => line.split(/: ?(.*)/s, 2)));

		if (data === undefined)
			return;
		if (event !== 'bye')
			this.resetBackoff();
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

	/* Close it; the page is hidden, or the session over. */
	pause() {
		this.close();
		clearTimeout(this.lost);
		this.lost = 0;
	},

	stop() {
		this.ended = true;
		this.pause();
	},

	reopen() {
		if (!this.ended)
			this.open();
	},

	resetBackoff() {
		this.tries = 0;
		this.downSince = 0;
	},

	onData() {
		clearTimeout(this.lost);
		this.lost = 0;
		byId('lost').hidden = true;
		byId('live').hidden = false;
		this.watch(SILENCE_MS);
	},

	/* A dead connection is found by its missing heartbeats. */
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
			this.resetBackoff(); // else it failed as soon as it was open
		this.close();
		this.downSince ||= Date.now();
		this.expectLoss();
		if (status === 401 || (this.tries > 0 && Date.now() - loadedAt > POLL_MS))
			revalidate();
		this.retryLater();
	},

	/* Try again after a growing pause, without an end. */
	retryLater() {
		const most = Date.now() - this.downSince < EAGER_MS ? RETRY_SOON_MS : RETRY_MAX_MS;
		const delay = Math.min(most, RETRY_MIN_MS * 2 ** this.tries++);

		clearTimeout(this.retry);
		this.retry = setTimeout(() => this.reopen(), delay * (0.5 + Math.random() / 2));
	},

	/* The page was loaded again: when its locations changed, open a stream for them. */
	follow(cursor) {
		if (!this.ended && installationsOf(cursor) === installationsOf(this.cursor))
			return;
		this.cursor = cursor;
		this.open();
	},
};

function applySync(sync) {
	const section = document.querySelector(`.location[data-installation-id="${CSS.escape(sync.installationId)}"]`);
	const line = section?.querySelector('[data-progress]');
	const text = line?.querySelector('.text');
	const busy = sync.state === 'queued' || sync.state === 'running';

	if (sync.structure || !section || sync.state === 'failed' || (line && !(busy && text)))
		refetch();
	else if (text)
		text.textContent = `Looking for your switches… ${sync.found} found so far`;
}

/* Of an older command than the newest of its tile there is only the message to show. */
function applyFailure(command) {
	const key = keyOfRow(command);

	if (requests.get(key)?.ids.includes(command.commandId))
		failRequest(key, command.message);
	else if (tiles.has(key))
		toast(`${labelOf(tiles.get(key))}: ${command.message}`);
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

/* ---- start -------------------------------------------------------------------------------------- */

let wakeTimer = 0;

/*
 * After a sleep events may have been missed and connections may be dead: open the stream again and
 * load the states.  Several events that announce it come together, so they are handled once.
 */
function wake() {
	clearTimeout(wakeTimer);
	wakeTimer = setTimeout(() => {
		/* When it becomes visible there is another event. */
		if (document.visibilityState !== 'visible')
			return;
		const structure = refetching || refetchTimer !== 0;

		for (const call of inFlight)
			call.abort();
		stream.resetBackoff();
		stream.reopen();
		if (structure)
			refetch();
		else
			revalidate(WAKE_MS);
	}, 10);
}

let hiddenTimer = 0;

document.addEventListener('visibilitychange', () => {
	clearTimeout(hiddenTimer);
	if (document.visibilityState === 'visible')
		wake();
	else
		hiddenTimer = setTimeout(() => stream.pause(), HIDDEN_MS);
});
document.addEventListener('freeze', () => stream.pause());
document.addEventListener('resume', wake);
window.addEventListener('pagehide', () => stream.pause());
window.addEventListener('pageshow', (event) => {
	if (event.persisted)
		wake();
});
window.addEventListener('online', wake);

/* There is no event after a computer slept, but a timer is late. */
let tick = Date.now();

setInterval(() => {
	const slept = Date.now() - tick > GAP_MS;

	tick = Date.now();
	for (const key of pendingSince.keys()) {
		if (tiles.has(key))
			showProgress(key);
	}
	if (slept && document.visibilityState === 'visible')
		wake();
}, 1000);

setInterval(wake, RENEW_MS);

setInterval(() => {
	for (const time of document.querySelectorAll('time[datetime]'))
		showAge(time);
}, 30_000);

indexTiles(0);
stream.open();
/* The last thing: without it fallback.js loads the page again. */
document.documentElement.classList.add('scripted');
